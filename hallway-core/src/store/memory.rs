//! A store in memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;

use super::{
    Durability, Entry, PageLimit, Retention, Side, Store, StoreError, StoredReference, StoredRoom, Tidied,
};
use crate::{epoch::Epoch, event::Chat, room_name::RoomName};

/// Keeps everything in memory: for tests, and for hubs whose members page back further than a room's history and need not
/// find it after a restart. It survives the hub, where it is shared by an [`Arc`], and ends with the process.
///
/// Its memory is bounded by [`Retention`] alone.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    rooms: HashMap<RoomName, Room>,
    /// In the order of their messages.
    references: VecDeque<StoredReference>,
    /// A hub has it that may show what is not kept here.
    is_relaxed: bool,
}

#[derive(Debug)]
struct Room {
    epoch: Epoch,
    seq: u64,
    sent_at: OffsetDateTime,
    messages: VecDeque<Arc<Chat>>,
    bytes: u64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A batch is looked at before any of it is kept: nothing panics half-way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn begin(&self, durability: Durability, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut kept = self.lock();
        if kept.is_relaxed {
            for (number, room) in (1..).zip(kept.rooms.values_mut()) {
                room.epoch = Epoch::beginning(now, number);
            }
        }
        kept.is_relaxed = durability == Durability::Relaxed;
        Ok(())
    }

    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError> {
        let kept = self.lock();
        // Of another room a later message may have been sent earlier.
        let newest = kept.references.iter().rev().filter(|kept| kept.sent_at >= since).take(limit);
        let mut references: Vec<_> = newest.cloned().collect();
        references.reverse();
        Ok(references)
    }

    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError> {
        let kept = self.lock();
        Ok(kept.rooms.get(room).map(|room| StoredRoom {
            epoch: room.epoch.clone(),
            seq: room.seq,
            first_seq: room.first_seq(),
            sent_at: room.sent_at,
            newest: room.page(Side::Before(u64::MAX), newest),
        }))
    }

    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError> {
        Ok(self.lock().rooms.get(room).map(|room| room.page(side, limit)).unwrap_or_default())
    }

    fn append(&self, batch: &[Entry]) -> Result<(), StoreError> {
        let mut kept = self.lock();
        let mut newest = HashMap::new();
        for Entry { room, epoch, chat, .. } in batch {
            let of_room = newest
                .entry(room)
                .or_insert_with(|| kept.rooms.get(room).map_or((epoch, 0), |room| (&room.epoch, room.seq)));
            if *of_room != (epoch, chat.seq.wrapping_sub(1)) {
                let (epoch, seq) = of_room;
                return Err(StoreError::Conflict(format!(
                    "{room} is at {seq} of {epoch}, and message {} does not follow",
                    chat.seq
                )));
            }
            of_room.1 = chat.seq;
        }
        for Entry { room: name, epoch, chat, reference } in batch {
            let room = kept.rooms.entry(name.clone()).or_insert_with(|| Room {
                epoch: epoch.clone(),
                seq: 0,
                sent_at: chat.sent_at,
                messages: VecDeque::new(),
                bytes: 0,
            });
            room.seq = chat.seq;
            room.sent_at = chat.sent_at;
            room.bytes += chat.bytes() as u64;
            room.messages.push_back(Arc::clone(chat));
            if let Some(reference) = reference {
                kept.references.push_back(StoredReference {
                    room: name.clone(),
                    username: Arc::clone(&chat.username),
                    reference: reference.clone(),
                    seq: chat.seq,
                    sent_at: chat.sent_at,
                });
            }
        }
        Ok(())
    }

    fn tidy(
        &self,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied, StoreError> {
        let mut kept = self.lock();
        kept.references.retain(|kept| kept.sent_at >= references_since);
        let oldest = keep.age.and_then(|age| now.checked_sub(time::Duration::try_from(age).ok()?));
        let mut left = STEP;
        let mut tidied = Tidied::default();
        for (name, room) in &mut kept.rooms {
            let before = left;
            while left > 0
                && let Some(first) = room.messages.front()
                && (oldest.is_some_and(|oldest| first.sent_at < oldest)
                    || keep.messages.is_some_and(|keep| room.messages.len() as u64 > keep))
            {
                room.pop();
                left -= 1;
            }
            if left < before {
                tidied.first_seqs.push((name.clone(), room.first_seq()));
            }
        }
        while left > 0
            && let Some(bound) = keep.bytes
            && kept.rooms.values().map(|room| room.bytes).sum::<u64>() > bound
            && let Some((name, room)) = kept.rooms.iter_mut().max_by_key(|(_, room)| room.bytes)
        {
            room.pop();
            left -= 1;
            tidied.first_seqs.retain(|(other, _)| other != name);
            tidied.first_seqs.push((name.clone(), room.first_seq()));
        }
        tidied.is_unfinished = left == 0;
        Ok(tidied)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.lock().is_relaxed = false;
        Ok(())
    }
}

impl Room {
    fn first_seq(&self) -> u64 {
        self.messages.front().map_or(self.seq + 1, |first| first.seq)
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.messages.pop_front() {
            self.bytes -= oldest.bytes() as u64;
        }
    }

    fn page(&self, side: Side, limit: PageLimit) -> Vec<Arc<Chat>> {
        let mut page = limit.filling();
        let fits = |chat: &&Arc<Chat>| page.takes(chat);
        let end = |seq: u64, or_equal: bool| {
            self.messages.partition_point(|chat| chat.seq < seq || or_equal && chat.seq == seq)
        };
        match side {
            Side::After(seq) => self.messages.range(end(seq, true)..).take_while(fits).cloned().collect(),
            Side::Before(seq) => {
                let newest = self.messages.range(..end(seq, false)).rev().take_while(fits);
                let mut page: Vec<_> = newest.cloned().collect();
                page.reverse();
                page
            }
        }
    }
}

/// Messages that a step of tidying lets go at most.
const STEP: usize = 500;
