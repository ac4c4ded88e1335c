//! A start with a million messages, and pages of what is old.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use hallway_harness::{Random, Sheet, get};

use super::Bench;
use crate::{
    client::{Chat, Client},
    disk::forget_cached,
    figures::{self, Latencies, grouped, mib, millis, seconds},
    server::Server,
    tool::{import, text},
};

/// From being started to serving, and what is resident then.
const SERVES: Duration = Duration::from_secs(1);
const MEMORY: u64 = 100 << 20;

/// Pages that are asked for, of a random room and of the largest; messages of each, and how long it may take.
const PAGES: usize = 100;
const PAGE: u64 = 50;
const PAGE_WITHIN: Duration = Duration::from_millis(5);

/// A tenth of all messages are in one room.
const LARGEST: &str = "largest";

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let data = bench.folder.fresh("restart")?;
    let (messages, rooms) = bench.load((1_000_000, 1_000), (50_000, 100));
    let rooms = shared_out(messages, rooms);
    let begin = Instant::now();
    import(bench, &data, &rooms).await?;
    let what = format!("{} messages in {} rooms imported", grouped(messages), rooms.len());
    sheet.figure(what, seconds(begin.elapsed()));
    sheet.figure("the file", mib(data.metadata()?.len()));

    // The first one gives all rooms new epochs, as it does after an import.
    let server = start(bench, sheet, &data, "a start after the import").await?;
    server.end().await?;
    let server = start(bench, sheet, &data, "a start after an orderly end").await?;
    server.kill().await?;
    let server = start(bench, sheet, &data, "a start after SIGKILL").await?;

    let mut random = Random::new(bench.seed);
    let (mut of_random, mut of_largest) = (Latencies::default(), Latencies::default());
    for _ in 0..PAGES {
        let (room, count) = &rooms[random.below(rooms.len())];
        of_random.record(page(&server, &data, room, *count, &mut random).await?);
        let (room, count) = &rooms[0];
        of_largest.record(page(&server, &data, room, *count, &mut random).await?);
    }
    let limit = bench.time(PAGE_WITHIN);
    for (whose, latencies) in [("a random room", of_random), ("the largest room", of_largest)] {
        let what = format!("a cold page of {PAGE}, of {whose}: p99");
        sheet.below(what, figures::text(&latencies), latencies.p99(), limit);
    }
    let (now, most) = server.process.resident()?;
    sheet.figure("memory at the end", format!("{} (peak {})", mib(now), mib(most)));
    server.end().await
}

/// So many messages: a tenth of them in the first room, the others in equal parts.
fn shared_out(messages: u64, rooms: u64) -> Vec<(String, u64)> {
    let each = (messages - messages / 10) / (rooms - 1);
    let others = (1..rooms).map(|number| (format!("room{number}"), each));
    [(LARGEST.to_owned(), messages - each * (rooms - 1))].into_iter().chain(others).collect()
}

/// Starts one whose file is not in memory, and judges how long it took, and what it takes.
async fn start(bench: &Bench, sheet: &mut Sheet, data: &Path, what: &str) -> io::Result<Server> {
    forget_cached(data)?;
    let begin = Instant::now();
    let server = Server::start(bench, sheet, Some(data), &[]).await?;
    let (status, _) = get(server.address, "/healthz").await?;
    let took = begin.elapsed();
    let (now, most) = server.process.resident()?;
    let figure = format!("{} (listens after {})", millis(took), millis(server.listened_after));
    sheet.below(format!("{what}: it serves"), figure, took, bench.time(SERVES));
    sheet.judge(
        format!("{what}: memory"),
        format!("{} (peak {})", mib(now), mib(most)),
        "< 100 MiB",
        status == 200 && most < MEMORY,
    );
    Ok(server)
}

/// How long a page of what is old takes, of a file that is not in memory.
async fn page(
    server: &Server,
    data: &Path,
    room: &str,
    count: u64,
    random: &mut Random,
) -> io::Result<Duration> {
    let (mut client, welcome) = Client::join(server.address, room, "historian", None).await?;
    if welcome.seq != count {
        return Err(io::Error::other(format!("{room} has {} messages of {count}", welcome.seq)));
    }
    // A whole page, from anywhere.
    let span = usize::try_from(count - PAGE).map_err(io::Error::other)?;
    let before = PAGE + 1 + random.below(span) as u64;
    forget_cached(data)?;
    let begin = Instant::now();
    let page = client.history(Some(before), PAGE).await?;
    let took = begin.elapsed();
    let expected = before - PAGE..before;
    let is_right = |(chat, seq): (&Chat, u64)| chat.seq == seq && chat.message == text(room, seq);
    if page.messages.len() as u64 != PAGE || !page.messages.iter().zip(expected).all(is_right) {
        return Err(io::Error::other(format!("a wrong page before {before} of {room}: {page:?}")));
    }
    client.close().await?;
    Ok(took)
}
