//! Frames as the server sends them: text, whole and not masked.

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
