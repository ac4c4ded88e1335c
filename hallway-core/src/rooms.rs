//! All rooms of a hub: which exist, which has something due, and which are forgotten when.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use time::Time;

use crate::{
    config::Config,
    error::JoinError,
    room::{Joined, MemberId, Room},
    room_name::RoomName,
};

/// What a hub holds, as [`Hub::totals`](crate::Hub::totals) says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Rooms, those included that nobody is in and whose history is kept.
    pub rooms: usize,
    /// Members of all rooms.
    pub members: usize,
}

/// Owns the rooms. Every method is an ordinary function: it cannot wait for anybody.
///
/// A room is made by the first join. When its last member has left, a room without history is forgotten at once; one
/// with history is kept for who comes back, until all empty rooms together hold more than
/// [`Config::idle_history_bytes`] or a new room needs the place: then the one that has been empty the longest goes.
#[derive(Debug)]
pub(crate) struct Rooms {
    config: Arc<Config>,
    by_name: HashMap<RoomName, Kept>,
    /// Rooms that have said or changed something since the last [`settle`](Self::settle).
    touched: Vec<RoomName>,
    /// Rooms with something due, by when.
    deadlines: BTreeSet<(Instant, RoomName)>,
    /// Empty rooms, in the order in which they became so.
    idle: BTreeMap<u64, RoomName>,
    idle_bytes: usize,
    /// Of the histories of all rooms, when each was last settled.
    history_bytes: usize,
    last_number: u64,
}

#[derive(Debug)]
struct Kept {
    room: Room,
    /// Whether it is in `touched`.
    touched: bool,
    /// Its place in `deadlines`.
    deadline: Option<Instant>,
    /// Its place in `idle`.
    idle: Option<u64>,
    /// What it has in `history_bytes`.
    history_bytes: usize,
}

impl Rooms {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            by_name: HashMap::new(),
            touched: Vec::new(),
            deadlines: BTreeSet::new(),
            idle: BTreeMap::new(),
            idle_bytes: 0,
            history_bytes: 0,
            last_number: 0,
        }
    }

    pub(crate) fn join(
        &mut self,
        name: &RoomName,
        cleaned_name: &str,
        now: Instant,
        time: Time,
    ) -> Result<(MemberId, Joined), JoinError> {
        if !self.by_name.contains_key(name) {
            self.make_place(now)?;
        }
        let id = MemberId(self.fresh_number());
        let kept = self.by_name.entry(name.clone()).or_insert_with(|| Kept::new(&self.config));
        let max = self.config.max_members_per_room;
        if kept.room.member_count() >= max {
            return Err(JoinError::RoomFull { max });
        }
        if let Some(number) = kept.idle.take() {
            self.idle.remove(&number);
            self.idle_bytes -= kept.room.history_bytes();
        }
        kept.touch(name, &mut self.touched);
        Ok((id, kept.room.join(id, cleaned_name, now, time)))
    }

    pub(crate) fn leave(&mut self, name: &RoomName, id: MemberId, now: Instant) {
        if let Some(kept) = self.by_name.get_mut(name) {
            kept.touch(name, &mut self.touched);
            kept.room.leave(id, now);
        }
    }

    /// Says `text` in the room. A member's posts come before its leave, so its room is there.
    pub(crate) fn post(&mut self, name: &RoomName, username: Arc<str>, text: Arc<str>) {
        if let Some(kept) = self.by_name.get_mut(name) {
            kept.touch(name, &mut self.touched);
            kept.room.post(username, text);
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        let members = self.by_name.values().map(|kept| kept.room.member_count()).sum();
        Totals { rooms: self.by_name.len(), members }
    }

    pub(crate) fn member_count(&self, name: &RoomName) -> usize {
        self.by_name.get(name).map_or(0, |kept| kept.room.member_count())
    }

    /// When [`settle`](Self::settle) will have something to do, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// Ends a batch: what the rooms said, and what has become due by `now`, goes before their members, and rooms
    /// that are no longer needed are forgotten.
    pub(crate) fn settle(&mut self, now: Instant) {
        while let Some((due, name)) = self.deadlines.first().filter(|(due, _)| *due <= now) {
            let (due, name) = (*due, name.clone());
            self.deadlines.remove(&(due, name.clone()));
            if let Some(kept) = self.by_name.get_mut(&name) {
                kept.deadline = None;
                kept.room.tick(now);
                kept.touch(&name, &mut self.touched);
            }
        }
        for name in std::mem::take(&mut self.touched) {
            self.settle_room(name);
        }
        while self.idle_bytes > self.config.idle_history_bytes && self.forget_longest_idle() {}
        if self.history_bytes > self.config.history_bytes {
            self.shrink_histories();
        }
    }

    /// Makes so much place that it is not to be done again for a while: it looks at every room.
    fn shrink_histories(&mut self) {
        let target = self.config.history_bytes / 8 * 7;
        while self.history_bytes > target && self.forget_longest_idle() {}
        if self.history_bytes <= target {
            return;
        }
        let level = level(self.by_name.values().map(|kept| kept.history_bytes).collect(), target);
        for kept in self.by_name.values_mut().filter(|kept| kept.history_bytes > level) {
            kept.room.shrink_history(level);
            self.history_bytes -= kept.history_bytes - kept.room.history_bytes();
            kept.history_bytes = kept.room.history_bytes();
        }
    }

    fn settle_room(&mut self, name: RoomName) {
        let Some(kept) = self.by_name.get_mut(&name) else { return };
        kept.touched = false;
        kept.room.publish();

        let deadline = kept.room.deadline();
        if kept.deadline != deadline {
            if let Some(due) = kept.deadline {
                self.deadlines.remove(&(due, name.clone()));
            }
            self.deadlines.extend(deadline.map(|due| (due, name.clone())));
            kept.deadline = deadline;
        }

        let bytes = kept.room.history_bytes();
        self.history_bytes = self.history_bytes - kept.history_bytes + bytes;
        kept.history_bytes = bytes;

        if kept.room.member_count() > 0 || kept.idle.is_some() {
            return;
        }
        if bytes == 0 {
            self.by_name.remove(&name);
        } else {
            self.last_number += 1;
            kept.idle = Some(self.last_number);
            self.idle.insert(self.last_number, name);
            self.idle_bytes += bytes;
        }
    }

    /// Makes sure that one more room may exist.
    fn make_place(&mut self, now: Instant) -> Result<(), JoinError> {
        let max = self.config.max_rooms;
        if self.by_name.len() < max {
            return Ok(());
        }
        // One that this very batch has emptied counts, too.
        self.settle(now);
        if self.by_name.len() < max || self.forget_longest_idle() {
            Ok(())
        } else {
            Err(JoinError::TooManyRooms { max })
        }
    }

    /// Whether there was one.
    fn forget_longest_idle(&mut self) -> bool {
        let Some((_, name)) = self.idle.pop_first() else { return false };
        if let Some(kept) = self.by_name.remove(&name) {
            self.idle_bytes -= kept.room.history_bytes();
            self.history_bytes -= kept.history_bytes;
        }
        true
    }

    fn fresh_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl Kept {
    fn new(config: &Config) -> Self {
        Self { room: Room::new(config), touched: false, deadline: None, idle: None, history_bytes: 0 }
    }

    fn touch(&mut self, name: &RoomName, touched: &mut Vec<RoomName>) {
        if !self.touched {
            self.touched = true;
            touched.push(name.clone());
        }
    }
}

/// The most that each may have so that all together have at most `target`.
fn level(mut sizes: Vec<usize>, target: usize) -> usize {
    sizes.sort_unstable();
    let mut left = target;
    for (index, size) in sizes.iter().enumerate() {
        let share = left / (sizes.len() - index);
        if *size > share {
            return share;
        }
        left -= size;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Chat;

    struct Hub {
        rooms: Rooms,
        now: Instant,
    }

    impl Hub {
        fn new(change: impl FnOnce(&mut Config)) -> Self {
            let mut config = Config::default();
            change(&mut config);
            Self { rooms: Rooms::new(Arc::new(config)), now: Instant::now() }
        }

        fn join(&mut self, room: &str) -> Result<MemberId, JoinError> {
            self.rooms.join(&room.parse().unwrap(), "alice", self.now, Time::MIDNIGHT).map(|(id, _)| id)
        }

        fn leave(&mut self, room: &str, id: MemberId) {
            self.rooms.leave(&room.parse().unwrap(), id, self.now);
        }

        /// Leaves a room behind in which one message was said.
        fn used(&mut self, room: &str) {
            let id = self.join(room).unwrap();
            self.rooms.post(&room.parse().unwrap(), "alice".into(), "hi".into());
            self.leave(room, id);
            self.rooms.settle(self.now);
        }

        fn replayed(&mut self, room: &str) -> usize {
            let (_, joined) =
                self.rooms.join(&room.parse().unwrap(), "bob", self.now, Time::MIDNIGHT).unwrap();
            joined.replay.history.len()
        }
    }

    #[test]
    fn an_empty_room_without_history_is_forgotten() {
        let mut hub = Hub::new(|_| {});
        let id = hub.join("a").unwrap();
        hub.leave("a", id);
        hub.rooms.settle(hub.now);
        assert!(hub.rooms.by_name.is_empty());
        assert!(hub.rooms.deadlines.is_empty());
    }

    #[test]
    fn an_empty_room_with_history_is_kept_for_who_comes_back() {
        let mut hub = Hub::new(|_| {});
        hub.used("a");
        assert_eq!(hub.replayed("a"), 1);
        assert_eq!(hub.rooms.idle_bytes, 0);
        assert!(hub.rooms.idle.is_empty());
    }

    #[test]
    fn the_room_empty_the_longest_is_forgotten_when_the_empty_ones_hold_too_much() {
        let one = Chat::new("alice".into(), "hi".into()).cost();
        let mut hub = Hub::new(|config| config.idle_history_bytes = 2 * one);
        for room in ["a", "b", "c"] {
            hub.used(room);
        }
        assert_eq!([hub.replayed("a"), hub.replayed("b"), hub.replayed("c")], [0, 1, 1]);
    }

    #[test]
    fn where_all_histories_hold_too_much_the_fullest_rooms_lose_their_oldest_messages() {
        let one = Chat::new("alice".into(), "hi".into()).cost();
        let mut hub = Hub::new(|config| config.history_bytes = 16 * one);
        hub.used("idle");
        for (room, messages) in [("small", 2), ("large", 10), ("larger", 20)] {
            hub.join(room).unwrap();
            for _ in 0..messages {
                hub.rooms.post(&room.parse().unwrap(), "alice".into(), "hi".into());
            }
            hub.rooms.settle(hub.now);
        }
        // Fourteen are left: two of the small room, and six of each of the others.
        assert_eq!(hub.rooms.history_bytes, 14 * one);
        let rooms = ["idle", "small", "large", "larger"];
        assert_eq!(rooms.map(|room| hub.replayed(room)), [0, 2, 6, 6]);
    }

    #[test]
    fn what_all_histories_hold_is_what_they_hold_however_rooms_come_and_go() {
        let mut hub = Hub::new(|config| config.idle_history_bytes = 500);
        for round in 0..100 {
            hub.used(&format!("room{}", round % 7));
        }
        let held: usize = hub.rooms.by_name.values().map(|kept| kept.room.history_bytes()).sum();
        assert_eq!(hub.rooms.history_bytes, held);
        assert_eq!(hub.rooms.idle_bytes, held);
    }

    #[test]
    fn a_level_leaves_the_small_as_they_are() {
        assert_eq!(level(vec![1, 2, 100, 50], 23), 10);
        assert_eq!(level(vec![5, 5], 10), usize::MAX);
        assert_eq!(level(vec![9, 9], 0), 0);
        assert_eq!(level(vec![], 0), usize::MAX);
    }

    #[test]
    fn the_room_empty_the_longest_makes_place_for_a_new_one() {
        let mut hub = Hub::new(|config| config.max_rooms = 2);
        hub.used("a");
        hub.used("b");
        hub.join("c").unwrap();
        assert_eq!(hub.replayed("b"), 1);
        assert_eq!(hub.join("a"), Err(JoinError::TooManyRooms { max: 2 }));
    }

    #[test]
    fn a_room_that_was_emptied_just_before_makes_place_for_a_new_one() {
        let mut hub = Hub::new(|config| config.max_rooms = 1);
        let id = hub.join("a").unwrap();
        assert_eq!(hub.join("b"), Err(JoinError::TooManyRooms { max: 1 }));
        hub.leave("a", id);
        assert!(hub.join("b").is_ok());
    }
}
