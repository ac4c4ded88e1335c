//! Messages as lines, out of a file and into one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::path::Path;

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
        (new.replace(":7", ":0"), "line 2: seq: 0 is no number of a message"),
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
