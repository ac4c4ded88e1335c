//! What a room says to its members.

use std::sync::Arc;

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
    /// The sender's name, stamped by the hub.
    pub username: Arc<str>,
    /// What was said, unchanged: never empty, but neither trimmed nor escaped.
    pub text: Arc<str>,
}

impl Chat {
    /// A message as the hub would make it.
    #[must_use]
    pub fn new(username: Arc<str>, text: Arc<str>) -> Self {
        Self { username, text }
    }

    /// Bytes counted for it against the hub's limits.
    pub(crate) fn cost(&self) -> usize {
        SLOT_BYTES + self.username.len() + self.text.len()
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
