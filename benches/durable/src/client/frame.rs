//! The framing of RFC 6455 section 5: frames as a client sends them, and the heads of those it gets.

/// Of the first byte: the last fragment of its message. The opcodes (RFC 6455 section 11.8) are added to it.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;

/// Any key does: no server may look at how random it is. Under this one the payload is masked as it stands, so that it
/// costs this program nothing.
const KEY: [u8; 4] = [0; 4];

/// Appends a masked frame whose first byte is `first`.
pub(crate) fn put(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    if let Ok(short @ 0..126) = u8::try_from(payload.len()) {
        out.push(0x80 + short);
    } else if let Ok(middle) = u16::try_from(payload.len()) {
        out.push(0x80 + 126);
        out.extend_from_slice(&middle.to_be_bytes());
    } else {
        out.push(0x80 + 127);
        out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(&KEY);
    out.extend_from_slice(payload);
}

/// The head of a frame as a server sends it.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    /// The first byte: FIN, reserved bits, opcode.
    pub(crate) first: u8,
    /// Bytes before the payload.
    pub(crate) len: usize,
    pub(crate) payload: usize,
}

impl Head {
    /// Nothing while it is not complete.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, second, ..] = bytes else { return None };
        let (len, payload) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
            short => (2, usize::from(short)),
        };
        Some(Self { first, len, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_head_of_its_length() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let mut frame = Vec::new();
            put(&mut frame, FIN | TEXT, &vec![7; len]);
            let head = Head::read(&frame).unwrap();
            assert_eq!((head.first, head.payload), (FIN | TEXT, len));
            assert_eq!(frame.len(), head.len + KEY.len() + len);
        }
    }
}
