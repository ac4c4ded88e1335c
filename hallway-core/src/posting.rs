//! From a post to its place in the room and its answer.
//!
//! Without a store a message is said at once. With one it is said when it is stored, and what comes while a batch is being
//! stored is the next batch: so the sequence is continued by one batch at a time, and a batch that cannot be stored leaves
//! no hole. Under [`Durability::Relaxed`] a message is said first; what was said must be stored, and is tried again.

use std::{
    future,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    config::Config,
    error::PostError,
    journal::{Done, Journal, RETRY_AFTER, TIDY_INTERVAL, TIDY_PAUSE, Unstored},
    references::{Key, Known, References},
    rooms::Rooms,
    store::{Durability, Entry, StoredReference},
    submission::{self, Answer, Outcome, Receipt},
    task::{Now, Post},
};

pub(crate) struct Posting {
    references: References<(Answer, usize)>,
    /// Where there is a store.
    journal: Option<Journal>,
    /// What the places of messages cost that are done.
    freed: Vec<usize>,
    /// When what could not be stored is tried again, and when the store is tidied next.
    retry_at: Option<Instant>,
    tidy_at: Option<Instant>,
}

impl Posting {
    pub(crate) fn new(config: &Config, begun: Instant) -> Self {
        let references = References::new(config.reference_window, config.max_references, begun);
        Self { references, journal: None, freed: Vec::new(), retry_at: None, tidy_at: None }
    }

    /// With a store, and the references that it knows.
    pub(crate) fn stored(config: &Config, begun: Now, journal: Journal, known: Vec<StoredReference>) -> Self {
        let mut posting = Self::new(config, begun.monotonic);
        posting.journal = Some(journal);
        posting.tidy_at = Some(begun.monotonic);
        for StoredReference { room, username, reference, seq, sent_at } in known {
            let key = posting.references.key(&room, &username, &reference);
            posting.references.was_sent(key, Receipt { seq, sent_at }, begun.wall - sent_at);
        }
        posting
    }

    /// Takes a post in.
    pub(crate) fn post(&mut self, post: Post, rooms: &mut Rooms, now: Now) {
        let cost = post.cost();
        let Post { room, member, username, text, reference, mut answer } = post;
        let key = reference.as_ref().map(|reference| self.references.key(&room, &username, reference));
        let waiter = || (answer.take(), cost);
        let known = key.map_or(Known::New, |key| self.references.ask(key, now.monotonic, waiter));
        match (known, &mut self.journal) {
            (Known::Sent(receipt), _) => submission::answer(answer, Ok(receipt)),
            // It keeps its place for as long as that takes.
            (Known::Waiting, _) => return,
            (Known::New, None) => {
                let chat = rooms.post(&room, username, text, now.wall);
                self.settle(
                    key,
                    answer,
                    chat.map(|chat| Receipt::from(&*chat)).ok_or(PostError::Closed),
                    now,
                );
            }
            (Known::New, Some(journal)) => {
                let is_relaxed = journal.durability() == Durability::Relaxed;
                // Said now, it would have to be kept in memory until the store recovers.
                if is_relaxed && let Some(fault) = journal.fault() {
                    self.settle(key, answer, Err(PostError::Unavailable(fault)), now);
                } else {
                    let reference = reference.zip(key);
                    let mut message =
                        Unstored { room, member, username, text, reference, answer, cost, numbered: None };
                    if is_relaxed {
                        message.number(rooms, now);
                        message.say(rooms);
                    }
                    rooms.sent_to_store(&message.room, member, is_relaxed);
                    journal.push(message);
                    return;
                }
            }
        }
        self.freed.push(cost);
    }

    /// Waits until the store has done something; for ever, where it has nothing to do. Cancel safe.
    pub(crate) async fn done(&mut self) -> Done {
        match &mut self.journal {
            Some(journal) => journal.done().await,
            None => future::pending().await,
        }
    }

    /// Draws the consequences of what the store has done.
    pub(crate) fn finish(&mut self, done: Done, rooms: &mut Rooms, now: Now) {
        let Some(journal) = &mut self.journal else { return };
        let is_relaxed = journal.durability() == Durability::Relaxed;
        match done {
            Done::Stored(batch) => {
                self.retry_at = None;
                for message in batch {
                    if is_relaxed {
                        message.is_stored(rooms);
                    } else {
                        message.say(rooms);
                    }
                    let receipt = message.chat().map(|chat| Receipt::from(&**chat));
                    self.give_back(message, receipt.ok_or(PostError::Closed), rooms, now);
                }
            }
            Done::NotStored(batch, _) if is_relaxed => {
                self.retry_at = Some(now.monotonic + RETRY_AFTER);
                journal.push_front(batch);
            }
            Done::NotStored(batch, error) => {
                for message in batch {
                    if let Some(room) = rooms.room(&message.room) {
                        room.unnumber();
                    }
                    self.give_back(message, Err(PostError::Unavailable(error.clone())), rooms, now);
                }
            }
            Done::Tidied(tidied) => {
                let is_unfinished = tidied.as_ref().is_ok_and(|tidied| tidied.is_unfinished);
                let pause = if is_unfinished { TIDY_PAUSE } else { TIDY_INTERVAL };
                self.tidy_at = Some(now.monotonic + pause);
                for (room, first_seq) in tidied.map(|tidied| tidied.first_seqs).unwrap_or_default() {
                    if let Some(room) = rooms.room(&room) {
                        room.tidied(first_seq);
                    }
                }
            }
        }
    }

    /// Gives the store what is to be done next, if it has nothing to do.
    pub(crate) fn go_on(&mut self, rooms: &mut Rooms, now: Now) {
        let Some(journal) = self.journal.as_mut().filter(|journal| journal.is_idle()) else { return };
        let is_due = |at: Option<Instant>, slack| at.is_some_and(|at| at + slack <= now.monotonic);
        let may_append = journal.has_waiting() && (self.retry_at.is_none() || is_due(self.retry_at, ZERO));
        // Tidying waits for messages, but not for ever.
        if is_due(self.tidy_at, if may_append { TIDY_PATIENCE } else { ZERO }) {
            journal.tidy(now.wall);
        } else if may_append {
            let mut batch = journal.take_waiting();
            for message in &mut batch {
                message.number(rooms, now);
            }
            journal.append(batch);
        }
    }

    /// When [`go_on`](Self::go_on) will have something to do, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let journal = self.journal.as_ref().filter(|journal| journal.is_idle())?;
        let retry_at = self.retry_at.filter(|_| journal.has_waiting());
        retry_at.into_iter().chain(self.tidy_at).min()
    }

    /// What the places of messages cost that are done since it was last asked.
    pub(crate) fn take_freed(&mut self) -> impl Iterator<Item = usize> {
        self.freed.drain(..)
    }

    /// Whether everything that was taken in is done, or cannot be.
    pub(crate) fn is_done(&self) -> bool {
        let is_done =
            |journal: &Journal| journal.is_idle() && (!journal.has_waiting() || journal.fault().is_some());
        self.journal.as_ref().is_none_or(is_done)
    }

    /// Ends the store.
    pub(crate) async fn close(self) {
        // One that lacks what was said is not closed: its rooms must not continue their sequence.
        if let Some(journal) = self.journal.filter(|journal| !journal.has_waiting()) {
            journal.close().await;
        }
    }

    fn give_back(&mut self, message: Unstored, outcome: Outcome, rooms: &mut Rooms, now: Now) {
        rooms.back_from_store(&message.room, message.member, now.monotonic);
        self.settle(message.reference.map(|(_, key)| key), message.answer, outcome, now);
        self.freed.push(message.cost);
    }

    /// Says to everybody who asked what became of a message.
    fn settle(&mut self, key: Option<Key>, answer: Answer, outcome: Outcome, now: Now) {
        let others = match (key, &outcome) {
            (None, _) => Vec::new(),
            (Some(key), Ok(receipt)) => self.references.sent(key, *receipt, now.monotonic),
            (Some(key), Err(_)) => self.references.refused(key),
        };
        for (other, cost) in others {
            submission::answer(other, outcome.clone());
            self.freed.push(cost);
        }
        submission::answer(answer, outcome);
    }
}

impl Unstored {
    /// Gives it its place, if it has none.
    fn number(&mut self, rooms: &mut Rooms, now: Now) {
        if self.numbered.is_none()
            && let Some(room) = rooms.room(&self.room)
        {
            let chat = room.number(Arc::clone(&self.username), Arc::clone(&self.text), now.wall);
            let reference = self.reference.as_ref().map(|(reference, _)| reference.clone());
            self.numbered =
                Some(Entry { room: self.room.clone(), epoch: room.epoch().clone(), chat, reference });
        }
    }

    fn say(&self, rooms: &mut Rooms) {
        if let (Some(chat), Some(room)) = (self.chat(), rooms.room(&self.room)) {
            room.say(Arc::clone(chat));
        }
    }

    fn is_stored(&self, rooms: &mut Rooms) {
        if let (Some(chat), Some(room)) = (self.chat(), rooms.room(&self.room)) {
            room.stored_up_to(chat.seq);
        }
    }
}

const ZERO: Duration = Duration::ZERO;

/// For how long messages may keep the store from being tidied.
const TIDY_PATIENCE: Duration = Duration::from_secs(1);
