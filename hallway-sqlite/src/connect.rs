//! Connections to a file: one to write, many to read.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    error::OpenError,
    lock::{Lock, private, with_suffix},
    schema,
};

/// How long one waits for another process that has the file, `sqlite3` for example, before that is an error.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages of the file that the writer keeps in memory, in KiB. What a transaction changes beyond it goes to the log early.
const WRITER_CACHE_KIB: i32 = 8 << 10;
/// The same of each reader.
const READER_CACHE_KIB: i32 = 2 << 10;

/// Prepared statements that the writer keeps: there are some fifteen.
const STATEMENTS: usize = 32;

/// Pages in the log (of 4 KiB) from which on whoever commits takes them over into the file.
const CHECKPOINT_PAGES: u32 = 1_000;
/// What the log is cut back to when it is begun again, in bytes.
const LOG_BYTES: u32 = 16 << 20;

/// A file that only this process writes to. The connection closes before the lock is let go.
#[derive(Debug)]
pub(crate) struct Exclusive {
    pub(crate) connection: Connection,
    /// Without a symbolic link in it.
    pub(crate) path: PathBuf,
    pub(crate) lock: Lock,
}

impl Exclusive {
    /// Opens a file to write to it. Where it is missing or empty it is made; an older one is brought up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        make_if_missing(path)?;
        Self::open_existing(path)
    }

    /// [`open`](Self::open) where a missing file is an error.
    pub(crate) fn open_existing(path: &Path) -> Result<Self, OpenError> {
        let path = file(path)?;
        let lock = Lock::take(&path)?;
        look_at_header(&path)?;
        let connection = write(&path)?;
        Ok(Self { connection, path, lock })
    }
}

/// The file is there afterwards, if empty.
fn make_if_missing(path: &Path) -> Result<(), OpenError> {
    let io_error = |error| OpenError::from_io(path, &error);
    if !path.try_exists().map_err(io_error)? {
        // Nobody has it open: the close would let go of the locks that this process has on it.
        private().create(true).append(true).open(path).map_err(io_error)?;
    }
    Ok(())
}

/// The file's own path, if it is a file.
fn file(path: &Path) -> Result<PathBuf, OpenError> {
    let path = path.canonicalize().map_err(|error| OpenError::from_io(path, &error))?;
    let metadata = fs::metadata(&path).map_err(|error| OpenError::from_io(&path, &error))?;
    if metadata.is_file() { Ok(path) } else { Err(OpenError::NoFile(path)) }
}

/// Refuses a file that is none of ours, by its first page as it is on the disk, before SQLite does anything with what may
/// be beside it: a log left by a crash is taken over into the file when it is closed.
///
/// What this reads is as old as the file's last checkpoint, and [`write`] looks again. Both marks were in the file before
/// it had a log.
fn look_at_header(path: &Path) -> Result<(), OpenError> {
    let is_empty = fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0);
    // Its making was interrupted, or it is none of ours and in use: what is in the file is not what is meant.
    let has_journal = with_suffix(path, "-journal").exists();
    if is_empty || has_journal {
        return Ok(());
    }
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(uri, "%{byte:02x}");
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let sqlite_error = |error| OpenError::from_sqlite(path, &error);
    let connection = Connection::open_with_flags(uri, flags).map_err(sqlite_error)?;
    // After a crash, or on a full disk, half of the log may be in the file: its first page then says how long it will be
    // when the other half is. SQLite calls that damaged unless it is told that it is to be mended; nothing is written.
    connection.pragma_update(None, "writable_schema", true).map_err(sqlite_error)?;
    is_ours(path, &connection)
}

/// Whether a file is empty, or has our mark and a version that we know.
fn is_ours(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let sqlite_error = |error| OpenError::from_sqlite(path, &error);
    let pages: u64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(sqlite_error)?;
    if pages == 0 {
        // SQLite takes what is shorter than a page for empty, and would write over it.
        let is_empty = fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0);
        return if is_empty { Ok(()) } else { Err(OpenError::NoDatabase(path.to_owned())) };
    }
    let found: i32 =
        connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(sqlite_error)?;
    if found != schema::APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned(), found });
    }
    let found = schema::version(connection).map_err(sqlite_error)?;
    let newest = u32::try_from(schema::STEPS.len()).expect("there are few versions");
    if found > newest {
        return Err(OpenError::Newer { path: path.to_owned(), found, newest });
    }
    Ok(())
}

/// The connection that writes.
fn write(path: &Path) -> Result<Connection, OpenError> {
    let sqlite_error = |error| OpenError::from_sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite_error)?;
    if connection.is_readonly("main").map_err(sqlite_error)? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite_error)?;
    let has_log = fs::metadata(with_suffix(path, "-wal")).is_ok_and(|log| log.len() > 0);
    // Until it is known to be ours nothing that lies beside the file is taken over into it.
    let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(keep_log, true).map_err(sqlite_error)?;
    is_ours(path, &connection)?;
    if has_log {
        fits_its_log(path, &connection)?;
    }
    schema::migrate(&mut connection, schema::STEPS).map_err(sqlite_error)?;
    probe(path, &connection)?;
    set_up(&connection).map_err(sqlite_error)?;
    connection.set_db_config(keep_log, false).map_err(sqlite_error)?;
    Ok(connection)
}

/// Refuses a file beside which the log of another state of it lies, as after a restore that left it there: SQLite takes any
/// log for the file's own, and what comes of that is neither state.
///
/// Of a large file the newest rooms alone are looked at: all of it would take too long.
fn fits_its_log(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let sqlite_error = |error| OpenError::from_sqlite(path, &error);
    let pages: u64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(sqlite_error)?;
    let is_small = pages <= CHECKED_PAGES;
    let check = |question: &str| {
        connection.query_row(question, [], |row| row.get::<_, bool>(0)).map_err(sqlite_error)
    };
    let is_sound = !is_small
        || connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
            .map_err(sqlite_error)?
            == "ok";
    // A file whose making was interrupted has no rooms yet.
    let has_rooms = is_sound && check("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'rooms')")?;
    let lacks_newest = has_rooms
        && check(
            "SELECT EXISTS (SELECT 1 FROM (SELECT id, seq, first_seq FROM rooms ORDER BY id DESC LIMIT 1000) AS newest
             WHERE seq >= first_seq
             AND NOT EXISTS (SELECT 1 FROM messages WHERE room = newest.id AND messages.seq = newest.seq))",
        )?;
    if is_sound && !lacks_newest {
        return Ok(());
    }
    let reason =
        "the log beside it (-wal) is not its own, or is damaged; after a restore, remove -wal and -shm"
            .into();
    Err(OpenError::Damaged { path: path.to_owned(), reason })
}

/// Pages of a file (4 KiB) that is looked at whole when a log lies beside it: 16 MiB.
const CHECKED_PAGES: u64 = 4_096;

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Each of these answers with what is in force.
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    // What was let go of is overwritten where its page is written anyway.
    connection.query_row("PRAGMA secure_delete = FAST", [], |_| Ok(()))?;
    // The log is on the disk when a commit returns. (In a log NORMAL is not.)
    connection.pragma_update(None, "synchronous", "FULL")
}

fn probe(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    for statement in schema::PROBES {
        connection.prepare(statement).map_err(|error| match OpenError::from_sqlite(path, &error) {
            OpenError::Failed { path, reason } => OpenError::Damaged { path, reason },
            other => other,
        })?;
    }
    Ok(())
}

/// A connection that only reads, beside one that writes in this process.
pub(crate) fn read(path: &Path) -> Result<Connection, OpenError> {
    read_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// A connection that only reads, to a file that a server may have open, and may not.
///
/// Where there is a log it is not touched. Where there is none SQLite makes one, even to read; that it goes again, when
/// nobody else has the file open by then, it has to be allowed to write.
pub(crate) fn look(path: &Path) -> Result<Connection, OpenError> {
    let path = file(path)?;
    let has_log = with_suffix(&path, "-wal").exists();
    let access = if has_log { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let connection = read_with(&path, access)?;
    is_ours(&path, &connection)?;
    let found = schema::version(&connection).map_err(|error| OpenError::from_sqlite(&path, &error))?;
    if (found as usize) < schema::STEPS.len() {
        return Err(OpenError::Older { path, found });
    }
    probe(&path, &connection)?;
    Ok(connection)
}

fn read_with(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    let open = || {
        let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        Ok(connection)
    };
    open().map_err(|error| OpenError::from_sqlite(path, &error))
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    /// To end a process cannot show this: what it has written the system keeps, whether it is on the disk or not.
    #[test]
    fn a_commit_is_on_the_disk_when_it_returns() {
        let directory = env::temp_dir().join(format!("hallway-sqlite-connect-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let file = Exclusive::open(&directory.join("hallway.db")).unwrap();
        let pragma = |name| file.connection.pragma_query_value(None, name, |row| row.get(0));
        let full = 2;
        assert_eq!(pragma("synchronous"), Ok(full));
        let mode = file.connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
        assert_eq!(mode, Ok("wal".to_owned()));
        drop(file);
        fs::remove_dir_all(directory).unwrap();
    }
}
