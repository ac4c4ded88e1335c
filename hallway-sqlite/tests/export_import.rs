//! Messages as lines, out of a file and into one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::{path::Path, time::Duration};

use common::{Scratch, at, entry, epoch, from, kept, messages, open, room};
use hallway_core::{Durability, Retention, Store as _};
use hallway_sqlite::{ExportError, ImportError, ImportReport, OpenError, export, forget, import, verify};

fn exported(path: &Path) -> String {
    let mut lines = Vec::new();
    export(path, None, &mut lines).unwrap();
    String::from_utf8(lines).unwrap()
}

fn report(added: u64, present: u64, left_out: u64) -> ImportReport {
    let mut report = ImportReport::default();
    (report.added, report.present, report.left_out) = (added, present, left_out);
    report
}

/// The error of importing lines into a file, which has the same messages afterwards.
fn refused(path: &Path, lines: &str) -> String {
    let before = exported(path);
    let error = import(path, lines.as_bytes()).unwrap_err();
    assert!(matches!(error, ImportError::Line { .. }), "{error:?}");
    assert_eq!(exported(path), before);
    assert_eq!(verify(path).unwrap(), [""; 0]);
    error.to_string()
}

/// Three rooms; of one the oldest messages are gone, and of another all.
fn filled(scratch: &Scratch) {
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    let many: Vec<_> = (1..=20).map(|seq| from("bo", "long", seq, "a \"text\"\n\0\u{1f600}")).collect();
    store.append(&many).unwrap();
    let mut keep = Retention::default();
    keep.messages = Some(4);
    store.tidy(&keep, at(0), at(0)).unwrap();
    store.append(&[entry("den", 1, "Hello!"), entry("den", 2, "Anybody?")]).unwrap();
    store.close().unwrap();
}

#[test]
fn an_export_is_a_line_a_message_rooms_by_name() {
    let scratch = Scratch::new();
    filled(&scratch);
    let lines = exported(&scratch.file());
    let first = concat!(
        r#"{"room":"den","epoch":"e1","seq":1,"sentAt":"2026-11-24T09:30:00.001Z","#,
        r#""username":"alice","message":"Hello!"}"#
    );
    assert_eq!(lines.lines().next(), Some(first));
    let places: Vec<_> = lines.lines().map(|line| line.split(',').nth(2).unwrap()).collect();
    assert_eq!(places, [1, 2, 17, 18, 19, 20].map(|seq| format!("\"seq\":{seq}")));
}

#[test]
fn one_room_can_be_exported_and_one_that_is_not_there_is_an_error() {
    let scratch = Scratch::new();
    filled(&scratch);
    let mut lines = Vec::new();
    assert_eq!(export(scratch.file(), Some(&room("long")), &mut lines).unwrap(), 4);
    assert!(String::from_utf8(lines).unwrap().starts_with(r#"{"room":"long","epoch":"e1","seq":17"#));
    let error = export(scratch.file(), Some(&room("longer")), Vec::new()).unwrap_err();
    assert!(matches!(error, ExportError::NoRoom(_)));
    assert_eq!(error.to_string(), "room longer has no messages");
}

#[test]
fn an_export_goes_on_beside_a_server_and_an_import_does_not() {
    let scratch = Scratch::new();
    filled(&scratch);
    let lines = exported(&scratch.file());
    let store = open(&scratch.file());
    store.append(&[entry("den", 3, "Now!")]).unwrap();
    assert_eq!(exported(&scratch.file()).lines().count(), lines.lines().count() + 1);
    let error = import(scratch.file(), lines.as_bytes()).unwrap_err();
    assert!(matches!(error, ImportError::Open(OpenError::InUse(_))), "{error:?}");
}

#[test]
fn what_was_exported_is_imported_into_a_new_file_and_twice_is_once() {
    let scratch = Scratch::new();
    filled(&scratch);
    let lines = exported(&scratch.file());
    let copy = scratch.join("copy.db");
    assert_eq!(import(&copy, lines.as_bytes()).unwrap(), report(6, 0, 0));
    assert_eq!(import(&copy, lines.as_bytes()).unwrap(), report(0, 6, 0));
    assert_eq!(exported(&copy), lines);
    assert_eq!(verify(&copy).unwrap(), [""; 0]);

    // The numbers behind it may have been others' already, so members are not told that it is the same sequence.
    let store = open(&copy);
    store.begin(Durability::Full, at(9)).unwrap();
    let found = store.room(&room("long"), messages(9)).unwrap().unwrap();
    assert_eq!((found.first_seq, found.seq, found.sent_at), (17, 20, at(20)));
    assert_ne!(found.epoch, epoch("e1"));
}

#[test]
fn an_import_adds_what_is_missing() {
    let scratch = Scratch::new();
    filled(&scratch);
    let copy = scratch.join("copy.db");
    let lines = exported(&scratch.file());
    import(&copy, lines.lines().take(4).collect::<Vec<_>>().join("\n").as_bytes()).unwrap();
    assert_eq!(import(&copy, lines.as_bytes()).unwrap(), report(2, 4, 0));
    assert_eq!(exported(&copy), lines);
}

#[test]
fn what_was_tidied_away_or_erased_does_not_come_back() {
    let scratch = Scratch::new();
    filled(&scratch);
    let lines = exported(&scratch.file());
    let store = open(&scratch.file());
    let mut keep = Retention::default();
    keep.messages = Some(3);
    store.tidy(&keep, at(0), at(0)).unwrap();
    drop(store);
    assert_eq!(forget(scratch.file(), "alice").unwrap(), 2);
    let before = exported(&scratch.file());
    assert_eq!(import(scratch.file(), lines.as_bytes()).unwrap(), report(0, 3, 3));
    assert_eq!(exported(&scratch.file()), before);
    // Erased messages are imported as what they are.
    let copy = scratch.join("copy.db");
    import(&copy, before.as_bytes()).unwrap();
    assert_eq!(exported(&copy), before);
}

#[test]
fn a_line_that_does_not_fit_is_named_and_nothing_is_kept() {
    let scratch = Scratch::new();
    filled(&scratch);
    let lines = exported(&scratch.file());
    let new = r#"{"room":"attic","epoch":"e1","seq":7,"sentAt":"2026-11-24T09:30:00Z","username":"a","message":"b"}"#;
    let cases = [
        (
            lines.replace("Anybody?", "Somebody?"),
            "line 3: message 2 of room den is there with another content",
        ),
        (lines.replace(".002Z", ".003Z"), "line 3: message 2 of room den is there with another content"),
        (
            lines.replace("\"den\",\"epoch\":\"e1\"", "\"den\",\"epoch\":\"e2\""),
            "line 2: expected epoch e1 for room den, found e2",
        ),
        (new.replace("attic", "den"), "line 2: expected message 3 of room den, found 7"),
        (new.replace(":7", ":9"), "line 2: expected message 8 of room attic, found 9"),
        (new.replace(":7", ":6"), "line 2: message 6 of room attic comes after 7"),
        (new.replace(":7", ":0"), "line 2: seq: expected 1 to 9007199254740991, found 0"),
        (
            new.replace(":7", ":9007199254740992"),
            "line 2: seq: expected 1 to 9007199254740991, found 9007199254740992",
        ),
        (
            new.replace(":7", ":8").replace(":00Z", ":00.123+00:01"),
            "line 2: sentAt: expected 2026-11-24T09:30:00.000Z, the time of the message before it, or later",
        ),
        (new.replace("2026", "soon"), "line 2: sentAt: no time as RFC 3339 has it"),
        (new.replace("\"b\"", "\"\""), "line 2: message: it is empty, and so was erased, but has a username"),
    ];
    for (bad, expected) in cases {
        assert_eq!(refused(&scratch.file(), &format!("{new}\n{bad}")), expected);
    }
    for (bad, expected) in
        [("hello", "line 2: expected value"), ("{}", "line 2: missing field `room`"), ("", "line 2: EOF")]
    {
        let error = refused(&scratch.file(), &format!("{new}\n{bad}\n"));
        assert!(error.starts_with(expected), "{error}");
    }
    let error = refused(&scratch.file(), &new.replace("attic", "no room"));
    assert!(error.starts_with("line 1: room: "), "{error}");
}

#[test]
fn the_newest_message_of_a_room_is_the_earliest_time_of_the_next_also_when_it_was_let_go_of() {
    let scratch = Scratch::new();
    filled(&scratch);
    let next = exported(&scratch.file()).lines().nth(1).unwrap().replace("\"seq\":2", "\"seq\":3");
    let earlier = next.replace(".002Z", ".001Z");
    let expected =
        "line 1: sentAt: expected 2026-11-24T09:30:00.002Z, the time of the message before it, or later";
    assert_eq!(refused(&scratch.file(), &earlier), expected);
    let mut keep = Retention::default();
    keep.messages = Some(0);
    open(&scratch.file()).tidy(&keep, at(0), at(0)).unwrap();
    assert_eq!(refused(&scratch.file(), &earlier), expected);
    assert_eq!(import(scratch.file(), next.as_bytes()).unwrap(), report(1, 0, 0));
}

#[test]
fn the_largest_number_and_any_first_time_are_imported_and_can_be_tidied() {
    let scratch = Scratch::new();
    let line = r#"{"room":"den","epoch":"e1","seq":9007199254740991,"sentAt":"1969-11-24T09:30:00Z","username":"a","message":"b"}"#;
    assert_eq!(import(scratch.file(), line.as_bytes()).unwrap(), report(1, 0, 0));
    let store = open(&scratch.file());
    store.append(&[entry("lobby", 1, "x")]).unwrap();
    let mut keep = Retention::default();
    keep.age = Some(Duration::from_millis(5));
    assert!(!store.tidy(&keep, at(3), at(0)).unwrap().is_unfinished);
    assert_eq!((kept(&store, "den").len(), kept(&store, "lobby").len()), (0, 1));
    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
}

#[test]
fn a_room_without_messages_goes_on_where_it_was() {
    let scratch = Scratch::new();
    filled(&scratch);
    let lines = exported(&scratch.file());
    let store = open(&scratch.file());
    let mut keep = Retention::default();
    keep.messages = Some(0);
    store.tidy(&keep, at(0), at(0)).unwrap();
    drop(store);
    assert_eq!(import(scratch.file(), lines.as_bytes()).unwrap(), report(0, 0, 6));
    let next = lines.lines().nth(1).unwrap().replace("\"seq\":2", "\"seq\":3");
    assert_eq!(import(scratch.file(), next.as_bytes()).unwrap(), report(1, 0, 0));
    assert_eq!(kept(&open(&scratch.file()), "den"), [(3, "Anybody?".to_owned())]);
    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
}
