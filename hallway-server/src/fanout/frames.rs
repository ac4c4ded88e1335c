//! Frames as the server sends them: text, whole and not masked.

use std::mem;

use hallway_core::Event;
use tokio_tungstenite::tungstenite::Bytes;

use crate::dialect::{Dialect, Writer};

/// Frames of one dialect, one behind the other.
#[derive(Debug)]
pub(crate) struct Frames {
    writer: Writer,
    json: Vec<u8>,
    bytes: Vec<u8>,
}

impl Frames {
    /// None so far.
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { writer: Writer::new(dialect), json: Vec::new(), bytes: Vec::new() }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.writer.dialect()
    }

    /// Appends the frame of what is written. The dialect may have nothing to write, and then there is no frame.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Writer, &mut Vec<u8>)) {
        self.json.clear();
        write(&mut self.writer, &mut self.json);
        if !self.json.is_empty() {
            push_text_frame(&mut self.bytes, &self.json);
        }
    }

    /// Appends an event's frame, if it has one.
    pub(crate) fn event(&mut self, event: &Event) {
        self.write(|writer, json| writer.event(event, json));
    }

    /// Appends the frame of what the dialect has written already.
    pub(crate) fn push(&mut self, json: &[u8]) {
        push_text_frame(&mut self.bytes, json);
    }

    /// Their length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes them out, and what they are in.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        mem::take(&mut self.bytes)
    }

    /// Takes them out, and keeps `kept` bytes of what they are in for those to come.
    pub(super) fn seal(&mut self, kept: usize) -> Bytes {
        let sealed = Bytes::copy_from_slice(&self.bytes);
        self.bytes.clear();
        self.bytes.shrink_to(kept);
        sealed
    }
}

/// One text frame.
pub(crate) fn text_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    push_text_frame(&mut frame, payload);
    frame
}

/// A whole, unmasked text frame (RFC 6455 section 5.2).
fn push_text_frame(frames: &mut Vec<u8>, payload: &[u8]) {
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
