//! What a room says to its members.

use std::sync::Arc;

use time::OffsetDateTime;

/// One thing a room says. Cloning it copies no text.
///
/// All members of a room see the same events in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A member said something.
    Chat(Arc<Chat>),
    /// How many members the room has.
    Count(usize),
    /// The member of this name joined.
    Joined(Arc<str>),
    /// The member of this name left.
    Left(Arc<str>),
    /// So many joined beyond those announced by name in the past second.
    OthersJoined(u64),
    /// So many left beyond those announced by name in the past second.
    OthersLeft(u64),
}

/// A chat message, as the hub accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chat {
    /// Its place in the room's sequence: 1, 2, 3, … without a hole.
    pub seq: u64,
    /// When the hub accepted it, by its clock, to the millisecond; no earlier than the message before it.
    pub sent_at: OffsetDateTime,
    /// The sender's name, stamped by the hub. Empty where the message [was erased](Self::is_erased).
    pub username: Arc<str>,
    /// What was said, unchanged: neither trimmed nor escaped, and empty only where it was erased.
    pub text: Arc<str>,
}

impl Chat {
    /// A message as the hub would make it.
    #[must_use]
    pub fn new(seq: u64, sent_at: OffsetDateTime, username: Arc<str>, text: Arc<str>) -> Self {
        Self { seq, sent_at, username, text }
    }

    /// Whether the message was erased on somebody's request: its place is kept, and nothing else of it.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.text.is_empty()
    }

    /// Bytes of its name and its text, as pages and stores count them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.username.len() + self.text.len()
    }

    /// Bytes counted for it against the hub's limits.
    pub(crate) fn cost(&self) -> usize {
        SLOT_BYTES + self.bytes()
    }
}

impl Event {
    /// Bytes counted for it against the feed's bound.
    pub(crate) fn cost(&self) -> usize {
        match self {
            Self::Chat(chat) => chat.cost(),
            Self::Joined(name) | Self::Left(name) => SLOT_BYTES + name.len(),
            Self::Count(_) | Self::OthersJoined(_) | Self::OthersLeft(_) => SLOT_BYTES,
        }
    }
}

/// What an event takes beside its text, rounded up: the slot in a queue and the counters of its shared parts.
/// Counting it keeps a flood of empty events as bounded as one of long ones.
pub(crate) const SLOT_BYTES: usize = 128;
