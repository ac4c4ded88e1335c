//! Which references were used lately, and for which messages.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use crate::{reference::Reference, room_name::RoomName, submission::Receipt};

/// What was sent by the same name in the same room with the same reference is one message. All rooms together, so that a room
/// can be forgotten and these not.
#[derive(Debug)]
pub(crate) struct References<W> {
    window: Duration,
    max: usize,
    /// Ages are counted from then: a clock that is set tells nothing about how long ago something was.
    begun: Instant,
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
#[expect(clippy::struct_field_names, reason = "that it was sent is the time's name")]
struct Sent {
    seq: u64,
    /// In milliseconds since 1970: what its sender is told.
    sent_at: i64,
    /// In milliseconds since the hub began: how long it is remembered.
    accepted_at: i64,
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
    pub(crate) fn new(window: Duration, max: usize, begun: Instant) -> Self {
        Self {
            window,
            max,
            begun,
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
    pub(crate) fn ask(&mut self, key: Key, now: Instant, waiter: impl FnOnce() -> W) -> Known {
        let now = self.age(now);
        while let Some(oldest) = self.order.front()
            && self.sent.get(oldest).is_none_or(|sent| self.is_forgotten(sent, now))
        {
            self.forget_oldest();
        }
        if let Some(Sent { seq, sent_at, .. }) = self.sent.get(&key) {
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
    pub(crate) fn sent(&mut self, key: Key, receipt: Receipt, now: Instant) -> Vec<W> {
        self.remember(key, receipt, self.age(now));
        self.waiting.remove(&key).unwrap_or_default()
    }

    /// Its message was sent before the hub began, so long ago as can be told. In the order in which they were.
    pub(crate) fn was_sent(&mut self, key: Key, receipt: Receipt, ago: time::Duration) {
        let longest = i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX);
        let ago = i64::try_from(ago.whole_milliseconds()).unwrap_or(longest).clamp(0, longest);
        self.remember(key, receipt, -ago);
    }

    /// Its message was not sent; returns who else waits for that.
    pub(crate) fn refused(&mut self, key: Key) -> Vec<W> {
        self.waiting.remove(&key).unwrap_or_default()
    }

    fn remember(&mut self, key: Key, receipt: Receipt, accepted_at: i64) {
        let sent = Sent { seq: receipt.seq, sent_at: millis(receipt.sent_at), accepted_at };
        if self.sent.insert(key, sent).is_none() {
            self.order.push_back(key);
        }
        if self.sent.len() > self.max {
            self.forget_oldest();
        }
    }

    fn is_forgotten(&self, sent: &Sent, now: i64) -> bool {
        i128::from(now) - i128::from(sent.accepted_at)
            > i128::try_from(self.window.as_millis()).unwrap_or(i128::MAX)
    }

    /// Milliseconds since the hub began.
    fn age(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.begun).as_millis()).unwrap_or(i64::MAX)
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

/// What was sent before this need not be remembered at `now`.
pub(crate) fn since(now: OffsetDateTime, window: Duration) -> OffsetDateTime {
    let window = time::Duration::try_from(window).unwrap_or(time::Duration::MAX);
    now.checked_sub(window).unwrap_or(OffsetDateTime::UNIX_EPOCH)
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

    struct Window(References<&'static str>, Instant);

    impl Window {
        fn of(minutes: u32, max: usize) -> Self {
            let begun = Instant::now();
            Self(References::new(minutes * MINUTE, max, begun), begun)
        }

        fn key(&self, room: &str, username: &str, reference: &str) -> Key {
            self.0.key(&room.parse().unwrap(), &username.into(), &Reference::new(reference).unwrap())
        }

        fn ask(&mut self, reference: &str, minute: u32) -> Known {
            let key = self.key("lobby", "alice", reference);
            self.0.ask(key, self.1 + minute * MINUTE, || "asker")
        }

        fn sent(&mut self, reference: &str, receipt: Receipt) -> Vec<&'static str> {
            let now = self.1 + Duration::try_from(receipt.sent_at - at(0)).unwrap_or_default();
            self.0.sent(self.key("lobby", "alice", reference), receipt, now)
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

    #[test]
    fn what_was_sent_before_the_hub_began_is_as_old_as_its_time_says_and_no_younger_than_the_hub() {
        let mut window = Window::of(10, 100);
        for (reference, ago) in [("old", 8), ("young", 1), ("of the future", -600)] {
            let key = window.key("lobby", "alice", reference);
            window.0.was_sent(key, receipt(1, 0), time::Duration::minutes(ago));
        }
        assert_eq!(window.ask("old", 2), Known::Sent(receipt(1, 0)));
        assert_eq!(window.ask("old", 3), Known::New);
        assert_eq!(window.ask("young", 9), Known::Sent(receipt(1, 0)));
        assert_eq!(window.ask("young", 10), Known::New);
        assert_eq!(window.ask("of the future", 10), Known::Sent(receipt(1, 0)));
        assert_eq!(window.ask("of the future", 11), Known::New);
    }
}
