//! Handshakes that are none, or not quite.

mod answer;
mod mutation;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hallway_harness::{Random, Sheet};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::timeout,
};

use super::Bench;
use crate::{
    client::{dial, served},
    figures::millis,
    server::Server,
};

/// Under way at the same time.
const AT_ONCE: usize = 64;

/// From the end of what a client sends to an answer or to the end of the connection.
const HANG: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Tally {
    hangs: usize,
    malformed: usize,
    first_malformed: Option<String>,
    /// Ended without an answer: those that had not sent a head with an end, and those that had.
    unanswered: usize,
    unanswered_whole: usize,
    slowest: Duration,
    statuses: BTreeMap<u16, usize>,
}

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let server = Server::start(bench, sheet, &[]).await?;
    let count = bench.load(10_000, 1_000);
    let mut random = Random::new(bench.seed);
    let mut tally = Tally::default();
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        if tasks.len() == AT_ONCE {
            tally.take(tasks.join_next().await);
        }
        tasks.spawn(ask(server.address, mutation::request(&mut random, server.address)));
    }
    while let Some(outcome) = tasks.join_next().await {
        tally.take(Some(outcome));
    }

    let statuses: Vec<_> =
        tally.statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
    sheet.figure(format!("{count} handshakes answered"), statuses.join(", "));
    sheet.figure("cut heads, ended without an answer", tally.unanswered.to_string());
    let (unanswered, is_met) = (tally.unanswered_whole.to_string(), tally.unanswered_whole == 0);
    sheet.judge("whole heads, ended without an answer", unanswered, "0", is_met);
    sheet.judge("neither answer nor end within 5 s", tally.hangs.to_string(), "0", tally.hangs == 0);
    sheet.figure("slowest answer or end", millis(tally.slowest));
    let first = tally.first_malformed.map(|first| format!(", first: {first}")).unwrap_or_default();
    sheet.judge("malformed answers", format!("{}{first}", tally.malformed), "0", tally.malformed == 0);
    let fresh = served(server.address, "after").await;
    let figure = fresh.as_ref().map_or_else(ToString::to_string, |took| millis(*took));
    sheet.judge("a fresh client afterwards", figure, "served", fresh.is_ok());
    server.end().await
}

/// What came of one handshake.
struct Outcome {
    is_head: bool,
    request: Vec<u8>,
    answer: Vec<u8>,
    has_ended: bool,
    took: Duration,
}

/// Sends all of it, shuts its side, and takes what comes.
async fn ask(address: SocketAddr, request: Vec<u8>) -> io::Result<Outcome> {
    let mut stream = dial(address).await?;
    // The server may have answered and closed before it had everything.
    let _ = stream.write_all(&request).await;
    let _ = stream.shutdown().await;
    let begin = Instant::now();
    let mut answer = Vec::new();
    let mut took = None;
    let read = timeout(HANG, async {
        // A reset ends it as well; whether the answer is whole is looked at later.
        while let Ok(1..) = stream.read_buf(&mut answer).await {
            took.get_or_insert_with(|| begin.elapsed());
        }
    });
    let has_ended = read.await.is_ok();
    let took = took.unwrap_or_else(|| begin.elapsed());
    Ok(Outcome { is_head: request.starts_with(b"HEAD "), request, answer, has_ended, took })
}

impl Tally {
    fn take(&mut self, outcome: Option<Result<io::Result<Outcome>, tokio::task::JoinError>>) {
        let outcome = match outcome {
            None => return,
            Some(Ok(Ok(outcome))) => outcome,
            Some(Ok(Err(error))) => return self.malformed(error.to_string()),
            Some(Err(error)) => return self.malformed(error.to_string()),
        };
        let Outcome { is_head, request, answer, has_ended, took } = outcome;
        self.slowest = self.slowest.max(took);
        if answer.is_empty() {
            let is_whole = is_whole_head(&request);
            self.hangs += usize::from(!has_ended);
            self.unanswered += usize::from(has_ended && !is_whole);
            self.unanswered_whole += usize::from(has_ended && is_whole);
            return;
        }
        match answer::check(&answer, is_head) {
            Ok(status) => *self.statuses.entry(status).or_default() += 1,
            Err(why) => self.malformed(format!("{why}: {:?}", String::from_utf8_lossy(&request))),
        }
    }

    fn malformed(&mut self, why: String) {
        self.malformed += 1;
        self.first_malformed.get_or_insert(why);
    }
}

/// Whether a head has an end; empty lines before it are none (RFC 9112 section 2.2).
fn is_whole_head(request: &[u8]) -> bool {
    let begin = request.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(request.len());
    request[begin..].windows(4).any(|window| window == b"\r\n\r\n")
}
