//! What keeps the messages of a hub beyond its memory: the contract of a store.

mod memory;

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use time::OffsetDateTime;

use crate::{epoch::Epoch, event::Chat, reference::Reference, room_name::RoomName};

pub use memory::MemoryStore;

/// Keeps the messages of all rooms, their sequence and epochs, and the references of the newest posts.
///
/// The methods block; the hub calls them on threads of their own and never waits for one.
///
/// # Who calls what
///
/// One hub at a time. [`begin`](Self::begin) comes first, [`close`](Self::close) last. The hub calls `begin`,
/// [`append`](Self::append), [`tidy`](Self::tidy) and `close` one after the other. All other methods only read, and are
/// called by several threads at the same time, also while one of these runs; a read must not wait for an `append`.
///
/// # What is kept
///
/// A room begins with its first message. Its messages have the sequence 1, 2, 3, … without a hole; the oldest of them may
/// have been [tidied](Self::tidy) away, but what is left has none either, and the newest number is remembered when no
/// message is left. Its [`Epoch`] stays the same for as long as the sequence is continued.
///
/// # What is atomic, and what is durable when
///
/// A batch that is appended is kept whole or not at all, in the eyes of every reader and after every crash. When `append`
/// has returned `Ok` it survives the end of the process and of the machine, as far as the disk keeps what it says it has
/// kept. When it has returned an error nothing of the batch is kept; only where the process ends before the next `append`
/// may the batch come to light all the same, whole: then it was refused and is there, and who sends it again with the
/// reference of the first time is answered with its place.
pub trait Store: Send + Sync + 'static {
    /// Takes the store into use. `now` is the hub's time.
    ///
    /// Where the sequence of the rooms cannot be continued from what is kept every room gets a new epoch here: where the hub
    /// before had [relaxed](Durability::Relaxed) durability and did not [`close`](Self::close), because members may have
    /// seen messages that are not kept; and where what is kept is a copy of an earlier state.
    fn begin(&self, durability: Durability, now: OffsetDateTime) -> Result<(), StoreError>;

    /// The references of the messages sent at `since` or later, at most the newest `limit` of them; the oldest first.
    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError>;

    /// A room and its newest messages; nothing where no message was ever kept of it.
    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError>;

    /// Messages of a room next to a place in its sequence, without a hole between them, the oldest first; none where there
    /// are none.
    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError>;

    /// Keeps a batch of messages of any rooms.
    ///
    /// Within the batch the messages of each room are in order, and continue what is kept of it; where they do not the whole
    /// batch is refused with [`StoreError::Conflict`]. A room of which nothing is kept begins with the epoch of its entry.
    fn append(&self, batch: &[Entry]) -> Result<(), StoreError>;

    /// Lets go of what need not be kept any longer: messages beyond `keep`, oldest first, and references of messages sent
    /// before `references_since`. A small step, of a few milliseconds: whoever posts waits for it.
    fn tidy(
        &self,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied, StoreError>;

    /// The hub has ended, and everything it was given is kept.
    fn close(&self) -> Result<(), StoreError>;
}

/// A message to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it was said.
    pub room: RoomName,
    /// The epoch of that room.
    pub epoch: Epoch,
    /// What was said, with its place in the room's sequence.
    pub chat: Arc<Chat>,
    /// What its sender calls it.
    pub reference: Option<Reference>,
}

/// What is kept of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRoom {
    /// Names this life of its sequence.
    pub epoch: Epoch,
    /// Of the newest message.
    pub seq: u64,
    /// Of the oldest that is kept; one more than `seq` where none is.
    pub first_seq: u64,
    /// When the newest message was sent. No later one may have been sent before.
    pub sent_at: OffsetDateTime,
    /// The newest messages, the oldest first.
    pub newest: Vec<Arc<Chat>>,
}

/// Which message was sent with which reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReference {
    /// Where it was sent.
    pub room: RoomName,
    /// By whom.
    pub username: Arc<str>,
    /// With this reference.
    pub reference: Reference,
    /// Its place in the room's sequence.
    pub seq: u64,
    /// When.
    pub sent_at: OffsetDateTime,
}

/// On which side of a place in a sequence messages are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The newest of those that are older than this.
    Before(u64),
    /// The oldest of those that are newer than this.
    After(u64),
}

/// How much is asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// So many messages.
    pub messages: usize,
    /// And so many bytes of their names and texts; one message that exceeds it comes alone.
    pub bytes: usize,
}

impl PageLimit {
    /// A page under this limit, to be filled message by message, from the one next to where it is asked for.
    #[must_use]
    pub fn filling(self) -> Filling {
        Filling { left: self, is_empty: true }
    }
}

/// How much a page still takes: see [`PageLimit::filling`].
#[derive(Clone, Copy, Debug)]
pub struct Filling {
    left: PageLimit,
    is_empty: bool,
}

impl Filling {
    /// Whether the page takes this message; the first that it does not take is the end of it.
    pub fn takes(&mut self, chat: &Chat) -> bool {
        let PageLimit { messages, bytes } = self.left;
        if messages == 0 || chat.bytes() > bytes && !self.is_empty {
            return false;
        }
        self.left = PageLimit { messages: messages - 1, bytes: bytes.saturating_sub(chat.bytes()) };
        self.is_empty = false;
        true
    }
}

/// What is kept of each room and of all, beside which everything is. By default everything is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// The newest so many messages of each room.
    pub messages: Option<u64>,
    /// Messages no older than this.
    pub age: Option<Duration>,
    /// So many bytes of names and texts, of all rooms together. The room that holds the most loses its oldest first.
    pub bytes: Option<u64>,
}

/// What a step of tidying did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Rooms that lost messages, and the first that each still has, one more than its newest where none is left.
    pub first_seqs: Vec<(RoomName, u64)>,
    /// Whether there is more to be done.
    pub is_unfinished: bool,
}

/// When a message is said: before or after it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A message is said when it is stored: what anybody has seen survives a crash.
    #[default]
    Full,
    /// A message is said at once, and acknowledged when it is stored. What was said last may be lost in a crash; every room
    /// has a new epoch after it.
    Relaxed,
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no space left.
    #[error("the disk is full")]
    Full,
    /// The batch does not continue what is kept: it is another's, or was changed behind the hub's back.
    #[error("what is stored does not fit: {0}")]
    Conflict(String),
    /// What is kept cannot be read as what it should be.
    #[error("what is stored is damaged: {0}")]
    Damaged(String),
    /// Anything else, as the store has it.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What a hub's store cannot do at present, as [`Hub::store_health`](crate::Hub::store_health) says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreHealth {
    /// Why the last messages were not stored; nothing where they were.
    pub not_stored: Option<StoreError>,
    /// Why what need not be kept could not be let go of when that was last tried; nothing where it could.
    pub not_tidied: Option<StoreError>,
}

/// For whoever keeps a hand on the store that a hub uses.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn begin(&self, durability: Durability, now: OffsetDateTime) -> Result<(), StoreError> {
        (**self).begin(durability, now)
    }

    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError> {
        (**self).references(since, limit)
    }

    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError> {
        (**self).room(room, newest)
    }

    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError> {
        (**self).page(room, side, limit)
    }

    fn append(&self, batch: &[Entry]) -> Result<(), StoreError> {
        (**self).append(batch)
    }

    fn tidy(
        &self,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied, StoreError> {
        (**self).tidy(keep, now, references_since)
    }

    fn close(&self) -> Result<(), StoreError> {
        (**self).close()
    }
}
