//! A disk without space.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use common::{Scratch, at, entry, kept, open};
use hallway_core::{Durability, Retention, Store as _, StoreError};
use hallway_sqlite::{Options, SqliteStore, verify};

fn small(scratch: &Scratch) -> SqliteStore {
    let mut options = Options::default();
    options.max_file_bytes = Some(256 << 10);
    SqliteStore::open(scratch.file(), &options).unwrap()
}

#[test]
fn a_full_disk_refuses_whole_batches_and_takes_them_when_there_is_space_again() {
    let scratch = Scratch::new();
    let store = small(&scratch);
    store.begin(Durability::Full, at(0)).unwrap();
    let batch = |newest: u64| -> Vec<_> {
        (newest + 1..=newest + 10).map(|seq| entry("lobby", seq, &"x".repeat(500))).collect()
    };
    let mut newest = 0;
    let error = loop {
        match store.append(&batch(newest)) {
            Ok(()) => newest += 10,
            Err(error) => break error,
        }
    };
    assert_eq!(error, StoreError::Full);
    assert_eq!(error.to_string(), "the disk is full");
    assert_eq!(store.append(&batch(newest)), Err(StoreError::Full));
    assert_eq!(kept(&store, "lobby").len() as u64, newest);
    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);

    let mut keep = Retention::default();
    keep.messages = Some(50);
    while store.tidy(&keep, at(0), at(0)).unwrap().is_unfinished {}
    assert_eq!(store.append(&batch(newest)), Ok(()));
    assert_eq!(kept(&store, "lobby").len(), 60);
    drop(store);

    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
    let store = open(&scratch.file());
    for more in 1..=50 {
        assert_eq!(store.append(&batch(newest + 10 * more)), Ok(()));
    }
}
