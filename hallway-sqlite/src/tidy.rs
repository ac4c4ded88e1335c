//! Letting go of what need not be kept any longer, a little at a time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    mem,
};

use hallway_core::{Retention, RoomName, store::Tidied};
use rusqlite::{Connection, OptionalExtension as _, Params, Result, Row, Transaction, TransactionBehavior};
use time::OffsetDateTime;

use crate::{append::Appended, read::millis_up, rows};

/// Messages that one step lets go of, and references: a few milliseconds of work.
const ROWS_A_STEP: u32 = 500;
/// Bytes of texts that one step lets go of: each page of a long one is read to free it.
const BYTES_A_STEP: u64 = 1 << 20;
/// Rooms that one step looks at.
const ROOMS_A_STEP: i64 = 1_000;
/// Rooms that got messages and are remembered until they are looked at; when they are more all rooms are.
const REMEMBERED_ROOMS: usize = 1_000;
/// Rooms that one step takes from, of those that hold the most.
const LARGEST_ROOMS: usize = 64;

/// What is remembered between two steps, so that no step has to look at all rooms.
#[derive(Debug)]
pub(crate) struct Tidying {
    /// Bytes of names and texts in the whole file.
    bytes: u64,
    /// How many messages of a room the rooms were last looked at for.
    messages: Option<u64>,
    /// Rooms that got messages since they were looked at.
    touched: BTreeSet<i64>,
    /// All rooms behind this one are to be looked at, and then all once more if that became due meanwhile.
    behind: Option<i64>,
    once_more: bool,
}

impl Tidying {
    pub(crate) fn new(connection: &Connection) -> Result<Self> {
        let bytes =
            connection.query_row("SELECT coalesce(sum(bytes), 0) FROM rooms", [], |row| row.get(0))?;
        Ok(Self { bytes, messages: None, touched: BTreeSet::new(), behind: None, once_more: false })
    }

    /// To be told of every batch.
    pub(crate) fn appended(&mut self, appended: &Appended) {
        self.bytes += appended.bytes;
        if self.messages.is_some() {
            self.touched.extend(&appended.rooms);
            if self.touched.len() > REMEMBERED_ROOMS {
                self.look_at_all();
            }
        }
    }

    fn look_at_all(&mut self) {
        self.touched.clear();
        // Not from the beginning at once: where that is due all the time the last rooms would never have their turn.
        self.once_more = self.behind.is_some();
        self.behind = self.behind.or(Some(0));
    }

    /// One step, in one transaction.
    pub(crate) fn step(
        &mut self,
        connection: &mut Connection,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied> {
        if self.messages != keep.messages {
            self.messages = keep.messages;
            self.touched.clear();
            self.behind = keep.messages.map(|_| 0);
            self.once_more = false;
        }
        let tidied = self.step_within(connection, keep, now, references_since);
        if tidied.is_err() && self.messages.is_some() {
            // Rooms were looked at whose messages are still there.
            self.look_at_all();
        }
        tidied
    }

    fn step_within(
        &mut self,
        connection: &mut Connection,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let has_old_references = forget_references(&transaction, millis_up(references_since))?;
        let mut step = Step::new(&transaction);
        if let Some(messages) = keep.messages {
            self.beyond_count(&mut step, messages)?;
        }
        if let Some(age) = keep.age {
            let oldest = time::Duration::try_from(age).ok().and_then(|age| now.checked_sub(age));
            if let Some(oldest) = oldest {
                step.beyond_age(millis_up(oldest))?;
            }
        }
        if let Some(bytes) = keep.bytes {
            step.beyond_bytes(self.bytes, bytes)?;
        }
        let Step { freed, first_seqs, is_unfinished, .. } = step;
        transaction.commit()?;
        self.bytes = self.bytes.saturating_sub(freed);
        let is_unfinished = is_unfinished || has_old_references;
        Ok(Tidied { first_seqs: first_seqs.into_iter().collect(), is_unfinished })
    }

    /// Rooms that have more than so many messages.
    fn beyond_count(&mut self, step: &mut Step<'_>, keep: u64) -> Result<()> {
        let mut looks = ROOMS_A_STEP;
        let newest = step.newest_room()?;
        while let Some(id) = self.touched.first().copied().filter(|_| looks > 0 && step.has_budget()) {
            looks -= 1;
            if let Some(mut room) = step.room("WHERE id = ?1", [id])? {
                step.trim(&mut room, |room, _, _| room.first_seq <= room.seq.saturating_sub(keep))?;
            }
            if step.has_budget() {
                self.touched.remove(&id);
            }
        }
        while let Some(behind) = self.behind.filter(|_| looks > 0 && step.has_budget()) {
            let last = behind.saturating_add(looks);
            if let Some(mut room) = step.next_over_count(behind, last, keep)? {
                step.trim(&mut room, |room, _, _| room.first_seq <= room.seq.saturating_sub(keep))?;
                if step.has_budget() {
                    looks -= room.id - behind;
                    self.behind = Some(room.id);
                }
            } else {
                looks = 0;
                self.behind =
                    if last < newest { Some(last) } else { mem::take(&mut self.once_more).then_some(0) };
            }
        }
        step.is_unfinished |= !self.touched.is_empty() || self.behind.is_some();
        Ok(())
    }
}

/// Lets go of references sent before a time; whether there are more.
fn forget_references(transaction: &Transaction<'_>, since: i64) -> Result<bool> {
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
struct Step<'t> {
    transaction: &'t Transaction<'t>,
    /// Messages it let go of, and their bytes.
    rows: u32,
    freed: u64,
    first_seqs: BTreeMap<RoomName, u64>,
    is_unfinished: bool,
}

/// What a step knows of a room.
struct Room {
    id: i64,
    name: RoomName,
    seq: u64,
    first_seq: u64,
    bytes: u64,
}

/// A message that may go.
struct Oldest {
    sent_at: i64,
    bytes: u64,
}

impl<'t> Step<'t> {
    fn new(transaction: &'t Transaction<'t>) -> Self {
        Self { transaction, rows: 0, freed: 0, first_seqs: BTreeMap::new(), is_unfinished: false }
    }

    fn has_budget(&self) -> bool {
        self.rows < ROWS_A_STEP && self.freed < BYTES_A_STEP
    }

    /// Rooms that have messages sent before a time.
    fn beyond_age(&mut self, since: i64) -> Result<()> {
        let oldest = "WHERE first_sent_at < ?1 ORDER BY first_sent_at LIMIT 1";
        while self.has_budget() {
            let Some(mut room) = self.room(oldest, [since])? else { return Ok(()) };
            self.trim(&mut room, |_, oldest, _| oldest.sent_at < since)?;
        }
        self.is_unfinished = true;
        Ok(())
    }

    /// Rooms that hold the most, where all together have `total` bytes at the beginning of the step.
    fn beyond_bytes(&mut self, total: u64, limit: u64) -> Result<()> {
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
    fn next_over_count(&self, behind: i64, last: i64, keep: u64) -> Result<Option<Room>> {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        self.room(
            "WHERE id > ?1 AND id <= ?2 AND seq - first_seq >= ?3 ORDER BY id LIMIT 1",
            (behind, last, keep),
        )
    }

    fn newest_room(&self) -> Result<i64> {
        let mut statement = self.transaction.prepare_cached("SELECT coalesce(max(id), 0) FROM rooms")?;
        statement.query_row([], |row| row.get(0))
    }

    fn room(&self, which: &str, parameters: impl Params) -> Result<Option<Room>> {
        let statement = format!("SELECT {ROOM_COLUMNS} FROM rooms {which}");
        self.transaction.prepare_cached(&statement)?.query_row(parameters, Room::of_row).optional()
    }

    /// Lets go of a room's oldest messages as long as they are due, which is also told what the step freed so far.
    fn trim(&mut self, room: &mut Room, is_due: impl Fn(&Room, &Oldest, u64) -> bool) -> Result<()> {
        let first_seq = room.first_seq;
        let mut statement = self.transaction.prepare_cached(
            "SELECT seq, sent_at, octet_length(username) + octet_length(text) FROM messages
             WHERE room = ?1 AND seq >= ?2 ORDER BY seq",
        )?;
        let mut messages = statement.query((room.id, first_seq))?;
        let mut first_sent_at = None;
        while let Some(row) = messages.next()? {
            let oldest = Oldest { sent_at: row.get(1)?, bytes: row.get(2)? };
            if !self.has_budget() || !is_due(room, &oldest, self.freed) {
                first_sent_at = Some(oldest.sent_at);
                break;
            }
            room.first_seq = row.get::<_, u64>(0)? + 1;
            room.bytes = room.bytes.saturating_sub(oldest.bytes);
            self.rows += 1;
            self.freed += oldest.bytes;
        }
        if room.first_seq == first_seq {
            return Ok(());
        }
        self.transaction
            .prepare_cached("DELETE FROM messages WHERE room = ?1 AND seq < ?2")?
            .execute((room.id, room.first_seq))?;
        self.transaction
            .prepare_cached("UPDATE rooms SET first_seq = ?2, first_sent_at = ?3, bytes = ?4 WHERE id = ?1")?
            .execute((room.id, room.first_seq, first_sent_at, room.bytes))?;
        self.first_seqs.insert(room.name.clone(), room.first_seq);
        Ok(())
    }
}

const ROOM_COLUMNS: &str = "id, name, seq, first_seq, bytes";

impl Room {
    fn of_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: rows::room_name(row, 1)?,
            seq: row.get(2)?,
            first_seq: row.get(3)?,
            bytes: row.get(4)?,
        })
    }

    /// Of two rooms that hold about as much, to a sixteenth, the older one is the larger. So a room loses some messages
    /// in a row, that lie together: of a thousand equal rooms one message each would be a thousand pages to write.
    fn size(&self) -> (u64, Reverse<i64>) {
        let uncertain_bits = (u64::BITS - self.bytes.leading_zeros()).saturating_sub(5);
        (self.bytes >> uncertain_bits << uncertain_bits, Reverse(self.id))
    }
}
