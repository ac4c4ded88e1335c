//! What a message says of itself, so that whoever receives it can tell which one it is and how long it took.

use crate::wire;

/// The begin of a chat frame's payload, up to the name.
const BEFORE_NAME: &[u8] = br#"{"type":"chatMessage","payload":{"username":""#;
const BEFORE_TEXT: &[u8] = br#"","message":""#;
const END: &[u8] = br#""}}"#;

/// The begin of a message's payload as it is sent.
const SENT: &[u8] = br#"{"type":"chatMessage","payload":{"message":""#;

/// Bytes of a name: `c` and seven digits of the sender's number.
const NAME: usize = 8;

/// Which message this is; the first 40 characters of its text, hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    /// The slice it was sent in: what the history replays is told apart by this.
    pub(crate) slice: u32,
    pub(crate) sender: u32,
    /// 0, 1, 2, … for each sender in each slice.
    pub(crate) seq: u32,
    /// When it was sent: nanoseconds of the client's clock.
    pub(crate) sent: u64,
}

const STAMP: usize = 8 + 8 + 8 + 16;

/// The name under which a client joins.
pub(crate) fn name(sender: u32) -> String {
    format!("c{sender:07}")
}

/// Appends a message as its sender sends it. What comes back has `frame` bytes, head included.
pub(crate) fn put(out: &mut Vec<u8>, stamp: Stamp, frame: usize) {
    let key = stamp.seq.wrapping_mul(0x9e37_79b9).to_ne_bytes();
    let start = wire::put_masked_head(out, wire::TEXT, key, SENT.len() + STAMP + padding(frame) + END.len());
    out.extend_from_slice(SENT);
    for (value, digits) in
        [(stamp.slice.into(), 8), (stamp.sender.into(), 8), (stamp.seq.into(), 8), (stamp.sent, 16)]
    {
        put_hex(out, value, digits);
    }
    out.resize(out.len() + padding(frame), b'.');
    out.extend_from_slice(END);
    wire::mask(&mut out[start..], key);
}

/// Whether the payload of a text frame is a chat message.
pub(crate) fn is_chat(payload: &[u8]) -> bool {
    payload.starts_with(BEFORE_NAME)
}

/// Reads the payload of a chat message; `None` if it is not, byte for byte, what its sender's message must become.
pub(crate) fn read(payload: &[u8], frame: usize) -> Option<Stamp> {
    let (name, rest) = payload.strip_prefix(BEFORE_NAME)?.split_at_checked(NAME)?;
    let (stamp, rest) = rest.strip_prefix(BEFORE_TEXT)?.split_at_checked(STAMP)?;
    let padding_sent = rest.strip_suffix(END)?;
    let number = |range| u64::from_str_radix(std::str::from_utf8(&stamp[range]).ok()?, 16).ok();
    let small = |range| u32::try_from(number(range)?).ok();
    let stamp =
        Stamp { slice: small(0..8)?, sender: small(8..16)?, seq: small(16..24)?, sent: number(24..40)? };
    let named = std::str::from_utf8(name).ok()?.strip_prefix('c')?.parse() == Ok(stamp.sender);
    let padded = padding_sent.len() == padding(frame) && padding_sent.iter().all(|byte| *byte == b'.');
    (named && padded).then_some(stamp)
}

/// Bytes that make a message of `frame` bytes out of a stamp.
fn padding(frame: usize) -> usize {
    // The head of a frame of 126 to 65,535 bytes has 4.
    frame - (4 + BEFORE_NAME.len() + NAME + BEFORE_TEXT.len() + STAMP + END.len())
}

fn put_hex(out: &mut Vec<u8>, value: u64, digits: u32) {
    for digit in (0..digits).rev() {
        let nibble = (value >> (4 * digit)) & 0xf;
        out.push(b"0123456789abcdef"[usize::from(nibble as u8)]);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The frame that a server makes of a message.
    pub(in crate::client) fn served(stamp: Stamp, frame: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        put(&mut sent, stamp, frame);
        let head = wire::Head::read(&sent).unwrap();
        let key = sent[head.len - 4..head.len].try_into().unwrap();
        wire::mask(&mut sent[head.len..], key);
        let text = &sent[head.len + SENT.len()..];
        let parts = [BEFORE_NAME, name(stamp.sender).as_bytes(), BEFORE_TEXT, text].concat();
        let mut frame = Vec::new();
        wire::put_head(&mut frame, wire::TEXT, parts.len());
        frame.extend_from_slice(&parts);
        frame
    }

    #[test]
    fn a_message_reads_back_and_its_frame_has_the_size_asked_for() {
        let stamp = Stamp { slice: 3, sender: 1_234, seq: 7, sent: u64::MAX - 1 };
        let frame = served(stamp, 182);
        assert_eq!(frame.len(), 182);
        assert_eq!(read(&frame[4..], 182), Some(stamp));
    }

    #[test]
    fn a_message_under_a_name_that_is_not_its_senders_is_no_message() {
        let mut frame = served(Stamp { slice: 3, sender: 1, seq: 7, sent: 9 }, 182);
        let at = wire::find(&frame, b"c0000001").unwrap();
        frame[at + 7] = b'2';
        assert_eq!(read(&frame[4..], 182), None);
    }
}
