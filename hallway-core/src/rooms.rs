//! All rooms of a hub: which exist, which has something due, and which are forgotten when.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
    time::Instant,
};

use time::OffsetDateTime;

use crate::{
    config::Config,
    epoch::{Epoch, Position},
    error::JoinError,
    event::Chat,
    room::{Joined, MemberId, Room},
    room_name::RoomName,
    store::StoredRoom,
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
/// [`Config::idle_history_bytes`] or a new room needs the place: then the one that has been empty the longest goes. Where
/// there is a store it is read again when somebody comes back.
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
    /// Messages on their way to the store.
    unstored: usize,
    /// Members some of whose messages are on their way there and were not said yet.
    unsaid: HashMap<MemberId, Unsaid>,
}

#[derive(Debug, Default)]
struct Unsaid {
    messages: usize,
    /// It leaves when they were said.
    is_leaving: bool,
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

    /// Whether the room is in memory.
    pub(crate) fn is_here(&self, name: &RoomName) -> bool {
        self.by_name.contains_key(name)
    }

    /// Joins a room, which begins where it is not here.
    pub(crate) fn join(
        &mut self,
        name: &RoomName,
        cleaned_name: &str,
        position: Option<&Position>,
        now: Instant,
        wall: OffsetDateTime,
    ) -> Result<(MemberId, Joined), JoinError> {
        if !self.is_here(name) {
            self.make_place(now)?;
            let epoch = self.new_epoch(wall);
            self.by_name.insert(name.clone(), Kept::new(Room::new(&self.config, epoch)));
        }
        let id = MemberId(self.fresh_number());
        let Some(kept) = self.by_name.get_mut(name) else { return Err(JoinError::Closed) };
        kept.let_go_of_namesakes(cleaned_name, now);
        let max = self.config.max_members_per_room;
        let leaving = kept.unsaid.values().filter(|unsaid| unsaid.is_leaving).count();
        if kept.room.member_count() - leaving >= max {
            return Err(JoinError::RoomFull { max });
        }
        if let Some(number) = kept.idle.take() {
            self.idle.remove(&number);
            self.idle_bytes -= kept.history_bytes;
        }
        kept.touch(name, &mut self.touched);
        Ok((id, kept.room.join(id, cleaned_name, position, now, wall)))
    }

    /// Takes in what a store keeps of a room.
    pub(crate) fn insert(
        &mut self,
        name: &RoomName,
        stored: Option<StoredRoom>,
        now: Instant,
        wall: OffsetDateTime,
    ) -> Result<(), JoinError> {
        self.make_place(now)?;
        let epoch = self.new_epoch(wall);
        let mut kept = Kept::new(Room::stored(&self.config, epoch, stored));
        // Where nobody joins it after all it goes again.
        kept.touch(name, &mut self.touched);
        self.by_name.insert(name.clone(), kept);
        Ok(())
    }

    pub(crate) fn leave(&mut self, name: &RoomName, id: MemberId, now: Instant) {
        if let Some(kept) = self.by_name.get_mut(name) {
            kept.touch(name, &mut self.touched);
            match kept.unsaid.get_mut(&id) {
                // The members hear what it said before they hear that it left.
                Some(unsaid) => unsaid.is_leaving = true,
                None => kept.room.leave(id, now),
            }
        }
    }

    /// The room, to do with it what may have consequences. A member's posts come before its leave, so its room is there.
    pub(crate) fn room(&mut self, name: &RoomName) -> Option<&mut Room> {
        let kept = self.by_name.get_mut(name)?;
        kept.touch(name, &mut self.touched);
        Some(&mut kept.room)
    }

    /// Says `text` in the room at once.
    pub(crate) fn post(
        &mut self,
        name: &RoomName,
        username: Arc<str>,
        text: Arc<str>,
        now: OffsetDateTime,
    ) -> Option<Arc<Chat>> {
        let room = self.room(name)?;
        let chat = room.number(username, text, now);
        room.say(Arc::clone(&chat));
        Some(chat)
    }

    /// A member's message is on its way to the store: the room stays here until it has come back.
    pub(crate) fn sent_to_store(&mut self, name: &RoomName, id: MemberId, is_said: bool) {
        if let Some(kept) = self.by_name.get_mut(name) {
            kept.unstored += 1;
            if !is_said {
                kept.unsaid.entry(id).or_default().messages += 1;
            }
        }
    }

    /// A member's message has come back from there, and was said or refused.
    pub(crate) fn back_from_store(&mut self, name: &RoomName, id: MemberId, now: Instant) {
        if let Some(kept) = self.by_name.get_mut(name) {
            kept.touch(name, &mut self.touched);
            kept.unstored -= 1;
            if let Entry::Occupied(mut unsaid) = kept.unsaid.entry(id) {
                unsaid.get_mut().messages -= 1;
                if unsaid.get().messages == 0 && unsaid.remove().is_leaving {
                    kept.room.leave(id, now);
                }
            }
        }
    }

    /// The newest messages of a room before a place that are here, at most so many; and the oldest that is here.
    pub(crate) fn before(&self, name: &RoomName, seq: u64, count: usize) -> Option<(Vec<Arc<Chat>>, u64)> {
        self.by_name.get(name).map(|kept| kept.room.before(seq, count))
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
        if kept.idle.is_some() {
            self.idle_bytes = self.idle_bytes - kept.history_bytes + bytes;
        }
        kept.history_bytes = bytes;

        if kept.room.member_count() > 0 || kept.unstored > 0 || kept.idle.is_some() {
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
            self.idle_bytes -= kept.history_bytes;
            self.history_bytes -= kept.history_bytes;
        }
        true
    }

    fn new_epoch(&mut self, wall: OffsetDateTime) -> Epoch {
        Epoch::beginning(wall, self.fresh_number())
    }

    fn fresh_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

impl Kept {
    fn new(room: Room) -> Self {
        Self {
            room,
            touched: false,
            deadline: None,
            idle: None,
            history_bytes: 0,
            unstored: 0,
            unsaid: HashMap::new(),
        }
    }

    /// Those of this name who only wait to be heard to leave: who comes back is not to be heard to leave after it came.
    fn let_go_of_namesakes(&mut self, name: &str, now: Instant) {
        for (id, unsaid) in self.unsaid.iter_mut().filter(|(_, unsaid)| unsaid.is_leaving) {
            if self.room.is_called(*id, name) {
                unsaid.is_leaving = false;
                self.room.leave(*id, now);
            }
        }
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
mod tests;
