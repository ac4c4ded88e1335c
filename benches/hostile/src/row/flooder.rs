//! One client that sends as fast as its socket takes it.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hallway_harness::Sheet;
use tokio::{io::AsyncWriteExt, net::tcp::OwnedWriteHalf, sync::watch, time::sleep};

use super::{Bench, judge_flooded_pair, judge_memory, judge_pair};
use crate::{
    client::{CONTINUATION, Client, FIN, PING, Pair, TEXT, put, say},
    figures::{mib, percent, share},
    server::Server,
};

/// What the flooder sends.
struct Flood {
    name: &'static str,
    /// Sent once, then `again` and again.
    first: Vec<u8>,
    again: Vec<u8>,
    reads: bool,
}

fn floods() -> [Flood; 6] {
    let chat = say(&"x".repeat(100)).repeat(256);
    let large = say(&"x".repeat(60 << 10));
    let (mut ping, mut begin, mut more, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    put(&mut ping, FIN | PING, &[b'x'; 100]);
    put(&mut begin, TEXT, &[]);
    put(&mut more, CONTINUATION, &[]);
    put(&mut last, FIN | CONTINUATION, &[]);
    let (pings, fragments) = (ping.repeat(256), more.repeat(4_096));
    let divided = [&begin[..], &more.repeat(1_000), &last].concat();
    [
        Flood { name: "chat, reads", first: Vec::new(), again: chat.clone(), reads: true },
        Flood { name: "chat, never reads", first: Vec::new(), again: chat, reads: false },
        Flood { name: "pings, never reads", first: Vec::new(), again: pings, reads: false },
        Flood { name: "empty fragments", first: begin, again: fragments, reads: true },
        Flood { name: "messages of 1,000 fragments", first: Vec::new(), again: divided, reads: true },
        Flood { name: "60 KiB messages, reads", first: Vec::new(), again: large, reads: true },
    ]
}

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    for flood in floods() {
        let name = flood.name;
        let server = Server::start(bench, sheet, &[]).await?;
        let elsewhere = Pair::begin(server.address, "elsewhere").await?;
        let same = Pair::begin(server.address, "flood").await?;
        let memory = server.process.watch_memory()?;
        let (cpu, begin) = (server.process.cpu()?, Instant::now());
        let (stop, stopped) = watch::channel(false);
        let flooding = tokio::spawn(flow(server.address, flood, stopped));
        sleep(bench.load(Duration::from_secs(6), Duration::from_secs(1))).await;
        let growth = memory.end()?;
        let cpu = percent(share(server.process.cpu()?.saturating_sub(cpu), begin.elapsed()));
        // Before the flood is over: what it holds up is not to be let go.
        let (elsewhere, same) = tokio::join!(elsewhere.end(), same.end());
        stop.send_replace(true);
        let (sent, cuts) = flooding.await??;

        let how = if cuts > 0 { format!(", cut off {cuts} times") } else { String::new() };
        sheet.figure(
            format!("{name}: sent, and what it cost the server"),
            format!("{}, {cpu} of a core{how}", mib(sent)),
        );
        judge_pair(bench, sheet, format!("{name}: a pair in another room"), &elsewhere?);
        judge_flooded_pair(bench, sheet, format!("{name}: a pair in the same room"), &same?);
        judge_memory(bench, sheet, format!("{name}: memory"), &growth);
        server.end().await?;
    }
    Ok(())
}

/// Sends until it is told to stop, on one connection after the other where the server ends them; how many bytes went,
/// and how often it was ended.
async fn flow(
    address: SocketAddr,
    flood: Flood,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<(u64, u64)> {
    let (mut sent, mut cuts) = (0, 0);
    while !flow_once(address, &flood, &mut stopped, &mut sent).await? {
        cuts += 1;
    }
    Ok((sent, cuts))
}

/// Says whether it was told to stop.
async fn flow_once(
    address: SocketAddr,
    flood: &Flood,
    stopped: &mut watch::Receiver<bool>,
    sent: &mut u64,
) -> io::Result<bool> {
    let client = if flood.reads {
        Client::join(address, "flood", "flooder").await?
    } else {
        Client::join_stalled(address, "flood", "flooder").await?
    };
    let Client { mut reader, mut writer } = client;
    let read = async {
        if flood.reads {
            // Up to a Close, or to the end of the connection.
            let _ = reader.close().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let is_told = tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => true,
        () = read => false,
        () = send(&mut writer, flood, sent) => false,
    };
    Ok(is_told)
}

/// Sends until it cannot.
async fn send(writer: &mut OwnedWriteHalf, flood: &Flood, sent: &mut u64) {
    let mut bytes = &flood.first[..];
    loop {
        if bytes.is_empty() {
            bytes = &flood.again;
        }
        let Ok(took) = writer.write(bytes).await else { return };
        *sent += took as u64;
        bytes = &bytes[took..];
    }
}
