//! Connections that ask for nothing.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hallway_harness::Sheet;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::Bench;
use crate::{
    client::{aside, dial, joined, request, served},
    figures::{Latencies, millis, seconds},
    server::Server,
};

/// The deadline of a head, and a second to be closed in.
const GONE: Duration = Duration::from_secs(11);

/// Nobody is waited for any longer.
const LAST: Duration = Duration::from_secs(15);

/// What a fresh client may have to wait meanwhile, and how often one comes.
const SERVED: Duration = Duration::from_millis(100);
const EVERY: Duration = Duration::from_millis(250);

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let server = Server::start(bench, sheet, &[]).await?;
    let (silent, slow) = bench.load((400, 100), (80, 20));
    let is_over = Arc::new(AtomicBool::new(false));
    let fresh = aside({
        let (address, is_over) = (server.address, Arc::clone(&is_over));
        move || keep_coming(address, is_over)
    });
    let mut tasks = JoinSet::new();
    for number in 0..silent + slow {
        tasks.spawn(hold(server.address, number >= silent));
    }
    let (mut gone, mut last) = (0, Duration::ZERO);
    while let Some(held) = tasks.join_next().await {
        let held = held??;
        last = last.max(held);
        gone += usize::from(held < GONE);
    }
    is_over.store(true, Relaxed);

    let all = silent + slow;
    sheet.judge(
        format!("{silent} silent, {slow} at a byte a second: gone within 11 s"),
        format!("{gone}, the last after {}", seconds(last)),
        format!("{all}"),
        gone == all,
    );
    let fresh = joined(fresh).await?;
    let limit = bench.latency(SERVED);
    let figure = format!("max {} of {}", millis(fresh.max()), fresh.count());
    sheet.below("a fresh client meanwhile: connect to own message", figure, fresh.max(), limit);
    server.end().await
}

/// Connects, and sends nothing, or a byte of a head each second; how long the server stands it.
async fn hold(address: SocketAddr, sends: bool) -> io::Result<Duration> {
    let begin = Instant::now();
    let (mut from, mut to) = dial(address).await?.into_split();
    let mut answer = Vec::new();
    let read = timeout(LAST, from.read_to_end(&mut answer));
    let write = async {
        let request = request(address, "silent", "slow");
        let mut seconds = interval(Duration::from_secs(1));
        for byte in request.bytes().filter(|_| sends) {
            seconds.tick().await;
            // The server has had enough of it; the other half tells when.
            if to.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // The end, a reset, or none of them in time.
        _ = read => {}
        () = write => {}
    }
    Ok(begin.elapsed())
}

/// One fresh client after the other; how long each took to be served.
async fn keep_coming(address: SocketAddr, is_over: Arc<AtomicBool>) -> io::Result<Latencies> {
    let mut latencies = Latencies::default();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !is_over.load(Relaxed) {
        ticks.tick().await;
        latencies.record(served(address, "fresh").await?);
    }
    Ok(latencies)
}
