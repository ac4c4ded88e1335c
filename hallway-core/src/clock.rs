//! What time it is, as told by whoever embeds the hub.

use std::time::Instant;

use time::OffsetDateTime;

/// Tells the hub what time it is; handed to [`Hub::spawn`](crate::Hub::spawn).
///
/// The hub reads no other clock, so a test that hands in one of its own decides what "now" is. The two readings
/// are independent: rates and intervals use the first alone; the times of messages, and with them how long references and
/// messages are kept, and the names of anonymous members use the second alone.
pub trait Clock: Send + Sync + 'static {
    /// A reading that never goes back.
    fn monotonic(&self) -> Instant;

    /// The date and the time of day, in whatever offset anonymous names are to show it.
    fn wall(&self) -> OffsetDateTime;
}

/// The operating system's clocks; the time of day is in UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}
