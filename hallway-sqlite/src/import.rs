//! What an export wrote, back into a file.

use std::{
    io::{self, BufRead, Read as _},
    path::Path,
};

use hallway_core::{Epoch, RoomName, StoreError};
use rusqlite::{Transaction, TransactionBehavior};
use thiserror::Error;

use crate::{
    append::{Message, Room},
    connect::Exclusive,
    error::{OpenError, failed},
    line::{self, Line},
    rows::{self, millis},
    store::{checkpoint, set_renewal},
};

/// What an import found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Messages that are in the file now and were not.
    pub added: u64,
    /// Messages that were there already.
    pub present: u64,
    /// Messages that were there once: erased, or older than the oldest that is kept of their room. They stay away.
    pub left_out: u64,
}

/// Why nothing was imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The lines could not be read.
    #[error("cannot read the lines: {0}")]
    Read(#[from] io::Error),
    /// A line is none that an export writes, or does not fit what is there.
    #[error("line {line}: {why}")]
    Line {
        /// Which, counted from 1.
        line: u64,
        /// What was expected.
        why: String,
    },
    /// The file could not be written to.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Bytes of the longest line: a message of 64 KiB has 384 KiB when each of its bytes is escaped.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// The largest number of a message: the largest whole number that all who read JSON agree on (RFC 8259 section 6).
const MAX_SEQ: u64 = (1 << 53) - 1;

/// Reads lines as [`export`](crate::export()) writes them, and adds what is not there, to a file that exists or a new one.
///
/// All or nothing: it is one transaction, and after an error nothing of it is kept. Doing it twice is doing it once: a line
/// that is there already is skipped. A room that is not there begins with its first line, whatever its number. A line with
/// another content than the message of its number, with another epoch than its room, with an earlier time than the message
/// before it, or that leaves a hole, is an error.
///
/// Lines are a copy of an earlier state, so when messages were added the rooms get new epochs when a server next begins,
/// and its members see history in place of what they missed. Until then an import can be repeated.
pub fn import(path: impl AsRef<Path>, mut input: impl BufRead) -> Result<ImportReport, ImportError> {
    let mut file = Exclusive::open(path.as_ref())?;
    let transaction =
        file.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut import = Import::new(&transaction)?;
    let mut bytes = Vec::new();
    let mut number = 0;
    loop {
        bytes.clear();
        number += 1;
        if input.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        import.line(&bytes).map_err(|refusal| match refusal {
            Refusal::Line(why) => ImportError::Line { line: number, why },
            Refusal::Store(error) => error.into(),
        })?;
    }
    let report = import.finish()?;
    if report.added > 0 {
        set_renewal(&transaction, true).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    checkpoint(&file.connection, "TRUNCATE").map_err(failed)?;
    Ok(report)
}

struct Import<'t> {
    transaction: &'t Transaction<'t>,
    /// The room of the line before. Lines of one room come together, so no others are kept in memory.
    room: Option<(RoomName, Room)>,
    /// Rooms behind this one are the import's own.
    newest_room: i64,
    report: ImportReport,
}

enum Refusal {
    Line(String),
    Store(StoreError),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Line(why)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(failed(error))
    }
}

impl<'t> Import<'t> {
    fn new(transaction: &'t Transaction<'t>) -> Result<Self, StoreError> {
        let newest = "SELECT coalesce(max(id), 0) FROM rooms";
        let newest_room = transaction.query_row(newest, [], |row| row.get(0)).map_err(failed)?;
        Ok(Self { transaction, room: None, newest_room, report: ImportReport::default() })
    }

    fn line(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() as u64 > MAX_LINE_BYTES {
            return Err(format!("longer than {MAX_LINE_BYTES} bytes").into());
        }
        let line: Line<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let name: RoomName = line.room.parse().map_err(|error| format!("room: {error}"))?;
        let epoch: Epoch = line.epoch.parse().map_err(|error| format!("epoch: {error}"))?;
        let sent_at = line::read(&line.sent_at).ok_or("sentAt: no time as RFC 3339 has it".to_owned())?;
        if line.seq == 0 || line.seq > MAX_SEQ {
            return Err(format!("seq: expected 1 to {MAX_SEQ}, found {}", line.seq).into());
        }
        if line.message.is_empty() && !line.username.is_empty() {
            return Err("message: it is empty, and so was erased, but has a username".to_owned().into());
        }
        let message = Message {
            seq: line.seq,
            sent_at: millis(sent_at),
            username: &line.username,
            text: &line.message,
            bytes: (line.username.len() + line.message.len()) as u64,
        };
        self.message(&name, &epoch, &message)
    }

    fn message(&mut self, name: &RoomName, epoch: &Epoch, message: &Message<'_>) -> Result<(), Refusal> {
        self.turn_to(name, epoch, message)?;
        let (_, room) = self.room.as_mut().expect("it is the room turned to");
        if room.epoch != *epoch {
            return Err(format!("expected epoch {} for room {name}, found {epoch}", room.epoch).into());
        }
        if message.seq == room.seq + 1 {
            // What is let go of by age is found by the oldest message, and no other is older.
            if message.sent_at < room.sent_at {
                return Err(too_early(room.sent_at).into());
            }
            room.add(self.transaction, message)?;
            self.report.added += 1;
        } else if message.seq > room.seq {
            let expected = room.seq + 1;
            return Err(format!("expected message {expected} of room {name}, found {}", message.seq).into());
        } else if message.seq < room.first_seq {
            if room.id > self.newest_room {
                let first = room.first_seq;
                return Err(format!("message {} of room {name} comes after {first}", message.seq).into());
            }
            self.report.left_out += 1;
        } else {
            match stored(self.transaction, room.id, message)? {
                Stored::Same => self.report.present += 1,
                Stored::Erased => self.report.left_out += 1,
                Stored::Other => {
                    return Err(format!(
                        "message {} of room {name} is there with another content",
                        message.seq
                    )
                    .into());
                }
            }
        }
        Ok(())
    }

    /// Makes the room of a line the one at hand.
    fn turn_to(&mut self, name: &RoomName, epoch: &Epoch, first: &Message<'_>) -> Result<(), Refusal> {
        if self.room.as_ref().is_some_and(|(at_hand, _)| at_hand == name) {
            return Ok(());
        }
        if let Some((_, room)) = self.room.take() {
            room.save(self.transaction)?;
        }
        let room = match Room::find(self.transaction, name)? {
            Some(room) => room,
            None => Room::make(self.transaction, name, epoch, first.seq, first.sent_at)?,
        };
        self.room = Some((name.clone(), room));
        Ok(())
    }

    fn finish(self) -> Result<ImportReport, StoreError> {
        if let Some((_, room)) = &self.room {
            room.save(self.transaction).map_err(failed)?;
        }
        Ok(self.report)
    }
}

fn too_early(newest: i64) -> String {
    let newest = rows::time_of(newest).map_or_else(|_| format!("{newest} ms after 1970"), line::written);
    format!("sentAt: expected {newest}, the time of the message before it, or later")
}

enum Stored {
    Same,
    Erased,
    Other,
}

fn stored(transaction: &Transaction<'_>, room: i64, message: &Message<'_>) -> rusqlite::Result<Stored> {
    let mut statement = transaction
        .prepare_cached("SELECT sent_at, username, text FROM messages WHERE room = ?1 AND seq = ?2")?;
    statement.query_row((room, message.seq), |row| {
        let (username, text) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
        let is_same_time = row.get::<_, i64>(0)? == message.sent_at;
        Ok(if is_same_time && (username, text) == (message.username, message.text) {
            Stored::Same
        } else if is_same_time && text.is_empty() {
            Stored::Erased
        } else {
            Stored::Other
        })
    })
}
