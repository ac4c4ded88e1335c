//! All messages as lines of JSON.

use std::{
    io::{self, Write},
    path::Path,
};

use hallway_core::{RoomName, StoreError};
use rusqlite::{Error as SqliteError, Row};
use thiserror::Error;

use crate::{
    connect,
    error::{OpenError, failed},
    line::{Line, written},
    rows,
};

/// Why an export is not complete.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no such room, or nothing is kept of it.
    #[error("room {0} has no messages")]
    NoRoom(RoomName),
    /// The file could not be read on.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The lines could not be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
}

/// Writes the messages of all rooms, or of one, as lines of JSON: rooms by name, messages by number. Returns how many.
///
/// ```json
/// {"room":"lobby","epoch":"…","seq":1,"sentAt":"2026-11-24T09:30:00.123Z","username":"alice","message":"Hello!"}
/// ```
///
/// A message that was erased has an empty `username` and `message`. It is the state of one moment, in constant memory,
/// also while a server runs; what that writes meanwhile stays in the log beside the file, which grows until the export is
/// done. `out` is flushed, and should be buffered.
pub fn export(
    path: impl AsRef<Path>,
    room: Option<&RoomName>,
    mut out: impl Write,
) -> Result<u64, ExportError> {
    let connection = connect::look(path.as_ref())?;
    // The order of the tables is the order of the lines, so nothing has to be sorted.
    let mut statement = connection
        .prepare(
            "SELECT rooms.name, rooms.epoch, messages.seq, messages.sent_at, username, text
             FROM rooms CROSS JOIN messages ON messages.room = rooms.id
             WHERE ?1 IS NULL OR rooms.name = ?1 ORDER BY rooms.name, messages.seq",
        )
        .map_err(failed)?;
    let mut rows = statement.query([room.map(RoomName::as_str)]).map_err(failed)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        serde_json::to_writer(&mut out, &line(row).map_err(failed)?).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        count += 1;
    }
    out.flush()?;
    match room {
        Some(room) if count == 0 => Err(ExportError::NoRoom(room.clone())),
        _ => Ok(count),
    }
}

fn line<'r>(row: &'r Row<'_>) -> Result<Line<'r>, SqliteError> {
    let text = |column| -> Result<_, SqliteError> { Ok(row.get_ref(column)?.as_str()?.into()) };
    Ok(Line {
        room: text(0)?,
        epoch: text(1)?,
        seq: row.get(2)?,
        sent_at: written(rows::time(row, 3)?).into(),
        username: text(4)?,
        message: text(5)?,
    })
}
