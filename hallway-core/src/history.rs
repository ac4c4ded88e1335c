//! The last messages of a room.

use std::{collections::VecDeque, sync::Arc};

use crate::event::Chat;

/// A ring of the newest chat messages, oldest first.
///
/// Allocates nothing before the first message and never room for more than its bound. Cloning a snapshot's entries
/// copies no text.
#[derive(Debug)]
pub struct History {
    messages: VecDeque<Arc<Chat>>,
    bound: usize,
    bytes: usize,
    /// The last snapshot, while it is true: in a storm of joins they all are given the same.
    snapshot: Option<Arc<[Arc<Chat>]>>,
}

impl History {
    /// An empty history that keeps at most `bound` messages.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { messages: VecDeque::new(), bound, bytes: 0, snapshot: None }
    }

    /// Adds the newest message, and lets the oldest go if there would be more than the bound.
    pub fn push(&mut self, chat: Arc<Chat>) {
        if self.bound == 0 {
            return;
        }
        // Evict before inserting: pushing first would make the ring grow past its bound once and keep that larger
        // buffer for the life of the room.
        if self.messages.len() == self.bound
            && let Some(oldest) = self.messages.pop_front()
        {
            self.bytes -= oldest.cost();
        }
        if self.messages.len() == self.messages.capacity() {
            let doubled = self.messages.len().max(4);
            self.messages.reserve_exact(doubled.min(self.bound - self.messages.len()));
        }
        self.bytes += chat.cost();
        self.snapshot = None;
        self.messages.push_back(chat);
    }

    /// Lets the oldest go until it holds at most so many bytes.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        while self.bytes > bytes
            && let Some(oldest) = self.messages.pop_front()
        {
            self.bytes -= oldest.cost();
            self.snapshot = None;
        }
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
    }

    /// What a joiner is shown, oldest first. The same until the next message: two equal snapshots may share their
    /// memory.
    #[must_use]
    pub fn snapshot(&mut self) -> Arc<[Arc<Chat>]> {
        let snapshot = self.snapshot.get_or_insert_with(|| self.messages.iter().cloned().collect());
        Arc::clone(snapshot)
    }

    /// How many messages it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes it holds: texts, names and an allowance for each slot.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: usize) -> Arc<Chat> {
        Arc::new(Chat::new("alice".into(), number.to_string().into()))
    }

    fn texts(history: &mut History) -> Vec<String> {
        history.snapshot().iter().map(|chat| chat.text.to_string()).collect()
    }

    #[test]
    fn a_history_without_messages_allocates_nothing() {
        assert_eq!(History::new(100).messages.capacity(), 0);
    }

    #[test]
    fn a_history_keeps_the_newest_messages_oldest_first_and_never_room_for_more() {
        for bound in [1, 3, 7, 100, 101] {
            let mut history = History::new(bound);
            for number in 0..257 {
                history.push(said(number));
                assert!(history.messages.capacity() <= bound, "{} of {bound}", history.messages.capacity());
            }
            let expected: Vec<_> = (257 - bound..257).map(|number| number.to_string()).collect();
            assert_eq!(texts(&mut history), expected);
        }
    }

    #[test]
    fn a_history_that_is_shrunk_keeps_the_newest_that_fit_and_shows_no_others() {
        let mut history = History::new(100);
        (0..10).for_each(|number| history.push(said(number)));
        assert_eq!(texts(&mut history).len(), 10);
        history.shrink(3 * said(9).cost() + 1);
        assert_eq!(texts(&mut history), ["7", "8", "9"]);
        assert_eq!(history.bytes(), 3 * said(9).cost());
        history.shrink(0);
        assert_eq!((history.bytes(), history.messages.capacity()), (0, 0));
    }

    #[test]
    fn a_history_of_none_keeps_none() {
        let mut history = History::new(0);
        history.push(said(1));
        assert!(history.is_empty());
        assert_eq!(history.messages.capacity(), 0);
    }

    #[test]
    fn the_bytes_of_a_history_are_those_of_the_messages_it_still_holds() {
        let mut history = History::new(2);
        for number in 0..10 {
            history.push(said(number));
        }
        assert_eq!(history.bytes(), 2 * said(9).cost());
    }
}
