//! One client that sends as fast as its socket takes it.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, net::tcp::OwnedWriteHalf, sync::watch, time::sleep};

use super::{Bench, judge_memory, judge_pair};
use crate::{
    client::{CONTINUATION, Client, FIN, PING, Pair, TEXT, put, say},
    figures::{mib, percent, share},
    report::Sheet,
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

fn floods() -> [Flood; 5] {
    let chat = say(&"x".repeat(100)).repeat(256);
    let large = say(&"x".repeat(60 << 10));
    let (mut ping, mut begin, mut more) = (Vec::new(), Vec::new(), Vec::new());
    put(&mut ping, FIN | PING, &[b'x'; 100]);
    put(&mut begin, TEXT, &[]);
    put(&mut more, CONTINUATION, &[]);
    let (pings, fragments) = (ping.repeat(256), more.repeat(4_096));
    [
        Flood { name: "chat, reads", first: Vec::new(), again: chat.clone(), reads: true },
        Flood { name: "chat, never reads", first: Vec::new(), again: chat, reads: false },
        Flood { name: "pings, never reads", first: Vec::new(), again: pings, reads: false },
        Flood { name: "empty fragments", first: begin, again: fragments, reads: true },
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
        let (sent, is_cut) = flooding.await??;

        let how = if is_cut { ", then it was cut off" } else { "" };
        sheet.figure(
            format!("{name}: sent, and what it cost the server"),
            format!("{}, {cpu} of a core{how}", mib(sent)),
        );
        judge_pair(bench, sheet, format!("{name}: a pair in another room"), &elsewhere?);
        judge_pair(bench, sheet, format!("{name}: a pair in the same room"), &same?);
        judge_memory(sheet, format!("{name}: memory"), &growth);
        server.end().await?;
    }
    Ok(())
}

/// Sends until it is told to stop, or cannot; how many bytes went, and whether the server ended it.
async fn flow(
    address: SocketAddr,
    flood: Flood,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<(u64, bool)> {
    let client = if flood.reads {
        Client::join(address, "flood", "flooder").await?
    } else {
        Client::join_stalled(address, "flood", "flooder").await?
    };
    let Client { mut reader, mut writer } = client;
    let mut sent = 0;
    let read = async {
        if flood.reads {
            // Up to a Close, or to the end of the connection.
            let _ = reader.close().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let is_cut = tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => false,
        () = read => true,
        () = send(&mut writer, &flood, &mut sent) => true,
    };
    Ok((sent, is_cut))
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
