//! Others who have the file open, too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::fs;

use common::{Scratch, at, entry, kept, messages, open, room, seqs};
use hallway_core::{Durability, Store as _, store::Side};
use hallway_sqlite::{export, verify};
use rusqlite::Connection;

#[test]
fn a_read_does_not_wait_for_a_write() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    store.append(&[entry("lobby", 1, "Hello!")]).unwrap();
    // A write that is not done until this test is.
    let writer = Connection::open(scratch.file()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; UPDATE messages SET text = 'changed'").unwrap();
    assert_eq!(kept(&store, "lobby"), [(1, "Hello!".to_owned())]);
    assert_eq!(store.references(at(0), 9).unwrap(), []);
    assert_eq!(export(scratch.file(), None, Vec::new()).unwrap(), 1);
    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
}

#[test]
fn who_reads_for_long_sees_one_moment_and_holds_nobody_up() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    store.append(&[entry("lobby", 1, "x")]).unwrap();
    let reader = Connection::open(scratch.file()).unwrap();
    let count = || reader.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, u64>(0)).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(), 1);
    // Enough for the log to be taken over several times, if it could be.
    let text = "x".repeat(60_000);
    for seq in 2..=400 {
        store.append(&[entry("lobby", seq, &text)]).unwrap();
    }
    let log = || fs::metadata(scratch.join("hallway.db-wal")).unwrap().len() >> 20;
    assert!(log() > 20, "{} MiB", log());
    assert_eq!(count(), 1);
    reader.execute_batch("COMMIT").unwrap();
    // The log is begun again, and cut to its limit.
    for seq in 401..=403 {
        store.append(&[entry("lobby", seq, "x")]).unwrap();
    }
    assert!(log() <= 16, "{} MiB", log());
    let page = store.page(&room("lobby"), Side::After(399), messages(9)).unwrap();
    assert_eq!(seqs(&page), [400, 401, 402, 403]);
}
