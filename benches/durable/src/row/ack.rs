//! How long a sender waits until its message is stored, beside what the disk alone takes for such a thing.

use std::{
    io,
    time::{Duration, Instant},
};

use hallway_harness::{Sheet, within};
use tokio::{
    io::AsyncWriteExt,
    time::{MissedTickBehavior, interval},
};

use super::Bench;
use crate::{
    client::{Client, Event, say},
    disk::Disk,
    figures::{Latencies, millis, text},
    server::Server,
};

/// 100 messages a second, where the disk is quick enough for that and for as many syncs in between.
const EVERY: Duration = Duration::from_millis(10);

/// What an ack may take beside two syncs of the disk.
const SLACK: Duration = Duration::from_millis(5);

/// Of the median of a sync: an ack that takes less has not waited for the disk.
const LEAST: f64 = 0.25;

/// Where a sync takes less than this, what else an ack takes hides whether it waited for one.
const QUICK: Duration = Duration::from_millis(1);

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let data = bench.folder.fresh("ack")?;
    // Its own limit is 50 a second.
    let server = Server::start(bench, sheet, Some(&data), &super::NO_RATE).await?;
    let (mut client, _) = Client::join(server.address, "ack", "sender", None).await?;
    let mut disk = Disk::open(bench.folder.path())?;
    let (mut acks, mut syncs) = (Latencies::default(), Latencies::default());
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (messages, begin) = (bench.load(2_000, 500), Instant::now());
    for number in 0..messages {
        ticks.tick().await;
        let reference = format!("c{number}");
        let message = say(&format!("message {number} of one who waits"), &reference);
        let sent = Instant::now();
        client.writer.write_all(&message).await?;
        within(Duration::from_secs(10), "an ack", acknowledged(&mut client, &reference)).await?;
        acks.record(sent.elapsed());
        syncs.record(disk.sync()?);
    }
    let rate = f64::from(messages) / begin.elapsed().as_secs_f64();
    sheet.figure("messages a second, one after the other", format!("{rate:.0}"));
    sheet.figure("4 KiB appended, and fdatasync, in between", text(&syncs));
    let limit = bench.time(2 * syncs.p99() + SLACK);
    sheet.below(
        "from a message to its ack: p99, < 2 such syncs (p99) + 5 ms",
        text(&acks),
        acks.p99(),
        limit,
    );
    if syncs.p50() > QUICK && !bench.short {
        let least = syncs.p50().mul_f64(LEAST);
        let promise = format!("> {}", millis(least));
        sheet.judge("and p50, not sooner than a disk can", millis(acks.p50()), promise, acks.p50() > least);
    }
    server.end().await
}

async fn acknowledged(client: &mut Client, reference: &str) -> io::Result<()> {
    loop {
        match client.reader.event().await? {
            Event::Ack(ack) if ack.reference == reference => return Ok(()),
            Event::Error(error) => return Err(io::Error::other(format!("{error:?}"))),
            _ => {}
        }
    }
}
