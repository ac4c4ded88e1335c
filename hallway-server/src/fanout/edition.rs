//! What a room says, in one dialect: where its batches form, and the log of them for all who speak it.

use std::{ops::RangeInclusive, sync::Arc};

use hallway_core::{
    Chat, Event,
    log::{Cursor, Log, Missed},
};
use tokio_tungstenite::tungstenite::Bytes;

use super::batch::{BATCH_BYTES, Batch, Encoder};
use crate::dialect::Dialect;

/// Begun with the first of a room's members that speaks its dialect, and ended with the last.
#[derive(Debug)]
pub(super) struct Edition {
    pub(super) log: Log<Batch>,
    encoder: Encoder,
    /// The place in the room's sequence of the message before the log's first.
    seq_before: u64,
    members: usize,
    /// The newest replay, where it is short, and its frames: for all who join before the next message.
    replay: Option<(Arc<[Arc<Chat>]>, Bytes)>,
}

/// The editions of a room.
#[derive(Debug)]
pub(super) struct Editions {
    /// Boxed: nearly every room has one.
    all: [Option<Box<Edition>>; Dialect::COUNT],
    log_bytes: usize,
    /// How many batches were sealed, in all of them.
    pub(super) sealed: u64,
}

impl Edition {
    /// Of what the room says behind this place in its sequence; keeps `log_bytes` for members that are behind.
    pub(super) fn new(dialect: Dialect, seq_before: u64, log_bytes: usize) -> Self {
        let encoder = Encoder::new(dialect, BATCH_BYTES.min(log_bytes / 4));
        Self { log: Log::new(log_bytes), encoder, seq_before, members: 0, replay: None }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.encoder.dialect()
    }

    /// A place for a member, behind all that is sealed.
    pub(super) fn subscribe(&mut self) -> Cursor<Batch> {
        self.members += 1;
        self.log.subscribe()
    }

    /// Appends an event; says whether that sealed a batch.
    pub(super) fn push(&mut self, event: &Event) -> bool {
        if matches!(event, Event::Chat(_)) {
            // Of no use to anybody who joins from now on.
            self.replay = None;
        }
        self.encoder.push(event);
        self.encoder.is_full() && self.seal()
    }

    /// Seals what there is; says whether there was something.
    pub(super) fn seal(&mut self) -> bool {
        let is_something = !self.encoder.is_empty();
        if is_something {
            self.log.push(self.encoder.seal());
        }
        is_something
    }

    /// Moves a member that was overtaken behind the gap, and says which messages it missed; nothing where it lost none.
    pub(super) fn skip_dropped(&self, cursor: &mut Cursor<Batch>) -> Option<RangeInclusive<u64>> {
        let seq = self.seq_before + cursor.messages();
        let Missed(count) = self.log.skip_dropped(cursor)?;
        Some(seq + 1..=seq + count)
    }

    /// The frames of a short replay, encoded once for all who join between two messages. A long one is encoded piece by
    /// piece as it is taken.
    pub(super) fn encoded(&mut self, history: &Arc<[Arc<Chat>]>) -> Option<Bytes> {
        if history.is_empty() {
            return Some(Bytes::new());
        }
        if let Some((last, frames)) = &self.replay
            && Arc::ptr_eq(last, history)
        {
            return Some(frames.clone());
        }
        if history.iter().map(|chat| chat.text.len()).sum::<usize>() > SHORT_REPLAY_BYTES {
            return None;
        }
        let mut encoder = Encoder::new(self.dialect(), usize::MAX);
        encoder.extend(history.iter().cloned().map(Event::Chat));
        let frames = encoder.seal().frames;
        self.replay = Some((Arc::clone(history), frames.clone()));
        Some(frames)
    }
}

impl Editions {
    pub(super) fn new(log_bytes: usize) -> Self {
        Self { all: [const { None }; Dialect::COUNT], log_bytes, sealed: 0 }
    }

    /// That of a dialect, while somebody speaks it.
    pub(super) fn get(&mut self, dialect: Dialect) -> Option<&mut Edition> {
        self.all[dialect.index()].as_deref_mut()
    }

    /// That of a dialect, which begins behind this place where nobody spoke it so far.
    pub(super) fn begin(&mut self, dialect: Dialect, seq_before: u64) -> &mut Edition {
        let log_bytes = self.log_bytes;
        self.all[dialect.index()]
            .get_or_insert_with(|| Box::new(Edition::new(dialect, seq_before, log_bytes)))
    }

    /// Gives up a member's place.
    pub(super) fn unsubscribe(&mut self, dialect: Dialect, cursor: &Cursor<Batch>) {
        let edition = &mut self.all[dialect.index()];
        if let Some(begun) = edition {
            begun.log.unsubscribe(cursor);
            begun.members -= 1;
            if begun.members == 0 {
                *edition = None;
            }
        }
    }

    pub(super) fn push(&mut self, event: &Event) {
        for edition in self.all.iter_mut().flatten() {
            self.sealed += u64::from(edition.push(event));
        }
    }

    /// The messages at these places were lost to everybody.
    pub(super) fn push_missed(&mut self, places: &RangeInclusive<u64>) {
        for edition in self.all.iter_mut().flatten() {
            edition.encoder.push_missed(places);
        }
    }

    pub(super) fn seal(&mut self) {
        for edition in self.all.iter_mut().flatten() {
            self.sealed += u64::from(edition.seal());
        }
    }

    /// Whether there is something that is not sealed.
    pub(super) fn is_forming(&self) -> bool {
        self.all.iter().flatten().any(|edition| !edition.encoder.is_empty())
    }

    /// Bytes of what is kept for members that have not come to it.
    pub(super) fn bytes(&self) -> usize {
        self.all.iter().flatten().map(|edition| edition.log.bytes()).sum()
    }

    /// Whether one of the logs holds more than its bound.
    pub(super) fn is_over_bound(&self) -> bool {
        self.all.iter().flatten().any(|edition| edition.log.is_over_bound())
    }

    pub(super) fn trim(&mut self) {
        self.all.iter_mut().flatten().for_each(|edition| edition.log.trim());
    }

    /// Gives up half of what each log holds, but no more than leaves it `least` bytes.
    pub(super) fn halve(&mut self, least: usize) {
        for edition in self.all.iter_mut().flatten() {
            let half = edition.log.bytes() / 2;
            edition.log.trim_to(half.max(least));
        }
    }
}

/// Texts of a replay that is encoded in one piece. It is kept until the next message, and by each joiner that does not
/// read.
const SHORT_REPLAY_BYTES: usize = 32 << 10;
