//! The store in memory, which refuses or waits when it is told to.

use std::{
    collections::HashSet,
    sync::{Arc, Condvar, Mutex, MutexGuard},
};

use hallway_core::{
    Chat, Durability, Retention, RoomName, Store, StoreError,
    store::{Entry, MemoryStore, PageLimit, Side, StoredReference, StoredRoom, Tidied},
};
use time::OffsetDateTime;

/// What is kept. Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Inner>);

#[derive(Default)]
struct Inner {
    store: MemoryStore,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    erased: HashSet<(RoomName, u64)>,
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

    /// The oldest messages of the room, which is the only one, go up to this one, and nobody is told.
    pub(crate) fn lose(&self, room: &str, up_to: u64) {
        let room = room.parse().expect("a room name");
        let kept = self.0.store.room(&room, PageLimit { messages: 0, bytes: 0 }).expect("a store in memory");
        let mut keep = Retention::default();
        keep.messages = Some(kept.expect("a room").seq - up_to);
        let now = OffsetDateTime::now_utc();
        let tidied = self.0.store.tidy(&keep, now, OffsetDateTime::UNIX_EPOCH).expect("a store in memory");
        assert_eq!(tidied.first_seqs, [(room, up_to + 1)]);
    }

    /// A message is erased.
    pub(crate) fn erase(&self, room: &str, seq: u64) {
        self.state().erased.insert((room.parse().expect("a room name"), seq));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no panic")
    }

    fn without_erased(&self, room: &RoomName, chats: &mut [Arc<Chat>]) {
        let state = self.state();
        for chat in chats {
            if state.erased.contains(&(room.clone(), chat.seq)) {
                *chat = Arc::new(Chat::new(chat.seq, chat.sent_at, "".into(), "".into()));
            }
        }
    }
}

impl Store for Memory {
    fn begin(&self, durability: Durability, now: OffsetDateTime) -> Result<(), StoreError> {
        self.0.store.begin(durability, now)
    }

    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError> {
        self.0.store.references(since, limit)
    }

    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError> {
        let mut kept = self.0.store.room(room, newest)?;
        if let Some(kept) = &mut kept {
            self.without_erased(room, &mut kept.newest);
        }
        Ok(kept)
    }

    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError> {
        if self.state().shows_nothing {
            return Err(StoreError::Failed("it shows nothing".to_owned()));
        }
        let mut page = self.0.store.page(room, side, limit)?;
        self.without_erased(room, &mut page);
        Ok(page)
    }

    fn append(&self, batch: &[Entry]) -> Result<(), StoreError> {
        let state = self.0.changed.wait_while(self.state(), |state| state.is_held).expect("no panic");
        if state.takes_nothing {
            return Err(StoreError::Full);
        }
        self.0.store.append(batch)
    }

    fn tidy(
        &self,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied, StoreError> {
        self.0.store.tidy(keep, now, references_since)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.0.store.close()
    }
}
