//! What breaks the protocol ends the connection with the code that says why, and others hear that its member left.

mod common;

use common::{
    BINARY, CLOSE, CONTINUATION, Client, FIN, Frame, PING, PONG, SECOND, Server, TEXT, chat, close, count,
    header, joined, left, masked, said,
};
use tokio::{io::AsyncWriteExt, time::timeout};

/// A client that sends this is closed with this code, without a reset, and bob hears that it left, once.
async fn is_closed_with(code: u16, cases: &[(&str, Vec<u8>)]) {
    let server = Server::start().await;
    let mut bob = Client::join(&server, "bob").await;
    for (case, bytes) in cases {
        eprintln!("{case}");
        let mut mallory = Client::join(&server, "mallory").await;
        bob.hears(&[count(2), joined("mallory")]).await;
        mallory.send(bytes).await;
        mallory.closed_with(code).await;
        bob.hears(&[count(1), left("mallory")]).await;
    }
    bob.say("and that is all").await;
    bob.hears(&[chat("bob", "and that is all")]).await;
}

/// The frame as a server would send it.
fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let short = u8::try_from(payload.len()).expect("a short one");
    [&[first, short], payload].concat()
}

#[tokio::test]
async fn a_binary_message_is_closed_with_1003() {
    is_closed_with(
        1003,
        &[
            ("text in binary", masked(FIN | BINARY, said("m"))),
            ("an empty one", masked(FIN | BINARY, "")),
            ("in fragments", [masked(BINARY, "a"), masked(FIN | CONTINUATION, "b")].concat()),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_closed_with_1009_as_soon_as_its_header_says_so() {
    is_closed_with(
        1009,
        &[
            ("one byte more", header(FIN | TEXT, (64 << 10) + 1)),
            ("a first fragment", header(TEXT, (64 << 10) + 1)),
            ("binary", header(FIN | BINARY, 1 << 20)),
            ("4 GiB", header(FIN | TEXT, 4 << 30)),
            ("the largest there is", header(FIN | TEXT, u64::MAX >> 1)),
            ("the largest that can be written", header(FIN | TEXT, u64::MAX)),
        ],
    )
    .await;
}

#[tokio::test]
async fn fragments_that_are_over_the_limit_together_are_closed_with_1009() {
    let half = "x".repeat(33 << 10);
    let small: Vec<u8> = (0..66).flat_map(|_| masked(CONTINUATION, "x".repeat(1 << 10))).collect();
    is_closed_with(
        1009,
        &[
            ("two", [masked(TEXT, &half), masked(FIN | CONTINUATION, &half)].concat()),
            (
                "two, by the header of the second",
                [masked(TEXT, &half), header(CONTINUATION, 33 << 10)].concat(),
            ),
            ("many that are empty, and the rest at once", {
                let empty = masked(CONTINUATION, "").repeat(1_000);
                [masked(TEXT, &half), empty, header(FIN | CONTINUATION, 33 << 10)].concat()
            }),
            ("two and no end", [masked(TEXT, &half), masked(CONTINUATION, &half)].concat()),
            ("many", [masked(TEXT, ""), small].concat()),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_message_in_more_than_1024_frames_is_closed_with_1008() {
    let endless = [masked(TEXT, ""), masked(CONTINUATION, "").repeat(1_024)].concat();
    is_closed_with(1008, &[("empty ones", endless)]).await;

    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    let message = said("in 1,024 frames");
    let (first, rest) = message.split_at(10);
    let empty = masked(CONTINUATION, "").repeat(1_022);
    alice.send([masked(TEXT, first), empty, masked(FIN | CONTINUATION, rest)].concat()).await;
    alice.hears(&[chat("alice", "in 1,024 frames")]).await;
}

#[tokio::test]
async fn the_limit_is_the_hubs() {
    let server = Server::with(|hub, _| hub.max_message_bytes = 1_000).await;
    let mut alice = Client::join(&server, "alice").await;
    let message = "x".repeat(1_000 - said("").len());
    alice.say(&message).await;
    alice.hears(&[chat("alice", &message)]).await;
    alice.send(header(FIN | TEXT, 1_001)).await;
    alice.closed_with(1009).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_is_closed_with_1007() {
    let fragments =
        |first: &[u8], second: &[u8]| [masked(TEXT, first), masked(CONTINUATION, second)].concat();
    is_closed_with(
        1007,
        &[
            ("a byte of no character", masked(FIN | TEXT, b"{\"a\":\"\xff\"}")),
            ("a character cut short", masked(FIN | TEXT, b"\xe2\x82")),
            ("half of a surrogate pair", masked(FIN | TEXT, b"\xed\xa0\x80")),
            ("an overlong form", masked(FIN | TEXT, b"\xc0\x80")),
            ("in a first fragment", masked(TEXT, b"\xff")),
            ("in a later fragment", fragments(b"ok", b"\xff")),
            ("split over two fragments", fragments(b"\xc3", b"\x28")),
            ("cut short at the end", [masked(TEXT, b"\xc3"), masked(FIN | CONTINUATION, "")].concat()),
            ("in the reason of a Close", masked(FIN | CLOSE, b"\x03\xe8\xff")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_violation_of_rfc_6455_is_closed_with_1002() {
    is_closed_with(
        1002,
        &[
            ("an unmasked text", unmasked(FIN | TEXT, said("m").as_bytes())),
            ("a length in more bytes than it needs", vec![FIN | TEXT, 0xfe, 0, 5, 1, 2, 3, 4]),
            ("the same of a ping", vec![FIN | PING, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4]),
            ("an unmasked ping", unmasked(FIN | PING, b"")),
            ("an unmasked Close", unmasked(FIN | CLOSE, b"\x03\xe8")),
            ("the first reserved bit", masked(FIN | 0x40 | TEXT, said("m"))),
            ("the second reserved bit", masked(FIN | 0x20 | TEXT, said("m"))),
            ("the third reserved bit", masked(FIN | 0x10 | PING, "")),
            ("an unknown opcode of data", masked(FIN | 0x3, "")),
            ("an unknown opcode of control", masked(FIN | 0xb, "")),
            ("the last opcode", masked(FIN | 0xf, "")),
            ("a ping in fragments", masked(PING, "")),
            ("a pong in fragments", masked(PONG, "")),
            ("a Close in fragments", masked(CLOSE, b"\x03\xe8")),
            ("a ping of 126 bytes", masked(FIN | PING, [b'p'; 126])),
            ("a Close of 126 bytes", masked(FIN | CLOSE, [b'\x03'; 126])),
            ("a continuation of nothing", masked(FIN | CONTINUATION, said("m"))),
            ("a message within a message", [masked(TEXT, "{"), masked(FIN | TEXT, said("m"))].concat()),
            ("a Close with one byte", masked(FIN | CLOSE, b"\x03")),
            ("an HTTP request", masked(FIN | 0x7, "GET / HTTP/1.1\r\n\r\n")),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_close_with_a_code_that_must_not_be_sent_is_closed_with_1002() {
    let cases = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
    is_closed_with(1002, &cases.map(|code| ("a code", close(code)))).await;
}

#[tokio::test]
async fn who_sends_on_after_a_violation_still_learns_why_it_was_closed() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bytes = masked(FIN | TEXT, "x".repeat((64 << 10) + 1));
    bytes.extend(masked(FIN | TEXT, "y".repeat(60_000)));
    alice.send(bytes).await;
    alice.closed_with(1009).await;
    // What is on its way is read as well, not reset: over a real line a reset overtakes the Close.
    for _ in 0..2 {
        alice.send(masked(FIN | TEXT, "z".repeat(20_000))).await;
    }
}

#[tokio::test]
async fn who_floods_the_server_after_a_violation_can_still_read_why_it_was_closed() {
    let server = Server::with(|_, server| server.close_timeout = 60 * SECOND).await;
    let mut alice = Client::join(&server, "alice").await;
    alice.send(masked(FIN | BINARY, "")).await;
    let flood = vec![0; 64 << 10];
    let mut pieces = 0;
    // Until it is read no further. A reset would be an error.
    while let Ok(sent) = timeout(SECOND / 4, alice.stream.write_all(&flood)).await {
        sent.expect("no reset");
        pieces += 1;
        // 64 MB are more than any socket's buffers hold.
        assert!(pieces < 1_000, "the server reads on");
    }
    alice.closed_with(1003).await;
}

#[tokio::test]
async fn nothing_that_follows_a_violation_is_taken_in() {
    let server = Server::start().await;
    let mut bob = Client::join(&server, "bob").await;
    let mut mallory = Client::join(&server, "mallory").await;
    bob.hears(&[count(2), joined("mallory")]).await;
    let frames =
        [masked(FIN | TEXT, said("before")), masked(FIN | BINARY, ""), masked(FIN | TEXT, said("after"))];
    mallory.send(frames.concat()).await;
    bob.hears(&[chat("mallory", "before"), count(1), left("mallory")]).await;
    bob.say("and that is all").await;
    bob.hears(&[chat("bob", "and that is all")]).await;
    loop {
        match mallory.next().await {
            Frame::Text(text) => assert!(!text.contains("after")),
            other => break assert_eq!(other, Frame::Close(Some(1003))),
        }
    }
}
