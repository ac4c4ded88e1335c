//! Figures: latencies and how they are written.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

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

/// Every latency there was.
#[derive(Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that 99 of 100 do not exceed; zero where there is none.
    pub(crate) fn p99(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * 99).div_ceil(100);
        sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(crate) fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    /// Both of them, as the table has them.
    pub(crate) fn text(&self) -> String {
        format!("p99 {}, max {}", millis(self.p99()), millis(self.max()))
    }
}

pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// What a duration is held against: whole seconds or milliseconds.
pub(crate) fn limit(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{} s", duration.as_secs()),
        _ => format!("{} ms", duration.as_millis()),
    }
}

/// How much of the time one core worked.
pub(crate) fn share(cpu: Duration, elapsed: Duration) -> f64 {
    cpu.as_secs_f64() / elapsed.as_secs_f64()
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// To a tenth of a MiB, rounded down.
pub(crate) fn mib(bytes: u64) -> String {
    let tenths = (bytes * 10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_exceed_the_99th_percentile() {
        let latencies = Latencies((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(
            (latencies.p99(), latencies.max()),
            (Duration::from_millis(198), Duration::from_millis(200))
        );
        assert_eq!(Latencies::default().p99(), Duration::ZERO);
    }

    #[test]
    fn memory_is_written_in_tenths_of_a_mebibyte() {
        assert_eq!(mib((16 << 20) + (1 << 19)), "16.5 MiB");
    }
}
