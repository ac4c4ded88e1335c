//! What is written: frames, encoded once, gathered into batches that go to every member as they are.

use std::{mem, ops::RangeInclusive};

use hallway_core::{Event, log::Item};
use tokio_tungstenite::tungstenite::Bytes;

use super::frames::push_text_frame;
use crate::dialect::{Dialect, Writer};

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
    writer: Writer,
    frames: Vec<u8>,
    json: Vec<u8>,
    chats: u64,
    missed: u64,
    count: Option<(usize, usize)>,
}

impl Encoder {
    /// An encoder of batches that are full at `full` bytes.
    pub(super) fn new(dialect: Dialect, full: usize) -> Self {
        let writer = Writer::new(dialect);
        Self { full, writer, frames: Vec::new(), json: Vec::new(), chats: 0, missed: 0, count: None }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.writer.dialect()
    }

    /// Appends an event's frame, if it has one.
    pub(super) fn push(&mut self, event: &Event) {
        let start = self.frames.len();
        self.json.clear();
        self.writer.event(event, &mut self.json);
        if !self.json.is_empty() {
            push_text_frame(&mut self.frames, &self.json);
        }
        match event {
            Event::Chat(_) => self.chats += 1,
            Event::Count(_) => self.count = Some((start, self.frames.len())),
            Event::Joined(_) | Event::Left(_) | Event::OthersJoined(_) | Event::OthersLeft(_) => {}
        }
    }

    /// Appends the frame that says that these messages are lost.
    pub(super) fn push_missed(&mut self, places: &RangeInclusive<u64>) {
        let json = self.dialect().missed(places);
        push_text_frame(&mut self.frames, &json);
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
        let frames = Bytes::copy_from_slice(&self.frames);
        let count = self.count.take().map(|(start, end)| frames.slice(start..end));
        self.frames.clear();
        // A burst of the largest messages must not leave the room with its buffer for ever.
        self.frames.shrink_to(2 * BATCH_BYTES);
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
