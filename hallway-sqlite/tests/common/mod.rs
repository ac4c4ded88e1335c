//! What the tests have in common.
#![allow(dead_code, reason = "every test file is a program of its own and uses a part of this")]

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use hallway_core::{
    Chat, Epoch, Reference, RoomName, Store,
    store::{Entry, PageLimit},
};
use hallway_sqlite::{Options, SqliteStore};
use time::{Duration, OffsetDateTime};

/// A directory of a test's own, which goes with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// The file of the store under test.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("hallway.db")
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over lies in the build's own directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &Options::default()).unwrap()
}

pub(crate) fn room(name: &str) -> RoomName {
    name.parse().unwrap()
}

pub(crate) fn epoch(text: &str) -> Epoch {
    text.parse().unwrap()
}

/// So many milliseconds after the beginning of the tests' time.
pub(crate) fn at(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_512_600).unwrap() + Duration::milliseconds(millis)
}

pub(crate) fn messages(messages: usize) -> PageLimit {
    PageLimit { messages, bytes: usize::MAX }
}

/// alice's message of this number, sent so many milliseconds after the beginning.
pub(crate) fn entry(name: &str, seq: u64, text: &str) -> Entry {
    from("alice", name, seq, text)
}

pub(crate) fn from(username: &str, name: &str, seq: u64, text: &str) -> Entry {
    let sent_at = at(i64::try_from(seq).unwrap());
    let chat = Arc::new(Chat::new(seq, sent_at, username.into(), text.into()));
    Entry { room: room(name), epoch: epoch("e1"), chat, reference: None }
}

pub(crate) fn with_reference(mut entry: Entry, reference: &str) -> Entry {
    entry.reference = Some(Reference::new(reference).unwrap());
    entry
}

/// Numbers and texts of all that is kept of a room.
pub(crate) fn kept(store: &impl Store, name: &str) -> Vec<(u64, String)> {
    let found = store.room(&room(name), messages(usize::MAX)).unwrap();
    found.iter().flat_map(|room| &room.newest).map(|chat| (chat.seq, chat.text.to_string())).collect()
}

pub(crate) fn seqs(chats: &[Arc<Chat>]) -> Vec<u64> {
    chats.iter().map(|chat| chat.seq).collect()
}
