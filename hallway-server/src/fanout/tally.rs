//! What a room has sent, gathered so that counting costs a pass and not a member.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::counters::Traffic;

/// What was written to a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) bytes: usize,
    /// Chat messages that were in the log. One that was begun counts.
    pub(super) messages: u64,
}

#[derive(Debug)]
pub(super) struct Tally {
    traffic: Arc<Traffic>,
    sent: Sent,
    /// Chat messages since the last pass.
    pub(super) pass_messages: u32,
    /// When the last pass began that was measured.
    measured: Option<Instant>,
}

impl Tally {
    pub(super) fn new(traffic: Arc<Traffic>) -> Self {
        Self { traffic, sent: Sent::default(), pass_messages: 0, measured: None }
    }

    pub(super) fn sent(&mut self, sent: Sent) {
        self.sent.bytes += sent.bytes;
        self.sent.messages += sent.messages;
    }

    /// A pass has ended that began then. Not every one is measured: that would cost a small room more than the pass.
    pub(super) fn pass_ended(&mut self, begun: Instant) {
        let messages = mem::take(&mut self.pass_messages);
        if self.measured.is_none_or(|measured| begun >= measured + MEASURED_INTERVAL) {
            self.measured = Some(begun);
            self.traffic.pass_seconds.record(begun.elapsed());
            self.traffic.pass_messages.record(messages);
        }
    }

    /// Hands on what was gathered.
    pub(super) fn report(&mut self) {
        let Sent { bytes, messages } = mem::take(&mut self.sent);
        if bytes > 0 {
            self.traffic.bytes_sent.increment(bytes as u64);
            self.traffic.messages_sent.increment(messages);
        }
    }
}

impl Drop for Tally {
    /// What was written since the last pass: the room's last member has gone.
    fn drop(&mut self) {
        self.report();
    }
}

/// From one measured pass of a room to the next.
const MEASURED_INTERVAL: Duration = Duration::from_millis(100);
