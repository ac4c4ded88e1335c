//! Erasing what a name has said.

use std::path::Path;

use hallway_core::StoreError;
use rusqlite::{Connection, Result, TransactionBehavior};
use thiserror::Error;

use crate::{
    connect::Exclusive,
    error::{OpenError, failed},
    store::checkpoint,
};

/// Why not all was erased.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// The file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The messages could not be erased. Nothing is changed.
    #[error(transparent)]
    Erase(StoreError),
    /// The messages are erased, but traces of them are left in the file. Doing it again removes them.
    #[error("the messages are erased, but not yet overwritten on the disk: {0}")]
    Overwrite(StoreError),
    /// The messages are erased, but traces of them are left in the file or in the log beside it, because somebody reads who
    /// may still see them: `sqlite3`, an export or a backup. Doing it again when nobody reads removes them.
    #[error(
        "the messages are erased, but not yet overwritten on the disk, because somebody reads the file: \
         do it again when nobody does"
    )]
    BeingRead,
}

/// Erases all messages of exactly this name, in all rooms: their numbers and times stay, names and texts do not. Returns
/// how many those were. A file that is not there is an error, and is not made.
///
/// The file is written anew, so that nothing of them is left in it or in the log beside it. While that lasts it needs the
/// space of the file twice more: once in the log, and once in a temporary file, in the directory that the environment
/// names as `SQLITE_TMPDIR` or `TMPDIR`, or else in `/var/tmp`, `/usr/tmp`, `/tmp` or the one it is started in. Copies and
/// exports that were made before are not changed.
pub fn forget(path: impl AsRef<Path>, name: &str) -> Result<u64, ForgetError> {
    let mut file = Exclusive::open_existing(path.as_ref())?;
    let count = erase(&mut file.connection, name).map_err(|error| ForgetError::Erase(failed(error)))?;
    let is_complete = overwrite(&file.connection).map_err(|error| ForgetError::Overwrite(failed(error)))?;
    if is_complete { Ok(count) } else { Err(ForgetError::BeingRead) }
}

fn erase(connection: &mut Connection, name: &str) -> Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "UPDATE rooms SET bytes = rooms.bytes - erased.total
         FROM (SELECT room, sum(octet_length(username) + octet_length(text)) AS total
               FROM messages WHERE username = ?1 GROUP BY room) AS erased
         WHERE rooms.id = erased.room",
        [name],
    )?;
    // An empty name is what was erased before.
    let erase = "UPDATE messages SET username = '', text = '' WHERE username = ?1 AND username <> ''";
    let count = transaction.execute(erase, [name])?;
    transaction.execute("DELETE FROM refs WHERE username = ?1", [name])?;
    transaction.commit()?;
    Ok(count as u64)
}

/// Leaves nothing in the file but what is in its rows. To delete securely would not be enough: pages that were split or
/// freed before have copies. Returns whether it could: for somebody who reads what was there before it has to stay.
fn overwrite(connection: &Connection) -> Result<bool> {
    connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
    connection.execute_batch("VACUUM")?;
    checkpoint(connection, "TRUNCATE")
}
