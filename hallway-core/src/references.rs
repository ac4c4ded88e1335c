//! Which references were used lately, and for which messages.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::Arc,
    time::Duration,
};

use time::OffsetDateTime;

use crate::{reference::Reference, room_name::RoomName, submission::Receipt};

/// What was sent by the same name in the same room with the same reference is one message. All rooms together, so that a room
/// can be forgotten and these not.
#[derive(Debug)]
pub(crate) struct References<W> {
    window: Duration,
    max: usize,
    hashers: [RandomState; 2],
    /// Of messages that have no place yet: who else waits for it.
    waiting: HashMap<Key, Vec<W>>,
    sent: HashMap<Key, Sent>,
    /// The keys of `sent`, the oldest first.
    order: VecDeque<Key>,
}

/// A digest of room, name and reference: the texts would be several times as large. With 128 bits under a secret of the
/// process no two of them will ever be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u64; 2]);

/// As small as can be: there may be a million.
#[derive(Debug)]
struct Sent {
    seq: u64,
    /// In milliseconds since 1970.
    sent_at: i64,
}

/// What is known of a reference.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is new; its message waits from now on.
    New,
    /// Its message waits for its place, and so does this asker.
    Waiting,
    /// Its message was sent.
    Sent(Receipt),
}

impl<W> References<W> {
    /// Remembers references for `window`, and at most the newest `max` of them.
    pub(crate) fn new(window: Duration, max: usize) -> Self {
        Self {
            window,
            max,
            hashers: [RandomState::new(), RandomState::new()],
            waiting: HashMap::new(),
            sent: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(crate) fn key(&self, room: &RoomName, username: &Arc<str>, reference: &Reference) -> Key {
        Key(self.hashers.each_ref().map(|hasher| hasher.hash_one((room, username, reference))))
    }

    /// Asks for a message that is to be sent at `now`. `waiter` is kept where its message waits, and given back with it.
    pub(crate) fn ask(&mut self, key: Key, now: OffsetDateTime, waiter: impl FnOnce() -> W) -> Known {
        self.forget_before(self.since(now));
        if let Some(Sent { seq, sent_at }) = self.sent.get(&key) {
            return Known::Sent(Receipt { seq: *seq, sent_at: time_of(*sent_at) });
        }
        if let Some(waiters) = self.waiting.get_mut(&key) {
            waiters.push(waiter());
            Known::Waiting
        } else {
            self.waiting.insert(key, Vec::new());
            Known::New
        }
    }

    /// Its message was sent; returns who else waits for that.
    pub(crate) fn sent(&mut self, key: Key, receipt: Receipt) -> Vec<W> {
        let sent_at = millis(receipt.sent_at);
        if self.sent.insert(key, Sent { seq: receipt.seq, sent_at }).is_none() {
            self.order.push_back(key);
        }
        if self.sent.len() > self.max {
            self.forget_oldest();
        }
        self.waiting.remove(&key).unwrap_or_default()
    }

    /// Its message was not sent; returns who else waits for that.
    pub(crate) fn refused(&mut self, key: Key) -> Vec<W> {
        self.waiting.remove(&key).unwrap_or_default()
    }

    /// What was sent before this is not remembered at `now`.
    pub(crate) fn since(&self, now: OffsetDateTime) -> OffsetDateTime {
        now.checked_sub(time::Duration::try_from(self.window).unwrap_or(time::Duration::MAX))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn forget_before(&mut self, since: OffsetDateTime) {
        let since = millis(since);
        while let Some(oldest) = self.order.front()
            && self.sent.get(oldest).is_none_or(|sent| sent.sent_at < since)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.sent.remove(&oldest);
        }
        if self.order.is_empty() && self.order.capacity() > KEPT_REFERENCES {
            // The buffers of a storm, which may be large.
            self.order = VecDeque::new();
            self.sent = HashMap::new();
        }
    }
}

/// References that an empty window keeps its buffers for.
const KEPT_REFERENCES: usize = 1_024;

fn millis(time: OffsetDateTime) -> i64 {
    time.unix_timestamp().saturating_mul(1_000).saturating_add(time.millisecond().into())
}

fn time_of(millis: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minute: u32) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + minute * MINUTE
    }

    fn receipt(seq: u64, minute: u32) -> Receipt {
        Receipt { seq, sent_at: at(minute) }
    }

    struct Window(References<&'static str>);

    impl Window {
        fn of(minutes: u32, max: usize) -> Self {
            Self(References::new(minutes * MINUTE, max))
        }

        fn key(&self, room: &str, username: &str, reference: &str) -> Key {
            self.0.key(&room.parse().unwrap(), &username.into(), &Reference::new(reference).unwrap())
        }

        fn ask(&mut self, reference: &str, minute: u32) -> Known {
            let key = self.key("lobby", "alice", reference);
            self.0.ask(key, at(minute), || "asker")
        }

        fn sent(&mut self, reference: &str, receipt: Receipt) -> Vec<&'static str> {
            self.0.sent(self.key("lobby", "alice", reference), receipt)
        }
    }

    #[test]
    fn a_reference_is_known_within_its_window_and_new_after_it() {
        let mut window = Window::of(10, 100);
        assert_eq!(window.ask("a", 0), Known::New);
        assert_eq!(window.sent("a", receipt(7, 0)), [""; 0]);
        assert_eq!(window.ask("a", 10), Known::Sent(receipt(7, 0)));
        assert_eq!(window.ask("a", 11), Known::New);
        assert!(window.0.sent.is_empty() && window.0.order.is_empty());
    }

    #[test]
    fn who_sends_the_same_while_it_waits_is_answered_with_it() {
        let mut window = Window::of(10, 100);
        assert_eq!(window.ask("a", 0), Known::New);
        assert_eq!(window.ask("a", 0), Known::Waiting);
        assert_eq!(window.sent("a", receipt(1, 0)), ["asker"]);
        window.ask("b", 0);
        window.ask("b", 0);
        assert_eq!(window.0.refused(window.key("lobby", "alice", "b")), ["asker"]);
        assert_eq!(window.ask("b", 0), Known::New, "what was refused may be sent again");
    }

    #[test]
    fn the_same_reference_of_another_name_or_in_another_room_is_another() {
        let window = Window::of(10, 100);
        let key = window.key("lobby", "alice", "a");
        assert_eq!(key, window.key("lobby", "alice", "a"));
        for (room, username, reference) in
            [("den", "alice", "a"), ("lobby", "bob", "a"), ("lobby", "alice", "b"), ("lobby", "alicea", "")]
        {
            if !reference.is_empty() {
                assert_ne!(key, window.key(room, username, reference));
            }
        }
    }

    #[test]
    fn of_more_than_may_be_remembered_the_oldest_are_forgotten() {
        let mut window = Window::of(10, 2);
        for (seq, reference) in [(1, "a"), (2, "b"), (3, "c")] {
            window.ask(reference, 0);
            window.sent(reference, receipt(seq, 0));
        }
        assert_eq!(window.ask("c", 0), Known::Sent(receipt(3, 0)));
        assert_eq!(window.ask("a", 0), Known::New);
    }
}
