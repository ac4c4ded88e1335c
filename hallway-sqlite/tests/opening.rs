//! Which files are opened, which are refused, and that those are left as they are.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use common::{Scratch, at, entry, kept, open};
use hallway_core::{Durability, Store as _};
use hallway_sqlite::{ForgetError, OpenError, Options, SqliteStore, backup, export, forget, verify};
use rusqlite::Connection;

/// A file with a message in it, closed.
fn filled(scratch: &Scratch) {
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    store.append(&[entry("lobby", 1, "Hello!")]).unwrap();
    store.close().unwrap();
}

/// The error of opening it; the file has the same bytes afterwards.
fn refused(path: &Path) -> OpenError {
    let before = fs::read(path).ok();
    let error = SqliteStore::open(path, &Options::default()).unwrap_err();
    assert_eq!(fs::read(path).ok(), before);
    let text = error.to_string();
    assert!(!text.contains('\n') && text.contains(path.file_name().unwrap().to_str().unwrap()), "{text}");
    error
}

#[test]
fn a_missing_file_is_made_and_an_empty_one_is_as_good() {
    let scratch = Scratch::new();
    filled(&scratch);
    assert_eq!(kept(&open(&scratch.file()), "lobby"), [(1, "Hello!".to_owned())]);
    let empty = scratch.join("empty");
    fs::write(&empty, "").unwrap();
    open(&empty).append(&[entry("lobby", 1, "Hello!")]).unwrap();
    assert_eq!(kept(&open(&empty), "lobby").len(), 1);
}

#[test]
fn what_a_stopped_server_leaves_is_one_file_and_its_lock() {
    let scratch = Scratch::new();
    filled(&scratch);
    export(scratch.file(), None, Vec::new()).unwrap();
    let mut names: Vec<_> = fs::read_dir(&*scratch).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["hallway.db", "hallway.db-lock"]);
}

#[test]
fn what_is_made_is_for_its_owner_alone_and_what_is_there_stays_what_it_is() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    store.append(&[entry("lobby", 1, "Hello!")]).unwrap();
    backup(scratch.file(), scratch.join("copy.db")).unwrap();
    let modes = || -> Vec<_> {
        let mut files: Vec<_> = fs::read_dir(&*scratch).unwrap().map(|file| file.unwrap()).collect();
        files.sort_by_key(fs::DirEntry::file_name);
        files
            .iter()
            .map(|file| (file.file_name(), format!("{:o}", file.metadata().unwrap().mode() & 0o777)))
            .collect()
    };
    let all = ["copy.db", "hallway.db", "hallway.db-lock", "hallway.db-shm", "hallway.db-wal"];
    assert_eq!(modes(), all.map(|name| (name.into(), "600".to_owned())));
    drop(store);

    // An operator may let others read it.
    fs::set_permissions(scratch.file(), PermissionsExt::from_mode(0o640)).unwrap();
    let store = open(&scratch.file());
    store.append(&[entry("lobby", 2, "Hello!")]).unwrap();
    let expected = ["600", "640", "600", "640", "640"].map(str::to_owned);
    assert_eq!(modes(), all.into_iter().map(Into::into).zip(expected).collect::<Vec<_>>());
}

#[test]
fn a_file_with_any_name_can_be_opened() {
    let scratch = Scratch::new();
    for name in ["a b?c#d%20.db", "file:x?mode=memory", "é'\"\n.db"] {
        let path = scratch.join(name);
        open(&path).append(&[entry("lobby", 1, "Hello!")]).unwrap();
        assert_eq!(kept(&open(&path), "lobby").len(), 1);
        assert_eq!(verify(&path).unwrap(), [""; 0]);
        assert!(path.exists());
    }
}

#[test]
fn a_file_whose_making_was_interrupted_is_made_again() {
    let scratch = Scratch::new();
    let half = Connection::open(scratch.join("half")).unwrap();
    // A cache so small that pages are written to the file before there is a commit.
    half.execute_batch("PRAGMA cache_size = 1; BEGIN; CREATE TABLE rooms (x)").unwrap();
    for _ in 0..2_000 {
        half.execute("INSERT INTO rooms VALUES (randomblob(100))", []).unwrap();
    }
    for suffix in ["", "-journal"] {
        let copied = fs::copy(scratch.join(format!("half{suffix}")), scratch.join(format!("copy{suffix}")));
        assert!(copied.unwrap() > 0);
    }
    let store = open(&scratch.join("copy"));
    store.append(&[entry("lobby", 1, "Hello!")]).unwrap();
    assert_eq!(verify(scratch.join("copy")).unwrap(), [""; 0]);
}

#[test]
fn a_missing_directory_is_not_made() {
    let scratch = Scratch::new();
    let path = scratch.join("none/hallway.db");
    assert_eq!(refused(&path), OpenError::Missing(path.clone()));
    assert!(!scratch.join("none").exists());
    let text = OpenError::Missing("a/b".into()).to_string();
    assert_eq!(text, "a/b: no such file or directory");
}

#[test]
fn a_directory_is_no_file() {
    let scratch = Scratch::new();
    assert_eq!(refused(&scratch), OpenError::NoFile(scratch.to_path_buf()));
}

#[test]
fn a_text_is_no_database() {
    let scratch = Scratch::new();
    for text in ["x".to_owned(), "Dear diary, \n".repeat(1_000)] {
        fs::write(scratch.file(), text).unwrap();
        assert_eq!(refused(&scratch.file()), OpenError::NoDatabase(scratch.file()));
    }
}

#[test]
fn the_database_of_another_program_is_not_touched() {
    let scratch = Scratch::new();
    for (mode, id) in [("DELETE", 0), ("WAL", 0), ("WAL", 7)] {
        let path = scratch.join(format!("{mode}{id}"));
        let other = Connection::open(&path).unwrap();
        other.query_row(&format!("PRAGMA journal_mode = {mode}"), [], |_| Ok(())).unwrap();
        other.execute_batch(&format!("PRAGMA application_id = {id}; CREATE TABLE rooms (x)")).unwrap();
        // Closed, and while the other has it: then with a log beside it that is not in the file.
        let found = if mode == "WAL" { 0 } else { id };
        assert_eq!(refused(&path), OpenError::Foreign { path: path.clone(), found });
        other.close().unwrap();
        assert_eq!(refused(&path), OpenError::Foreign { path: path.clone(), found: id });
    }
}

#[test]
fn a_file_of_a_newer_version_is_not_touched() {
    let scratch = Scratch::new();
    filled(&scratch);
    let newer = Connection::open(scratch.file()).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    newer.close().unwrap();
    let expected = OpenError::Newer { path: scratch.file(), found: 7, newest: 1 };
    assert_eq!(refused(&scratch.file()), expected);
    assert!(expected.to_string().ends_with("has version 7 of the format, and the newest known here is 1"));
}

#[test]
fn a_newer_version_that_is_only_in_the_log_is_not_touched() {
    let scratch = Scratch::new();
    filled(&scratch);
    let newer = Connection::open(scratch.file()).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    let log = fs::read(scratch.join("hallway.db-wal")).unwrap();
    assert!(matches!(refused(&scratch.file()), OpenError::Newer { .. }));
    assert_eq!(fs::read(scratch.join("hallway.db-wal")).unwrap(), log);
    drop(newer);
}

#[test]
fn a_damaged_file_is_said_to_be_damaged() {
    let scratch = Scratch::new();
    filled(&scratch);
    let whole = fs::read(scratch.file()).unwrap();
    fs::write(scratch.file(), &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(refused(&scratch.file()), OpenError::Damaged { .. }));
    // The list of tables is behind the first 100 bytes.
    let mut garbled = whole.clone();
    garbled[100..3_000].fill(0xff);
    fs::write(scratch.file(), garbled).unwrap();
    assert!(matches!(refused(&scratch.file()), OpenError::Damaged { .. }));
}

#[test]
fn a_file_without_our_tables_is_damaged() {
    let scratch = Scratch::new();
    filled(&scratch);
    let connection = Connection::open(scratch.file()).unwrap();
    connection.execute_batch("DROP TABLE refs").unwrap();
    connection.close().unwrap();
    assert!(matches!(refused(&scratch.file()), OpenError::Damaged { .. }));
}

#[test]
fn a_file_is_opened_once_also_by_another_name() {
    let scratch = Scratch::new();
    let store = open(&scratch.file());
    let link = scratch.join("link.db");
    symlink(scratch.file(), &link).unwrap();
    assert_eq!(refused(&scratch.file()), OpenError::InUse(scratch.file()));
    let error = SqliteStore::open(&link, &Options::default()).unwrap_err();
    assert_eq!(error, OpenError::InUse(scratch.file()));
    drop(store);
    open(&link).append(&[entry("lobby", 1, "Hello!")]).unwrap();
    assert_eq!(kept(&open(&scratch.file()), "lobby").len(), 1);
}

#[test]
fn a_link_that_leads_nowhere_is_where_the_file_is_made() {
    let scratch = Scratch::new();
    let link = scratch.join("link.db");
    symlink(scratch.file(), &link).unwrap();
    let store = open(&link);
    assert_eq!(refused(&scratch.file()), OpenError::InUse(scratch.file()));
    drop(store);
}

/// Not of root, who may write to everything.
#[test]
fn a_file_and_a_directory_that_are_read_only_are_refused() {
    let scratch = Scratch::new();
    filled(&scratch);
    let read_only = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    read_only(&scratch.file(), 0o444);
    if fs::OpenOptions::new().append(true).open(scratch.file()).is_ok() {
        return;
    }
    assert_eq!(refused(&scratch.file()), OpenError::ReadOnly(scratch.file()));
    assert_eq!(verify(scratch.file()).unwrap(), [""; 0]);
    read_only(&scratch, 0o555);
    assert!(matches!(refused(&scratch.file()), OpenError::ReadOnly(_) | OpenError::Failed { .. }));
    fs::remove_file(scratch.join("none")).unwrap_err();
    assert!(matches!(refused(&scratch.join("none")), OpenError::Failed { .. }));
    read_only(&scratch, 0o755);
}

#[test]
fn a_file_of_which_something_is_to_be_forgotten_has_to_be_there() {
    let scratch = Scratch::new();
    let error = forget(scratch.file(), "mallory").unwrap_err();
    assert_eq!(error, ForgetError::Open(OpenError::Missing(scratch.file())));
    assert_eq!(fs::read_dir(&*scratch).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_only_to_be_read_has_to_be_there() {
    let scratch = Scratch::new();
    let error = verify(scratch.file()).unwrap_err().to_string();
    assert_eq!(error, OpenError::Missing(scratch.file()).to_string());
    assert!(!scratch.file().exists());
}
