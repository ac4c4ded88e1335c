//! The framing of RFC 6455 section 5: frames as a client sends them, and the heads of those it gets.

/// Of the first byte: the last fragment of its message. The opcodes (RFC 6455 section 11.8) are added to it.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;

/// Any key does: no server may look at how random it is.
const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// Appends a masked frame whose first byte is `first`.
pub(crate) fn put(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    put_head(out, first, payload.len() as u64);
    out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// Appends the head of a masked frame that announces so many bytes.
pub(crate) fn put_head(out: &mut Vec<u8>, first: u8, payload: u64) {
    out.push(first);
    if let Ok(short @ 0..126) = u8::try_from(payload) {
        out.push(0x80 + short);
    } else if let Ok(middle) = u16::try_from(payload) {
        out.push(0x80 + 126);
        out.extend_from_slice(&middle.to_be_bytes());
    } else {
        out.push(0x80 + 127);
        out.extend_from_slice(&payload.to_be_bytes());
    }
    out.extend_from_slice(&KEY);
}

/// The head of a frame as a server sends it.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    /// The first byte: FIN, reserved bits, opcode.
    pub(crate) first: u8,
    pub(crate) is_masked: bool,
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
        Some(Self { first, is_masked: second & 0x80 != 0, len, payload })
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
            assert_eq!((head.first, head.is_masked, head.payload), (FIN | TEXT, true, len));
            assert_eq!(frame.len(), head.len + KEY.len() + len);
        }
    }
}
