//! What is written: frames, encoded once, gathered into batches that go to every member as they are.

use std::{mem, ops::RangeInclusive};

use hallway_core::{Event, log::Item};
use tokio_tungstenite::tungstenite::Bytes;

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

/// One text frame.
pub(crate) fn text_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    push_text_frame(&mut frame, payload);
    frame
}

/// A whole, unmasked text frame (RFC 6455 section 5.2).
pub(crate) fn push_text_frame(frames: &mut Vec<u8>, payload: &[u8]) {
    const FIN_TEXT: u8 = 0x81;
    frames.push(FIN_TEXT);
    match payload.len() {
        length @ 0..=125 => frames.push(u8::try_from(length).expect("it is at most 125")),
        length @ 126..=0xffff => {
            frames.push(126);
            frames.extend_from_slice(&u16::try_from(length).expect("it is at most 65,535").to_be_bytes());
        }
        length => {
            frames.push(127);
            frames.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frames.extend_from_slice(payload);
}

/// Where the frame ends in which the byte at `position` is, in frames made here.
pub(crate) fn frame_end(frames: &[u8], position: usize) -> usize {
    let mut end = 0;
    while end <= position {
        let Some(length) = frame_length(&frames[end..]) else { return frames.len() };
        end += length;
    }
    end
}

/// Bytes of the frame that begins here.
fn frame_length(frame: &[u8]) -> Option<usize> {
    match frame {
        [_, 126, a, b, ..] => Some(4 + usize::from(u16::from_be_bytes([*a, *b]))),
        [_, 127, rest @ ..] => {
            let length = u64::from_be_bytes(*rest.first_chunk()?);
            Some(10 + usize::try_from(length).ok()?)
        }
        [_, length, ..] => Some(2 + usize::from(*length)),
        _ => None,
    }
}

/// Where a batch is sealed although there is more: so that a member whose socket is full keeps little beside the log.
pub(crate) const BATCH_BYTES: usize = 64 << 10;

/// What a batch takes beside its bytes, rounded up.
const BATCH_OVERHEAD_BYTES: usize = 128;
