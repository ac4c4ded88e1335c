//! What is written: frames, encoded once, gathered into batches that go to every member as they are.

use std::{mem, ops::RangeInclusive};

use hallway_core::{Event, log::Item};
use tokio_tungstenite::tungstenite::Bytes;

use super::frames::Frames;
use crate::dialect::Dialect;

/// Whole frames, sealed. Server frames are not masked (RFC 6455 section 5.1), so the same bytes serve all members.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) frames: Bytes,
    /// Chat messages in it, and those that it says were lost before they could be.
    pub(super) chats: u64,
    missed: u64,
    /// The frame of the newest count in it.
    count: Option<Bytes>,
}

/// Where a batch forms.
#[derive(Debug)]
pub(super) struct Encoder {
    full: usize,
    frames: Frames,
    chats: u64,
    missed: u64,
    count: Option<(usize, usize)>,
}

impl Encoder {
    /// An encoder of batches that are full at `full` bytes.
    pub(super) fn new(dialect: Dialect, full: usize) -> Self {
        Self { full, frames: Frames::new(dialect), chats: 0, missed: 0, count: None }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.frames.dialect()
    }

    /// Appends an event's frame, if it has one.
    pub(super) fn push(&mut self, event: &Event) {
        let start = self.frames.len();
        self.frames.event(event);
        match event {
            Event::Chat(_) => self.chats += 1,
            Event::Count(_) => self.count = Some((start, self.frames.len())),
            Event::Joined(_) | Event::Left(_) | Event::OthersJoined(_) | Event::OthersLeft(_) => {}
        }
    }

    /// Appends the frame that says that these messages are lost.
    pub(super) fn push_missed(&mut self, places: &RangeInclusive<u64>) {
        let json = self.dialect().missed(places);
        self.frames.push(&json);
        self.missed += (places.end() + 1).saturating_sub(*places.start());
    }

    /// Appends the frames of several events.
    pub(super) fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.push(&event);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether it has as much as should go out in one batch.
    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= self.full
    }

    /// Ends the batch; the next one begins empty.
    pub(super) fn seal(&mut self) -> Batch {
        // A burst of the largest messages must not leave the room with its buffer for ever.
        let frames = self.frames.seal(2 * BATCH_BYTES);
        let count = self.count.take().map(|(start, end)| frames.slice(start..end));
        Batch { frames, chats: mem::take(&mut self.chats), missed: mem::take(&mut self.missed), count }
    }
}

impl Item for Batch {
    fn bytes(&self) -> usize {
        self.frames.len() + BATCH_OVERHEAD_BYTES
    }

    /// Those lost before it included, so that who misses it is told of them too, and the places of all that follow are
    /// known.
    fn messages(&self) -> u64 {
        self.chats + self.missed
    }

    fn remains(&self) -> Option<Self> {
        let count = self.count.clone()?;
        // Copied: a slice would keep the whole batch.
        Some(Self { frames: Bytes::copy_from_slice(&count), chats: 0, missed: 0, count: None })
    }
}

/// Where a batch is sealed although there is more: so that a member whose socket is full keeps little beside the log.
pub(crate) const BATCH_BYTES: usize = 64 << 10;

/// What a batch takes beside its bytes, rounded up.
const BATCH_OVERHEAD_BYTES: usize = 128;
