//! Copies, erasing, and whether all is well.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::{fs, sync::mpsc, thread, time::Duration};

use common::{Scratch, at, entry, epoch, from, kept, messages, open, room, with_reference};
use hallway_core::{Durability, Retention, Store as _};
use hallway_sqlite::{BackupError, ForgetError, OpenError, backup, forget, verify};
use rusqlite::Connection;

#[test]
fn a_backup_is_what_is_kept_while_a_server_goes_on() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    store
        .append(&[with_reference(entry("lobby", 1, "Hello!"), "r1"), entry("lobby", 2, "Anybody?")])
        .unwrap();
    let to = scratch.join("copy.db");
    backup(scratch.file(), &to).unwrap();
    store.append(&[entry("lobby", 3, "later")]).unwrap();

    assert_eq!(verify(&to).unwrap(), [""; 0]);
    let copy = open(&to);
    assert_eq!(kept(&copy, "lobby").len(), 2);
    assert_eq!(copy.references(at(0), 9).unwrap().len(), 1);
    // Number 3 of the old epoch is another's.
    let found_epoch = || copy.room(&room("lobby"), messages(0)).unwrap().unwrap().epoch;
    assert_eq!(found_epoch(), epoch("e1"));
    copy.close().unwrap();
    copy.begin(Durability::Full, at(1)).unwrap();
    assert_ne!(found_epoch(), epoch("e1"));
    assert_eq!(store.room(&room("lobby"), messages(0)).unwrap().unwrap().epoch, epoch("e1"));
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_half_done() {
    let scratch = Scratch::new();
    drop(open(&scratch.file()));
    let to = scratch.join("copy.db");
    fs::write(&to, "precious").unwrap();
    let error = backup(scratch.file(), &to).unwrap_err();
    assert!(matches!(error, BackupError::Exists(_)), "{error:?}");
    assert_eq!(fs::read(&to).unwrap(), b"precious");
    assert!(matches!(backup(scratch.file(), scratch.file()), Err(BackupError::Exists(_))));
    assert!(matches!(backup(scratch.file(), scratch.join("none/copy.db")), Err(BackupError::Write { .. })));
    assert!(matches!(backup(scratch.join("none"), &to), Err(BackupError::Open(OpenError::Missing(_)))));
    assert!(!scratch.join("copy.db-partial").exists());
}

#[test]
fn a_backup_of_a_damaged_file_is_an_error_and_not_there() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    let many: Vec<_> = (1..=300).map(|seq| entry("lobby", seq, &"x".repeat(100))).collect();
    store.append(&many).unwrap();
    store.close().unwrap();
    drop(store);
    let mut bytes = fs::read(scratch.file()).unwrap();
    let page = bytes.windows(100).position(|window| window == [b'x'; 100]).unwrap() / 4_096;
    bytes[page * 4_096..page * 4_096 + 200].fill(0xff);
    fs::write(scratch.file(), bytes).unwrap();
    let error = backup(scratch.file(), scratch.join("copy.db")).unwrap_err();
    assert!(error.to_string().starts_with("what is stored is damaged"), "{error}");
    assert_eq!(
        fs::read_dir(&*scratch)
            .unwrap()
            .filter(|it| { it.as_ref().unwrap().file_name().to_str().unwrap().starts_with("copy") })
            .count(),
        0
    );
    assert_ne!(verify(scratch.file()).unwrap(), [""; 0]);
}

#[test]
fn what_a_name_has_said_is_in_no_byte_of_the_file_after_it_is_erased() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    // Long and short, in turns with others and between rooms, so that pages are split and freed.
    for seq in 1..=300 {
        let secret = format!("SECRET{}", "s".repeat(usize::try_from(seq * 37 % 9_000).unwrap()));
        let batch = [
            from("bo", "zoo", seq, "kept"),
            with_reference(from("mallory", "den", seq, &secret), "SECRET"),
            if seq % 3 == 0 {
                from("mallory", "attic", seq, &secret)
            } else {
                from("bo", "attic", seq, "kept")
            },
        ];
        store.append(&batch).unwrap();
    }
    // Some of it was let go of before.
    let mut keep = Retention::default();
    keep.messages = Some(200);
    while store.tidy(&keep, at(0), at(0)).unwrap().is_unfinished {}
    assert!(matches!(forget(scratch.file(), "mallory"), Err(ForgetError::Open(OpenError::InUse(_)))));
    drop(store);

    assert_eq!(forget(scratch.file(), "mallor").unwrap(), 0);
    assert_eq!(forget(scratch.file(), "mallory").unwrap(), 200 + 67);
    assert_eq!(forget(scratch.file(), "mallory").unwrap(), 0);
    assert_eq!(forget(scratch.file(), "").unwrap(), 0);
    for file in fs::read_dir(&*scratch).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for secret in ["SECRET", "mallory", "ssssssss"] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{secret} is there"
            );
        }
    }

    let store = open(&scratch.file());
    let found = store.room(&room("den"), messages(999)).unwrap().unwrap();
    assert_eq!((found.first_seq, found.seq, found.newest.len()), (101, 300, 200));
    assert!(found.newest.iter().all(|chat| chat.is_erased() && chat.username.is_empty()));
    assert_eq!(found.newest[0].sent_at, at(101));
    let attic = kept(&store, "attic");
    assert_eq!(attic.iter().filter(|(_, text)| text == "kept").count(), 200 - 67);
    assert_eq!(store.references(at(0), 999).unwrap(), []);
    store.append(&[from("bo", "den", 301, "after")]).unwrap();
    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
}

#[test]
fn who_forgets_while_somebody_reads_is_told_that_traces_are_left() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.append(&[from("mallory", "den", 1, "SECRET"), from("bo", "zoo", 1, "kept")]).unwrap();
    store.close().unwrap();
    drop(store);
    let is_there = || {
        fs::read_dir(&*scratch).unwrap().any(|file| {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            bytes.windows(6).any(|window| window == b"SECRET")
        })
    };
    let reader = Connection::open(scratch.file()).unwrap();
    let count = || reader.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, u64>(0)).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(count(), 2);

    let error = forget(scratch.file(), "mallory").unwrap_err();
    assert_eq!(error, ForgetError::BeingRead);
    assert!(error.to_string().ends_with("do it again when nobody does"), "{error}");
    assert!(is_there());
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(forget(scratch.file(), "mallory").unwrap(), 0);
    assert!(!is_there());
}

#[test]
fn each_way_in_which_a_file_does_not_fit_together_is_found() {
    let cases = [
        ("DELETE FROM messages WHERE seq = 2", "room lobby: there is a hole in its messages"),
        (
            "DELETE FROM messages WHERE seq = 3",
            "room lobby: its newest or oldest message is another than is noted",
        ),
        ("UPDATE rooms SET seq = 4", "room lobby: its newest or oldest message is another than is noted"),
        (
            "UPDATE rooms SET first_sent_at = 4",
            "room lobby: its newest or oldest message is of another time than is noted",
        ),
        (
            "UPDATE messages SET text = 'longer text'",
            "room lobby: its messages have more or fewer bytes than is noted",
        ),
        (
            "UPDATE messages SET sent_at = sent_at + 9 WHERE seq = 2; DELETE FROM refs",
            "room lobby: message 3 is of an earlier time than the one before it",
        ),
        ("DELETE FROM refs; DELETE FROM messages", "room lobby: its messages are missing"),
        ("UPDATE rooms SET name = 'a b'", "room \"a b\": no name of a room"),
        ("UPDATE rooms SET epoch = ''", "room lobby: \"\" is no epoch"),
        ("UPDATE refs SET username = 'bo'", "room lobby: a reference of message 2 is of none that is there"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM rooms", "a row of messages belongs to no room"),
    ];
    for (harm, fault) in cases {
        let scratch = Scratch::new();
        let store = open(&scratch.file());
        let batch = [1, 2, 3].map(|seq| entry("lobby", seq, "x"));
        store.append(&batch.map(|it| if it.chat.seq == 2 { with_reference(it, "r") } else { it })).unwrap();
        drop(store);
        assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
        let connection = Connection::open(scratch.file()).unwrap();
        connection.execute_batch(harm).unwrap();
        drop(connection);
        let faults = verify(scratch.file()).unwrap();
        assert_eq!(faults.first().map(String::as_str), Some(fault), "{harm}: {faults:?}");
    }
}

#[test]
fn tidying_corrects_a_room_whose_row_is_wrong_and_goes_on_to_others() {
    let harms = [
        "UPDATE rooms SET first_sent_at = 0 WHERE name = 'den'",
        "DELETE FROM messages WHERE room = (SELECT id FROM rooms WHERE name = 'den')",
        "DELETE FROM messages WHERE room = (SELECT id FROM rooms WHERE name = 'den') AND seq < 3",
        "DELETE FROM messages WHERE room = (SELECT id FROM rooms WHERE name = 'den') AND seq > 1",
        "UPDATE rooms SET bytes = 1000000 WHERE name = 'den'; DELETE FROM messages",
    ];
    for (harm, is_by_age) in harms.into_iter().flat_map(|harm| [(harm, true), (harm, false)]) {
        let scratch = Scratch::new();
        let store = open(&scratch.file());
        store.append(&[1, 2, 3].map(|seq| entry("den", seq, "x"))).unwrap();
        store.append(&[entry("zoo", 1, "x")]).unwrap();
        drop(store);
        Connection::open(scratch.file()).unwrap().execute_batch(harm).unwrap();

        let store = open(&scratch.file());
        let mut keep = Retention::default();
        if is_by_age {
            keep.age = Some(Duration::from_millis(1));
        } else {
            keep.bytes = Some(0);
        }
        // On a thread of its own, so that one that goes on for ever fails.
        let (tidied, is_tidied) = mpsc::channel();
        let tidying = thread::spawn(move || {
            while store.tidy(&keep, at(3), at(0)).unwrap().is_unfinished {}
            let later = keep.age.map_or(at(3), |_| at(9));
            while store.tidy(&keep, later, at(0)).unwrap().is_unfinished {}
            assert_eq!((kept(&store, "den"), kept(&store, "zoo")), (Vec::new(), Vec::new()));
            store.append(&[entry("den", 4, "x")]).unwrap();
            tidied.send(()).unwrap();
        });
        let timed_out = is_tidied.recv_timeout(Duration::from_secs(20));
        assert_eq!(timed_out, Ok(()), "{harm}: by age {is_by_age}");
        tidying.join().unwrap();
        assert_eq!(verify(scratch.file()).unwrap(), [""; 0], "{harm}: by age {is_by_age}");
    }
}

#[test]
fn no_more_than_a_hundred_faults_are_told() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    let rooms: Vec<_> = (0..150).map(|number| entry(&format!("r{number}"), 1, "x")).collect();
    store.append(&rooms).unwrap();
    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
    drop(store);
    Connection::open(scratch.file()).unwrap().execute_batch("UPDATE rooms SET bytes = 9").unwrap();
    assert_eq!(verify(scratch.file()).unwrap().len(), 100);
}

#[test]
fn a_backup_is_not_made_where_it_would_find_the_log_of_another_file() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.append(&[entry("lobby", 1, "a")]).unwrap();
    for suffix in ["-wal", "-shm", "-journal"] {
        let left = scratch.join(format!("copy.db{suffix}"));
        fs::write(&left, "left behind").unwrap();
        let refused = backup(scratch.file(), scratch.join("copy.db")).unwrap_err();
        assert!(refused.to_string().contains(suffix), "{refused}");
        fs::remove_file(left).unwrap();
    }
    backup(scratch.file(), scratch.join("copy.db")).unwrap();
}
