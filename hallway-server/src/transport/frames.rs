//! Follows the frames in what a client sends, by their headers alone (RFC 6455 section 5.2).
//!
//! The WebSocket behind it learns of a message's length with the payload; here it is known with the header, for the
//! fragments of a message together.

/// Where a stream of frames is.
#[derive(Debug)]
pub(crate) struct FrameScan {
    /// What is in of a header.
    header: [u8; MAX_HEADER_BYTES],
    header_bytes: u8,
    /// The frame under way is the last of its message, or a control frame.
    is_last: bool,
    is_control: bool,
    /// A message has begun whose last frame has not.
    is_in_message: bool,
    state: State,
    /// Bytes of the frame under way that are still to come.
    payload_left: u32,
    /// Bytes that the message under way has announced.
    message_bytes: u32,
    /// Frames of the message under way.
    message_frames: u16,
    max_message_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Followed,
    /// The next frame is not let through.
    Refused(Fault),
    /// Followed no further.
    Lost,
}

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its message would have more bytes than it may have.
    TooLong,
    /// Its message has as many frames as it may have.
    TooManyFrames,
    /// It breaks RFC 6455, as its header alone shows.
    Violation,
}

/// What there is in some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many of the bytes may be read: those before the header of a frame that is refused.
    pub(crate) allowed: usize,
    /// Messages and control frames whose last byte is among them.
    pub(crate) complete: u32,
    /// Frames that are not the last of their message.
    pub(crate) fragments: u32,
}

impl FrameScan {
    /// At the beginning of a stream whose messages may have so many bytes.
    pub(crate) fn new(max_message_bytes: usize) -> Self {
        Self {
            header: [0; MAX_HEADER_BYTES],
            header_bytes: 0,
            is_last: false,
            is_control: false,
            is_in_message: false,
            state: State::Followed,
            payload_left: 0,
            message_bytes: 0,
            message_frames: 0,
            max_message_bytes: u32::try_from(max_message_bytes).unwrap_or(u32::MAX),
        }
    }

    /// Why the next frame is refused, if it is. Everything before it was allowed.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.state {
            State::Refused(fault) => Some(fault),
            State::Followed | State::Lost => None,
        }
    }

    /// Follows no further, and allows everything.
    pub(crate) fn give_up(&mut self) {
        self.state = State::Lost;
    }

    /// Whether the last message or control frame is whole, and no other has begun.
    pub(crate) fn is_between_messages(&self) -> bool {
        self.state == State::Followed
            && !self.is_in_message
            && self.header_bytes == 0
            && self.payload_left == 0
    }

    /// Whether a message has begun that is not whole, as far as can be told.
    pub(crate) fn is_in_message(&self) -> bool {
        self.state != State::Lost && (self.is_in_message || self.payload_left > 0)
    }

    /// Follows the next bytes.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        let mut rest = bytes;
        while !rest.is_empty() && self.state == State::Followed {
            if self.payload_left > 0 {
                let count = rest.len().min(self.payload_left as usize);
                rest = &rest[count..];
                self.payload_left -= u32::try_from(count).expect("it is at most the rest of a payload");
            } else {
                let needed = self.header_length() - usize::from(self.header_bytes);
                let (part, behind) = rest.split_at(needed.min(rest.len()));
                self.header[usize::from(self.header_bytes)..][..part.len()].copy_from_slice(part);
                self.header_bytes += u8::try_from(part.len()).expect("a header is short");
                if usize::from(self.header_bytes) < self.header_length() {
                    rest = behind;
                    continue;
                }
                self.begin_frame();
                if self.fault().is_some() {
                    break;
                }
                rest = behind;
                seen.fragments += u32::from(!self.is_last);
            }
            seen.allowed = bytes.len() - rest.len();
            if self.payload_left == 0 && self.is_last {
                seen.complete += 1;
                // A control frame may come between the fragments of a message.
                self.is_in_message = self.is_in_message && self.is_control;
            }
        }
        if self.fault().is_none() {
            seen.allowed = bytes.len();
        }
        seen
    }

    /// Of the header under way, as far as is known yet.
    fn header_length(&self) -> usize {
        if self.header_bytes < 2 {
            return 2;
        }
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        let length = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + mask
    }

    fn begin_frame(&mut self) {
        self.header_bytes = 0;
        let [first, second, ..] = self.header;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => u64::from_be_bytes(*self.header[2..].first_chunk().expect("a header has 14 bytes")),
            short => u64::from(short),
        };
        let is_final = first & 0x80 != 0;
        let opcode = first & 0x0f;
        self.is_control = opcode & 0x8 != 0;
        self.is_last = is_final || self.is_control;
        let is_allowed = match opcode {
            CONTINUATION => self.is_in_message,
            TEXT | BINARY => !self.is_in_message,
            CLOSE | PING | PONG => is_final && length <= 125,
            _ => false,
        };
        let is_longer_than_needed = matches!((second & 0x7f, length), (126, 0..=125) | (127, 0..=0xffff));
        let (has_reserved_bits, is_masked) = (first & 0x70 != 0, second & 0x80 != 0);
        if !is_allowed || is_longer_than_needed || has_reserved_bits || !is_masked {
            self.state = State::Refused(Fault::Violation);
            return;
        }
        if !self.is_control {
            if opcode != CONTINUATION {
                (self.message_bytes, self.message_frames) = (0, 0);
            }
            let bytes = u64::from(self.message_bytes).saturating_add(length);
            if bytes > u64::from(self.max_message_bytes) {
                self.state = State::Refused(Fault::TooLong);
                return;
            }
            if self.message_frames == MAX_MESSAGE_FRAMES {
                self.state = State::Refused(Fault::TooManyFrames);
                return;
            }
            self.message_bytes = u32::try_from(bytes).expect("it is at most the limit");
            self.message_frames += 1;
            self.is_in_message = true;
        }
        self.payload_left = u32::try_from(length).expect("it is at most the limit, or 125");
    }
}

/// Frames of one message. Without a limit somebody could go on with one for ever, at the cost of a core (RFC 6455 section
/// 10.4). Clients send one frame; what stands between may divide it, by its buffers.
pub(super) const MAX_MESSAGE_FRAMES: u16 = 1_024;

const MAX_HEADER_BYTES: usize = 14;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

#[cfg(test)]
mod tests;
