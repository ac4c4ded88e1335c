//! What is asked of a store: rooms, pages, references.

use std::sync::Arc;

use hallway_core::{
    Chat, Reference, RoomName,
    store::{PageLimit, Side, StoredReference, StoredRoom},
};
use rusqlite::{Connection, Error, OptionalExtension as _, Result, types::Type};
use time::OffsetDateTime;

use crate::rows::{self, millis_up};

/// A room with its newest messages, as of one moment.
pub(crate) fn room(
    connection: &mut Connection,
    room: &RoomName,
    newest: PageLimit,
) -> Result<Option<StoredRoom>> {
    let transaction = connection.transaction()?;
    let found = transaction
        .prepare_cached("SELECT epoch, seq, sent_at, first_seq FROM rooms WHERE name = ?1")?
        .query_row([room.as_str()], |row| {
            Ok(StoredRoom {
                epoch: rows::epoch(row, 0)?,
                seq: row.get(1)?,
                sent_at: rows::time(row, 2)?,
                first_seq: row.get(3)?,
                newest: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut found) = found else { return Ok(None) };
    found.newest = page(&transaction, room, Side::Before(u64::MAX), newest)?;
    Ok(Some(found))
}

/// Messages next to a place in a room's sequence, the oldest first.
pub(crate) fn page(
    connection: &Connection,
    room: &RoomName,
    side: Side,
    limit: PageLimit,
) -> Result<Vec<Arc<Chat>>> {
    let (statement, place) = match side {
        Side::Before(seq) => (
            "SELECT seq, sent_at, username, text FROM messages
             WHERE room = (SELECT id FROM rooms WHERE name = ?1) AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            seq,
        ),
        Side::After(seq) => (
            "SELECT seq, sent_at, username, text FROM messages
             WHERE room = (SELECT id FROM rooms WHERE name = ?1) AND seq > ?2 ORDER BY seq LIMIT ?3",
            seq,
        ),
    };
    let mut statement = connection.prepare_cached(statement)?;
    let mut found = statement.query((room.as_str(), saturated(place), saturated(limit.messages as u64)))?;
    let mut messages = Vec::new();
    let mut page = limit.filling();
    while let Some(row) = found.next()? {
        let chat = rows::chat(row)?;
        if !page.takes(&chat) {
            break;
        }
        messages.push(chat);
    }
    if matches!(side, Side::Before(_)) {
        messages.reverse();
    }
    Ok(messages)
}

/// SQLite counts to 2^63; no room has so many messages.
fn saturated(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The newest references since a time, the oldest first.
pub(crate) fn references(
    connection: &Connection,
    since: OffsetDateTime,
    limit: usize,
) -> Result<Vec<StoredReference>> {
    let mut statement = connection.prepare_cached(
        "SELECT rooms.name, refs.username, refs.ref, refs.seq, refs.sent_at
         FROM refs CROSS JOIN rooms ON rooms.id = refs.room
         WHERE refs.sent_at >= ?1 ORDER BY refs.sent_at DESC, refs.room DESC, refs.seq DESC LIMIT ?2",
    )?;
    let rows = statement.query_map((millis_up(since), saturated(limit as u64)), |row| {
        Ok(StoredReference {
            room: rows::room_name(row, 0)?,
            username: row.get(1)?,
            reference: Reference::new(row.get_ref(2)?.as_str()?)
                .map_err(|error| Error::FromSqlConversionFailure(2, Type::Text, error.into()))?,
            seq: row.get(3)?,
            sent_at: rows::time(row, 4)?,
        })
    })?;
    let mut references = rows.collect::<Result<Vec<_>>>()?;
    references.reverse();
    Ok(references)
}
