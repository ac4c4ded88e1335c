//! Latencies by the million, to within 3 %.

/// Steps within each power of two: a value is known to 1/32.
const STEPS: u64 = 1 << STEP_BITS;
const STEP_BITS: u32 = 5;

/// How often each latency, in nanoseconds, was seen.
#[derive(Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; bucket(u64::MAX) + 1], total: 0 }
    }

    pub(crate) fn record(&mut self, nanos: u64) {
        self.buckets[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.fill(0);
        self.total = 0;
    }

    /// The latency that `percent` of all do not exceed; 0 where nothing was recorded.
    pub(crate) fn percentile(&self, percent: u64) -> u64 {
        let mut left = (self.total * percent).div_ceil(100);
        for (bucket, count) in (0..).zip(&self.buckets) {
            if left <= *count && *count > 0 {
                return upper_bound(bucket);
            }
            left = left.saturating_sub(*count);
        }
        0
    }
}

fn bucket(nanos: u64) -> usize {
    // Below 32 each value has a bucket; above, the five bits behind the highest one choose a step.
    let (power, step) = match nanos.checked_ilog2() {
        None | Some(..STEP_BITS) => (0, nanos),
        Some(highest) => (u64::from(highest - STEP_BITS + 1), (nanos >> (highest - STEP_BITS)) - STEPS),
    };
    usize::try_from(power * STEPS + step).expect("at most 60 x 32")
}

fn upper_bound(bucket: u64) -> u64 {
    match (bucket / STEPS, bucket % STEPS) {
        (0, step) => step,
        (power, step) => ((STEPS + step) << (power - 1)) + ((1 << (power - 1)) - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_value_to_within_one_part_in_32() {
        for value in (0..5_000).chain([1 << 20, (1 << 20) - 1, u64::from(u32::MAX), u64::MAX]) {
            let bound = upper_bound(bucket(value) as u64);
            assert!(bound >= value && bound - value <= value / 32, "{value} in a bucket up to {bound}");
        }
    }

    #[test]
    fn a_percentile_is_that_of_the_values_to_within_one_part_in_32() {
        let mut latencies = Histogram::new();
        (1..=100).for_each(|value| latencies.record(value * 1_000));
        for percent in [1, 50, 99, 100] {
            let (exact, is) = (percent * 1_000, latencies.percentile(percent));
            assert!((exact..=exact + exact / 32).contains(&is), "{percent} %: {is} ns");
        }
        latencies.clear();
        assert_eq!(latencies.percentile(99), 0);
    }
}
