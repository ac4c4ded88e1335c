//! The rows: what is done to a server, and what is promised of it.

mod descriptors;
mod flooder;
mod handshakes;
mod never_read;
mod sigterm;
mod silent;
mod storm;
mod unfinished;

use std::{io, path::PathBuf, time::Duration};

use clap::ValueEnum;
use hallway_harness::{Growth, Sheet, within};

use crate::{client::Chatted, figures};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// Mutated handshakes
    Handshakes,
    /// Connections that send nothing, or a byte a second
    Silent,
    /// Members that never read, in a room that says 60 MiB
    NeverRead,
    /// One client that sends as fast as it can, in six ways
    Flooder,
    /// Messages announced, or begun, and left unfinished
    Unfinished,
    /// SIGTERM with stalled, half-connected and healthy clients
    Sigterm,
    /// More connections than the server may have open files
    Descriptors,
    /// Clients that end in every way
    Storm,
}

/// What the rows are run with.
pub(crate) struct Bench {
    pub(crate) program: PathBuf,
    /// Arguments for every server, behind those of the row.
    pub(crate) arguments: Vec<String>,
    pub(crate) short: bool,
    pub(crate) seed: u64,
}

impl Row {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no row is hidden").get_name().to_owned()
    }

    pub(crate) fn about(self) -> String {
        self.to_possible_value().and_then(|value| Some(value.get_help()?.to_string())).unwrap_or_default()
    }

    pub(crate) async fn run(self, bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
        within(ROW_LIMIT, "the row", async {
            match self {
                Self::Handshakes => handshakes::run(bench, sheet).await,
                Self::Silent => silent::run(bench, sheet).await,
                Self::NeverRead => never_read::run(bench, sheet).await,
                Self::Flooder => flooder::run(bench, sheet).await,
                Self::Unfinished => unfinished::run(bench, sheet).await,
                Self::Sigterm => sigterm::run(bench, sheet).await,
                Self::Descriptors => descriptors::run(bench, sheet).await,
                Self::Storm => storm::run(bench, sheet).await,
            }
        })
        .await
    }
}

/// After that a row has failed, whatever it waits for.
const ROW_LIMIT: Duration = Duration::from_secs(180);

impl Bench {
    /// One of two loads.
    fn load<T>(&self, full: T, short: T) -> T {
        if self.short { short } else { full }
    }

    /// What a latency is held against. The short form runs on machines that do something else as well: it is to find a
    /// server that stands still, not one that is late.
    fn latency(&self, promise: Duration) -> Duration {
        self.load(promise, 10 * promise)
    }
}

/// What a server's memory may grow by under any attack.
const MEMORY: u64 = 16 << 20;

/// The same on a machine that does something else as well: what readers are late for is kept, up to the bounds of the server. For a
/// room full of messages of 60 KiB these are 6 MiB of history, 4 MiB in the hub and on each of two threads, and 1 MiB on the way.
const MEMORY_OF_A_BUSY_MACHINE: u64 = 24 << 20;

/// Judges how memory grew.
fn judge_memory(bench: &Bench, sheet: &mut Sheet, what: impl Into<String>, growth: &Growth) {
    let limit = bench.load(MEMORY, MEMORY_OF_A_BUSY_MACHINE);
    sheet.judge(what, growth.text(), format!("< +{} MiB", limit >> 20), growth.most() < limit);
}

/// What two who chat may have to wait for each other, whatever others do.
const PROMPT: Duration = Duration::from_millis(100);

/// Judges whether a pair chatted undisturbed.
fn judge_pair(bench: &Bench, sheet: &mut Sheet, what: impl Into<String>, chatted: &Chatted) {
    judge_heard(bench, sheet, what, chatted, ("all", 0));
}

/// The same of a pair in the room that is flooded. Of 12 MiB that are said at once the room keeps 4 for who is late, and tells them how
/// many they missed: on a machine that does something else as well that may be a few.
fn judge_flooded_pair(bench: &Bench, sheet: &mut Sheet, what: impl Into<String>, chatted: &Chatted) {
    judge_heard(bench, sheet, what, chatted, bench.load(("all", 0), ("95 %", chatted.expected / 20)));
}

/// What is promised is how much is heard: in words, and how many may be missed.
fn judge_heard(
    bench: &Bench,
    sheet: &mut Sheet,
    what: impl Into<String>,
    chatted: &Chatted,
    (heard, missed): (&str, u64),
) {
    let limit = bench.latency(PROMPT);
    let promise = format!("p99 < {}, {heard}", figures::limit(limit));
    sheet.judge(what, chatted.text(), promise, chatted.is_undisturbed(limit, missed));
}
