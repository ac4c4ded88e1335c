//! Figures: latencies and how they are written.

use std::time::Duration;

/// Every latency there was.
#[derive(Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub(crate) fn p50(&self) -> Duration {
        self.percentile(50)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.percentile(99)
    }

    pub(crate) fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    /// As the table has them.
    pub(crate) fn text(&self) -> String {
        let Self(all) = self;
        let [p50, p99, max] = [self.p50(), self.p99(), self.max()].map(millis);
        format!("p50 {p50}, p99 {p99}, max {max} of {}", all.len())
    }

    /// The latency that so many of 100 do not exceed; zero where there is none.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent).div_ceil(100);
        sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
    }
}

pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// What a duration is held against.
pub(crate) fn limit(duration: Duration) -> String {
    if duration.subsec_micros() == 0 {
        format!("{} s", duration.as_secs())
    } else if duration.subsec_micros().is_multiple_of(1_000) {
        format!("{} ms", duration.as_millis())
    } else {
        millis(duration)
    }
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// So many in a time, for each second of it, rounded down.
pub(crate) fn per_second(count: u64, time: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000_000 / time.as_micros().max(1)).unwrap_or(u64::MAX)
}

/// How much of the time cores worked, in per cent of one.
pub(crate) fn share(cpu: Duration, elapsed: Duration) -> String {
    format!("{:.0} %", cpu.as_secs_f64() / elapsed.as_secs_f64() * 100.0)
}

/// To a tenth of a MiB, rounded down.
pub(crate) fn mib(bytes: u64) -> String {
    let tenths = (bytes * 10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// With a comma before each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_exceed_the_99th_percentile() {
        let latencies = Latencies((1..=200).rev().map(Duration::from_millis).collect());
        let [p50, p99, max] = [100, 198, 200].map(Duration::from_millis);
        assert_eq!((latencies.p50(), latencies.p99(), latencies.max()), (p50, p99, max));
        assert_eq!(Latencies::default().p99(), Duration::ZERO);
    }

    #[test]
    fn numbers_and_rates_are_written_as_people_read_them() {
        assert_eq!([1, 999, 1_000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
        assert_eq!(per_second(300, Duration::from_millis(1_500)), 200);
        assert_eq!(mib((16 << 20) + (1 << 19)), "16.5 MiB");
    }
}
