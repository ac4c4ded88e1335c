//! Letting go of what need not be kept any longer, a little at a time.

mod step;

use std::{collections::BTreeSet, mem};

use hallway_core::{Retention, store::Tidied};
use rusqlite::{Connection, Result, TransactionBehavior};
use time::OffsetDateTime;

use self::step::{Step, forget_references};
use crate::{append::Appended, rows::millis_up};

/// Rooms that one step looks at.
const ROOMS_A_STEP: i64 = 1_000;
/// Rooms that got messages and are remembered until they are looked at; when they are more all rooms are.
const REMEMBERED_ROOMS: usize = 1_000;

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
