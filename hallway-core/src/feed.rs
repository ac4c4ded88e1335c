//! One ordered stream of events for each room, bounded in bytes, read by every member at its own pace.
//!
//! The log is shared: an event is stored once, however many read it, and freed when the last of them has. A reader is
//! a cursor into it. The writer never waits: when unread events exceed the bound the oldest are dropped, and a
//! reader whose cursor stood before them learns how many messages it missed and goes on behind the gap.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    error::{RecvError, TryRecvError},
    event::Event,
};

/// The writing end; dropping it ends the stream behind what was published.
#[derive(Debug)]
pub(crate) struct Feed {
    shared: Arc<Shared>,
    bound: usize,
}

/// A reading end, at a position of its own.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    cursor: Cursor,
}

#[derive(Debug)]
struct Shared {
    log: Mutex<Log>,
    /// Wakes every reader that waits: for an event, or for the end.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Entry>,
    /// Position of the first entry. Positions are counted from the room's first event and never used twice.
    start: u64,
    /// Chat messages before the first entry, and up to the end of the log.
    chats_before: u64,
    chats_in_all: u64,
    bytes: usize,
    readers: usize,
    /// The newest count that was dropped unread, and its position.
    dropped_count: Option<(u64, Event)>,
    ended: bool,
}

#[derive(Debug)]
struct Entry {
    event: Event,
    /// Readers that have not come past it. It never falls from one entry to the next, because a reader that has an
    /// entry before it has all that follow: so what nobody needs is always at the front.
    unread: usize,
}

#[derive(Debug)]
struct Cursor {
    position: u64,
    /// Chat messages before `position`.
    chats: u64,
    /// A count that the reader missed and no newer one replaces.
    owed_count: Option<Event>,
}

impl Feed {
    pub(crate) fn new(bound: usize) -> Self {
        Self { shared: Arc::new(Shared { log: Mutex::default(), changed: Notify::new() }), bound }
    }

    /// A reader of everything that is published from now on.
    pub(crate) fn subscribe(&self) -> Reader {
        let mut log = self.shared.lock();
        log.readers += 1;
        let cursor = Cursor { position: log.end(), chats: log.chats_in_all, owed_count: None };
        drop(log);
        Reader { shared: Arc::clone(&self.shared), cursor }
    }

    /// Appends `events`, which it empties, and wakes who waits for them: once for all of them.
    pub(crate) fn publish(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut log = self.shared.lock();
        for event in events.drain(..) {
            log.push(event, self.bound);
        }
        drop(log);
        self.shared.changed.notify_waiters();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_waiters();
    }
}

impl Reader {
    /// Appends up to `limit` events to `into` as soon as there is one, and says how many.
    ///
    /// Cancel safe: the events are taken and the cursor is moved in the call that returns them.
    pub(crate) async fn recv_many(
        &mut self,
        into: &mut Vec<Event>,
        limit: usize,
    ) -> Result<usize, RecvError> {
        loop {
            // Made before looking: what is published between the look and the wait wakes it, too.
            let changed = self.shared.changed.notified();
            match self.shared.lock().read(&mut self.cursor, into, limit) {
                Ok(count) => return Ok(count),
                Err(TryRecvError::Missed(count)) => return Err(RecvError::Missed(count)),
                Err(TryRecvError::Closed) => return Err(RecvError::Closed),
                Err(TryRecvError::Empty) => {}
            }
            changed.await;
        }
    }

    /// As [`recv_many`](Self::recv_many), without waiting.
    pub(crate) fn try_recv_many(
        &mut self,
        into: &mut Vec<Event>,
        limit: usize,
    ) -> Result<usize, TryRecvError> {
        self.shared.lock().read(&mut self.cursor, into, limit)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.lock().unsubscribe(&self.cursor);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        // Nothing under the lock panics half-way: a poisoned log is a whole one.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    fn push(&mut self, event: Event, bound: usize) {
        self.chats_in_all += chats(&event);
        self.bytes += event.cost();
        self.entries.push_back(Entry { event, unread: self.readers });
        self.free_read();
        while self.bytes > bound {
            let position = self.start;
            match self.pop() {
                Some(event @ Event::Count(_)) => self.dropped_count = Some((position, event)),
                Some(_) => {}
                None => break,
            }
        }
    }

    fn read(
        &mut self,
        cursor: &mut Cursor,
        into: &mut Vec<Event>,
        limit: usize,
    ) -> Result<usize, TryRecvError> {
        if limit == 0 {
            return Ok(0);
        }
        let missed = self.skip_dropped(cursor);
        if missed > 0 {
            return Err(TryRecvError::Missed(missed));
        }
        let before = into.len();
        into.extend(cursor.owed_count.take());
        let from = usize::try_from(cursor.position - self.start).unwrap_or(usize::MAX);
        for entry in self.entries.iter_mut().skip(from).take(limit - (into.len() - before)) {
            entry.unread -= 1;
            cursor.position += 1;
            cursor.chats += chats(&entry.event);
            into.push(entry.event.clone());
        }
        self.free_read();
        match into.len() - before {
            0 if self.ended => Err(TryRecvError::Closed),
            0 => Err(TryRecvError::Empty),
            count => Ok(count),
        }
    }

    /// Moves a cursor that was overtaken to the first entry that is still there; says how many messages it missed.
    fn skip_dropped(&mut self, cursor: &mut Cursor) -> u64 {
        if cursor.position >= self.start {
            return 0;
        }
        // Messages are gone for good, but how many members there are is still true.
        if let Some((position, count)) = &self.dropped_count
            && *position >= cursor.position
        {
            cursor.owed_count = Some(count.clone());
        }
        let missed = self.chats_before - cursor.chats;
        cursor.position = self.start;
        cursor.chats = self.chats_before;
        missed
    }

    fn unsubscribe(&mut self, cursor: &Cursor) {
        self.readers -= 1;
        let from = usize::try_from(cursor.position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        for entry in self.entries.iter_mut().skip(from) {
            entry.unread -= 1;
        }
        self.free_read();
    }

    fn free_read(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.unread == 0) {
            self.pop();
        }
        // A slow reader's backlog must not leave the room with its buffer for ever.
        if self.entries.is_empty() && self.entries.capacity() > KEPT_ENTRIES {
            self.entries = VecDeque::new();
        }
    }

    fn pop(&mut self) -> Option<Event> {
        let Entry { event, .. } = self.entries.pop_front()?;
        self.start += 1;
        self.chats_before += chats(&event);
        self.bytes -= event.cost();
        Some(event)
    }
}

fn chats(event: &Event) -> u64 {
    u64::from(matches!(event, Event::Chat(_)))
}

/// Entries an empty log keeps its buffer for: a few batches, 4 KiB.
const KEPT_ENTRIES: usize = 128;

#[cfg(test)]
mod tests;
