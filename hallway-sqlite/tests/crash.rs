//! A server that is killed in the middle of its work.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use common::{Scratch, at, entry, messages, open, room, with_reference};
use hallway_core::{Durability, Retention, Store as _};
use hallway_sqlite::{OpenError, Options, SqliteStore, verify};

const FILE: &str = "CRASHING_SERVERS_FILE";

/// No test: what the test below starts and kills. Appends and tidies without end, and says what was acknowledged.
#[test]
fn server() {
    let Some(path) = env::var_os(FILE) else { return };
    let store = open(path.as_ref());
    store.begin(Durability::Full, at(0)).unwrap();
    let mut seq = store.room(&room("lobby"), messages(0)).unwrap().map_or(0, |room| room.seq);
    let mut keep = Retention::default();
    keep.messages = Some(500);
    loop {
        let batch: Vec<_> = (seq + 1..=seq + 7)
            .map(|seq| with_reference(entry("lobby", seq, &"text ".repeat(200)), &format!("r{seq}")))
            .collect();
        store.append(&batch).unwrap();
        seq += 7;
        println!("\nkept {seq}");
        store.tidy(&keep, at(0), at(0)).unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let scratch = Scratch::new();
    let mut newest = 0;
    for round in 1..=8 {
        let mut server = Command::new(env::current_exe().unwrap())
            .args(["--exact", "server", "--nocapture"])
            .env(FILE, scratch.file())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut acknowledged = |count| {
            let kept = lines.by_ref().filter_map(|line| line.unwrap().strip_prefix("kept ")?.parse().ok());
            kept.take(count).last()
        };
        let before: u64 = acknowledged(round * 11).expect("it appends");
        // Another process has it.
        let error = SqliteStore::open(scratch.file(), &Options::default()).unwrap_err();
        assert_eq!(error, OpenError::InUse(scratch.file()));
        server.kill().unwrap();
        server.wait().unwrap();
        let last = acknowledged(usize::MAX).unwrap_or(before);

        assert!(last > newest);
        assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
        let store = open(&scratch.file());
        let found = store.room(&room("lobby"), messages(999)).unwrap().unwrap();
        assert!(
            found.seq >= last && found.seq.is_multiple_of(7),
            "{last} was acknowledged, {} is kept",
            found.seq
        );
        assert_eq!(found.newest.last().unwrap().seq, found.seq);
        let reference = store.references(at(0), 1).unwrap().remove(0);
        assert_eq!(reference.seq, found.seq);
        newest = found.seq;
    }
}

#[test]
fn a_log_that_ends_anywhere_or_is_torn_has_whole_batches() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    for batch in 0..30 {
        let entries = (1..=7).map(|seq| entry("lobby", batch * 7 + seq, &"text ".repeat(300)));
        store.append(&entries.collect::<Vec<_>>()).unwrap();
    }
    let file = fs::read(scratch.file()).unwrap();
    let log = fs::read(scratch.join("hallway.db-wal")).unwrap();
    let copy = scratch.join("copy.db");
    let mut newest = 0;
    for len in (0..=log.len()).step_by(log.len() / 40) {
        for is_torn in [false, true] {
            // Written out of order: what was to be in the middle is not there.
            let mut log = log[..len].to_vec();
            if is_torn {
                log.iter_mut().rev().skip(3_000).take(1_000).for_each(|byte| *byte = 0);
            }
            fs::write(&copy, &file).unwrap();
            fs::write(scratch.join("copy.db-wal"), log).unwrap();
            let copied = open(&copy);
            let seq = copied.room(&room("lobby"), messages(0)).unwrap().map_or(0, |room| room.seq);
            assert!(seq.is_multiple_of(7), "{seq}");
            assert!(is_torn || seq >= newest);
            newest = newest.max(seq);
            drop(copied);
            assert_eq!(verify(&copy).unwrap(), [""; 0]);
        }
    }
    assert!(newest >= 29 * 7);
}

/// A log is taken over into the file page by page, the first one first: that says how long the file will be, and where it
/// ends there the file is shorter.
#[test]
fn a_file_into_which_half_of_the_log_was_taken_over_is_whole() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    let texts: Vec<_> = (1..=50).map(|seq| entry("lobby", seq, &"text ".repeat(1_000))).collect();
    store.append(&texts).unwrap();
    let mut file = fs::read(scratch.file()).unwrap();
    fs::copy(scratch.join("hallway.db-wal"), scratch.join("copy.db-wal")).unwrap();
    store.close().unwrap();
    let whole = fs::read(scratch.file()).unwrap();
    assert!(whole.len() > file.len(), "the log makes it longer");
    file[..4096].copy_from_slice(&whole[..4096]);
    let copy = scratch.join("copy.db");
    fs::write(&copy, file).unwrap();

    let copied = open(&copy);
    assert_eq!(copied.room(&room("lobby"), messages(0)).unwrap().unwrap().seq, 50);
    drop(copied);
    assert_eq!(verify(&copy).unwrap(), [""; 0]);
}

#[test]
fn a_log_left_behind_beside_a_file_that_was_restored_is_not_taken_for_its_own() {
    let scratch = Scratch::new();
    let (live, copy) = (scratch.file(), scratch.join("copy.db"));
    let store = open(&live);
    store.begin(Durability::Full, at(0)).unwrap();
    let batch =
        |range: std::ops::Range<u64>| range.map(|seq| entry("lobby", seq, "text")).collect::<Vec<_>>();
    store.append(&batch(1..31)).unwrap();
    hallway_sqlite::backup(&live, &copy).unwrap();
    for seq in 31..61 {
        store.append(&batch(seq..seq + 1)).unwrap();
    }
    // As a crash leaves it.
    let log = fs::read(scratch.join("hallway.db-wal")).unwrap();
    drop(store);
    fs::write(scratch.join("copy.db-wal"), &log).unwrap();
    let bytes = fs::read(&copy).unwrap();
    let refused = SqliteStore::open(&copy, &Options::default()).unwrap_err();
    assert!(refused.to_string().contains("remove -wal and -shm"), "{refused}");
    assert_eq!(fs::read(&copy).unwrap(), bytes, "it is left as it is");

    for suffix in ["-wal", "-shm"] {
        fs::remove_file(scratch.join(format!("copy.db{suffix}"))).unwrap_or_default();
    }
    assert_eq!(common::kept(&open(&copy), "lobby").len(), 30);
}
