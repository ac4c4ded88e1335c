//! One room: who is in it, what was said in it, and what it says to whom. Plain data under an injected clock.

use std::{collections::HashMap, sync::Arc, time::Instant};

use time::Time;

use crate::{
    announce::{Announcer, Change},
    config::Config,
    event::{Chat, Event},
    feed::{Feed, RoomFeed},
    history::History,
    member::Replay,
    name::{Name, Names},
};

/// Names one membership; never used twice in the life of a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MemberId(pub(crate) u64);

#[derive(Debug)]
pub(crate) struct Room {
    members: HashMap<MemberId, Name>,
    names: Names,
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
    pub(crate) replay: Replay,
    pub(crate) feed: RoomFeed,
}

impl Room {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            members: HashMap::new(),
            names: Names::new(),
            history: History::new(config.history),
            announcer: Announcer::new(config.count_interval, config.announcement_frames_per_second),
            feed: Feed::new(config.feed_bytes),
            said: Vec::new(),
        }
    }

    /// Everything of a join in one step, so that the replay ends exactly where the reader begins.
    pub(crate) fn join(&mut self, id: MemberId, cleaned_name: &str, now: Instant, time: Time) -> Joined {
        self.publish();
        let name = self.names.resolve(cleaned_name, time);
        let username = Arc::clone(&name.text);
        self.members.insert(id, name);

        let history = self.history.snapshot();
        let feed = self.feed.subscribe();
        self.changed(Change::Joined(Arc::clone(&username)), now);
        let count = self.announcer.owes_count().then_some(self.members.len());
        Joined { username, replay: Replay { history, count }, feed }
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

    pub(crate) fn post(&mut self, username: Arc<str>, text: Arc<str>) {
        let chat = Arc::new(Chat::new(username, text));
        self.history.push(Arc::clone(&chat));
        self.said.push(Event::Chat(chat));
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
