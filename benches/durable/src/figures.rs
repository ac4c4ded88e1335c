//! Figures: rates, and how latencies are written.

use std::time::Duration;

pub(crate) use hallway_harness::figures::{Latencies, grouped, mib, millis, seconds};

/// As the table has them.
pub(crate) fn text(latencies: &Latencies) -> String {
    let [p50, p99, max] = [latencies.p50(), latencies.p99(), latencies.max()].map(millis);
    format!("p50 {p50}, p99 {p99}, max {max} of {}", latencies.count())
}

/// So many in a time, for each second of it, rounded down.
pub(crate) fn per_second(count: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000_000 / time.as_micros().max(1)).unwrap_or(u64::MAX)
}

/// How much of the time cores worked, in per cent of one.
pub(crate) fn share(cpu: Duration, elapsed: Duration) -> String {
    format!("{:.0} %", cpu.as_secs_f64() / elapsed.as_secs_f64() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_a_second() {
        assert_eq!(per_second(300, Duration::from_millis(1_500)), 200);
    }
}
