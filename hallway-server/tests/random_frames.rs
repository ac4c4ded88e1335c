//! Frames that were damaged by chance: each connection is closed with a code that the protocol has for what was sent, or
//! stays whole, and others chat undisturbed all the while.
//!
//! What a connection sends follows from its number, which is printed where one fails. `RANDOM_FRAMES=10000` makes so many of
//! them, `RANDOM_FRAMES=7..8` the one of that number.

mod common;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::{
    BINARY, CLOSE, CONTINUATION, Client, FIN, Frame, PING, PONG, Random, Server, TEXT, cases, chat, close,
    each, eventually, header, in_time, joined, masked, said,
};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, task::yield_now};

/// Within which each of them is over.
const LIMIT: Duration = Duration::from_secs(10);

/// The largest message: so small that it is often exceeded.
const MESSAGE_BYTES: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_frames_end_their_connection_by_the_protocol_or_not_and_nobody_else_notices() {
    let server = Server::with(|hub, server| {
        hub.max_message_bytes = MESSAGE_BYTES;
        // Some go on sending after their end, slowly on a busy machine.
        server.close_timeout = LIMIT;
    })
    .await;
    let quiet = [0, 1].map(|number| format!("/chat?username=quiet-{number}&room=quiet"));
    let mut alice = Client::open(&server, &quiet[0]).await;
    let mut bob = Client::open(&server, &quiet[1]).await;
    alice.until(&joined("quiet-1")).await;
    bob.until(&joined("quiet-1")).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let pair = tokio::spawn(chat_on([alice, bob], Arc::clone(&is_over)));

    let server = Arc::new(server);
    let ends = each(cases("RANDOM_FRAMES", 800), LIMIT, |number| {
        let server = Arc::clone(&server);
        async move { Stranger::of(number).come_and_go(&server).await }
    });
    let ends = ends.await;
    // Chance has been everywhere.
    for end in
        [1000, 1002, 1003, 1007, 1009].map(|code| Ended::Closed(Some(code))).into_iter().chain([Ended::Whole])
    {
        assert!(ends.contains(&end) || ends.len() < 500, "no {end:?} among {ends:?}");
    }

    is_over.store(true, Ordering::Relaxed);
    let said = in_time(pair).await.expect("an undisturbed chat");
    assert!(said > 0);
    for room in ROOMS {
        eventually("they have left", async || server.member_count(room).await == 0).await;
    }
}

/// Rooms of the strangers: several of them are in one, and hear each other.
const ROOMS: [&str; 4] = ["noise-0", "noise-1", "noise-2", "noise-3"];

/// Two talk until it is over, and each hears everything, in order, and nothing else; returns how much it was.
async fn chat_on([mut alice, mut bob]: [Client; 2], is_over: Arc<AtomicBool>) -> usize {
    let mut said = 0;
    while !is_over.load(Ordering::Relaxed) {
        for turn in 0..2 {
            let text = said.to_string();
            let (name, speaker) = if turn == 0 { ("quiet-0", &mut alice) } else { ("quiet-1", &mut bob) };
            speaker.say(&text).await;
            let told = [chat(name, &text)];
            alice.hears(&told).await;
            bob.hears(&told).await;
            said += 1;
        }
    }
    said
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    /// With a Close from the server, with this code.
    Closed(Option<u16>),
    /// It still answered a ping, and went.
    Whole,
    /// In the middle of a frame, by the client.
    Cut,
}

/// A client that sends what it should not.
struct Stranger {
    number: u64,
    random: Random,
    bytes: Vec<u8>,
}

impl Stranger {
    fn of(number: u64) -> Self {
        let mut random = Random::seeded(number);
        let bytes = sent(&mut random);
        Self { number, random, bytes }
    }

    /// Sends it all, and checks that what comes is what RFC 6455 and the protocol have for it.
    async fn come_and_go(mut self, server: &Server) -> Ended {
        let room = ROOMS[self.random.within(0..ROOMS.len())];
        let target = format!("/chat?username=noise-{}&room={room}", self.number);
        let mut client = Client::open(server, &target).await;
        client.stream.set_nodelay(true).expect("no delay");
        let largest = self.random.pick(&[1, 7, 100, 1 << 20]).max(self.bytes.len() / 32);
        for piece in self.random.pieces(&self.bytes, largest) {
            client.send(piece).await;
            yield_now().await;
        }
        let Verdict { codes, state } = Verdict::of(&self.bytes);
        match state {
            State::Ended => {}
            State::Whole => client.send(masked(FIN | PING, STILL_HERE)).await,
            State::Cut => client.stream.shutdown().await.expect("shut"),
        }
        loop {
            match client.next().await {
                Frame::Text(text) => is_told(&text),
                Frame::Pong(payload) if payload == STILL_HERE => {
                    assert_eq!(state, State::Whole);
                    return Ended::Whole;
                }
                Frame::Ping(_) | Frame::Pong(_) => {}
                Frame::Close(code) => {
                    assert!(codes.contains(&code), "closed with {code:?} instead of one of {codes:?}");
                    assert_eq!(client.next().await, Frame::End);
                    return Ended::Closed(code);
                }
                Frame::End => {
                    assert_eq!(state, State::Cut, "an end without a Close instead of one of {codes:?}");
                    return Ended::Cut;
                }
            }
        }
    }
}

/// No damage makes it.
const STILL_HERE: &[u8] = b"still here?";

/// A text of the server's is one of the three frames there are.
fn is_told(text: &str) {
    let frame: Value = serde_json::from_str(text).expect("JSON");
    let payload = &frame["payload"];
    let is_known = match frame["type"].as_str() {
        Some("chatMessage") => payload["username"].is_string() && payload["message"].is_string(),
        Some("system") => payload["text"].is_string(),
        Some("userCount") => payload["count"].is_u64(),
        _ => false,
    };
    assert!(is_known, "{text}");
}

/// What may come of bytes that a client sends behind its handshake.
struct Verdict {
    /// With which codes the connection may be closed.
    codes: BTreeSet<Option<u16>>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It must be closed.
    Ended,
    /// It must not be: it is between two frames.
    Whole,
    /// A frame is not whole. It may be closed if what is there is wrong already.
    Cut,
}

impl Verdict {
    /// Reads the bytes as RFC 6455 section 5 has them, up to the first frame that ends the connection. Where several things
    /// are wrong with one frame, it may be any of them that is named.
    fn of(mut bytes: &[u8]) -> Self {
        let mut message = Partial::default();
        while !bytes.is_empty() {
            let mut codes = BTreeSet::new();
            let frame = Received::read(&mut bytes, &mut codes);
            let is_whole = frame.as_ref().is_some_and(|frame| frame.is_whole);
            if let Some(frame) = frame {
                message.take(&frame, &mut codes);
                if frame.announced > MESSAGE_BYTES as u64 && frame.opcode < CLOSE {
                    // The size is known, and nothing else is waited for.
                    return Self { codes, state: State::Ended };
                }
            }
            if !is_whole {
                return Self { codes, state: State::Cut };
            }
            if !codes.is_empty() {
                return Self { codes, state: State::Ended };
            }
        }
        Self { codes: BTreeSet::new(), state: State::Whole }
    }
}

/// A frame of which the header is there.
struct Received {
    is_last: bool,
    opcode: u8,
    /// Bytes of payload that it should have.
    announced: u64,
    payload: Vec<u8>,
    is_whole: bool,
}

impl Received {
    /// Takes a frame off the bytes; nothing where they end within its header. What is wrong with the header is told in codes.
    fn read(bytes: &mut &[u8], codes: &mut BTreeSet<Option<u16>>) -> Option<Self> {
        let first = take(bytes, 1)?[0];
        let (is_last, reserved, opcode) = (first & FIN != 0, first & 0x70, first & 0xf);
        if reserved != 0 || !matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG) {
            codes.insert(Some(1002));
        }
        let second = take(bytes, 1)?[0];
        let (is_masked, short) = (second & 0x80 != 0, u64::from(second & 0x7f));
        if !is_masked || opcode >= CLOSE && !is_last {
            codes.insert(Some(1002));
        }
        let of_length = [0, 2, 8][usize::from(short > 125) + usize::from(short > 126)];
        let long = take(bytes, of_length)?;
        let announced =
            if of_length == 0 { short } else { long.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) };
        let needed = [0, 2, 8][usize::from(announced > 125) + usize::from(announced > 0xffff)];
        if of_length > needed || opcode >= CLOSE && announced > 125 {
            codes.insert(Some(1002));
        }
        if announced > MESSAGE_BYTES as u64 {
            codes.insert(Some(1009));
        }
        let mask = take(bytes, if is_masked { 4 } else { 0 })?;
        let there = bytes.len().min(usize::try_from(announced).unwrap_or(usize::MAX));
        let payload = take(bytes, there)?.iter().enumerate();
        let payload = payload.map(|(index, byte)| byte ^ mask.get(index % 4).unwrap_or(&0)).collect();
        Some(Self { is_last, opcode, announced, payload, is_whole: there as u64 == announced })
    }
}

/// Nothing where there are not so many; then all are gone.
fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count).unwrap_or((&[], &[]));
    *bytes = rest;
    (taken.len() == count).then_some(taken)
}

/// The message of which fragments have come.
#[derive(Default)]
struct Partial {
    opcode: Option<u8>,
    bytes: Vec<u8>,
}

impl Partial {
    /// Takes a frame of it, or one between two of its fragments.
    fn take(&mut self, frame: &Received, codes: &mut BTreeSet<Option<u16>>) {
        if frame.opcode >= CLOSE {
            if frame.opcode == CLOSE {
                codes.extend(answers_to_close(&frame.payload));
            }
            return;
        }
        if (frame.opcode == CONTINUATION) != self.opcode.is_some() {
            codes.insert(Some(1002));
        }
        let opcode = *self.opcode.get_or_insert(frame.opcode);
        let before = self.bytes.len() as u64;
        self.bytes.extend(&frame.payload);
        if before.saturating_add(frame.announced) > MESSAGE_BYTES as u64 {
            codes.insert(Some(1009));
        }
        // A character may go on in the next fragment.
        let is_broken = |error: std::str::Utf8Error| frame.is_last || error.error_len().is_some();
        if opcode == TEXT && str::from_utf8(&self.bytes).is_err_and(is_broken) {
            codes.insert(Some(1007));
        }
        if frame.is_last {
            if opcode == BINARY {
                codes.insert(Some(1003));
            }
            *self = Self::default();
        }
    }
}

/// RFC 6455 sections 5.5.1 and 7.4: its own code, unless it must not be sent.
fn answers_to_close(payload: &[u8]) -> Vec<Option<u16>> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return vec![if payload.is_empty() { None } else { Some(1002) }];
    };
    let code = u16::from_be_bytes(*code);
    let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    match (may_be_sent, str::from_utf8(reason)) {
        (true, Ok(_)) => vec![Some(code)],
        (true, Err(_)) => vec![Some(1007)],
        (false, Ok(_)) => vec![Some(1002)],
        (false, Err(_)) => vec![Some(1002), Some(1007)],
    }
}

/// Some frames as they should be, and then, mostly, some that should not.
fn sent(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.within(0..6) {
        let mut frame = frame(random);
        if random.once_in(3) {
            damage(&mut frame, random);
        }
        bytes.extend(frame);
    }
    match random.within(0..12) {
        0 => bytes.truncate(random.within(0..bytes.len() + 1)),
        1 => bytes.extend(random.bytes(40)),
        2 => bytes.extend(wrong(random)),
        3 => bytes.extend(close(random.pick(&[1000, 1001, 1005, 3000, 4999, 999, 5000]))),
        _ => {}
    }
    bytes
}

/// One frame, or a message in several.
fn frame(random: &mut Random) -> Vec<u8> {
    match random.within(0..8) {
        0 => masked(FIN | PING, vec![b'p'; random.within(0..126)]),
        1 => masked(FIN | PONG, ""),
        2 | 3 => {
            let text = text(random);
            let mut fragments = random.pieces(text.as_bytes(), 40);
            let last = fragments.pop().unwrap_or_default();
            let mut first = TEXT;
            let mut bytes = Vec::new();
            for fragment in fragments {
                bytes.extend(masked(first, fragment));
                if random.once_in(4) {
                    bytes.extend(masked(FIN | PING, "between"));
                }
                first = CONTINUATION;
            }
            bytes.extend(masked(FIN | first, last));
            bytes
        }
        _ => masked(FIN | TEXT, text(random)),
    }
}

/// A chat message, or what looks a little like one.
fn text(random: &mut Random) -> String {
    let length = random.pick(&[1, 10, 100, 1_000, 1_900]);
    let message = random.pick(&["a", "é", "\u{1f980}", "\"", "\u{0}"]).repeat(length / 4 + 1);
    let mut text = said(&message);
    for _ in 0..random.within(0..3) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let (at, end) = (random.pick(&places), random.pick(&places));
        match random.within(0..4) {
            0 => text.insert_str(
                at,
                random.pick(&["{", "}", "[", "\"", "\\", ":", ",", "null", "1e999", "\\ud800"]),
            ),
            1 => drop(text.remove(at)),
            2 => text.truncate(at),
            _ => {
                let again = text[at.min(end)..at.max(end)].to_owned();
                text.insert_str(at, &again);
            }
        }
        if text.is_empty() {
            break;
        }
    }
    text
}

/// A frame that no client may send.
fn wrong(random: &mut Random) -> Vec<u8> {
    let size = random.pick(&[2_001, 70_000, 1 << 40, u64::MAX]);
    match random.within(0..8) {
        0 => masked(FIN | BINARY, random.bytes(20)),
        1 => masked(FIN | TEXT, random.bytes(20)),
        2 => header(FIN | TEXT, size),
        3 => masked(FIN | random.pick(&[PING, PONG, CLOSE]), vec![3; 126]),
        4 => masked(random.pick(&[PING, PONG, CLOSE]), ""),
        5 => masked(FIN | CONTINUATION, "of nothing"),
        6 => [masked(TEXT, "a"), masked(FIN | TEXT, "b")].concat(),
        _ => (0..30)
            .flat_map(|index| masked(if index == 0 { TEXT } else { CONTINUATION }, [b'x'; 100]))
            .collect(),
    }
}

/// Harms a frame that has two bytes at least.
fn damage(frame: &mut Vec<u8>, random: &mut Random) {
    let at = random.within(0..frame.len());
    match random.within(0..10) {
        // An opcode, a reserved bit, the bit of the last fragment.
        0 | 1 => frame[0] ^= 1 << random.within(0..8),
        // The mask bit.
        2 => frame[1] ^= 0x80,
        // A length.
        3 => frame[1] = 0x80 | (random.byte() & 0x7f),
        4 => frame[at] ^= 1 << random.within(0..8),
        5 => frame[at] = random.byte(),
        6 => frame.insert(at, random.byte()),
        7 => drop(frame.remove(at)),
        // The same length, written longer than it need be.
        8 if (0x80..=0xfd).contains(&frame[1]) => {
            let length = frame[1] & 0x7f;
            frame.splice(1..2, [0xfe, 0, length]);
        }
        // Text that is not UTF-8.
        _ => {
            let broken = random.pick(&[&b"\xff"[..], b"\xc3", b"\xed\xa0\x80"]);
            *frame = masked(FIN | TEXT, [said("a").as_bytes(), broken].concat());
        }
    }
}
