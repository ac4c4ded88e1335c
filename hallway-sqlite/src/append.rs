//! Keeping a batch.

use std::collections::{HashMap, hash_map::Entry as Slot};

use hallway_core::{Epoch, RoomName, StoreError, store::Entry};
use rusqlite::{OptionalExtension as _, Result as SqliteResult, Row, Transaction};

use crate::{
    error::failed,
    rows::{self, millis},
};

/// What is kept of a room: its row.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: i64,
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) sent_at: i64,
    pub(crate) first_seq: u64,
    pub(crate) first_sent_at: Option<i64>,
    pub(crate) bytes: u64,
}

/// What a batch added.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    /// Of these rooms.
    pub(crate) rooms: Vec<i64>,
    /// So many bytes of names and texts.
    pub(crate) bytes: u64,
}

/// Writes a batch; whoever calls it commits.
pub(crate) fn append(transaction: &Transaction<'_>, batch: &[Entry]) -> Result<Appended, StoreError> {
    let mut rooms = HashMap::new();
    let mut appended = Appended::default();
    for entry in batch {
        let chat = &entry.chat;
        let room = match rooms.entry(&entry.room) {
            Slot::Occupied(room) => room.into_mut(),
            Slot::Vacant(slot) => {
                let room = match Room::find(transaction, &entry.room).map_err(failed)? {
                    Some(room) => room,
                    None if chat.seq == 1 => {
                        Room::make(transaction, &entry.room, &entry.epoch, 1, millis(chat.sent_at))
                            .map_err(failed)?
                    }
                    None => return Err(conflict(entry, "the room is new, and begins with 1")),
                };
                slot.insert(room)
            }
        };
        if entry.epoch != room.epoch {
            return Err(conflict(entry, &format!("its epoch is {}, and not {}", room.epoch, entry.epoch)));
        }
        if chat.seq != room.seq + 1 {
            return Err(conflict(entry, &format!("its newest is {}", room.seq)));
        }
        let message = Message {
            seq: chat.seq,
            sent_at: millis(chat.sent_at),
            username: &chat.username,
            text: &chat.text,
            bytes: chat.bytes() as u64,
        };
        room.add(transaction, &message).map_err(failed)?;
        appended.bytes += message.bytes;
        if let Some(reference) = &entry.reference {
            let mut insert = transaction
                .prepare_cached(
                    "INSERT INTO refs (sent_at, room, seq, username, ref) VALUES (?1, ?2, ?3, ?4, ?5)",
                )
                .map_err(failed)?;
            let row = (message.sent_at, room.id, message.seq, message.username, reference.as_str());
            insert.execute(row).map_err(failed)?;
        }
    }
    for room in rooms.values() {
        room.save(transaction).map_err(failed)?;
        appended.rooms.push(room.id);
    }
    Ok(appended)
}

fn conflict(entry: &Entry, why: &str) -> StoreError {
    StoreError::Conflict(format!("message {} of room {}: {why}", entry.chat.seq, entry.room))
}

/// A row of messages.
#[derive(Debug)]
pub(crate) struct Message<'m> {
    pub(crate) seq: u64,
    pub(crate) sent_at: i64,
    pub(crate) username: &'m str,
    pub(crate) text: &'m str,
    /// Of both.
    pub(crate) bytes: u64,
}

impl Room {
    pub(crate) fn find(transaction: &Transaction<'_>, name: &RoomName) -> SqliteResult<Option<Self>> {
        transaction
            .prepare_cached(
                "SELECT id, epoch, seq, sent_at, first_seq, first_sent_at, bytes FROM rooms WHERE name = ?1",
            )?
            .query_row([name.as_str()], Self::of_row)
            .optional()
    }

    fn of_row(row: &Row<'_>) -> SqliteResult<Self> {
        Ok(Self {
            id: row.get(0)?,
            epoch: rows::epoch(row, 1)?,
            seq: row.get(2)?,
            sent_at: row.get(3)?,
            first_seq: row.get(4)?,
            first_sent_at: row.get(5)?,
            bytes: row.get(6)?,
        })
    }

    /// A room without a message, whose first will be `first_seq`, of this time.
    pub(crate) fn make(
        transaction: &Transaction<'_>,
        name: &RoomName,
        epoch: &Epoch,
        first_seq: u64,
        sent_at: i64,
    ) -> SqliteResult<Self> {
        transaction
            .prepare_cached(
                "INSERT INTO rooms (name, epoch, seq, sent_at, first_seq, bytes) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            )?
            .execute((name.as_str(), epoch.as_str(), first_seq - 1, sent_at, first_seq))?;
        let id = transaction.last_insert_rowid();
        let epoch = epoch.clone();
        Ok(Self { id, epoch, seq: first_seq - 1, sent_at, first_seq, first_sent_at: None, bytes: 0 })
    }

    /// Writes the next message. The room's own row is [saved](Self::save) when all of a batch are written.
    pub(crate) fn add(&mut self, transaction: &Transaction<'_>, message: &Message<'_>) -> SqliteResult<()> {
        transaction
            .prepare_cached(
                "INSERT INTO messages (room, seq, sent_at, username, text) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((self.id, message.seq, message.sent_at, message.username, message.text))?;
        self.seq = message.seq;
        self.sent_at = message.sent_at;
        self.first_sent_at.get_or_insert(message.sent_at);
        self.bytes += message.bytes;
        Ok(())
    }

    pub(crate) fn save(&self, transaction: &Transaction<'_>) -> SqliteResult<()> {
        transaction
            .prepare_cached(
                "UPDATE rooms SET seq = ?2, sent_at = ?3, first_sent_at = ?4, bytes = ?5 WHERE id = ?1",
            )?
            .execute((self.id, self.seq, self.sent_at, self.first_sent_at, self.bytes))
            .map(drop)
    }
}
