//! More connections than the server may have open files.

use std::{
    io,
    time::{Duration, Instant},
};

use hallway_harness::Sheet;
use tokio::{io::AsyncWriteExt, time::sleep};

use super::{Bench, judge_pair};
use crate::{
    client::{Pair, dial, request, served},
    figures::{percent, seconds, share},
    server::Server,
};

/// Files that the server may have open, and connections that want to be served.
const FILES: u32 = 64;
const CONNECTIONS: usize = 200;

const SERVED_AGAIN: Duration = Duration::from_secs(1);

/// Of one core.
const CPU_SHARE: f64 = 0.05;

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let server = Server::start_with_files(bench, sheet, FILES).await?;
    let pair = Pair::begin(server.address, "elsewhere").await?;
    let mut connections = Vec::new();
    for number in 0..CONNECTIONS {
        // Those the server has no file for wait in the kernel's queue.
        let mut stream = dial(server.address).await?;
        stream.write_all(request(server.address, "full", &format!("c{number}")).as_bytes()).await?;
        connections.push(stream);
    }
    // To accept what it can, and to find that it can do no more.
    sleep(Duration::from_millis(500)).await;
    let answered = connections.iter().filter(|stream| matches!(stream.try_read(&mut [0]), Ok(1))).count();

    let (cpu, begin) = (server.process.cpu()?, Instant::now());
    sleep(bench.load(Duration::from_secs(5), Duration::from_secs(1))).await;
    let cpu = share(server.process.cpu()?.saturating_sub(cpu), begin.elapsed());
    let chatted = pair.end().await?;
    drop(connections);
    let again = served(server.address, "fresh").await;

    let what = format!("{CONNECTIONS} connections, {FILES} files");
    sheet.figure(what, format!("{answered} served, the others wait"));
    judge_pair(bench, sheet, "a pair that was there before", &chatted);
    sheet.judge("CPU meanwhile, the pair's included", percent(cpu), "< 5 %", cpu < CPU_SHARE);
    let figure = again.as_ref().map_or_else(ToString::to_string, |took| seconds(*took));
    let is_met = again.is_ok_and(|took| took < SERVED_AGAIN);
    sheet.judge("a new client once they have gone", figure, "served < 1 s", is_met);
    server.end().await
}
