//! What a client gets to see, whatever its socket takes and whenever.

use hallway_core::{Chat, Event};
use proptest::{collection::vec, prelude::*};

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The room says messages of these lengths, in one batch.
    Say(Vec<usize>),
    /// This member alone is told something.
    Tell,
    /// Its socket takes so many bytes.
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => vec(prop_oneof![4 => 0..40usize, 1 => 100..300usize], 1..5).prop_map(Step::Say),
        1 => Just(Step::Tell),
        4 => prop_oneof![3 => 0..90usize, 1 => 0..2_000usize].prop_map(Step::Take),
    ]
}

/// A member whose client reads what `taken` gathers.
struct Member {
    log: Log<Batch>,
    pending: Pending,
    encoder: Encoder,
    taken: Vec<u8>,
    said: usize,
    told: usize,
}

impl Member {
    /// One that joins a room with this many bytes in each message of its history, and is told one more by itself.
    fn new(bound: usize, replayed: &[usize], at_once: bool) -> Self {
        let mut log = Log::new(bound);
        let cursor = log.subscribe();
        let mut encoder = Encoder::new(usize::MAX);
        let history: Vec<_> =
            replayed.iter().enumerate().map(|(number, length)| chat(number, *length).into()).collect();
        let in_one_piece = at_once.then(|| {
            encoder.extend(history.iter().cloned().map(Event::Chat));
            encoder.seal().frames
        });
        encoder.push(&message(history.len(), 10));
        let own = encoder.seal().frames;
        let said = history.len() + 1;
        let pending = Pending::new(cursor, history.into(), in_one_piece, own);
        Self { log, pending, encoder, taken: Vec::new(), said, told: 0 }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Say(lengths) => {
                for length in lengths {
                    self.encoder.push(&message(self.said, *length));
                    self.said += 1;
                }
                self.log.push(self.encoder.seal());
                self.log.trim();
            }
            Step::Tell => {
                self.pending.put_aside(&ping(self.told));
                self.told += 1;
            }
            Step::Take(bytes) => self.write(*bytes),
        }
    }

    /// As a socket with room for so many bytes, in one call.
    fn write(&mut self, bytes: usize) {
        self.pending.catch_up(&self.log);
        let all: Vec<u8> = self.pending.parts(&self.log).flatten().copied().collect();
        let taken = &all[..bytes.min(all.len())];
        self.taken.extend_from_slice(taken);
        let count = taken.len();
        self.pending.advance(&mut self.log, count);
    }

    fn write_all(&mut self) {
        while !self.pending.is_empty(&self.log) {
            self.write(usize::MAX);
        }
    }
}

fn message(number: usize, length: usize) -> Event {
    Event::Chat(chat(number, length).into())
}

fn chat(number: usize, length: usize) -> Chat {
    Chat::new(
        1,
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

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Message(usize),
    Missed(usize),
    Ping(usize),
}

/// Reads whole frames; panics where they are torn.
fn seen(mut bytes: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let end = frame_end(bytes, 0);
        let (frame, rest) = bytes.split_at(end);
        bytes = rest;
        let header = match frame[1] {
            127 => 10,
            126 => 4,
            _ => 2,
        };
        let text = std::str::from_utf8(&frame[header..]).expect("a frame's text");
        let number = |text: &str| text.parse().expect("a number");
        let first_word = |text: &str| number(text.split(' ').next().expect("a word"));
        let seen = match (frame[0], text) {
            (0x89, text) => Seen::Ping(number(text)),
            (0x81, text) => match text.strip_prefix(r#"{"type":"system","payload":{"text":"you missed "#) {
                Some(rest) => Seen::Missed(first_word(rest)),
                None => Seen::Message(first_word(
                    text.strip_prefix(r#"{"type":"chatMessage","payload":{"username":"alice","message":""#)
                        .expect("a message"),
                )),
            },
            other => panic!("{other:?}"),
        };
        all.push(seen);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_sees_whole_frames_in_order_and_is_told_exactly_what_it_missed(
        bound in 0..4_000usize,
        history in history(),
        at_once in any::<bool>(),
        steps in vec(step(), 0..120),
    ) {
        let mut member = Member::new(bound, &history, at_once);
        for step in &steps {
            member.take(step);
        }
        member.write_all();

        let (mut next, mut pinged) = (0, 0);
        for seen in seen(&member.taken) {
            match seen {
                Seen::Message(number) => {
                    prop_assert_eq!(number, next);
                    next += 1;
                }
                Seen::Missed(count) => next += count,
                Seen::Ping(number) => {
                    prop_assert_eq!(number, pinged);
                    pinged += 1;
                }
            }
        }
        prop_assert_eq!((next, pinged), (member.said, member.told));
        prop_assert!(member.pending.backlog.is_none(), "who keeps up carries nothing");
    }

    #[test]
    fn what_must_go_before_a_close_is_the_rest_of_one_frame_begun(
        history in history(),
        at_once in any::<bool>(),
        steps in vec(step(), 0..40),
    ) {
        let mut member = Member::new(usize::MAX, &history, at_once);
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
    let mut member = Member::new(4_000, &[], false);
    for _ in 0..10_000 {
        member.take(&Step::Say(vec![100]));
        member.take(&Step::Tell);
        // One byte at a time: it never comes to the end of what is owed to it.
        member.take(&Step::Take(1));
    }
    let backlog = member.pending.backlog.expect("it is behind");
    assert!(backlog.aside.len() <= ASIDE_BYTES);
    assert!(backlog.owed.len() <= 4_000, "{}", backlog.owed.len());
    assert!(member.log.bytes() <= 4_000);
}
