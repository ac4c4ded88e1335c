//! Figures: latencies and how they are written.

use std::time::Duration;

/// Every latency there was.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds all of another place.
    pub fn add(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that half of them do not exceed.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.percentile(50)
    }

    /// The latency that 99 of 100 do not exceed.
    #[must_use]
    pub fn p99(&self) -> Duration {
        self.percentile(99)
    }

    /// The longest; zero where there is none.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    /// The latency that so many of 100 do not exceed; zero where there is none.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent).div_ceil(100);
        sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
    }
}

/// To a hundredth of a millisecond.
#[must_use]
pub fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// To a hundredth of a second.
#[must_use]
pub fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

/// What a duration is held against.
#[must_use]
pub fn limit(duration: Duration) -> String {
    if duration.subsec_micros() == 0 {
        format!("{} s", duration.as_secs())
    } else if duration.subsec_micros().is_multiple_of(1_000) {
        format!("{} ms", duration.as_millis())
    } else {
        millis(duration)
    }
}

/// To a tenth of a MiB, rounded down.
#[must_use]
pub fn mib(bytes: u64) -> String {
    let tenths = (bytes * 10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// With a comma before each three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
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
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([1, 999, 1_000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
        assert_eq!(mib((16 << 20) + (1 << 19)), "16.5 MiB");
    }
}
