//! The store: one connection that writes, some that read.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hallway_core::{
    Chat, Durability, Epoch, Retention, RoomName, Store, StoreError,
    store::{Entry, PageLimit, Side, StoredReference, StoredRoom, Tidied},
};
use rusqlite::{
    Connection, OptionalExtension as _, Result as SqliteResult, Statement, Transaction, TransactionBehavior,
};
use time::OffsetDateTime;

use crate::{
    append,
    connect::{BUSY_TIMEOUT, Exclusive},
    error::{OpenError, failed},
    lock::{Lock, with_suffix},
    read,
    readers::Readers,
    tidy::Tidying,
};

/// The messages of all rooms in one SQLite file.
///
/// What it keeps and when that is durable is as [`Store`] has it; each [`append`](Store::append) is one transaction that
/// has reached the disk when it returns. An error leaves nothing behind: the next call works when its cause is gone.
///
/// It takes some 20 MiB of memory at most, however much is in the file: 8 MiB for writing, 2 MiB for each reader.
/// Dropping it without [`close`](Store::close) is what a crash is, and loses nothing that was acknowledged.
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they are dropped: the last connection to close is one that may tidy up behind itself.
    readers: Readers,
    writer: Mutex<Writer>,
    _lock: Lock,
}

/// How a [`SqliteStore`] uses its file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How many reads run at the same time; more wait for each other. Default 4.
    pub readers: usize,
    /// What the file may grow to, in bytes, in pages of 4 KiB. Beyond it the disk is as good as
    /// [full](StoreError::Full), until something is tidied away; the log beside the file is not counted. By default it
    /// may take the whole disk.
    pub max_file_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, max_file_bytes: None }
    }
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    /// Of the log beside the file.
    log: PathBuf,
    /// How long the log may become before it is taken over into the file whole.
    log_limit: u64,
    tidying: Tidying,
    has_begun: bool,
}

impl SqliteStore {
    /// Opens a file. One that is missing is made, for its owner alone to read, and one that is empty is as good; a directory
    /// is not made. One of an older version of the format is brought up to date. Nobody else opens it while it is open: a
    /// lock on `FILE-lock`, a file beside it, holds that.
    ///
    /// No message is read, so it is as fast with a million of them as with none.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self, OpenError> {
        let Exclusive { connection, path, lock } = Exclusive::open(path.as_ref())?;
        let sqlite_error = |error| OpenError::from_sqlite(&path, &error);
        limit(&connection, options.max_file_bytes).map_err(sqlite_error)?;
        let tidying = Tidying::new(&connection).map_err(sqlite_error)?;
        let readers = Readers::open(&path, options.readers)?;
        let log = with_suffix(&path, "-wal");
        let writer = Writer { connection, log, log_limit: LOG_LIMIT_BYTES, tidying, has_begun: false };
        Ok(Self { readers, writer: Mutex::new(writer), _lock: lock })
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Who panicked has left a transaction that was rolled back.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limit(connection: &Connection, bytes: Option<u64>) -> SqliteResult<()> {
    let Some(bytes) = bytes else { return Ok(()) };
    let page: u64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = (bytes / page).clamp(1, u64::from(u32::MAX - 1));
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

impl Store for SqliteStore {
    fn begin(&self, durability: Durability, now: OffsetDateTime) -> Result<(), StoreError> {
        self.writer().with_space(|writer| {
            let transaction = writer.transaction()?;
            begin(&transaction, durability, now).map_err(failed)?;
            transaction.commit().map_err(failed)?;
            writer.has_begun = true;
            Ok(())
        })
    }

    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError> {
        read::references(&self.readers.lend(), since, limit).map_err(failed)
    }

    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError> {
        read::room(&mut self.readers.lend(), room, newest).map_err(failed)
    }

    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError> {
        read::page(&self.readers.lend(), room, side, limit).map_err(failed)
    }

    fn append(&self, batch: &[Entry]) -> Result<(), StoreError> {
        self.writer().with_space(|writer| {
            let transaction = writer.transaction()?;
            let appended = append::append(&transaction, batch)?;
            transaction.commit().map_err(failed)?;
            writer.tidying.appended(&appended);
            writer.shorten_log();
            Ok(())
        })
    }

    fn tidy(
        &self,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied, StoreError> {
        self.writer().with_space(|Writer { connection, tidying, .. }| {
            tidying.step(connection, keep, now, references_since).map_err(failed)
        })
    }

    fn close(&self) -> Result<(), StoreError> {
        self.writer().with_space(|writer| {
            // Whoever only looked at a copy does not make it another's continuation.
            if writer.has_begun {
                let transaction = writer.transaction()?;
                set_renewal(&transaction, false).map_err(failed)?;
                transaction.commit().map_err(failed)?;
                writer.has_begun = false;
            }
            // What somebody who reads keeps in the log is taken over by whoever opens the file next.
            checkpoint(&writer.connection, "TRUNCATE").map(drop).map_err(failed)
        })
    }
}

/// Gives every room a new epoch if its sequence cannot be continued, and notes whether that will be so after a crash.
fn begin(transaction: &Transaction<'_>, durability: Durability, now: OffsetDateTime) -> SqliteResult<()> {
    let is_due = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM meta WHERE key = 'renew_epochs' AND value <> 0)",
        [],
        |row| row.get(0),
    )?;
    if is_due {
        let mut rooms = transaction.prepare("SELECT id FROM rooms WHERE id > ?1 ORDER BY id LIMIT 1")?;
        let mut renew = transaction.prepare("UPDATE rooms SET epoch = ?2 WHERE id = ?1")?;
        let mut last = 0_u64;
        while let Some(room) = next(&mut rooms, last)? {
            renew.execute((room, Epoch::beginning(now, room).as_str()))?;
            last = room;
        }
    }
    set_renewal(transaction, durability == Durability::Relaxed)
}

fn next(rooms: &mut Statement<'_>, last: u64) -> SqliteResult<Option<u64>> {
    rooms.query_row([last], |row| row.get(0)).optional()
}

/// Notes whether the next [`begin`] gives every room a new epoch.
pub(crate) fn set_renewal(connection: &Connection, is_due: bool) -> SqliteResult<()> {
    let statement = "INSERT INTO meta VALUES ('renew_epochs', ?1)
        ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value";
    connection.execute(statement, [is_due]).map(drop)
}

/// Takes what is in the log over into the file. Where somebody who reads is in the way it does what it can, after
/// [`BUSY_TIMEOUT`], and returns that it was not all.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> SqliteResult<bool> {
    // This is no error to SQLite: it says so in the first column.
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let is_busy: bool = row.get(0)?;
        Ok(!is_busy)
    })
}

/// The log is begun again when all of it is in the file and nobody reads from it. Where somebody always does it would grow
/// without end: beyond this one waits for those who read.
const LOG_LIMIT_BYTES: u64 = 64 << 20;

/// How long one waits for those who read, at each try to write to a full disk.
const FULL_DISK_TIMEOUT: Duration = Duration::from_millis(100);

impl Writer {
    fn transaction(&mut self) -> Result<Transaction<'_>, StoreError> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)
    }

    /// Does something that needs space. Where there is none it is tried once more after all of the log was taken over into
    /// the file: on a full disk that is what can be freed, and with it tidying can go on.
    fn with_space<T>(
        &mut self,
        mut work: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match work(self) {
            Err(StoreError::Full) => {
                self.connection.busy_timeout(FULL_DISK_TIMEOUT).map_err(failed)?;
                // Whether it helped is seen at once.
                let _ = checkpoint(&self.connection, "TRUNCATE");
                self.connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
                work(self)
            }
            done => done,
        }
    }

    fn shorten_log(&mut self) {
        let len = fs::metadata(&self.log).map_or(0, |log| log.len());
        if len < LOG_LIMIT_BYTES {
            self.log_limit = LOG_LIMIT_BYTES;
        } else if len >= self.log_limit {
            // What was appended is kept, so this is no error of it; a disk that fails says so at the next append.
            let _ = checkpoint(&self.connection, "RESTART");
            // An export or a backup may read from it for long: that is not waited for at each batch.
            self.log_limit = len + LOG_LIMIT_BYTES;
        }
    }
}
