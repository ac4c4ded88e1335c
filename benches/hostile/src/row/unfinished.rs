//! Messages that are begun and never finished.

use std::{io, net::SocketAddr, time::Duration};

use hallway_harness::{Sheet, within};
use tokio::{
    io::AsyncWriteExt,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Bench, judge_memory};
use crate::{
    client::{CONTINUATION, Client, FIN, TEXT, put, put_head, say},
    figures::mib,
    server::Server,
};

/// What is announced over the limit, in bytes, and the limit.
const ANNOUNCED: usize = 8 << 20;
const LIMIT: usize = 64 << 10;

/// Bytes of a fragment.
const FRAGMENT: usize = 16 << 10;

/// How long a client waits for the Close it has earned, and for its own message.
const LAST: Duration = Duration::from_secs(5);

/// Close code of a message over the limit (RFC 6455 section 7.4.1).
const TOO_LARGE: u16 = 1009;

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let server = Server::start(bench, sheet, &[]).await?;
    let clients = bench.load(40, 10);
    let memory = server.process.watch_memory()?;
    let (mut whole, mut fragmented, mut within_limit) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for number in 0..clients {
        whole.spawn(exceed(server.address, in_one_frame()));
        fragmented.spawn(exceed(server.address, in_fragments()));
        within_limit.spawn(begin(server.address, number));
    }
    for (how, tasks) in [("in one frame", &mut whole), ("in fragments", &mut fragmented)] {
        let (mut closed, mut taken) = (0, 0);
        while let Some(outcome) = tasks.join_next().await {
            let (code, sent) = outcome??;
            closed += usize::from(code == Some(TOO_LARGE));
            taken += sent;
        }
        let what = format!("{clients} that announce 8 MiB {how}: Close 1009");
        let figure = format!("{closed} ({} sent, kernel buffers included)", mib(taken));
        sheet.judge(what, figure, clients.to_string(), closed == clients);
    }
    let mut kept = Vec::new();
    while let Some(client) = within_limit.join_next().await {
        kept.push(client??);
    }
    sleep(bench.load(Duration::from_secs(3), Duration::from_millis(500))).await;
    judge_memory(bench, sheet, "memory meanwhile", &memory.end()?);
    let mut finished = 0;
    for client in kept {
        finished += usize::from(finish(client).await.is_ok());
    }
    let what = format!("{clients} that lack the last byte of 64 KiB: kept, and heard when it comes");
    sheet.judge(what, finished.to_string(), clients.to_string(), finished == clients);
    server.end().await
}

fn in_one_frame() -> Vec<u8> {
    let mut bytes = Vec::new();
    put_head(&mut bytes, FIN | TEXT, ANNOUNCED as u64);
    // All but the last.
    bytes.resize(bytes.len() + ANNOUNCED - 1, b'x');
    bytes
}

fn in_fragments() -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..ANNOUNCED / FRAGMENT {
        put(&mut bytes, if number == 0 { TEXT } else { CONTINUATION }, &[b'x'; FRAGMENT]);
    }
    bytes
}

/// Sends as much of it as the server takes; the code it is closed with, and how many bytes that was.
async fn exceed(address: SocketAddr, bytes: Vec<u8>) -> io::Result<(Option<u16>, u64)> {
    let Client { mut reader, mut writer } = Client::join(address, "unfinished", "exceeding").await?;
    let mut sent = 0;
    let sending = async {
        while let Some(left) = bytes.get(sent..).filter(|left| !left.is_empty()) {
            match writer.write(left).await {
                Ok(took) => sent += took,
                Err(_) => break,
            }
        }
        std::future::pending::<()>().await;
    };
    let code = tokio::select! {
        closed = timeout(LAST, reader.close()) => closed.ok().and_then(Result::ok).flatten(),
        () = sending => None,
    };
    Ok((code, sent as u64))
}

/// A message of as many bytes as may be.
fn largest() -> Vec<u8> {
    let envelope = say("").len() - HEAD;
    say(&"x".repeat(LIMIT - envelope))
}

/// Bytes of the head of a short masked frame.
const HEAD: usize = 6;

/// Sends all of a message but its last byte.
async fn begin(address: SocketAddr, number: usize) -> io::Result<(Client, u8)> {
    let mut client = Client::join(address, &format!("unfinished{number}"), "patient").await?;
    let message = largest();
    let (last, most) = message.split_last().ok_or(io::ErrorKind::InvalidData)?;
    client.writer.write_all(most).await?;
    Ok((client, *last))
}

/// Sends the last byte as well, and waits for the message.
async fn finish((mut client, last): (Client, u8)) -> io::Result<String> {
    client.writer.write_all(&[last]).await?;
    within(LAST, "a message of 64 KiB", client.reader.message()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_message_has_as_many_bytes_as_the_limit() {
        let long_head = 14;
        assert_eq!(largest().len() - long_head, LIMIT);
    }
}
