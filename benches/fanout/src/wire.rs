//! The WebSocket framing (RFC 6455 section 5) that the floor and the client need: heads, masks, whole frames.

/// Opcode of a text frame (RFC 6455 section 11.8), as the ones that follow.
pub(crate) const TEXT: u8 = 1;
/// Opcode of a binary frame.
pub(crate) const BINARY: u8 = 2;
/// Opcode of a Close.
pub(crate) const CLOSE: u8 = 8;
/// Opcode of a Ping.
pub(crate) const PING: u8 = 9;
/// Opcode of a Pong.
pub(crate) const PONG: u8 = 10;

/// What the first bytes of a frame say.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    /// Bytes before the payload, the masking key included.
    pub(crate) len: usize,
    /// Bytes of the payload.
    pub(crate) payload: usize,
}

impl Head {
    /// Reads a head; `None` while it is not complete.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, second, ..] = bytes else { return None };
        let (len, payload) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
            127 => {
                let long = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
                // Longer than memory is as good as endless: it never becomes complete.
                (10, usize::try_from(long).unwrap_or(usize::MAX / 2))
            }
            short => (2, usize::from(short)),
        };
        let masked = second & 0x80 != 0;
        Some(Self { opcode: first & 0x0f, masked, len: len + if masked { 4 } else { 0 }, payload })
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame(self) -> usize {
        self.len + self.payload
    }
}

/// Appends the head of an unmasked, final frame.
pub(crate) fn put_head(out: &mut Vec<u8>, opcode: u8, payload: usize) {
    head(out, opcode, payload, 0);
}

/// Appends a final frame as a client sends it: masked with `key`.
pub(crate) fn put_masked(out: &mut Vec<u8>, opcode: u8, key: [u8; 4], payload: &[u8]) {
    let start = put_masked_head(out, opcode, key, payload.len());
    out.extend_from_slice(payload);
    mask(&mut out[start..], key);
}

/// Appends the head of such a frame; says where its payload, to be masked, begins.
pub(crate) fn put_masked_head(out: &mut Vec<u8>, opcode: u8, key: [u8; 4], payload: usize) -> usize {
    head(out, opcode, payload, 0x80);
    out.extend_from_slice(&key);
    out.len()
}

fn head(out: &mut Vec<u8>, opcode: u8, payload: usize, mask_bit: u8) {
    out.push(0x80 | opcode);
    if let Ok(short @ 0..126) = u8::try_from(payload) {
        out.push(mask_bit + short);
    } else if let Ok(middle) = u16::try_from(payload) {
        out.push(mask_bit + 126);
        out.extend_from_slice(&middle.to_be_bytes());
    } else {
        out.push(mask_bit + 127);
        out.extend_from_slice(&(payload as u64).to_be_bytes());
    }
}

/// Masks a payload, or takes the mask off: eight bytes at a time.
pub(crate) fn mask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Where `needle` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut from = 0;
    loop {
        from += bytes.get(from..)?.iter().position(|byte| byte == first)? + 1;
        if bytes[from..].starts_with(rest) {
            return Some(from - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_frame_reads_back_at_every_length_of_head() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![7; len];
            let mut frame = Vec::new();
            put_masked(&mut frame, TEXT, [1, 2, 3, 4], &payload);
            let head = Head::read(&frame).unwrap();
            assert_eq!(
                (head.opcode, head.masked, head.payload, head.frame()),
                (TEXT, true, len, frame.len())
            );
            mask(&mut frame[head.len..], [1, 2, 3, 4]);
            assert_eq!(frame[head.len..], payload);
        }
    }
}
