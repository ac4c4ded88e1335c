//! Whether what is in a file fits together.

use std::path::Path;

use hallway_core::{Epoch, RoomName, StoreError};
use rusqlite::{Connection, Result as SqliteResult, Row, Statement};
use thiserror::Error;

use crate::{
    connect,
    error::{OpenError, failed},
};

/// Why a file could not be verified.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It could not be read to its end.
    #[error(transparent)]
    Read(#[from] StoreError),
}

/// The most faults that are told.
const MAX_FAULTS: usize = 100;

/// Reads the whole file and says what is wrong with it, a line each, the first hundred; nothing where all is well.
///
/// That is: SQLite's own checks; that rooms have names, epochs and no hole; that their newest and oldest number, their times
/// and bytes are those of their messages; that no message is of an earlier time than the one before it (of each room the
/// first such message is told); and that each reference is one of a message that is there or was. Also while a server runs.
pub fn verify(path: impl AsRef<Path>) -> Result<Vec<String>, VerifyError> {
    let mut connection = connect::look(path.as_ref())?;
    let mut faults = Vec::new();
    match checks(&mut connection, &mut faults).map_err(failed) {
        Ok(()) => Ok(faults),
        // What cannot be read is a fault that was looked for.
        Err(StoreError::Damaged(reason)) => {
            faults.push(reason);
            Ok(faults)
        }
        Err(other) => Err(other.into()),
    }
}

fn checks(connection: &mut Connection, faults: &mut Vec<String>) -> SqliteResult<()> {
    let transaction = connection.transaction()?;
    let integrity = format!("PRAGMA integrity_check({MAX_FAULTS})");
    collect(&mut transaction.prepare(&integrity)?, faults, |row| {
        let line: String = row.get(0)?;
        Ok((line != "ok").then_some(line))
    })?;
    collect(&mut transaction.prepare("PRAGMA foreign_key_check")?, faults, |row| {
        Ok(Some(format!("a row of {} belongs to no room", row.get_ref(0)?.as_str()?)))
    })?;
    collect(&mut transaction.prepare("SELECT name, epoch FROM rooms")?, faults, |row| {
        let (name, epoch) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        Ok(if name.parse::<RoomName>().is_err() {
            Some(format!("room {name:?}: no name of a room"))
        } else {
            epoch.parse::<Epoch>().is_err().then(|| format!("room {name}: {epoch:?} is no epoch"))
        })
    })?;
    collect(&mut transaction.prepare(ROOMS)?, faults, room)?;
    collect(&mut transaction.prepare(TIMES)?, faults, |row| {
        let (seq, room) = (row.get::<_, i64>(0)?, row.get_ref(1)?.as_str()?);
        Ok(Some(format!("room {room}: message {seq} is of an earlier time than the one before it")))
    })?;
    collect(&mut transaction.prepare(REFERENCES)?, faults, |row| {
        let (seq, room) = (row.get::<_, i64>(0)?, row.get_ref(1)?.as_str()?);
        Ok(Some(format!("room {room}: a reference of message {seq} is of none that is there")))
    })
}

fn collect(
    statement: &mut Statement<'_>,
    faults: &mut Vec<String>,
    fault: impl Fn(&Row<'_>) -> SqliteResult<Option<String>>,
) -> SqliteResult<()> {
    let mut rows = statement.query([])?;
    while faults.len() < MAX_FAULTS
        && let Some(row) = rows.next()?
    {
        faults.extend(fault(row)?);
    }
    Ok(())
}

/// Each room beside what its messages say. They are read in the order in which they lie.
const ROOMS: &str = "
    SELECT name, seq, first_seq, sent_at, first_sent_at, bytes, count, newest, oldest, total,
           (SELECT messages.sent_at FROM messages WHERE room = rooms.id AND messages.seq = newest),
           (SELECT messages.sent_at FROM messages WHERE room = rooms.id AND messages.seq = oldest)
    FROM rooms LEFT JOIN (
        SELECT room AS of_room, count(*) AS count, max(seq) AS newest, min(seq) AS oldest,
               sum(octet_length(username) + octet_length(text)) AS total
        FROM messages GROUP BY room
    ) ON of_room = rooms.id";

fn room(row: &Row<'_>) -> SqliteResult<Option<String>> {
    let name = row.get_ref(0)?.as_str()?;
    let number = |column| row.get::<_, Option<i64>>(column);
    let (seq, first_seq, sent_at) = (number(1)?, number(2)?, number(3)?);
    let Some(count) = number(6)? else {
        let is_empty = first_seq == seq.map(|seq| seq + 1) && number(4)?.is_none() && number(5)? == Some(0);
        return Ok((!is_empty).then(|| format!("room {name}: its messages are missing")));
    };
    let (newest, oldest) = (number(7)?, number(8)?);
    let fault = if newest.zip(oldest).is_none_or(|(newest, oldest)| newest - oldest + 1 != count) {
        "there is a hole in its messages"
    } else if (seq, first_seq) != (newest, oldest) {
        "its newest or oldest message is another than is noted"
    } else if (sent_at, number(4)?) != (number(10)?, number(11)?) {
        "its newest or oldest message is of another time than is noted"
    } else if number(5)? != number(9)? {
        "its messages have more or fewer bytes than is noted"
    } else {
        return Ok(None);
    };
    Ok(Some(format!("room {name}: {fault}")))
}

/// The first message of each room that is older than the one before it. They are read in the order in which they lie.
const TIMES: &str = "
    SELECT min(message), name FROM rooms JOIN (
        SELECT room, seq AS message, sent_at < lag(sent_at) OVER (PARTITION BY room ORDER BY seq) AS is_earlier
        FROM messages
    ) ON room = rooms.id
    WHERE is_earlier GROUP BY room";

/// References of messages that are not there, and not because they were tidied away.
const REFERENCES: &str = "
    SELECT refs.seq, rooms.name FROM refs JOIN rooms ON rooms.id = refs.room
    WHERE refs.seq >= rooms.first_seq AND NOT EXISTS (
        SELECT 1 FROM messages
        WHERE messages.room = refs.room AND messages.seq = refs.seq
          AND messages.sent_at = refs.sent_at AND messages.username = refs.username)";
