//! An end by SIGTERM while some do not listen.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hallway_harness::{Sheet, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

use super::Bench;
use crate::{
    client::{CLOSE, Client, FIN, Heard, dial, put, request, say, text_of},
    figures::seconds,
    server::Server,
};

const STALLED: usize = 20;
const HALF: usize = 20;
const SILENT: usize = 20;
const HEALTHY: usize = 50;

/// What the stalled have before them: messages of 16 KiB.
const MESSAGES: usize = 384;
const MESSAGE_BYTES: usize = 16 << 10;

const EXIT: Duration = Duration::from_secs(5);

/// How long anything here is waited for.
const LAST: Duration = Duration::from_secs(10);

/// The close code of a server that goes away (RFC 6455 section 7.4.1).
const AWAY: u16 = 1001;

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let mut server = Server::start(bench, sheet, &["--rate", "100000", "--burst", "100000"]).await?;
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(Client::join_stalled(server.address, "hall", "stalled").await?);
    }
    let heard_all = Arc::new(AtomicUsize::new(0));
    let mut healthy = JoinSet::new();
    for _ in 0..HEALTHY {
        let client = Client::join(server.address, "hall", "healthy").await?;
        healthy.spawn(listen(client, Arc::clone(&heard_all)));
    }
    say_much(server.address, &heard_all).await?;
    let mut waiting = JoinSet::new();
    for number in 0..HALF + SILENT {
        waiting.spawn(wait(half(server.address, number < HALF).await?));
    }
    // The accept loop has them all when a client that came later is served.
    Client::join(server.address, "other", "last").await?.close().await?;

    let begin = server.terminate().await?;
    let status = server.ended(LAST).await?;
    let took = begin.elapsed();
    let mut away = 0;
    while let Some(code) = healthy.join_next().await {
        away += usize::from(code? == Some(AWAY));
    }
    let mut told = 0;
    while let Some(answer) = waiting.join_next().await {
        told += usize::from(answer?.starts_with(b"HTTP/1.1 503 "));
    }
    drop(stalled);

    sheet.figure(
        "SIGTERM beside",
        format!("{STALLED} stalled with 6 MiB before them, {HALF} half a head, {SILENT} silent"),
    );
    let figure = status.map_or_else(|| "still there after 10 s".to_owned(), |status| status.to_string());
    let is_zero = status.is_some_and(|status| status.code() == Some(0));
    sheet.judge("how it ended", figure, "exit status: 0", is_zero);
    sheet.below("time to the exit", seconds(took), took, EXIT);
    let promise = format!("{HEALTHY} of {HEALTHY}");
    sheet.judge("healthy clients told Close 1001", format!("{away} of {HEALTHY}"), promise, away == HEALTHY);
    sheet.figure("half heads and silent ones told 503", format!("{told} of {}", HALF + SILENT));
    server.end().await
}

/// Says 6 MiB, and waits until all healthy members have heard the last word.
async fn say_much(address: SocketAddr, heard_all: &AtomicUsize) -> io::Result<()> {
    let mut speaker = Client::join(address, "hall", "speaker").await?;
    let message = say(&"x".repeat(MESSAGE_BYTES));
    let all = async {
        for _ in 0..MESSAGES {
            speaker.writer.write_all(&message).await?;
            // One after the other: nobody healthy is to fall behind.
            speaker.reader.message().await?;
        }
        speaker.writer.write_all(&say("last")).await?;
        while heard_all.load(Relaxed) < HEALTHY {
            sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    };
    within(LAST, "6 MiB heard by all who are healthy", all).await?;
    speaker.close().await.map(drop)
}

/// Reads up to the Close and answers it; its code.
async fn listen(mut client: Client, heard_all: Arc<AtomicUsize>) -> Option<u16> {
    loop {
        match client.reader.next().await.ok()? {
            Heard::Text(frame) if text_of(&frame) == Some("last") => {
                heard_all.fetch_add(1, Relaxed);
            }
            Heard::Text(_) | Heard::Control => {}
            Heard::Close(code) => {
                let mut close = Vec::new();
                put(&mut close, FIN | CLOSE, &AWAY.to_be_bytes());
                // The server may be gone already; its code has come all the same.
                let _ = client.writer.write_all(&close).await;
                return code;
            }
        }
    }
}

/// A connection on which half a head came, or nothing.
async fn half(address: SocketAddr, sends: bool) -> io::Result<TcpStream> {
    let mut stream = dial(address).await?;
    let request = request(address, "hall", "half");
    if sends {
        stream.write_all(&request.as_bytes()[..request.len() / 2]).await?;
    }
    Ok(stream)
}

/// What the server still says.
async fn wait(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // A reset ends it as well.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}
