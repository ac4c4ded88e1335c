//! Durable messages a second, to a room in which everybody talks.

mod talker;

use std::{
    io,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use hallway_harness::{Metrics, Process, Sheet};
use tokio::{task::JoinSet, time::sleep};

use self::talker::{Talk, Talker};
use super::{Bench, NO_RATE};
use crate::{
    client::Client,
    disk,
    figures::{grouped, per_second, share},
    server::Server,
};

const ROOM: &str = "throughput";
const TALKERS: usize = 64;

/// What is promised, a second; or so many for each sync of the disk.
const MESSAGES: u64 = 20_000;
const A_SYNC: u64 = 50;

/// Until the talk has its pace, and how long what was said may take to be heard at the end.
const WARM_UP: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(10);

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let data = bench.folder.fresh("throughput")?;
    let before = disk::rate(bench.folder.path())?.syncs;
    let stored = talk(bench, sheet, Some(&data), "stored").await?;
    let after = disk::rate(bench.folder.path())?.syncs;
    let syncs = u64::midpoint(before, after);
    let figure = format!("{} before, {} after", grouped(before), grouped(after));
    sheet.figure("the disk: fdatasync a second", figure);
    let promised = bench.load(1, 10);
    let least = MESSAGES.min(A_SYNC * syncs) / promised;
    let what = format!("{TALKERS} who hear all of it: stored messages a second");
    let figure = format!("{} ({} for each fdatasync of the disk)", grouped(stored), stored / syncs.max(1));
    sheet.judge(what, figure, format!(">= {}", grouped(least)), stored >= least);
    let unstored = talk(bench, sheet, None, "not stored").await?;
    sheet.figure("the same with --data none", grouped(unstored));
    Ok(())
}

/// Has everybody talk for a while; how many messages a second were acknowledged meanwhile.
async fn talk(bench: &Bench, sheet: &mut Sheet, data: Option<&Path>, how: &str) -> io::Result<u64> {
    let server = Server::start(bench, sheet, data, &NO_RATE).await?;
    let talk = Arc::new(Talk::default());
    let mut clients = Vec::new();
    for number in 0..TALKERS {
        // Who joins while others talk would hear less than they.
        clients.push(Client::join(server.address, ROOM, &format!("t{number}"), None).await?.0);
    }
    let mut talkers = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        talkers.spawn(Talker::new(number, client, Arc::clone(&talk)).run());
    }
    sleep(WARM_UP).await;
    let metrics = Metrics::read(server.address).await?;
    let (own, cpu) = (Process::this().cpu()?, server.process.cpu()?);
    let (acked, begin) = (talk.acked.load(Relaxed), Instant::now());
    sleep(bench.load(Duration::from_secs(10), Duration::from_secs(2))).await;
    let (acked, time) = (talk.acked.load(Relaxed) - acked, begin.elapsed());
    let cpu = share(server.process.cpu()?.saturating_sub(cpu), time);
    let own = share(Process::this().cpu()?.saturating_sub(own), time);
    let moved = Metrics::read(server.address).await?;

    talk.is_ending.store(true, Relaxed);
    let begin = Instant::now();
    let mut heard = Vec::new();
    while let Ok(Some(talker)) =
        tokio::time::timeout(LAST.saturating_sub(begin.elapsed()), talkers.join_next()).await
    {
        heard.push(talker??);
    }
    let (_, welcome) = Client::join(server.address, ROOM, "probe", None).await?;
    let all = talk.acked.load(Relaxed);
    let what = format!("{how}: acknowledged, and heard by each of {TALKERS}");
    let complete = heard.iter().filter(|heard| heard.messages == all).count();
    let told = heard.iter().filter(|heard| heard.missed > 0 && heard.all() == all).count();
    let figure = format!("{} by {complete}, the room is at {}", grouped(all), grouped(welcome.seq));
    let told_text = if told > 0 { format!(", {told} were told of a gap") } else { String::new() };
    // Who reads as fast as this, on a machine that does something else, may fall behind.
    let is_met = complete + told == TALKERS && 2 * complete > TALKERS && welcome.seq == all;
    sheet.judge(what, figure + &told_text, "all, or told of a gap", is_met);
    sheet.figure(format!("{how}: CPU"), format!("{cpu} of a core; this program {own}"));
    if let Some(pass) = messages_of_a_pass(&moved, &metrics) {
        // What is stored at once goes out at once.
        sheet.figure(format!("{how}: messages that go out at once, on average"), format!("{pass:.0}"));
    }
    sheet.moved(moved.moved(&metrics));
    server.end().await?;
    Ok(per_second(acked, time))
}

/// How many messages each thread has for its members at once, where the server's metrics tell.
fn messages_of_a_pass(after: &Metrics, before: &Metrics) -> Option<f64> {
    let messages = after.since(before, "hallway_fanout_pass_messages_sum")?;
    let passes = after.since(before, "hallway_fanout_pass_messages_count")?;
    (passes > 0.0).then_some(messages / passes)
}
