//! Members that never read, beside members that do, in a room that says more than the server may keep.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hallway_harness::{Growth, Process, Random, Sheet};
use tokio::{
    io::AsyncWriteExt,
    net::tcp::OwnedWriteHalf,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{Bench, judge_memory};
use crate::{
    client::{Client, Reader, aside, joined, say},
    figures::{Latencies, since, stamp, text},
    server::Server,
};

/// Those who never read, and those who do; four of the latter speak.
const STALLED: usize = 8;
const READERS: usize = 8;
const SPEAKERS: usize = 4;

/// Bytes that all speakers say in a second; the server writes eight times as much.
const BYTES_PER_SECOND: u64 = 6 << 20;

const LAG: Duration = Duration::from_millis(250);

/// How long a reader waits for the next message.
const LAST: Duration = Duration::from_secs(5);

/// More than is said here: what is measured is what stalled members cost, not the limit of one client.
const ARGUMENTS: [&str; 4] = ["--rate", "100000", "--burst", "100000"];

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let server = Server::start(bench, sheet, &ARGUMENTS).await?;
    let mut stalled = Vec::new();
    for number in 0..STALLED {
        stalled.push(Client::join_stalled(server.address, "hall", &format!("stalled{number}")).await?);
    }
    let bytes = bench.load(60 << 20, 12 << 20);
    let said = joined(aside({
        let (address, process, lengths) = (server.address, server.process, lengths(bench.seed, bytes));
        move || talk(address, process, Arc::new(lengths))
    }))
    .await?;

    sheet.figure(
        format!("{} MiB said at 6 MiB/s beside {STALLED} who never read", bytes >> 20),
        format!("{} messages of 1 to 16 KiB in {:.1} s", said.messages, said.took.as_secs_f64()),
    );
    let promise = format!("{READERS} of {READERS}");
    let figure = format!("{} of {READERS}", said.complete);
    sheet.judge("readers that heard all of it, in one order", figure, promise, said.complete == READERS);
    sheet.below("lag of the readers", text(&said.lag), said.lag.max(), bench.latency(LAG));
    judge_memory(bench, sheet, "memory", &said.growth);
    drop(stalled);
    server.end().await
}

/// Of each speaker's messages, how long they are.
type Lengths = [Vec<usize>; SPEAKERS];

fn lengths(seed: u64, bytes: usize) -> Lengths {
    let mut random = Random::new(seed);
    std::array::from_fn(|_| {
        let mut left = bytes / SPEAKERS;
        let mut lengths = Vec::new();
        while left > 0 {
            let length = (1 << 10) + random.below(15 << 10);
            left = left.saturating_sub(length);
            lengths.push(length);
        }
        lengths
    })
}

/// What became of it.
struct Said {
    messages: usize,
    took: Duration,
    /// Readers that heard everything, each speaker in its order and all speakers in the same one.
    complete: usize,
    lag: Latencies,
    growth: Growth,
}

async fn talk(address: SocketAddr, process: Process, lengths: Arc<Lengths>) -> io::Result<Said> {
    let mut clients = Vec::new();
    for number in 0..READERS {
        let mut client = Client::join(address, "hall", &format!("reader{number}")).await?;
        // Whoever hears itself is in.
        client.writer.write_all(&say("here")).await?;
        client.reader.message().await?;
        clients.push(client);
    }
    let memory = process.watch_memory()?;
    let (mut readers, mut speakers) = (JoinSet::new(), JoinSet::new());
    let begin = Instant::now();
    for (number, Client { reader, writer }) in clients.into_iter().enumerate() {
        readers.spawn(listen(reader, Arc::clone(&lengths)));
        speakers.spawn(speak(writer, number, Arc::clone(&lengths)));
    }
    // A speaker that is done gives its half of the connection back, which is not to be shut before all have heard all.
    let writers = speakers.join_all().await;
    let took = begin.elapsed();
    let listened = readers.join_all().await;
    let growth = memory.end()?;
    writers.into_iter().collect::<io::Result<Vec<_>>>()?;

    let messages = lengths.iter().map(Vec::len).sum();
    let mut lag = Latencies::default();
    let mut orders = Vec::new();
    for Listened { order, latencies } in listened {
        lag.add(latencies);
        orders.push(order);
    }
    let whole = orders.iter().find(|order| order.len() == messages).cloned();
    let complete = orders.into_iter().filter(|order| Some(order) == whole.as_ref()).count();
    Ok(Said { messages, took, complete, lag, growth })
}

/// Says what is this one's to say, each message when those before it are due.
async fn speak(
    mut writer: OwnedWriteHalf,
    number: usize,
    lengths: Arc<Lengths>,
) -> io::Result<OwnedWriteHalf> {
    let begin = Instant::now();
    let mut before = 0_u64;
    for (seq, length) in lengths.get(number).into_iter().flatten().enumerate() {
        let due = before * 1_000_000 * SPEAKERS as u64 / BYTES_PER_SECOND;
        sleep_until(begin + Duration::from_micros(due)).await;
        before += *length as u64;
        let text = format!("{:.<length$}", format!("{number} {seq} {} ", stamp()));
        writer.write_all(&say(&text)).await?;
    }
    Ok(writer)
}

struct Listened {
    /// Who said what, as far as each was the next of its speaker and whole.
    order: Vec<(usize, usize)>,
    latencies: Latencies,
}

async fn listen(mut reader: Reader, lengths: Arc<Lengths>) -> Listened {
    let mut next = [0; SPEAKERS];
    let mut listened = Listened { order: Vec::new(), latencies: Latencies::default() };
    while next.iter().zip(&*lengths).any(|(next, lengths)| *next < lengths.len()) {
        let Ok(Ok(text)) = timeout(LAST, reader.message()).await else { break };
        let mut words = text.split(' ');
        let mut number = || words.next()?.parse::<u64>().ok();
        let (Some(who), Some(seq), Some(sent)) = (number(), number(), number()) else { continue };
        listened.latencies.record(since(sent));
        let (Ok(who), Ok(seq)) = (usize::try_from(who), usize::try_from(seq)) else { break };
        if next.get(who) == Some(&seq) && lengths[who].get(seq) == Some(&text.len()) {
            listened.order.push((who, seq));
        }
        // Beyond a gap as well: what comes later still says how late it is.
        next[who.min(SPEAKERS - 1)] = seq + 1;
    }
    listened
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_speakers_together_say_what_they_are_told_to_and_little_more() {
        let lengths = lengths(1, 1 << 20);
        let said: usize = lengths.iter().flatten().sum();
        assert!((1 << 20..(1 << 20) + SPEAKERS * (16 << 10)).contains(&said), "{said}");
    }
}
