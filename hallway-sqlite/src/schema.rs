//! What is in the file, and how an older one becomes the newest.

use rusqlite::{Connection, Result, TransactionBehavior};

/// Marks a file as this program's: "Hlwy" in ASCII.
pub(crate) const APPLICATION_ID: i32 = 0x486c_7779;

/// Each brings a file from one version to the next; the first makes an empty one version 1.
pub(crate) const STEPS: &[&str] = &[VERSION_1];

/// `docs/store.md` says the same to whoever opens the file with `sqlite3`.
///
/// `messages` has no rowid: what is asked for is always a stretch of a room's sequence, and so it lies together. The
/// first key of `refs` is the time: new rows come behind the others, and those that are due to go are the first.
/// `first_sent_at` is in `rooms`, with an index, so that what is too old is found without looking at any message; it
/// changes only when a room is made or tidied, so a batch does not pay for it.
const VERSION_1: &str = "
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        epoch TEXT NOT NULL,
        seq INTEGER NOT NULL,           -- of the newest message
        sent_at INTEGER NOT NULL,       -- of the newest message
        first_seq INTEGER NOT NULL,     -- of the oldest that is kept; seq + 1 where none is
        first_sent_at INTEGER,          -- of the oldest that is kept
        bytes INTEGER NOT NULL          -- of names and texts that are kept
    ) STRICT;
    CREATE INDEX rooms_by_age ON rooms (first_sent_at) WHERE first_sent_at IS NOT NULL;
    CREATE TABLE messages (
        room INTEGER NOT NULL REFERENCES rooms,
        seq INTEGER NOT NULL,
        sent_at INTEGER NOT NULL,       -- milliseconds since 1970, UTC
        username TEXT NOT NULL,         -- empty where the message was erased
        text TEXT NOT NULL,             -- empty where the message was erased
        PRIMARY KEY (room, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE refs (
        sent_at INTEGER NOT NULL,
        room INTEGER NOT NULL REFERENCES rooms,
        seq INTEGER NOT NULL,
        username TEXT NOT NULL,
        ref TEXT NOT NULL,
        PRIMARY KEY (sent_at, room, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('renew_epochs', 0);
";

/// Tables and columns that have to be there. Preparing a statement reads the schema and no row.
pub(crate) const PROBES: [&str; 4] = [
    "SELECT id, name, epoch, seq, sent_at, first_seq, first_sent_at, bytes FROM rooms",
    "SELECT room, seq, sent_at, username, text FROM messages",
    "SELECT sent_at, room, seq, username, ref FROM refs",
    "SELECT key, value FROM meta",
];

/// The version of the format; 0 of an empty file.
pub(crate) fn version(connection: &Connection) -> Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes all steps that a file has not taken, in one transaction: it has the newest version afterwards, or is what it was.
pub(crate) fn migrate(connection: &mut Connection, steps: &[&str]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = version(&transaction)? as usize;
    if version >= steps.len() {
        return Ok(());
    }
    for step in &steps[version..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", steps.len())?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_is_brought_up_to_date_and_keeps_what_is_in_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x); INSERT INTO a VALUES (7)"]).unwrap();
        let newer = ["CREATE TABLE never (x)", "ALTER TABLE a ADD COLUMN y", "UPDATE a SET y = x + 1"];
        migrate(&mut connection, &newer).unwrap();
        let row = connection.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(row, Ok((7, 8)));
        assert_eq!(version(&connection), Ok(3));
        migrate(&mut connection, &newer).unwrap();
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        let steps = ["", "CREATE TABLE b (x)", "this is no SQL"];
        assert!(migrate(&mut connection, &steps).is_err());
        assert_eq!(version(&connection), Ok(1));
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
        assert_eq!(tables, Ok(1));
    }

    #[test]
    fn the_schema_has_what_is_asked_of_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, STEPS).unwrap();
        for probe in PROBES {
            connection.prepare(probe).unwrap();
        }
    }
}
