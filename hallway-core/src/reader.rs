//! Reading from the store beside the hub.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use tokio::sync::Semaphore;

use crate::{
    error::HistoryError,
    event::Chat,
    room_name::RoomName,
    store::{PageLimit, Side, Store, StoreError},
};

/// Messages of a room next to each other, as [`Hub::history`](crate::Hub::history) returns them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The oldest first.
    pub messages: Vec<Arc<Chat>>,
    /// Whether there are older ones.
    pub more: bool,
}

/// Reads from a store on threads for that. Cloning it clones two counted pointers.
#[derive(Clone)]
pub(crate) struct Reader {
    store: Arc<dyn Store>,
    turns: Arc<Semaphore>,
}

/// A [`Reader`] for as long as somebody else needs the store: a handle to a hub does not keep it from ending.
#[derive(Clone)]
pub(crate) struct WeakReader {
    store: Weak<dyn Store>,
    turns: Arc<Semaphore>,
}

impl WeakReader {
    pub(crate) fn upgrade(&self) -> Option<Reader> {
        Some(Reader { store: self.store.upgrade()?, turns: Arc::clone(&self.turns) })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl fmt::Debug for WeakReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WeakReader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, turns: Arc::new(Semaphore::new(READS_AT_ONCE)) }
    }

    pub(crate) fn downgrade(&self) -> WeakReader {
        WeakReader { store: Arc::downgrade(&self.store), turns: Arc::clone(&self.turns) }
    }

    pub(crate) async fn page(
        &self,
        room: &RoomName,
        side: Side,
        limit: PageLimit,
    ) -> Result<Vec<Arc<Chat>>, HistoryError> {
        let room = room.clone();
        self.read(move |store| store.page(&room, side, limit)).await.map_err(HistoryError::Unavailable)
    }

    /// Reads when it is its turn.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let store = Arc::clone(&self.store);
        let reading = tokio::task::spawn_blocking(move || {
            // It ends with the reading, also where nobody waits for that any more.
            let _turn = turn;
            read(&*store)
        });
        reading.await.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
    }
}

/// Takes the newest of `messages`, which are the newest there are of those asked for: as many as the limit allows.
pub(crate) fn newest(mut messages: Vec<Arc<Chat>>, limit: PageLimit) -> Page {
    let mut page = limit.filling();
    let count = messages.iter().rev().take_while(|chat| page.takes(chat)).count();
    let older = messages.len() - count;
    messages.drain(..older);
    Page { messages, more: older > 0 }
}

/// Reads at the same time: beyond what the processors of a small machine can do there is only the disk to wait for.
const READS_AT_ONCE: usize = 4;
