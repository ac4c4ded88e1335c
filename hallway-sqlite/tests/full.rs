//! A disk without space.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::{env, fs::File, io::Write as _, path::PathBuf};

use common::{Scratch, at, entry, kept, open};
use hallway_core::{Durability, Retention, Store as _, StoreError};
use hallway_sqlite::{BackupError, OpenError, Options, SqliteStore, backup, verify};

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

/// With a real one: `mount -t tmpfs -o size=8m none DIRECTORY`, and `SMALL_DISK=DIRECTORY`.
#[test]
#[ignore = "needs a file system of 8 MiB, named by SMALL_DISK"]
fn on_a_full_disk_what_was_tidied_away_is_space_for_new_messages() {
    let disk = PathBuf::from(env::var_os("SMALL_DISK").expect("SMALL_DISK names a directory"));
    let path = disk.join("hallway.db");
    let store = open(&path);
    store.begin(Durability::Full, at(0)).unwrap();
    let said = |seq| entry("lobby", seq, &"x".repeat(500));
    for part in 0..20 {
        store.append(&(part * 100 + 1..=part * 100 + 100).map(said).collect::<Vec<_>>()).unwrap();
    }
    let mut keep = Retention::default();
    keep.messages = Some(100);
    while store.tidy(&keep, at(0), at(0)).unwrap().is_unfinished {}
    store.close().unwrap();

    let mut ballast = File::create(disk.join("ballast")).unwrap();
    while ballast.write(&[1; 4 << 10]).is_ok_and(|written| written > 0) {}
    let len = ballast.metadata().unwrap().len();
    ballast.set_len(len - (300 << 10)).unwrap();
    // Each writes 16 KiB to the log, which has 300.
    let mut newest = 2_000;
    while newest < 2_500 {
        newest += 1;
        assert_eq!(store.append(&[said(newest)]), Ok(()), "{newest}");
    }
    while store.append(&[said(newest + 1)]).is_ok() {
        newest += 1;
    }
    assert_eq!(store.append(&[said(newest + 1)]), Err(StoreError::Full));
    let other = disk.join("other.db");
    assert_eq!(SqliteStore::open(&other, &Options::default()).unwrap_err(), OpenError::Full(other.clone()));
    assert!(matches!(backup(&path, disk.join("copy.db")), Err(BackupError::Store(StoreError::Full))));
    assert_eq!(kept(&store, "lobby").len() as u64, newest - 1_900);

    ballast.set_len(0).unwrap();
    assert_eq!(store.append(&[said(newest + 1)]), Ok(()));
    drop(store);
    assert_eq!(verify(&path).unwrap(), [""; 0]);
    assert_eq!(kept(&open(&path), "lobby").len() as u64, newest - 1_899);
    drop(open(&other));
}
