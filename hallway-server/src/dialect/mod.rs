//! The wire's two dialects: what a client's frame means in each, and how what it is told is written. Nothing else knows
//! their JSON. Version 1 is what a client speaks that asks for nothing, and never changes.

mod decode;
mod plain;
mod stamp;
mod v1;
mod v2;

use std::{borrow::Cow, ops::RangeInclusive};

use hallway_core::{Event, HistoryError, Page, PostError, Receipt, Reference, ReferenceError, Welcome};
use thiserror::Error;

pub(crate) use decode::{Refused, whole_number};
use stamp::Stamp;

/// How a client and the server speak with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Messages, and nothing about which they are.
    V1,
    /// Each message has a number, and what becomes of each request is said.
    V2,
}

/// What a client asked for in a text frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'f> {
    /// To say this to the room.
    Chat { message: Cow<'f, str>, reference: Option<Reference> },
    /// To be shown so many messages before this one, or the newest.
    History { before: Option<u64>, limit: usize, reference: Option<Reference> },
    /// Something this server does not know; ignored, for clients newer than it.
    Unknown,
}

/// A text frame that asks for nothing: told to its sender in these words, which quote none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("the frame is not JSON: the fault is at line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("the frame is not a JSON object with each key once")]
    NotAnObject,
    #[error("the frame has no \"type\" that is a string")]
    NoType,
    #[error("the frame has no \"payload\" that is an object with each key once")]
    NoPayload,
    #[error("the payload has no \"message\" that is a string")]
    NoMessage,
    #[error("the \"ref\" is not a string of 1 to {} bytes", Reference::MAX_BYTES)]
    NoReference,
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error("\"before\" is not a whole number: allowed are 0 and all above it")]
    Before,
    #[error("\"limit\" is not a whole number from {} to {}", LIMITS.start(), LIMITS.end())]
    Limit,
}

/// Why a client does not get what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Reason {
    #[error(transparent)]
    Frame(#[from] Fault),
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// What a client may send, as it is told when it joins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_bytes: usize,
    pub(crate) messages_per_second: u32,
    pub(crate) burst: u32,
    pub(crate) history: usize,
}

/// Writes in one dialect.
#[derive(Debug)]
pub(crate) struct Writer {
    dialect: Dialect,
    stamp: Stamp,
}

impl Dialect {
    /// The WebSocket subprotocol that a client offers to speak version 2.
    pub(crate) const V2_PROTOCOL: &'static str = "hallway.v2";

    /// How many there are.
    pub(crate) const COUNT: usize = 2;

    /// What is spoken under a subprotocol.
    pub(crate) fn of(protocol: Option<&str>) -> Self {
        if protocol == Some(Self::V2_PROTOCOL) { Self::V2 } else { Self::V1 }
    }

    /// Each has another, below [`COUNT`](Self::COUNT).
    pub(crate) fn index(self) -> usize {
        match self {
            Self::V1 => 0,
            Self::V2 => 1,
        }
    }

    /// What a text frame means.
    pub(crate) fn decode(self, frame: &str) -> Result<Request<'_>, Refused> {
        match self {
            Self::V1 => decode::v1(frame),
            Self::V2 => decode::v2(frame),
        }
    }

    /// Whether who speaks it wants to know more of a message than that it was not sent.
    pub(crate) fn has_acknowledgements(self) -> bool {
        self == Self::V2
    }

    /// What a joiner is told before all else, where it is told something.
    pub(crate) fn welcome(
        self,
        room: &str,
        username: &str,
        welcome: &Welcome,
        limits: Limits,
    ) -> Option<Vec<u8>> {
        match self {
            Self::V1 => None,
            Self::V2 => Some(v2::welcome(room, username, welcome, limits)),
        }
    }

    /// What a client is told that does not get what it asked for.
    pub(crate) fn refusal(self, reason: &Reason, reference: Option<&Reference>) -> Vec<u8> {
        match self {
            Self::V1 => v1::notice(&format!("not sent: {reason}")),
            Self::V2 => v2::error(reason, reference),
        }
    }

    /// What a member is told that lost messages, which have these places in the room's sequence.
    pub(crate) fn missed(self, places: &RangeInclusive<u64>) -> Vec<u8> {
        match self {
            Self::V1 => v1::notice(&missed((places.end() + 1).saturating_sub(*places.start()))),
            Self::V2 => v2::gap(places),
        }
    }

    /// What a member is told of messages that are no longer kept, where that is told.
    pub(crate) fn gone(self, places: &RangeInclusive<u64>) -> Option<Vec<u8>> {
        match self {
            Self::V1 => None,
            Self::V2 => Some(v2::gap(places)),
        }
    }
}

impl Writer {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, stamp: Stamp::new() }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Appends an event as a member is shown it; nothing where it is not.
    pub(crate) fn event(&mut self, event: &Event, json: &mut Vec<u8>) {
        match self.dialect {
            Dialect::V1 => v1::event(event, json),
            Dialect::V2 => v2::event(event, &mut self.stamp, json),
        }
    }

    /// Appends that a message has its place, for who speaks a dialect with acknowledgements.
    pub(crate) fn acknowledgement(&mut self, reference: &Reference, receipt: Receipt, json: &mut Vec<u8>) {
        v2::ack(reference, receipt, &mut self.stamp, json);
    }

    /// Appends a page of the history, for who speaks a dialect in which it can be asked for.
    pub(crate) fn page(&mut self, page: &Page, reference: Option<&Reference>, json: &mut Vec<u8>) {
        v2::history(page, reference, &mut self.stamp, json);
    }
}

fn missed(count: u64) -> String {
    let messages = if count == 1 { "message" } else { "messages" };
    format!("you missed {count} {messages}")
}

/// Messages that may be asked for at once, and how many are meant where that is not said.
const LIMITS: RangeInclusive<usize> = 1..=200;
const DEFAULT_LIMIT: usize = 50;
