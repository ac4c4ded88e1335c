use proptest::{collection::vec, prelude::*};

use super::*;

/// A masked frame with this first byte, whatever its payload says.
fn frame(first: u8, length: usize) -> Vec<u8> {
    let mut frame = header(first, length as u64);
    frame.resize(frame.len() + length, 0xff);
    frame
}

fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..=125 => header.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xffff => {
            header.push(0xfe);
            header.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            header.push(0xff);
            header.extend(length.to_be_bytes());
        }
    }
    header.extend([1, 2, 3, 4]);
    header
}

const FIN: u8 = 0x80;

#[test]
fn a_message_over_the_limit_is_known_by_its_header_and_what_was_before_it_is_allowed() {
    let mut scan = FrameScan::new(1_000);
    let before = frame(FIN | TEXT, 1_000);
    let seen = scan.follow(&[before.clone(), header(FIN | TEXT, 1_001)].concat());
    assert_eq!(seen, Seen { allowed: before.len(), complete: 1, fragments: 0 });
    assert_eq!(scan.fault(), Some(Fault::TooLong));
    assert_eq!(scan.follow(b"more").allowed, 0);
}

#[test]
fn fragments_are_over_the_limit_with_the_header_that_exceeds_it() {
    let mut scan = FrameScan::new(1_000);
    let before = [frame(TEXT, 600), frame(FIN | PING, 125), frame(CONTINUATION, 400)].concat();
    assert_eq!(scan.follow(&before), Seen { allowed: before.len(), complete: 1, fragments: 2 });
    assert!(scan.is_in_message() && !scan.is_between_messages());
    scan.follow(&header(FIN | CONTINUATION, 1));
    assert_eq!(scan.fault(), Some(Fault::TooLong));
}

#[test]
fn the_largest_length_that_can_be_written_is_too_large() {
    let mut scan = FrameScan::new(usize::MAX);
    scan.follow(&frame(TEXT, 10));
    scan.follow(&header(FIN | CONTINUATION, u64::MAX));
    assert_eq!(scan.fault(), Some(Fault::TooLong));
}

#[test]
fn a_message_has_1024_frames_at_most_and_the_next_begins_anew() {
    let mut scan = FrameScan::new(1_000);
    for _ in 0..3 {
        scan.follow(&frame(TEXT, 0));
        scan.follow(&frame(CONTINUATION, 0).repeat(1_022));
        scan.follow(&frame(FIN | PING, 0));
        assert_eq!(scan.follow(&frame(FIN | CONTINUATION, 1)).complete, 1);
    }
    scan.follow(&frame(TEXT, 0));
    scan.follow(&frame(CONTINUATION, 0).repeat(1_023));
    assert_eq!(scan.fault(), None);
    assert_eq!(scan.follow(&frame(FIN | CONTINUATION, 0)).allowed, 0);
    assert_eq!(scan.fault(), Some(Fault::TooManyFrames));
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_refused() {
    for bytes in [
        &[FIN | TEXT, 0xfe, 0, 125][..],
        &[FIN | PING, 0xfe, 0, 1],
        &[FIN | TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
    ] {
        let mut scan = FrameScan::new(100_000);
        assert_eq!(scan.follow(&[bytes, &[1, 2, 3, 4]].concat()).allowed, 0);
        assert_eq!(scan.fault(), Some(Fault::Violation));
    }
    let mut scan = FrameScan::new(100_000);
    for length in [126, 0xffff, 0x1_0000] {
        assert_eq!(scan.follow(&frame(FIN | TEXT, length)).complete, 1);
    }
}

#[test]
fn what_a_header_alone_shows_to_be_wrong_is_refused_with_it() {
    let unfinished = frame(TEXT, 0);
    let unmasked = vec![FIN | TEXT, 100];
    for (before, bytes) in [
        (vec![], header(FIN | 0x3, 60_000)),
        (vec![], header(FIN | 0xb, 0)),
        (vec![], header(FIN | PING, 126)),
        (vec![], header(PING, 0)),
        (vec![], header(FIN | 0x40 | TEXT, 60_000)),
        (vec![], unmasked),
        (vec![], header(FIN | CONTINUATION, 60_000)),
        (unfinished, header(FIN | TEXT, 60_000)),
        // The sizes of a message are not those of a stray fragment behind it.
        (frame(FIN | TEXT, 65_000), header(FIN | CONTINUATION, 60_000)),
    ] {
        let mut scan = FrameScan::new(1 << 16);
        assert_eq!(scan.follow(&[&before[..], &bytes].concat()).allowed, before.len());
        assert_eq!(scan.fault(), Some(Fault::Violation));
    }
}

proptest! {
    /// In whatever pieces they come: a message is complete with its last byte, and not before.
    #[test]
    fn messages_are_counted_with_their_last_byte(
        messages in vec(vec(0_usize..300, 1..4), 1..10),
        mut cuts in vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut bytes = Vec::new();
        let mut ends = Vec::new();
        for fragments in &messages {
            for (index, length) in fragments.iter().enumerate() {
                let opcode = if index == 0 { TEXT } else { CONTINUATION };
                let fin = if index + 1 == fragments.len() { FIN } else { 0 };
                bytes.extend(frame(fin | opcode, *length));
            }
            ends.push(bytes.len());
        }
        cuts.sort_by_key(|cut| cut.index(bytes.len() + 1));
        let mut scan = FrameScan::new(10_000);
        let (mut at, mut complete) = (0, 0);
        for to in cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([bytes.len()]) {
            let seen = scan.follow(&bytes[at..to]);
            prop_assert_eq!(seen.allowed, to - at);
            complete += seen.complete as usize;
            at = to;
            prop_assert_eq!(complete, ends.iter().filter(|end| **end <= at).count());
            prop_assert_eq!(scan.is_between_messages(), at == 0 || ends.contains(&at));
        }
    }
}
