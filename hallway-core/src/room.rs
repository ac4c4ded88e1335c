//! One room: who is in it, what was said in it, and what it says to whom. Plain data under an injected clock.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc, time::Instant};

use time::{OffsetDateTime, UtcOffset};

use crate::{
    announce::{Announcer, Change},
    config::Config,
    epoch::{Epoch, Position},
    event::{Chat, Event},
    feed::{Feed, RoomFeed},
    history::History,
    member::{Replay, Welcome},
    name::{Name, Names},
    store::{Durability, StoredRoom},
};

/// Names one membership; never used twice in the life of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MemberId(pub(crate) u64);

#[derive(Debug)]
pub(crate) struct Room {
    members: HashMap<MemberId, Name>,
    names: Names,
    epoch: Epoch,
    /// Of the newest message that was said.
    seq: u64,
    /// Of the newest that has a place: behind `seq` are those on their way to the store.
    numbered: u64,
    /// Of the oldest that the store has, where there is one.
    first_seq: Option<u64>,
    /// When the newest that has a place was sent.
    sent_at: OffsetDateTime,
    history: History,
    announcer: Announcer,
    feed: Feed,
    /// Said, but not in the feed yet: what one batch of commands brings is published at once.
    said: Vec<Event>,
}

/// What a joiner is given.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) username: Arc<str>,
    pub(crate) welcome: Welcome,
    pub(crate) replay: Replay,
    /// What comes before the replay and is in the store alone.
    pub(crate) missed: Option<RangeInclusive<u64>>,
    pub(crate) feed: RoomFeed,
}

/// What a joiner is shown of what was said before.
struct Shown {
    welcome: Welcome,
    history: Arc<[Arc<Chat>]>,
    /// What comes before the history and is in the store alone.
    missed: Option<RangeInclusive<u64>>,
}

impl Room {
    /// A room that begins.
    pub(crate) fn new(config: &Config, epoch: Epoch) -> Self {
        Self {
            members: HashMap::new(),
            names: Names::new(),
            epoch,
            seq: 0,
            numbered: 0,
            first_seq: None,
            sent_at: OffsetDateTime::UNIX_EPOCH,
            history: History::new(config.history),
            announcer: Announcer::new(config.count_interval, config.announcement_frames_per_second),
            feed: Feed::new(config.feed_bytes),
            said: Vec::new(),
        }
    }

    /// A room that a store keeps, and what is kept of it.
    pub(crate) fn stored(config: &Config, epoch: Epoch, stored: Option<StoredRoom>) -> Self {
        let mut room = Self::new(config, epoch);
        room.first_seq = Some(1);
        if let Some(StoredRoom { epoch, seq, first_seq, sent_at, newest }) = stored {
            room.epoch = epoch;
            room.seq = seq;
            room.numbered = seq;
            room.first_seq = Some(first_seq);
            room.sent_at = sent_at;
            for chat in newest {
                room.history.push(chat);
            }
        }
        if config.durability == Durability::Relaxed {
            room.history.keep_behind(room.seq);
        }
        room
    }

    /// Everything of a join in one step, so that the replay ends exactly where the reader begins.
    pub(crate) fn join(
        &mut self,
        id: MemberId,
        cleaned_name: &str,
        position: Option<&Position>,
        now: Instant,
        wall: OffsetDateTime,
    ) -> Joined {
        self.publish();
        let name = self.names.resolve(cleaned_name, wall.time());
        let username = Arc::clone(&name.text);
        self.members.insert(id, name);

        let Shown { welcome, history, missed } = self.shown_to(position);
        let feed = self.feed.subscribe();
        self.changed(Change::Joined(Arc::clone(&username)), now);
        let count = self.announcer.owes_count().then_some(self.members.len());
        Joined { username, welcome, replay: Replay { history, count }, missed, feed }
    }

    /// Everything behind a position where there is all of it, and otherwise the newest.
    fn shown_to(&mut self, position: Option<&Position>) -> Shown {
        let welcome = Welcome { epoch: self.epoch.clone(), seq: self.seq, resumed: false, gap: None };
        // Nothing is known of what another sequence's numbers mean here.
        let is_ours = |position: &&Position| position.epoch == self.epoch && position.after <= self.seq;
        let after = position.filter(is_ours).map(|position| position.after);
        let oldest = self.history.first_seq().unwrap_or(self.seq + 1);
        match after {
            Some(after) if after + 1 >= oldest => {
                let welcome = Welcome { resumed: true, ..welcome };
                return Shown { welcome, history: self.history.after(after), missed: None };
            }
            Some(after) if self.first_seq.is_some_and(|first| after + 1 >= first) => {
                let welcome = Welcome { resumed: true, ..welcome };
                let missed = Some(after + 1..=oldest - 1);
                return Shown { welcome, history: self.history.after(oldest - 1), missed };
            }
            _ => {}
        }
        let history = self.history.snapshot();
        let gap = position.map(|_| {
            let shown = history.first().map_or(self.seq + 1, |chat| chat.seq);
            after.map_or(1, |after| after + 1)..=shown - 1
        });
        let gap = gap.filter(|gap| !gap.is_empty());
        Shown { welcome: Welcome { gap, ..welcome }, history, missed: None }
    }

    /// Takes a member out; nothing happens where it is not in.
    pub(crate) fn leave(&mut self, id: MemberId, now: Instant) {
        if let Some(name) = self.members.remove(&id) {
            self.names.release(&name);
            self.changed(Change::Left(name.text), now);
            if self.members.is_empty() {
                self.announcer.forget_sums();
                // Nothing counts the buffers of an empty room, which may have been a large one.
                self.members = HashMap::new();
                self.names = Names::new();
            }
        }
    }

    /// Gives a message the next place in the sequence.
    pub(crate) fn number(&mut self, username: Arc<str>, text: Arc<str>, now: OffsetDateTime) -> Arc<Chat> {
        self.numbered += 1;
        self.sent_at = self.sent_at.max(to_millisecond(now));
        Arc::new(Chat::new(self.numbered, self.sent_at, username, text))
    }

    /// Takes the places back of all that was numbered and not said.
    pub(crate) fn unnumber(&mut self) {
        self.numbered = self.seq;
    }

    /// Says a message that has its place.
    pub(crate) fn say(&mut self, chat: Arc<Chat>) {
        self.seq = chat.seq;
        self.history.push(Arc::clone(&chat));
        self.said.push(Event::Chat(chat));
    }

    /// Messages up to this one are stored.
    pub(crate) fn stored_up_to(&mut self, seq: u64) {
        self.history.keep_behind(seq);
    }

    /// The store has let go of everything before this message.
    pub(crate) fn tidied(&mut self, first_seq: u64) {
        self.first_seq = Some(first_seq);
        self.history.forget_before(first_seq);
    }

    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The newest messages before this one that are here, at most so many; and the oldest that is here.
    pub(crate) fn before(&self, seq: u64, count: usize) -> (Vec<Arc<Chat>>, u64) {
        (self.history.before(seq, count), self.history.first_seq().unwrap_or(self.seq + 1))
    }

    /// Says what has become due by `now`.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.announcer.tick(self.members.len(), now, &mut self.said);
    }

    /// When [`tick`](Self::tick) will have something to say, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        // Nobody is there to be told.
        if self.members.is_empty() { None } else { self.announcer.deadline() }
    }

    /// Brings what was said before the members.
    pub(crate) fn publish(&mut self) {
        self.feed.publish(&mut self.said);
    }

    pub(crate) fn is_called(&self, id: MemberId, name: &str) -> bool {
        self.members.get(&id).is_some_and(|member| &*member.text == name)
    }

    pub(crate) fn member_count(&self) -> usize {
        self.members.len()
    }

    /// Lets the oldest messages of the history go until it holds at most so many bytes.
    pub(crate) fn shrink_history(&mut self, bytes: usize) {
        self.history.shrink(bytes);
    }

    pub(crate) fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    fn changed(&mut self, change: Change, now: Instant) {
        self.announcer.changed(change, self.members.len(), now, &mut self.said);
    }
}

/// What is stored and written has no finer time.
fn to_millisecond(time: OffsetDateTime) -> OffsetDateTime {
    let time = time.to_offset(UtcOffset::UTC);
    time.replace_millisecond(time.millisecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_message_is_in_utc_to_the_millisecond_and_never_before_that_of_the_one_before() {
        let mut room = Room::new(&Config::default(), Epoch::beginning(OffsetDateTime::UNIX_EPOCH, 1));
        let now = OffsetDateTime::from_unix_timestamp_nanos(1_795_554_307_123_999_999).unwrap();
        let elsewhere = now.to_offset(UtcOffset::from_hms(5, 30, 0).unwrap());
        let millisecond = now - time::Duration::nanoseconds(999_999);
        let first = room.number("alice".into(), "a".into(), elsewhere);
        assert_eq!((first.sent_at, first.sent_at.offset()), (millisecond, UtcOffset::UTC));
        let second = room.number("alice".into(), "b".into(), now - time::Duration::HOUR);
        assert_eq!((second.seq, second.sent_at), (2, millisecond));
    }
}
