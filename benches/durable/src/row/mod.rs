//! The rows: what is done to a server and its file, and what is promised of it.

mod ack;
mod full;
mod kill;
mod restart;
mod resume;
mod throughput;

use std::{io, path::PathBuf, time::Duration};

use clap::ValueEnum;
use hallway_harness::{Sheet, within};

use crate::folder::Folder;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// SIGKILL under load, again and again
    Kill,
    /// A start with a million messages, and pages of what is old
    Restart,
    /// Durable messages a second
    Throughput,
    /// How long a sender waits until its message is stored
    Ack,
    /// Everybody comes back at once and is told what it missed
    Resume,
    /// A disk that is full, and then is not
    Full,
}

/// What the rows are run with.
pub(crate) struct Bench {
    pub(crate) program: PathBuf,
    /// Arguments for every server, behind those of the row.
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: Folder,
    /// How many files this program may have open, and each server as many.
    pub(crate) files: u64,
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
                Self::Kill => kill::run(bench, sheet).await,
                Self::Restart => restart::run(bench, sheet).await,
                Self::Throughput => throughput::run(bench, sheet).await,
                Self::Ack => ack::run(bench, sheet).await,
                Self::Resume => resume::run(bench, sheet).await,
                Self::Full => full::run(bench, sheet).await,
            }
        })
        .await
    }
}

/// After that a row has failed, whatever it waits for.
const ROW_LIMIT: Duration = Duration::from_secs(240);

impl Bench {
    /// One of two loads.
    fn load<T>(&self, full: T, short: T) -> T {
        if self.short { short } else { full }
    }

    /// What a time is held against. The short form runs on machines that do something else as well: it is to find a
    /// server that stands still, not one that is late.
    fn time(&self, promise: Duration) -> Duration {
        self.load(promise, 10 * promise)
    }
}

/// What lets clients say as much as they can.
const NO_RATE: [&str; 4] = ["--rate", "1000000", "--burst", "1000000"];
