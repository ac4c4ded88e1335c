//! A store in memory, which refuses or waits when it is told to.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use hallway_core::{
    Chat, Durability, Epoch, Retention, RoomName, Store, StoreError,
    store::{Entry, PageLimit, Side, StoredReference, StoredRoom, Tidied},
};
use time::OffsetDateTime;

/// What is kept. Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rooms: HashMap<RoomName, (Epoch, Vec<Arc<Chat>>)>,
    references: Vec<StoredReference>,
    takes_nothing: bool,
    shows_nothing: bool,
    is_held: bool,
}

impl Memory {
    /// Whether what is to be kept is refused, because the disk is full.
    pub(crate) fn take_nothing(&self, takes_nothing: bool) {
        self.state().takes_nothing = takes_nothing;
    }

    /// Whether what is to be read cannot be.
    pub(crate) fn show_nothing(&self, shows_nothing: bool) {
        self.state().shows_nothing = shows_nothing;
    }

    /// Whether what is to be kept waits.
    pub(crate) fn hold(&self, is_held: bool) {
        self.state().is_held = is_held;
        self.0.changed.notify_all();
    }

    /// The oldest messages of a room go, up to this one, and nobody is told.
    pub(crate) fn lose(&self, room: &str, up_to: u64) {
        let room: RoomName = room.parse().expect("a room name");
        let mut state = self.state();
        state.rooms.get_mut(&room).expect("a room").1.retain(|chat| chat.seq > up_to);
    }

    /// A message is erased.
    pub(crate) fn erase(&self, room: &str, seq: u64) {
        let room: RoomName = room.parse().expect("a room name");
        for chat in &mut self.state().rooms.get_mut(&room).expect("a room").1 {
            if chat.seq == seq {
                *chat = Arc::new(Chat::new(seq, chat.sent_at, "".into(), "".into()));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic")
    }
}

impl Store for Memory {
    fn begin(&self, _: Durability, _: OffsetDateTime) -> Result<(), StoreError> {
        Ok(())
    }

    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError> {
        let state = self.state();
        let newest = state.references.iter().rev().take(limit);
        Ok(newest.rev().filter(|reference| reference.sent_at >= since).cloned().collect())
    }

    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError> {
        let state = self.state();
        let Some((epoch, chats)) = state.rooms.get(room) else { return Ok(None) };
        let last = chats.last().expect("a room with a message");
        let from = chats.len().saturating_sub(newest.messages);
        Ok(Some(StoredRoom {
            epoch: epoch.clone(),
            seq: last.seq,
            first_seq: chats[0].seq,
            sent_at: last.sent_at,
            newest: chats[from..].to_vec(),
        }))
    }

    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError> {
        let state = self.state();
        if state.shows_nothing {
            return Err(StoreError::Failed("it shows nothing".to_owned()));
        }
        let Some((_, chats)) = state.rooms.get(room) else { return Ok(Vec::new()) };
        Ok(match side {
            Side::Before(place) => {
                let older: Vec<_> = chats.iter().filter(|chat| chat.seq < place).cloned().collect();
                older[older.len().saturating_sub(limit.messages)..].to_vec()
            }
            Side::After(place) => {
                chats.iter().filter(|chat| chat.seq > place).take(limit.messages).cloned().collect()
            }
        })
    }

    fn append(&self, batch: &[Entry]) -> Result<(), StoreError> {
        let mut state = self.0.changed.wait_while(self.state(), |state| state.is_held).expect("no panic");
        if state.takes_nothing {
            return Err(StoreError::Full);
        }
        for Entry { room, epoch, chat, reference } in batch {
            let kept = state.rooms.entry(room.clone()).or_insert_with(|| (epoch.clone(), Vec::new()));
            kept.1.push(Arc::clone(chat));
            if let Some(reference) = reference {
                state.references.push(StoredReference {
                    room: room.clone(),
                    username: Arc::clone(&chat.username),
                    reference: reference.clone(),
                    seq: chat.seq,
                    sent_at: chat.sent_at,
                });
            }
        }
        Ok(())
    }

    fn tidy(&self, _: &Retention, _: OffsetDateTime, _: OffsetDateTime) -> Result<Tidied, StoreError> {
        Ok(Tidied::default())
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
