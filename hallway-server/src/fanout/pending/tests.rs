//! What a client gets to see, whatever its socket takes and whenever.

use hallway_core::{Chat, Event};
use proptest::{collection::vec, prelude::*};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The room says messages of these lengths, in one batch.
    Say(Vec<usize>),
    /// It is pinged.
    Ping,
    /// This member alone is told two things, one of this length, if it has taken what it was told before.
    Tell(usize),
    /// Its socket takes so many bytes.
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec(prop_oneof![4 => 0..40usize, 1 => 100..300usize], 1..5).prop_map(Step::Say),
        1 => Just(Step::Ping),
        1 => (0..300usize).prop_map(Step::Tell),
        4 => prop_oneof![3 => 0..90usize, 1 => 0..2_000usize].prop_map(Step::Take),
    ]
}

/// A member whose client reads what `taken` gathers.
struct Member {
    edition: Edition,
    pending: Pending,
    taken: Vec<u8>,
    said: usize,
    pinged: usize,
    told: usize,
}

impl Member {
    /// One that joins a room with this many bytes in each message of its history, and is told one more by itself.
    fn new(dialect: Dialect, bound: usize, replayed: &[usize], at_once: bool) -> Self {
        let mut edition = Edition::new(dialect, replayed.len() as u64 + 1, bound);
        let cursor = edition.subscribe();
        let mut encoder = Encoder::new(dialect, usize::MAX);
        let history: Vec<_> =
            replayed.iter().enumerate().map(|(number, length)| chat(number, *length).into()).collect();
        let in_one_piece = at_once.then(|| {
            encoder.extend(history.iter().cloned().map(Event::Chat));
            encoder.seal().frames
        });
        encoder.push(&message(history.len(), 10));
        let own = encoder.seal().frames;
        let said = history.len() + 1;
        let pending = Pending::new(cursor, ping(0), history.into(), in_one_piece, own);
        Self { edition, pending, taken: Vec::new(), said, pinged: 1, told: 0 }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Say(lengths) => {
                for length in lengths {
                    self.edition.push(&message(self.said, *length));
                    self.said += 1;
                }
                self.edition.seal();
                self.edition.log.trim();
            }
            Step::Ping => {
                self.pending.put_aside(&ping(self.pinged));
                self.pinged += 1;
            }
            Step::Tell(length) if !self.pending.is_telling() => {
                self.pending.tell(told(self.told, *length));
                self.told += 1;
            }
            Step::Tell(_) => {}
            Step::Take(bytes) => self.write(*bytes),
        }
    }

    /// As a socket with room for so many bytes, in one call.
    fn write(&mut self, bytes: usize) {
        self.pending.catch_up(&self.edition);
        let all: Vec<u8> = self.pending.parts(&self.edition.log).flatten().copied().collect();
        let taken = &all[..bytes.min(all.len())];
        self.taken.extend_from_slice(taken);
        let count = taken.len();
        self.pending.advance(&mut self.edition.log, count);
    }

    fn write_all(&mut self) {
        while !self.pending.is_empty(&self.edition.log) {
            self.write(usize::MAX);
        }
    }
}

fn message(number: usize, length: usize) -> Event {
    Event::Chat(chat(number, length).into())
}

fn chat(number: usize, length: usize) -> Chat {
    Chat::new(
        number as u64 + 1,
        time::OffsetDateTime::UNIX_EPOCH,
        "alice".into(),
        format!("{number} {}", "x".repeat(length)).into(),
    )
}

fn history() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![4 => vec(0..40usize, 0..20), 1 => vec(0..40_000usize, 0..8)]
}

/// A ping with its number in it.
fn ping(number: usize) -> Vec<u8> {
    let payload = number.to_string();
    [&[0x89, u8::try_from(payload.len()).unwrap()], payload.as_bytes()].concat()
}

/// Two text frames that one member alone is told, with the number of the telling.
fn told(number: usize, length: usize) -> Vec<u8> {
    let frame = |length| text_frame(format!("told {number} {}", "x".repeat(length)).as_bytes());
    [frame(length), frame(0)].concat()
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::V1), Just(Dialect::V2)]
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(usize),
    Missed(usize),
    /// In version 2, the numbers of the first and the last that are lost.
    Gap(usize, usize),
    Ping(usize),
    Told(usize),
}

/// Reads whole frames; panics where they are torn.
fn seen(mut bytes: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let end = frame_end(bytes, 0);
        let (frame, rest) = bytes.split_at(end);
        bytes = rest;
        let first = frame[0];
        let header = match frame[1] {
            127 => 10,
            126 => 4,
            _ => 2,
        };
        let text = std::str::from_utf8(&frame[header..]).expect("a frame's text");
        let number = |text: &str| text.parse().expect("a number");
        let first_word = |text: &str| number(text.split(' ').next().expect("a word"));
        let frame: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let payload = &frame["payload"];
        // Of numbers that begin with 1, as places in a sequence do.
        let place =
            |value: &serde_json::Value| usize::try_from(value.as_u64().expect("a place")).unwrap() - 1;
        let words = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let seen = match (frame_type(first, &frame), text) {
            ("ping", text) => Seen::Ping(number(text)),
            ("told", text) => Seen::Told(first_word(&text["told ".len()..])),
            ("gap", _) => Seen::Gap(place(&payload["from"]), place(&payload["to"])),
            ("system", _) => Seen::Missed(first_word(
                words(&payload["text"]).strip_prefix("you missed ").expect("a notice"),
            )),
            ("chatMessage", _) => {
                let number = first_word(&words(&payload["message"]));
                assert!(payload["seq"].is_null() || place(&payload["seq"]) == number, "{text}");
                Seen::Message(number)
            }
            other => panic!("{other:?}"),
        };
        all.push(seen);
    }
    all
}

fn frame_type(first: u8, frame: &serde_json::Value) -> &str {
    match first {
        0x89 => "ping",
        0x81 => frame["type"].as_str().unwrap_or("told"),
        other => panic!("a frame that begins with {other:#x}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_sees_whole_frames_in_order_and_is_told_exactly_what_it_missed(
        dialect in dialect(),
        bound in 0..4_000usize,
        history in history(),
        at_once in any::<bool>(),
        steps in vec(step(), 0..120),
    ) {
        let mut member = Member::new(dialect, bound, &history, at_once);
        for step in &steps {
            member.take(step);
        }
        member.write_all();

        let (mut next, mut pinged, mut told) = (0, 0, Vec::new());
        for seen in seen(&member.taken) {
            match seen {
                Seen::Message(number) => {
                    prop_assert_eq!(number, next);
                    next += 1;
                }
                Seen::Missed(count) => next += count,
                Seen::Gap(from, to) => {
                    prop_assert!(from == next && to >= from, "{} to {} where {} comes", from, to, next);
                    next = to + 1;
                }
                Seen::Told(number) => told.push(number),
                Seen::Ping(number) => {
                    prop_assert_eq!(number, pinged);
                    pinged += 1;
                }
            }
        }
        prop_assert_eq!((next, pinged), (member.said, member.pinged));
        prop_assert_eq!(told, (0..member.told).flat_map(|number| [number; 2]).collect::<Vec<_>>());
        prop_assert!(member.pending.backlog.is_none(), "who keeps up carries nothing");
    }

    #[test]
    fn what_must_go_before_a_close_is_the_rest_of_one_frame_begun(
        dialect in dialect(),
        history in history(),
        at_once in any::<bool>(),
        steps in vec(step(), 0..40),
    ) {
        let mut member = Member::new(dialect, usize::MAX, &history, at_once);
        for step in &steps {
            member.take(step);
        }
        let (_, torn) = member.pending.take_apart();
        let mut whole = member.taken.clone();
        whole.extend_from_slice(&torn);
        seen(&whole);
    }
}

#[test]
fn a_client_that_reads_nothing_costs_a_bounded_number_of_bytes() {
    let mut member = Member::new(Dialect::V2, 4_000, &[], false);
    for _ in 0..10_000 {
        member.take(&Step::Say(vec![100]));
        member.take(&Step::Ping);
        member.take(&Step::Tell(1_000));
        // One byte at a time: it never comes to the end of what is owed to it.
        member.take(&Step::Take(1));
    }
    let backlog = member.pending.backlog.expect("it is behind");
    assert!(backlog.aside.len() <= ASIDE_BYTES);
    assert!(backlog.owed.len() <= 4_000, "{}", backlog.owed.len());
    assert!(backlog.told.len() <= 2_100, "{}", backlog.told.len());
    assert!(member.edition.log.bytes() <= 4_000);
}

#[test]
fn a_replay_that_ends_in_erased_messages_does_not_hide_that_the_log_went_on() {
    let mut edition = Edition::new(Dialect::V1, 2, 1_000);
    let cursor = edition.subscribe();
    let erased = Chat::new(2, time::OffsetDateTime::UNIX_EPOCH, "".into(), "".into());
    let mut pending = Pending::new(cursor, Vec::new(), [Arc::new(erased)].into(), None, Bytes::new());
    for number in 0..50 {
        edition.push(&message(number, 100));
        edition.seal();
    }
    edition.log.trim();
    let mut sent = Vec::new();
    loop {
        pending.catch_up(&edition);
        let piece: Vec<u8> = pending.parts(&edition.log).flatten().copied().collect();
        if piece.is_empty() {
            break;
        }
        pending.advance(&mut edition.log, piece.len());
        sent.extend(piece);
    }
    assert!(pending.is_empty(&edition.log));
    assert!(String::from_utf8_lossy(&sent).contains("you missed"));
}
