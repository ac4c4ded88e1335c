//! How fast one connection may send.

use std::time::Duration;

use tokio::time::Instant;

/// A rate of so many messages a second, with a burst that may go at once.
///
/// It refuses nothing: it says for how long not to read, and TCP slows the sender down.
#[derive(Debug)]
pub(crate) struct Rate {
    /// In nanoseconds: every connection has one of these.
    per_message: u64,
    burst: u64,
    /// When all that was taken so far would have been due at the rate, had it been sent evenly.
    paid_until: Instant,
}

impl Rate {
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let per_message = 1_000_000_000 / u64::from(per_second.max(1));
        // The message being taken is within the burst, so what may lie ahead of now is one less.
        Self { per_message, burst: per_message * u64::from(burst.saturating_sub(1)), paid_until: now }
    }

    /// Accounts for one message taken at `now`.
    pub(crate) fn take(&mut self, now: Instant) {
        self.paid_until = self.paid_until.max(now) + Duration::from_nanos(self.per_message);
    }

    /// For how long no further message may be taken; zero where one may be taken now.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.paid_until.saturating_duration_since(now + Duration::from_nanos(self.burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_then_messages_go_at_the_rate() {
        let mut now = Instant::now();
        let mut rate = Rate::new(50, 200, now);
        for _ in 0..200 {
            assert_eq!(rate.wait(now), Duration::ZERO);
            rate.take(now);
        }
        for _ in 0..100 {
            assert_eq!(rate.wait(now), Duration::from_millis(20));
            now += rate.wait(now);
            rate.take(now);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_earns_no_more_than_the_burst() {
        let start = Instant::now();
        let mut rate = Rate::new(10, 2, start);
        let later = start + Duration::from_secs(3600);
        rate.take(later);
        assert_eq!(rate.wait(later), Duration::ZERO);
        rate.take(later);
        assert_eq!(rate.wait(later), Duration::from_millis(100));
    }
}
