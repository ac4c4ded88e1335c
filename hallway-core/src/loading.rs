//! Rooms that are being read from the store, and who waits to join them.

use std::{
    collections::{HashMap, VecDeque},
    future,
    sync::Arc,
};

use tokio::task::JoinSet;

use crate::{
    config::Config,
    reader::Reader,
    room_name::RoomName,
    store::{PageLimit, StoreError, StoredRoom},
    task::Join,
};

/// Reads rooms, some at the same time, and keeps the joins that wait for each in their order.
pub(crate) struct Loading {
    reader: Reader,
    config: Arc<Config>,
    waiting: HashMap<RoomName, Vec<Join>>,
    /// Rooms whose turn has not come, in the order of asking.
    queue: VecDeque<RoomName>,
    reads: JoinSet<(RoomName, Read)>,
    /// Of rooms that are being read: the first message that was kept when the store was last tidied.
    tidied: HashMap<RoomName, u64>,
}

pub(crate) type Read = Result<Option<StoredRoom>, StoreError>;

impl Loading {
    pub(crate) fn new(reader: Reader, config: Arc<Config>) -> Self {
        Self {
            reader,
            config,
            waiting: HashMap::new(),
            queue: VecDeque::new(),
            reads: JoinSet::new(),
            tidied: HashMap::new(),
        }
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether nobody waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Keeps a join until its room was read.
    pub(crate) fn push(&mut self, join: Join) {
        if let Some(waiting) = self.waiting.get_mut(&join.room) {
            waiting.push(join);
        } else {
            self.queue.push_back(join.room.clone());
            self.waiting.insert(join.room.clone(), vec![join]);
            self.read_next();
        }
    }

    /// The store has let go of what was before these messages: what is being read may be from before that.
    pub(crate) fn tidied(&mut self, first_seqs: &[(RoomName, u64)]) {
        let of_interest = first_seqs.iter().filter(|(room, _)| self.waiting.contains_key(room));
        self.tidied.extend(of_interest.cloned());
    }

    /// Waits until a room was read; returns who waits to join it. For ever, where nothing is read. Cancel safe.
    pub(crate) async fn done(&mut self) -> (RoomName, Read, Vec<Join>) {
        match self.reads.join_next().await {
            Some(Ok((room, mut read))) => {
                let joins = self.waiting.remove(&room).unwrap_or_default();
                if let (Some(first_seq), Ok(Some(stored))) = (self.tidied.remove(&room), &mut read) {
                    stored.first_seq = stored.first_seq.max(first_seq);
                    stored.newest.retain(|chat| chat.seq >= first_seq);
                }
                self.read_next();
                (room, read, joins)
            }
            // A reading task only waits for the store, whose panics are errors already, and nobody aborts it.
            Some(Err(_)) | None => future::pending().await,
        }
    }

    fn read_next(&mut self) {
        while self.reads.len() < READS_AT_ONCE
            && let Some(room) = self.queue.pop_front()
        {
            let reader = self.reader.clone();
            let newest = PageLimit { messages: self.config.history, bytes: self.config.history_bytes / 8 };
            self.reads.spawn(async move {
                let name = room.clone();
                let read = reader.read(move |store| store.room(&name, newest)).await;
                (room, read)
            });
        }
    }
}

/// Fewer than may read at the same time: who pages back goes on while many rooms are joined.
const READS_AT_ONCE: usize = 3;
