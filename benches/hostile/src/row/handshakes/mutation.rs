//! Requests to start from, and what is done to them.

use std::net::SocketAddr;

use hallway_harness::Random;

use crate::client::request as handshake;

/// Rooms that they ask for: few, so that some meet.
const ROOMS: usize = 50;

/// A request that was left as it is, or mutated up to three times.
pub(super) fn request(random: &mut Random, address: SocketAddr) -> Vec<u8> {
    let mut bytes = original(random, address);
    for _ in 0..random.below(4) {
        mutate(random, &mut bytes);
    }
    bytes
}

fn original(random: &mut Random, address: SocketAddr) -> Vec<u8> {
    let join = |random: &mut Random| handshake(address, &format!("r{}", random.below(ROOMS)), "mallory");
    let plain = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    match random.below(16) {
        0 => plain("GET", "/").into_bytes(),
        1 => plain("HEAD", "/healthz").into_bytes(),
        2 => plain("POST", "/chat").into_bytes(),
        3 => join(random).replace("HTTP/1.1", "HTTP/1.0").into_bytes(),
        4 => TLS_HELLO.to_vec(),
        5 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
        6 => join(random)
            .replace("\r\nUpgrade", "\r\nOrigin: http://elsewhere.example\r\nUpgrade")
            .into_bytes(),
        _ => join(random).into_bytes(),
    }
}

/// The begin of a hello of TLS 1.2 (RFC 8446 section 5.1), and of one that wants to know more than is there.
const TLS_HELLO: &[u8] =
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\0\x01\x02\x03\x04\x05\x06\x07\x08\x09";

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    match random.below(12) {
        // Bytes flipped.
        0 => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
        // Bytes replaced by any other.
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.byte();
            }
        }
        // Cut.
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(..at)),
        // Doubled, in whole or in part.
        4 => bytes.extend_from_within(..),
        5 => bytes.extend_from_within(at..),
        // CR LF and a header of the client's making, raw and percent-encoded.
        6 => insert(bytes, at, b"\r\nX-Injected: yes\r\n"),
        7 => insert_into_query(bytes, b"%0d%0aX-Injected:%20yes%0D%0A%00%ff"),
        // Headers repeated and removed.
        8 => change_header(random, bytes, true),
        9 => change_header(random, bytes, false),
        // Frames, or what might be some, behind the request.
        10 => bytes.extend((0..random.below(64)).map(|_| random.byte())),
        // More than a head may have.
        _ if random.below(2) == 0 => {
            insert_header(bytes, &[b"X: ", &vec![b'x'; 9_000][..], b"\r\n"].concat());
        }
        _ => insert_header(bytes, &b"X: y\r\n".repeat(70)),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}

fn insert_into_query(bytes: &mut Vec<u8>, what: &[u8]) {
    if let Some(equals) = bytes.iter().position(|byte| *byte == b'=') {
        insert(bytes, equals + 1, what);
    }
}

/// Behind the first line.
fn insert_header(bytes: &mut Vec<u8>, what: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    insert(bytes, end, what);
}

/// Repeats one of the lines, or takes it out.
fn change_header(random: &mut Random, bytes: &mut Vec<u8>, is_repeated: bool) {
    let mut lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = random.below(lines.len());
    if is_repeated && at < lines.len() {
        lines.insert(at, lines[at].clone());
    } else if at < lines.len() {
        lines.remove(at);
    }
    *bytes = lines.concat();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_requests_and_another_seed_makes_others() {
        let requests = |seed| {
            let mut random = Random::new(seed);
            (0..100).map(|_| request(&mut random, ([127, 0, 0, 1], 80).into())).collect::<Vec<_>>()
        };
        assert_eq!(requests(1), requests(1));
        assert_ne!(requests(1), requests(2));
    }
}
