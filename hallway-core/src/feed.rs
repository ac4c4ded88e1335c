//! What a room says, in order: one log for each room, a cursor for each reader, and the waking of who waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{
    error::{RecvError, TryRecvError},
    event::Event,
    log::{Cursor, Item, Log},
};

/// The writing end; dropping it ends the feed behind what was published.
#[derive(Debug)]
pub(crate) struct Feed {
    shared: Arc<Shared>,
}

/// What a room says from some position on. Holding it is not being a member: the room does not count it.
///
/// Nobody waits for it. What it has not read is held for it while all that is unread fits into
/// [`Config::feed_bytes`](crate::Config::feed_bytes); behind that the oldest messages are lost to it, it is told how
/// many, and goes on with what is there.
#[derive(Debug)]
pub struct RoomFeed {
    shared: Arc<Shared>,
    cursor: Cursor<Event>,
}

/// Waits for what a room says without receiving it. See [`RoomFeed::watch`].
#[derive(Clone, Debug)]
pub struct RoomWatch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes every reader that waits: for an event, or for the end.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    log: Log<Event>,
    has_ended: bool,
}

impl Feed {
    pub(crate) fn new(bound: usize) -> Self {
        let state = State { log: Log::new(bound), has_ended: false };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// A reader of everything that is published from now on.
    pub(crate) fn subscribe(&self) -> RoomFeed {
        let cursor = self.shared.lock().log.subscribe();
        RoomFeed { shared: Arc::clone(&self.shared), cursor }
    }

    /// Appends `events`, which it empties, and wakes who waits for them: once for all of them.
    pub(crate) fn publish(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        for event in events.drain(..) {
            state.log.push(event);
            state.log.trim();
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.changed.notify_waiters();
    }
}

impl RoomFeed {
    /// Appends up to `limit` events to `into` as soon as there is one, and returns how many.
    ///
    /// Returns `Ok(0)` at once where `limit` is 0. Cancel safe: the events are taken and the position is moved in the
    /// call that returns them.
    pub async fn recv_many(&mut self, into: &mut Vec<Event>, limit: usize) -> Result<usize, RecvError> {
        loop {
            // Made before looking: what is published between the look and the wait wakes it, too.
            let changed = self.shared.changed.notified();
            match self.shared.read(&mut self.cursor, into, limit) {
                Ok(count) => return Ok(count),
                Err(TryRecvError::Missed(count)) => return Err(RecvError::Missed(count)),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                Err(TryRecvError::Empty) => {}
            }
            changed.await;
        }
    }

    /// As [`recv_many`](Self::recv_many), without waiting.
    pub fn try_recv_many(&mut self, into: &mut Vec<Event>, limit: usize) -> Result<usize, TryRecvError> {
        self.shared.read(&mut self.cursor, into, limit)
    }

    /// How many events the room had said before the next one that is received here.
    ///
    /// Two feeds of the same room at the same position receive the same from there on.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.cursor.position()
    }

    /// How many chat messages lie before another feed of the same room and are still to be received here: what is missed by
    /// whoever goes on there.
    #[must_use]
    pub fn messages_before(&self, other: &Self) -> u64 {
        other.cursor.messages().saturating_sub(self.cursor.messages())
    }

    /// A watch over the same room, for waiting while something else holds the feed.
    #[must_use]
    pub fn watch(&self) -> RoomWatch {
        RoomWatch { shared: Arc::clone(&self.shared) }
    }
}

impl RoomWatch {
    /// Waits until the room has said something behind `position`, or its hub has ended. Cancel safe.
    pub async fn wait_past(&self, position: u64) {
        loop {
            let changed = self.shared.changed.notified();
            if self.shared.lock().is_past(position) {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for RoomFeed {
    fn drop(&mut self) {
        self.shared.lock().log.unsubscribe(&self.cursor);
    }
}

impl State {
    fn is_past(&self, position: u64) -> bool {
        self.has_ended || self.log.end() > position
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics half-way: a poisoned log is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(
        &self,
        cursor: &mut Cursor<Event>,
        into: &mut Vec<Event>,
        limit: usize,
    ) -> Result<usize, TryRecvError> {
        if limit == 0 {
            return Ok(0);
        }
        let mut state = self.lock();
        if let Some(missed) = state.log.skip_dropped(cursor) {
            return Err(TryRecvError::Missed(missed.0));
        }
        let before = into.len();
        into.extend(state.log.unread(cursor).take(limit).cloned());
        let count = into.len() - before;
        state.log.advance(cursor, count);
        match count {
            0 if state.has_ended => Err(TryRecvError::Closed),
            0 => Err(TryRecvError::Empty),
            count => Ok(count),
        }
    }
}

impl Item for Event {
    fn bytes(&self) -> usize {
        self.cost()
    }

    fn messages(&self) -> u64 {
        u64::from(matches!(self, Self::Chat(_)))
    }

    fn remains(&self) -> Option<Self> {
        // Messages are gone for good, but how many members there are is still true.
        matches!(self, Self::Count(_)).then(|| self.clone())
    }
}

#[cfg(test)]
mod tests;
