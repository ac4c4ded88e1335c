//! A log that many read, each at its own pace, bounded in bytes.
//!
//! An item is stored once, however many read it, and freed when the last of them has. A reader is a [`Cursor`]. Writing
//! never waits: where unread items exceed the bound [`Log::trim`] drops the oldest, and a reader whose cursor stood before
//! them learns how many messages it missed and goes on behind the gap.

use std::collections::VecDeque;

/// What a [`Log`] needs to know of its items.
pub trait Item {
    /// Bytes it takes, counted against the log's bound.
    fn bytes(&self) -> usize;

    /// Chat messages in it, for telling a reader how many it missed.
    fn messages(&self) -> u64;

    /// What of it is still true when it was dropped unread, if no later item replaces it.
    fn remains(&self) -> Option<Self>
    where
        Self: Sized;
}

/// The log. Plain data: whoever owns it decides how its readers are woken.
///
/// Every [`Cursor`] belongs to the log that made it and must be given back with [`unsubscribe`](Self::unsubscribe); one
/// that is not keeps what it has not read until the bound drops it.
#[derive(Debug)]
pub struct Log<T> {
    entries: VecDeque<Entry<T>>,
    bound: usize,
    /// Position of the first entry. Positions are counted from the log's first item and never used twice.
    start: u64,
    /// Messages before the first entry, and up to the end of the log.
    messages_before: u64,
    messages_in_all: u64,
    bytes: usize,
    readers: usize,
    /// What remains of the newest item that was dropped unread and left something, and that item's position.
    remains: Option<(u64, T)>,
}

/// A reader's place in a log.
#[derive(Debug)]
pub struct Cursor<T> {
    position: u64,
    /// Messages before `position`.
    messages: u64,
    /// To be read before anything else. Boxed, because few readers are ever overtaken and there are many cursors.
    owed: Option<Box<T>>,
}

/// So many messages were dropped before the reader came to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed(pub u64);

#[derive(Debug)]
struct Entry<T> {
    item: T,
    /// Readers that have not come past it. It never falls from one entry to the next, because a reader that has an
    /// entry before it has all that follow: so what nobody needs is always at the front.
    unread: usize,
}

impl<T: Item + Clone> Log<T> {
    /// An empty log that keeps at most `bound` bytes for readers that have not come to them.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            bound,
            start: 0,
            messages_before: 0,
            messages_in_all: 0,
            bytes: 0,
            readers: 0,
            remains: None,
        }
    }

    /// A reader of everything that is pushed from now on.
    pub fn subscribe(&mut self) -> Cursor<T> {
        self.readers += 1;
        Cursor { position: self.end(), messages: self.messages_in_all, owed: None }
    }

    /// Ends a reader, and frees what it alone had left. The cursor must be one of this log, and is not to be used again:
    /// the log would free too early what others have not read.
    pub fn unsubscribe(&mut self, cursor: &Cursor<T>) {
        self.readers -= 1;
        let from = self.index(cursor.position.max(self.start));
        for entry in self.entries.iter_mut().skip(from) {
            entry.unread -= 1;
        }
        self.free_read();
    }

    /// Appends an item. The log may exceed its bound until it is [trimmed](Self::trim).
    pub fn push(&mut self, item: T) {
        self.messages_in_all += item.messages();
        self.bytes += item.bytes();
        self.entries.push_back(Entry { item, unread: self.readers });
        self.free_read();
    }

    /// Drops the oldest items until the log is within its bound: to be called when its readers have had their chance to
    /// read what was pushed.
    pub fn trim(&mut self) {
        self.trim_to(self.bound);
    }

    /// As [`trim`](Self::trim), within a bound that is for now.
    pub fn trim_to(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let position = self.start;
            let Some(dropped) = self.pop() else { break };
            if let Some(remains) = dropped.remains() {
                self.remains = Some((position, remains));
            }
        }
    }

    /// How many items were pushed so far: the position of the next.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    /// Whether the reader has read everything.
    #[must_use]
    pub fn is_at_end(&self, cursor: &Cursor<T>) -> bool {
        cursor.position == self.end() && cursor.owed.is_none()
    }

    /// Moves a reader that was overtaken behind the gap and says what it missed; nothing where it lost no message.
    pub fn skip_dropped(&self, cursor: &mut Cursor<T>) -> Option<Missed> {
        if cursor.position >= self.start {
            return None;
        }
        if let Some((position, remains)) = &self.remains
            && *position >= cursor.position
        {
            cursor.owed = Some(Box::new(remains.clone()));
        }
        let missed = self.messages_before - cursor.messages;
        cursor.position = self.start;
        cursor.messages = self.messages_before;
        (missed > 0).then_some(Missed(missed))
    }

    /// What the reader has to read, oldest first. Nothing where it was overtaken, until
    /// [`skip_dropped`](Self::skip_dropped) has told it so.
    pub fn unread<'l>(&'l self, cursor: &'l Cursor<T>) -> impl Iterator<Item = &'l T> {
        let is_overtaken = cursor.position < self.start;
        let owed = cursor.owed.as_deref().filter(|_| !is_overtaken);
        let from = if is_overtaken { self.entries.len() } else { self.index(cursor.position) };
        owed.into_iter().chain(self.entries.range(from..).map(|entry| &entry.item))
    }

    /// Moves a reader past the next `count` of what it has [`unread`](Self::unread), and frees what all have read.
    pub fn advance(&mut self, cursor: &mut Cursor<T>, mut count: usize) {
        if cursor.position < self.start {
            return;
        }
        if count > 0 && cursor.owed.take().is_some() {
            count -= 1;
        }
        let from = self.index(cursor.position);
        for entry in self.entries.iter_mut().skip(from).take(count) {
            entry.unread -= 1;
            cursor.position += 1;
            cursor.messages += entry.item.messages();
        }
        self.free_read();
    }

    /// Bytes of what is kept for readers that have not come to it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it holds more than its bound.
    #[must_use]
    pub fn is_over_bound(&self) -> bool {
        self.bytes > self.bound
    }

    fn index(&self, position: u64) -> usize {
        usize::try_from(position.saturating_sub(self.start)).map_or(self.entries.len(), |index| {
            // A cursor never stands behind the end; a slice must not be asked for beyond it in any case.
            index.min(self.entries.len())
        })
    }

    fn free_read(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.unread == 0) {
            self.pop();
        }
        // A slow reader's backlog must not leave the log with its buffer for ever.
        if self.entries.is_empty() && self.entries.capacity() > KEPT_ENTRIES {
            self.entries = VecDeque::new();
        }
    }

    fn pop(&mut self) -> Option<T> {
        let Entry { item, .. } = self.entries.pop_front()?;
        self.start += 1;
        self.messages_before += item.messages();
        self.bytes -= item.bytes();
        Some(item)
    }
}

impl<T> Cursor<T> {
    /// How many items were pushed before the next it reads.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many messages were among them.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }
}

/// Entries that an empty log keeps its buffer for: a few batches, some KiB.
const KEPT_ENTRIES: usize = 128;

#[cfg(test)]
mod tests;
