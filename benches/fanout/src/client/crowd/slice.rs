//! A slice: the crowd talks for a while, then listens until everything is delivered.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    super::{
        connection::Stage,
        message::{self, Stamp},
        record::Record,
    },
    Crowd,
};

/// How long the last frames of a slice may take before they count as lost.
const DRAIN: Duration = Duration::from_secs(20);

/// Who says something when.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// Each sender has this many messages under way and sends another when one of them comes back.
    Closed { outstanding: u32 },
    /// The senders in turn, at a fixed rate.
    Paced { per_second: u32 },
}

/// What a slice brought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// Deliveries: a frame received by a client.
    pub(crate) count: u64,
    /// From the first message until all frames were delivered.
    pub(crate) time: Duration,
    /// From a message's sending to each of its deliveries, in nanoseconds.
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

impl Crowd {
    /// Talks for `length`, then listens until everything is delivered.
    pub(crate) fn run(&mut self, load: Load, length: Duration) -> io::Result<Slice> {
        self.begin(load);
        while self.elapsed() < length {
            self.step()?;
        }
        self.finish()
    }

    /// Begins a slice.
    pub(crate) fn begin(&mut self, load: Load) {
        self.slice = self.record.begin();
        for connection in &mut self.connections {
            connection.sent = 0;
            if connection.stage == Stage::Open {
                connection.listener.at = Some(0);
            }
        }
        self.began = self.now();
        self.paced = 0;
        self.load = Some(load);
        if let Load::Closed { outstanding } = load {
            for sender in 0..self.senders.len() {
                self.say(self.senders[sender], outstanding);
            }
        }
    }

    /// Time since the slice began.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now() - self.began)
    }

    /// Takes in what has come, says what is to be said now.
    pub(crate) fn step(&mut self) -> io::Result<()> {
        self.poll(if self.patient { Duration::from_millis(1) } else { Duration::ZERO })?;
        if let Some(Load::Paced { per_second }) = self.load {
            let due = u128::from(per_second) * self.elapsed().as_nanos() / 1_000_000_000;
            while u128::from(self.paced) < due {
                self.paced += 1;
                self.say(self.senders[0], 1);
                self.senders.rotate_left(1);
            }
        }
        if let Some(laggards) = &mut self.laggards {
            laggards.step();
        }
        Ok(())
    }

    /// Says nothing more, waits for what is under way and counts what does not come.
    pub(crate) fn finish(&mut self) -> io::Result<Slice> {
        self.load = None;
        let deadline = Instant::now() + DRAIN;
        while !self.all_heard() && Instant::now() < deadline {
            self.step()?;
        }
        let time = self.elapsed();
        for connection in self.connections.iter().filter(|connection| connection.stage == Stage::Open) {
            self.record.count_missing(&connection.listener);
            self.record.count_unsaid(connection.listener.id, connection.sent, self.population.per_room);
        }
        let Record { delivered, latencies, .. } = &self.record;
        Ok(Slice { count: *delivered, time, p50: latencies.percentile(50), p99: latencies.percentile(99) })
    }

    fn all_heard(&self) -> bool {
        self.connections.iter().filter(|connection| connection.stage == Stage::Open).all(|connection| {
            self.record.heard_all(&connection.listener)
                && self.record.said_all(connection.listener.id, connection.sent)
        })
    }

    /// Lets a client say `count` messages, in one `send`.
    pub(super) fn say(&mut self, client: usize, count: u32) {
        self.outgoing.clear();
        let sent = self.now();
        let connection = &mut self.connections[client];
        for _ in 0..count {
            let stamp =
                Stamp { slice: self.slice, sender: connection.listener.id, seq: connection.sent, sent };
            message::put(&mut self.outgoing, stamp, self.population.frame);
            connection.sent += 1;
        }
        connection.send(&self.outgoing, &mut self.record);
    }

    /// Messages sent in this slice.
    pub(crate) fn sent(&self) -> u64 {
        self.senders.iter().map(|sender| u64::from(self.connections[*sender].sent)).sum()
    }
}
