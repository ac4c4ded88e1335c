//! Figures: the stamps that messages carry, and how latencies are written.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

pub(crate) use hallway_harness::figures::{Latencies, limit, mib, seconds};

/// What the stamps in messages count from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since this program first asked: the stamp that a message carries from just before it is sent.
pub(crate) fn stamp() -> u64 {
    u64::try_from(EPOCH.elapsed().as_nanos()).expect("less than 500 years")
}

/// The time since `stamp`.
pub(crate) fn since(stamp: u64) -> Duration {
    EPOCH.elapsed().saturating_sub(Duration::from_nanos(stamp))
}

/// The latencies of the slowest, as the table has them.
pub(crate) fn text(latencies: &Latencies) -> String {
    format!("p99 {}, max {}", millis(latencies.p99()), millis(latencies.max()))
}

pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// How much of the time one core worked.
pub(crate) fn share(cpu: Duration, elapsed: Duration) -> f64 {
    cpu.as_secs_f64() / elapsed.as_secs_f64()
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
