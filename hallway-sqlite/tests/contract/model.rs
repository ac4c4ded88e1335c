//! A store as plain as can be, to compare others with.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex},
};

use hallway_core::{
    Chat, Durability, Epoch, Retention, RoomName, Store, StoreError,
    store::{Entry, PageLimit, Side, StoredReference, StoredRoom, Tidied},
};
use time::OffsetDateTime;

#[derive(Clone, Default)]
pub(crate) struct Model(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    rooms: Vec<Room>,
    references: Vec<(usize, StoredReference)>,
    is_relaxed: bool,
}

#[derive(Clone)]
struct Room {
    name: RoomName,
    epoch: Epoch,
    seq: u64,
    sent_at: OffsetDateTime,
    messages: Vec<Arc<Chat>>,
}

impl Room {
    fn bytes(&self) -> usize {
        self.messages.iter().map(|chat| bytes(chat)).sum()
    }

    fn first_seq(&self) -> u64 {
        self.messages.first().map_or(self.seq + 1, |chat| chat.seq)
    }

    fn page(&self, side: Side, limit: PageLimit) -> Vec<Arc<Chat>> {
        match side {
            Side::After(seq) => limited(self.messages.iter().filter(|chat| chat.seq > seq), limit),
            Side::Before(seq) => {
                let mut page = limited(self.messages.iter().rev().filter(|chat| chat.seq < seq), limit);
                page.reverse();
                page
            }
        }
    }
}

fn bytes(chat: &Chat) -> usize {
    chat.username.len() + chat.text.len()
}

fn limited<'m>(messages: impl Iterator<Item = &'m Arc<Chat>>, limit: PageLimit) -> Vec<Arc<Chat>> {
    let mut total = 0;
    let mut page: Vec<Arc<Chat>> = Vec::new();
    for chat in messages.take(limit.messages) {
        total += bytes(chat);
        if total > limit.bytes && !page.is_empty() {
            break;
        }
        page.push(Arc::clone(chat));
    }
    page
}

impl Store for Model {
    fn begin(&self, durability: Durability, now: OffsetDateTime) -> Result<(), StoreError> {
        let mut state = self.0.lock().unwrap();
        if state.is_relaxed {
            for (room, number) in state.rooms.iter_mut().zip(1..) {
                room.epoch = Epoch::beginning(now, number);
            }
        }
        state.is_relaxed = durability == Durability::Relaxed;
        Ok(())
    }

    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError> {
        let mut references = self.0.lock().unwrap().references.clone();
        references.retain(|(_, it)| it.sent_at >= since);
        references.sort_by_key(|(room, it)| (it.sent_at, *room, it.seq));
        let skipped = references.len().saturating_sub(limit);
        Ok(references.into_iter().skip(skipped).map(|(_, it)| it).collect())
    }

    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError> {
        let state = self.0.lock().unwrap();
        Ok(state.rooms.iter().find(|it| it.name == *room).map(|room| StoredRoom {
            epoch: room.epoch.clone(),
            seq: room.seq,
            first_seq: room.first_seq(),
            sent_at: room.sent_at,
            newest: room.page(Side::Before(u64::MAX), newest),
        }))
    }

    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError> {
        let state = self.0.lock().unwrap();
        let room = state.rooms.iter().find(|it| it.name == *room);
        Ok(room.map_or_else(Vec::new, |room| room.page(side, limit)))
    }

    fn append(&self, batch: &[Entry]) -> Result<(), StoreError> {
        let mut state = self.0.lock().unwrap();
        let mut next = state.clone();
        for Entry { room: name, epoch, chat, reference } in batch {
            let index = next.rooms.iter().position(|room| room.name == *name).unwrap_or_else(|| {
                let (name, epoch) = (name.clone(), epoch.clone());
                next.rooms.push(Room { name, epoch, seq: 0, sent_at: chat.sent_at, messages: Vec::new() });
                next.rooms.len() - 1
            });
            let room = &mut next.rooms[index];
            if (&room.epoch, room.seq + 1) != (epoch, chat.seq) {
                return Err(StoreError::Conflict("model".to_owned()));
            }
            room.seq = chat.seq;
            room.sent_at = chat.sent_at;
            room.messages.push(Arc::clone(chat));
            next.references.extend(reference.clone().map(|reference| {
                let (seq, sent_at, username) = (chat.seq, chat.sent_at, Arc::clone(&chat.username));
                (index, StoredReference { room: name.clone(), username, reference, seq, sent_at })
            }));
        }
        *state = next;
        Ok(())
    }

    fn tidy(
        &self,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied, StoreError> {
        let mut state = self.0.lock().unwrap();
        state.references.retain(|(_, it)| it.sent_at >= references_since);
        let before: Vec<_> = state.rooms.iter().map(Room::first_seq).collect();
        let oldest =
            keep.age.and_then(|age| time::Duration::try_from(age).ok()).and_then(|age| now.checked_sub(age));
        let mut left = A_STEP;
        for Room { messages, .. } in &mut state.rooms {
            let is_due = |messages: &Vec<Arc<Chat>>| {
                messages.first().is_some_and(|chat| {
                    keep.messages.is_some_and(|keep| messages.len() as u64 > keep)
                        || oldest.is_some_and(|oldest| chat.sent_at < oldest)
                })
            };
            while left > 0 && is_due(messages) {
                messages.remove(0);
                left -= 1;
            }
        }
        let is_over = |rooms: &[Room]| {
            keep.bytes.is_some_and(|keep| rooms.iter().map(Room::bytes).sum::<usize>() as u64 > keep)
        };
        while left > 0 && is_over(&state.rooms) {
            let largest = (0..state.rooms.len()).max_by_key(|index| {
                // To the five highest binary digits.
                let bytes = state.rooms[*index].bytes();
                let digits = usize::BITS - bytes.leading_zeros();
                (bytes - bytes % (1 << digits.saturating_sub(5)), Reverse(*index))
            });
            state.rooms[largest.unwrap()].messages.remove(0);
            left -= 1;
        }
        let after = state.rooms.iter().zip(before).filter(|(room, before)| room.first_seq() != *before);
        let first_seqs = after.map(|(room, _)| (room.name.clone(), room.first_seq())).collect();
        Ok(Tidied { first_seqs, is_unfinished: left == 0 })
    }

    fn close(&self) -> Result<(), StoreError> {
        self.0.lock().unwrap().is_relaxed = false;
        Ok(())
    }
}

const A_STEP: usize = 1_000;
