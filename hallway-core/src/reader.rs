//! Reading from the store beside the hub.

use std::{ops::RangeInclusive, sync::Arc};

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

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, turns: Arc::new(Semaphore::new(READS_AT_ONCE)) }
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

/// What a member is to be shown that is in the store alone, page by page.
#[derive(Debug)]
pub(crate) struct Missed {
    reader: Reader,
    room: RoomName,
    range: RangeInclusive<u64>,
}

impl Missed {
    pub(crate) fn new(reader: Reader, room: RoomName, range: RangeInclusive<u64>) -> Self {
        Self { reader, room, range }
    }

    /// What is still to be read.
    pub(crate) fn range(&self) -> &RangeInclusive<u64> {
        &self.range
    }

    /// The next page; nothing when all were read. Cancel safe: a page that was not returned is read again.
    pub(crate) async fn next(&mut self, bytes: usize) -> Result<Vec<Arc<Chat>>, HistoryError> {
        let (first, last) = (*self.range.start(), *self.range.end());
        if self.range.is_empty() {
            return Ok(Vec::new());
        }
        let limit = PageLimit { messages: MESSAGES_A_PAGE, bytes };
        let mut page = self.reader.page(&self.room, Side::After(first - 1), limit).await?;
        page.retain(|chat| chat.seq <= last);
        // Where nothing of it is kept any longer there is nothing to wait for either.
        self.range = page.last().map_or(last, |chat| chat.seq) + 1..=last;
        Ok(page)
    }
}

/// Takes the newest of `messages`, which are the newest there are of those asked for: as many as the limit allows.
pub(crate) fn newest(mut messages: Vec<Arc<Chat>>, limit: PageLimit) -> Page {
    let mut bytes = 0;
    let mut count = 0;
    for chat in messages.iter().rev().take(limit.messages) {
        bytes += chat.username.len() + chat.text.len();
        if bytes > limit.bytes && count > 0 {
            break;
        }
        count += 1;
    }
    let older = messages.len() - count;
    messages.drain(..older);
    Page { messages, more: older > 0 }
}

/// Reads at the same time: beyond what the processors of a small machine can do there is only the disk to wait for.
const READS_AT_ONCE: usize = 4;

/// Messages of a page that is read for a member who missed many.
const MESSAGES_A_PAGE: usize = 500;
