//! The last messages of a room.

use std::{collections::VecDeque, sync::Arc};

use crate::event::Chat;

/// A ring of the newest chat messages, oldest first.
///
/// Allocates nothing before the first message and, once everything is stored, never room for more than its bound. Cloning a
/// snapshot's entries copies no text.
#[derive(Debug)]
pub struct History {
    messages: VecDeque<Arc<Chat>>,
    bound: usize,
    bytes: usize,
    /// Messages up to this one are stored, or not to be: those behind it stay here whatever the bound is.
    stored: u64,
    /// What was handed out last, while it is true: in a storm of joins they all are given the same, and of those who come back
    /// the ones who had come to the same message.
    snapshot: Option<Arc<[Arc<Chat>]>>,
    slice: Option<(u64, Arc<[Arc<Chat>]>)>,
}

impl History {
    /// An empty history that keeps at most `bound` messages.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { messages: VecDeque::new(), bound, bytes: 0, stored: u64::MAX, snapshot: None, slice: None }
    }

    /// Adds the newest message, and lets the oldest go if there would be more than the bound.
    pub fn push(&mut self, chat: Arc<Chat>) {
        // Evict before inserting: pushing first would make the ring grow past its bound once and keep that larger
        // buffer for the life of the room.
        while self.messages.len() >= self.bound && self.pop_stored() {}
        if self.bound == 0 && chat.seq <= self.stored {
            return;
        }
        if self.messages.len() == self.messages.capacity() {
            let doubled = self.messages.len().max(4);
            self.messages.reserve_exact(doubled.min(self.bound.saturating_sub(self.messages.len()).max(1)));
        }
        self.bytes += chat.cost();
        self.forget_shared();
        self.messages.push_back(chat);
    }

    /// Lets the oldest go until it holds at most so many bytes.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        while self.bytes > bytes && self.pop_stored() {}
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
    }

    /// Messages behind this one are not stored yet, and are kept until they are.
    pub(crate) fn keep_behind(&mut self, stored: u64) {
        self.stored = stored;
        while self.messages.len() > self.bound && self.pop_stored() {}
    }

    /// Lets everything before this one go.
    pub(crate) fn forget_before(&mut self, seq: u64) {
        while self.messages.front().is_some_and(|chat| chat.seq < seq) && self.pop_stored() {}
    }

    /// What a joiner is shown, oldest first: the newest messages, at most as many as the bound. The same until the next
    /// message: two equal snapshots may share their memory.
    #[must_use]
    pub fn snapshot(&mut self) -> Arc<[Arc<Chat>]> {
        let beyond = self.messages.len().saturating_sub(self.bound);
        let snapshot = self.snapshot.get_or_insert_with(|| self.messages.range(beyond..).cloned().collect());
        Arc::clone(snapshot)
    }

    /// The messages behind this one, as far as they are here; shared as a snapshot is.
    pub(crate) fn after(&mut self, seq: u64) -> Arc<[Arc<Chat>]> {
        match &self.slice {
            Some((after, slice)) if *after == seq => Arc::clone(slice),
            _ => {
                let slice: Arc<[_]> = self.messages.iter().filter(|chat| chat.seq > seq).cloned().collect();
                self.slice = Some((seq, Arc::clone(&slice)));
                slice
            }
        }
    }

    /// The newest messages before this one, at most so many, the oldest first.
    pub(crate) fn before(&self, seq: u64, count: usize) -> Vec<Arc<Chat>> {
        let older = self.messages.partition_point(|chat| chat.seq < seq);
        self.messages.range(older.saturating_sub(count)..older).cloned().collect()
    }

    /// The number of the oldest message it holds.
    pub(crate) fn first_seq(&self) -> Option<u64> {
        self.messages.front().map(|chat| chat.seq)
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

    /// Lets the oldest go, if it may; says whether it has.
    fn pop_stored(&mut self) -> bool {
        let may_go = self.messages.front().is_some_and(|oldest| oldest.seq <= self.stored);
        let Some(oldest) = may_go.then(|| self.messages.pop_front()).flatten() else { return false };
        self.bytes -= oldest.cost();
        self.forget_shared();
        true
    }

    fn forget_shared(&mut self) {
        self.snapshot = None;
        self.slice = None;
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    fn said(number: usize) -> Arc<Chat> {
        let seq = number as u64 + 1;
        Arc::new(Chat::new(seq, OffsetDateTime::UNIX_EPOCH, "alice".into(), number.to_string().into()))
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

    #[test]
    fn what_is_not_stored_is_kept_beyond_the_bound_until_it_is_and_not_shown_to_joiners() {
        let mut history = History::new(2);
        history.keep_behind(1);
        (0..5).for_each(|number| history.push(said(number)));
        assert_eq!(history.first_seq(), Some(2), "the first is stored");
        assert_eq!(texts(&mut history), ["3", "4"]);
        assert_eq!(history.after(2).len(), 3);
        history.shrink(0);
        assert_eq!(history.len(), 4);
        history.keep_behind(5);
        assert_eq!(history.len(), 2);
        assert_eq!(history.bytes(), 2 * said(4).cost());
    }

    #[test]
    fn a_page_has_the_newest_before_a_place_and_a_slice_all_behind_it() {
        let mut history = History::new(10);
        (0..10).for_each(|number| history.push(said(number)));
        let seqs = |page: &[Arc<Chat>]| page.iter().map(|chat| chat.seq).collect::<Vec<_>>();
        assert_eq!(seqs(&history.before(4, 2)), [2, 3]);
        assert_eq!(seqs(&history.before(u64::MAX, 3)), [8, 9, 10]);
        assert_eq!(seqs(&history.before(1, 3)), []);
        assert_eq!(seqs(&history.after(8)), [9, 10]);
        assert_eq!(seqs(&history.after(10)), []);
        history.forget_before(9);
        assert_eq!(seqs(&history.after(0)), [9, 10]);
    }
}
