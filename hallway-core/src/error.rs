//! One enum for each operation that can fail.

use std::ops::RangeInclusive;

use thiserror::Error;

use crate::store::StoreError;

/// A [`Config`](crate::Config) that no hub can run with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit is outside of what is possible.
    #[error("{option} is {value} {unit}, allowed are {min} to {max}")]
    OutOfRange {
        /// The field's name.
        option: &'static str,
        /// What the figures count.
        unit: &'static str,
        /// What was asked for.
        value: usize,
        /// The smallest possible value.
        min: usize,
        /// The largest possible value.
        max: usize,
    },
}

impl ConfigError {
    /// Whether a limit is within what is possible; for every configuration with limits of this kind.
    pub fn check(
        option: &'static str,
        unit: &'static str,
        value: usize,
        possible: RangeInclusive<usize>,
    ) -> Result<(), Self> {
        if possible.contains(&value) {
            return Ok(());
        }
        let (min, max) = possible.into_inner();
        Err(Self::OutOfRange { option, unit, value, min, max })
    }
}

/// A text that is no room's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RoomNameError {
    /// Nothing was given.
    #[error("a room name must have at least 1 character")]
    Empty,
    /// More characters than a name may have.
    #[error("a room name of {chars} characters exceeds the limit of {max}")]
    TooLong {
        /// How many characters (Unicode scalar values) it has.
        chars: usize,
        /// How many it may have.
        max: usize,
    },
    /// A character outside of the alphabet.
    #[error("a room name may hold a-z A-Z 0-9 . _ - only, its character number {position} is another")]
    BadCharacter {
        /// Where the first such character stands, counted from 1.
        position: usize,
    },
}

/// A join that did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    /// The room has as many members as it may have.
    #[error("the room is full: it has its {max} members")]
    RoomFull {
        /// The limit, in members.
        max: usize,
    },
    /// The room would be a new one, and there are as many as there may be, all with members.
    #[error("no new room can be made: there are {max} rooms with members")]
    TooManyRooms {
        /// The limit, in rooms.
        max: usize,
    },
    /// What is stored of the room cannot be read.
    #[error("the room cannot be read: {0}")]
    Unavailable(StoreError),
    /// The hub was shut down.
    #[error("the hub has shut down")]
    Closed,
}

/// A hub that was not started.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// It cannot run with these limits.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A piece of a room's history that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// The store cannot read it.
    #[error("the history cannot be read: {0}")]
    Unavailable(StoreError),
    /// The hub was shut down.
    #[error("the hub has shut down")]
    Closed,
}

/// A message that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PostError {
    /// There is no text, or white space alone.
    #[error("a message must not be empty")]
    Empty,
    /// The text is longer than the hub accepts.
    #[error("a message of {len} bytes exceeds the limit of {max} bytes")]
    TooLong {
        /// The text's length in bytes of UTF-8.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// The store does not take it: nobody has been shown it.
    #[error("the message cannot be stored: {0}")]
    Unavailable(StoreError),
    /// The hub was shut down. Where that is told by an [`Acknowledgement`](crate::Acknowledgement) the hub has failed, and
    /// whether the message was accepted is unknown.
    #[error("the hub has shut down")]
    Closed,
}

/// A message that was not accepted at once.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TryPostError {
    /// The hub's mailbox has no room for it now: [`post`](crate::MemberSender::post) would wait.
    #[error("the hub's mailbox is full")]
    Full,
    /// It would not be accepted later either.
    #[error(transparent)]
    Refused(#[from] PostError),
}

/// A question that the hub could not answer, because it was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the hub has shut down")]
pub struct Closed;

/// The hub did not end because it was told to, or because nobody held it any more: its task panicked, or its runtime was
/// dropped. What it had accepted may not have been delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the hub failed, or its runtime ended before it")]
pub struct HubFailed;

/// Why [`recv`](crate::MemberReceiver::recv) brought no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecvError {
    /// The member read too slowly: this many chat messages are lost to it. The next call goes on with the oldest
    /// event that is still there.
    #[error("{0} messages were missed")]
    Missed(u64),
    /// The hub was shut down and everything it said before has been read.
    #[error("the hub has shut down")]
    Closed,
}

/// Why [`try_recv`](crate::MemberReceiver::try_recv) brought no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TryRecvError {
    /// Everything said so far has been read.
    #[error("nothing new was said")]
    Empty,
    /// As [`RecvError::Missed`].
    #[error("{0} messages were missed")]
    Missed(u64),
    /// As [`RecvError::Closed`].
    #[error("the hub has shut down")]
    Closed,
}
