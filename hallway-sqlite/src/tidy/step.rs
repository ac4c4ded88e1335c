//! One step: what is let go of in one transaction.

use std::{cmp::Reverse, collections::BTreeMap, mem};

use hallway_core::RoomName;
use rusqlite::{OptionalExtension as _, Params, Result, Row, Transaction};

use crate::rows;

/// Messages that one step lets go of, and references: a few milliseconds of work.
const ROWS_A_STEP: u32 = 500;
/// Bytes of texts that one step lets go of: each page of a long one is read to free it.
const BYTES_A_STEP: u64 = 1 << 20;
/// Rooms that one step takes from, of those that hold the most.
const LARGEST_ROOMS: usize = 64;

/// Lets go of references sent before a time; whether there are more.
pub(super) fn forget_references(transaction: &Transaction<'_>, since: i64) -> Result<bool> {
    // The newest of those that go in this step.
    let last = transaction
        .prepare_cached(
            "SELECT sent_at, room, seq FROM refs WHERE sent_at < ?1 ORDER BY sent_at, room, seq LIMIT 1 OFFSET ?2",
        )?
        .query_row((since, ROWS_A_STEP - 1), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let has_more = last.is_some();
    let (sent_at, room, seq) = last.unwrap_or((since, i64::MIN, i64::MIN));
    transaction
        .prepare_cached("DELETE FROM refs WHERE (sent_at, room, seq) <= (?1, ?2, ?3)")?
        .execute((sent_at, room, seq))?;
    Ok(has_more)
}

/// A step under way.
pub(super) struct Step<'t> {
    transaction: &'t Transaction<'t>,
    /// Messages it let go of, and rows of rooms it only corrected.
    rows: u32,
    /// Bytes of both.
    pub(super) freed: u64,
    pub(super) first_seqs: BTreeMap<RoomName, u64>,
    pub(super) is_unfinished: bool,
}

/// What a step knows of a room.
pub(super) struct Room {
    pub(super) id: i64,
    name: RoomName,
    pub(super) seq: u64,
    pub(super) first_seq: u64,
    first_sent_at: Option<i64>,
    bytes: u64,
}

/// A message that may go.
pub(super) struct Oldest {
    sent_at: i64,
    bytes: u64,
}

impl<'t> Step<'t> {
    pub(super) fn new(transaction: &'t Transaction<'t>) -> Self {
        Self { transaction, rows: 0, freed: 0, first_seqs: BTreeMap::new(), is_unfinished: false }
    }

    pub(super) fn has_budget(&self) -> bool {
        self.rows < ROWS_A_STEP && self.freed < BYTES_A_STEP
    }

    /// Rooms that have messages sent before a time.
    pub(super) fn beyond_age(&mut self, since: i64) -> Result<()> {
        let oldest = "WHERE first_sent_at < ?1 ORDER BY first_sent_at LIMIT 1";
        while self.has_budget() {
            let Some(mut room) = self.room(oldest, [since])? else { return Ok(()) };
            self.trim(&mut room, |_, oldest, _| oldest.sent_at < since)?;
        }
        self.is_unfinished = true;
        Ok(())
    }

    /// Rooms that hold the most, where all together have `total` bytes at the beginning of the step.
    pub(super) fn beyond_bytes(&mut self, total: u64, limit: u64) -> Result<()> {
        let is_over = |freed| total.saturating_sub(freed) > limit;
        if !is_over(self.freed) || !self.has_budget() {
            self.is_unfinished |= is_over(self.freed);
            return Ok(());
        }
        let mut rooms = self.largest_rooms()?;
        // Of the rooms that are not among them none holds more than the smallest of them.
        let smallest = rooms.first_key_value().map_or((0, Reverse(i64::MAX)), |(size, _)| *size);
        let floor = if rooms.len() == LARGEST_ROOMS { smallest } else { (0, Reverse(i64::MAX)) };
        let before = self.rows;
        while is_over(self.freed) && self.has_budget() {
            let Some((size, mut room)) = rooms.pop_last().filter(|(size, _)| *size >= floor) else { break };
            let next = rooms.last_key_value().map_or(floor, |(size, _)| floor.max(*size));
            debug_assert!(size >= next);
            self.trim(&mut room, |room, _, freed| is_over(freed) && room.size() >= next)?;
            if room.bytes > 0 {
                rooms.insert(room.size(), room);
            }
        }
        // Where there is nothing to let go of the count is wrong, and another step would not do better.
        self.is_unfinished |= is_over(self.freed) && self.rows > before;
        Ok(())
    }

    fn largest_rooms(&self) -> Result<BTreeMap<(u64, Reverse<i64>), Room>> {
        let statement = format!(
            "SELECT {ROOM_COLUMNS} FROM rooms WHERE bytes > 0 ORDER BY bytes DESC, id LIMIT {LARGEST_ROOMS}"
        );
        let mut statement = self.transaction.prepare_cached(&statement)?;
        statement.query_map([], Room::of_row)?.map(|room| room.map(|room| (room.size(), room))).collect()
    }

    /// The first of a stretch of rooms that has more than so many messages.
    pub(super) fn next_over_count(&self, behind: i64, last: i64, keep: u64) -> Result<Option<Room>> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.room(
            "WHERE id > ?1 AND id <= ?2 AND seq - first_seq >= ?3 ORDER BY id LIMIT 1",
            (behind, last, keep),
        )
    }

    pub(super) fn newest_room(&self) -> Result<i64> {
        let mut statement = self.transaction.prepare_cached("SELECT coalesce(max(id), 0) FROM rooms")?;
        statement.query_row([], |row| row.get(0))
    }

    pub(super) fn room(&self, which: &str, parameters: impl Params) -> Result<Option<Room>> {
        let statement = format!("SELECT {ROOM_COLUMNS} FROM rooms {which}");
        self.transaction.prepare_cached(&statement)?.query_row(parameters, Room::of_row).optional()
    }

    /// Lets go of a room's oldest messages as long as they are due, which is also told what the step freed so far.
    ///
    /// The room's row is that of the messages that are left, also where it was not before: a room that is due by its row and
    /// by no message would be found again and again.
    pub(super) fn trim(
        &mut self,
        room: &mut Room,
        is_due: impl Fn(&Room, &Oldest, u64) -> bool,
    ) -> Result<()> {
        let (first_seq, noted) = (room.first_seq, (room.first_seq, room.first_sent_at, room.bytes));
        let rows = self.rows;
        let mut statement = self.transaction.prepare_cached(
            "SELECT seq, sent_at, octet_length(username) + octet_length(text) FROM messages
             WHERE room = ?1 AND seq >= ?2 ORDER BY seq",
        )?;
        let mut messages = statement.query((room.id, first_seq))?;
        room.first_sent_at = None;
        while let Some(row) = messages.next()? {
            room.first_seq = row.get(0)?;
            let oldest = Oldest { sent_at: row.get(1)?, bytes: row.get(2)? };
            if !self.has_budget() || !is_due(room, &oldest, self.freed) {
                room.first_sent_at = Some(oldest.sent_at);
                break;
            }
            room.first_seq += 1;
            room.bytes = room.bytes.saturating_sub(oldest.bytes);
            self.rows += 1;
            self.freed += oldest.bytes;
        }
        if room.first_sent_at.is_none() {
            room.first_seq = room.first_seq.max(room.seq + 1);
            self.freed += mem::take(&mut room.bytes);
        }
        if (room.first_seq, room.first_sent_at, room.bytes) == noted {
            return Ok(());
        }
        if self.rows == rows {
            self.rows += 1;
        }
        self.transaction
            .prepare_cached("DELETE FROM messages WHERE room = ?1 AND seq < ?2")?
            .execute((room.id, room.first_seq))?;
        self.transaction
            .prepare_cached("UPDATE rooms SET first_seq = ?2, first_sent_at = ?3, bytes = ?4 WHERE id = ?1")?
            .execute((room.id, room.first_seq, room.first_sent_at, room.bytes))?;
        if room.first_seq != first_seq {
            self.first_seqs.insert(room.name.clone(), room.first_seq);
        }
        Ok(())
    }
}

const ROOM_COLUMNS: &str = "id, name, seq, first_seq, first_sent_at, bytes";

impl Room {
    fn of_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: rows::room_name(row, 1)?,
            seq: row.get(2)?,
            first_seq: row.get(3)?,
            first_sent_at: row.get(4)?,
            bytes: row.get(5)?,
        })
    }

    /// Of two rooms that hold about as much, to a sixteenth, the older one is the larger. So a room loses some messages
    /// in a row, that lie together: of a thousand equal rooms one message each would be a thousand pages to write.
    fn size(&self) -> (u64, Reverse<i64>) {
        let uncertain_bits = (u64::BITS - self.bytes.leading_zeros()).saturating_sub(5);
        (self.bytes >> uncertain_bits << uncertain_bits, Reverse(self.id))
    }
}
