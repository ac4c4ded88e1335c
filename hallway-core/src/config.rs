//! The hub's limits: each with its unit, its default and the reason for it.

use std::time::Duration;

use crate::{
    error::ConfigError,
    store::{Durability, Retention},
};

/// What a hub allows. Checked once, by [`Hub::spawn`](crate::Hub::spawn).
///
/// ```
/// let mut config = hallway_core::Config::default();
/// config.history = 20;
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Chat messages a room keeps and replays to a joiner. Default 100; 0 replays nothing.
    ///
    /// What all rooms hold together is bounded by [`history_bytes`](Self::history_bytes).
    pub history: usize,

    /// Rooms that exist at the same time. Default 10,000.
    ///
    /// When a new one would exceed it, the room that has been empty the longest is forgotten to make place; when
    /// none is empty the join is refused.
    pub max_rooms: usize,

    /// Members of one room at the same time. Default 100,000.
    pub max_members_per_room: usize,

    /// Characters (Unicode scalar values) of a name; a longer one is cut. Default 64, as in the protocol.
    pub max_name_chars: usize,

    /// Bytes of one chat message in UTF-8. Default 65,536.
    pub max_message_bytes: usize,

    /// The shortest time between two counts of one room. Default 100 ms; zero sends every one at once.
    pub count_interval: Duration,

    /// What a room may spend in one second on telling its members who joined and left, in frames:
    /// announcements × members. What exceeds it is summed up when the second ends. Default 100,000.
    pub announcement_frames_per_second: u64,

    /// Bytes of events that a room holds for members who have not read them yet. Default 4 MiB.
    ///
    /// A member that falls further behind loses the oldest and is told how many. What every member has read is
    /// freed at once, so a room whose members keep up holds next to nothing. `hallway-server` keeps as much again, as it
    /// is written, in each of its threads for members that are behind, and a batch for each of these.
    pub feed_bytes: usize,

    /// Bytes of messages that may wait for the hub or its store, all rooms together, and as much again of all else that may
    /// wait for the hub. Default 1 MiB.
    ///
    /// Whoever posts or joins while it is full waits for its turn, in the order of asking.
    pub mailbox_bytes: usize,

    /// Bytes of history kept for rooms that nobody is in, all of them together. Default 64 MiB.
    ///
    /// Beyond it the room that has been empty the longest is forgotten first.
    pub idle_history_bytes: usize,

    /// Bytes of history of all rooms together. Default 256 MiB.
    ///
    /// Beyond it the rooms that nobody is in are forgotten, the one empty the longest first. Where that is not enough, those
    /// that hold the most lose their oldest messages, until an eighth of it is free again: whoever fills many rooms does so
    /// at the cost of these.
    pub history_bytes: usize,

    /// Bytes of names and texts of a page of history that is asked for at once; one message that exceeds it comes alone.
    /// Default 64 KiB.
    pub page_bytes: usize,

    /// For how long a [`Reference`](crate::Reference) is remembered. Default 10 minutes, as in the protocol.
    pub reference_window: Duration,

    /// References that are remembered, of all rooms together: beyond it the oldest are forgotten before their time, and a
    /// message that is sent again with one of them is said twice. Default 1,000,000, which is 1,666 messages with a
    /// reference a second; so many take some 85 MiB.
    pub max_references: usize,

    /// Whether a message is said when it is stored, or at once. Of no effect without a store. Default
    /// [`Full`](Durability::Full).
    pub durability: Durability,

    /// What the store keeps. Of no effect without one. Default: everything.
    pub retention: Retention,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            history: 100,
            max_rooms: 10_000,
            max_members_per_room: 100_000,
            max_name_chars: 64,
            max_message_bytes: 64 << 10,
            count_interval: Duration::from_millis(100),
            announcement_frames_per_second: 100_000,
            feed_bytes: 4 << 20,
            mailbox_bytes: 1 << 20,
            idle_history_bytes: 64 << 20,
            history_bytes: 256 << 20,
            page_bytes: 64 << 10,
            reference_window: Duration::from_secs(600),
            max_references: 1_000_000,
            durability: Durability::default(),
            retention: Retention::default(),
        }
    }
}

impl Config {
    /// Whether a hub can run with these limits; the error names the first that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let millis = usize::try_from(self.count_interval.as_millis()).unwrap_or(usize::MAX);
        // One message and its name must fit, or a member could never be shown it and a post would wait for ever.
        let largest = self.max_message_bytes.saturating_add(SMALLEST_SLACK);

        ConfigError::check("history", "messages", self.history, 0..=1_000_000)?;
        ConfigError::check("max_rooms", "rooms", self.max_rooms, 1..=10_000_000)?;
        ConfigError::check("max_members_per_room", "members", self.max_members_per_room, 1..=10_000_000)?;
        ConfigError::check("max_name_chars", "characters", self.max_name_chars, 1..=1_024)?;
        ConfigError::check("max_message_bytes", "bytes", self.max_message_bytes, 1..=16 << 20)?;
        ConfigError::check("count_interval", "milliseconds", millis, 0..=60_000)?;
        ConfigError::check("feed_bytes", "bytes", self.feed_bytes, largest..=1 << 30)?;
        ConfigError::check("mailbox_bytes", "bytes", self.mailbox_bytes, largest..=1 << 30)?;
        ConfigError::check("history_bytes", "bytes", self.history_bytes, largest..=usize::MAX)?;
        ConfigError::check("page_bytes", "bytes", self.page_bytes, 1..=1 << 30)?;
        let window = usize::try_from(self.reference_window.as_secs()).unwrap_or(usize::MAX);
        ConfigError::check("reference_window", "seconds", window, 0..=7 * 86_400)?;
        ConfigError::check("max_references", "references", self.max_references, 1..=100_000_000)?;
        let keep =
            self.retention.messages.map_or(1, |messages| usize::try_from(messages).unwrap_or(usize::MAX));
        ConfigError::check("retention.messages", "messages", keep, 1..=usize::MAX)?;
        let keep = self.retention.age.map_or(1, |age| usize::try_from(age.as_secs()).unwrap_or(usize::MAX));
        ConfigError::check("retention.age", "seconds", keep, 1..=usize::MAX)?;
        let keep = self.retention.bytes.map_or(1, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        ConfigError::check("retention.bytes", "bytes", keep, 1..=usize::MAX)
    }
}

/// Room for what is counted beside a message's text: the longest name in UTF-8 and the bookkeeping of a slot.
const SMALLEST_SLACK: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_limits_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn a_limit_out_of_range_is_named_with_its_value_and_what_is_allowed() {
        let config = Config { max_rooms: 0, ..Config::default() };
        let error = config.validate().unwrap_err();
        assert_eq!(error.to_string(), "max_rooms is 0 rooms, allowed are 1 to 10000000");
    }

    #[test]
    fn to_keep_nothing_is_refused() {
        for retention in [
            Retention { messages: Some(0), ..Retention::default() },
            Retention { age: Some(Duration::ZERO), ..Retention::default() },
            Retention { bytes: Some(0), ..Retention::default() },
        ] {
            assert!(Config { retention, ..Config::default() }.validate().is_err());
        }
    }

    #[test]
    fn a_feed_that_could_not_hold_one_message_is_refused() {
        let config = Config { feed_bytes: Config::default().max_message_bytes, ..Config::default() };
        assert!(matches!(config.validate(), Err(ConfigError::OutOfRange { option: "feed_bytes", .. })));
    }
}
