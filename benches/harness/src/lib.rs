//! What Hallway's benches share: the server's program and process, what it logs and counts, and the table of promises.
#![cfg(target_os = "linux")]

pub mod figures;
mod http;
mod metrics;
mod process;
pub mod program;
mod random;
pub mod report;
mod server;

use std::{io, time::Duration};

use tokio::time::timeout;

pub use self::{
    http::get,
    metrics::Metrics,
    process::{Growth, MemoryWatch, Process},
    random::Random,
    report::Sheet,
    server::Server,
};

/// The outcome of `work`, or an error that says what did not happen in time.
pub async fn within<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("{what}: not within {limit:?}"));
    timeout(limit, work).await.map_err(late)?
}
