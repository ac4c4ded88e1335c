//! What a room on one server says, and to whom: its editions, the members' places, and the pass that writes.
//! Plain data; [`room`](super::room) shares it and decides when it has its turn.

mod joining;

use std::{mem, sync::Arc};

use hallway_core::{Event, RoomFeed, TryRecvError};
use tokio::time::Instant;

use super::{
    Detached,
    budget::Share,
    edition::{Edition, Editions},
    outlet::{Outlet, Written},
    places::Places,
    tally::Tally,
};
use crate::{
    counters::{self, Traffic},
    transport::End,
};

pub(crate) use joining::Joiner;

#[derive(Debug)]
pub(super) struct Broadcast {
    feed: RoomFeed,
    /// Taken out of the feed, not encoded yet.
    events: Vec<Event>,
    /// The place in the room's sequence of the newest message that was taken out.
    seq: u64,
    editions: Editions,
    /// Of what all rooms' logs may hold.
    share: Share,
    pub(super) members: Places<Outlet>,
    /// When the pass began, and how many batches were sealed by then.
    pub(super) begun: Instant,
    begun_at: u64,
    /// There is something since then that should not wait: a message, or the end.
    pub(super) is_urgent: bool,
    /// Those who have spoken and not heard themselves yet: the next pass begins with them.
    speakers: Vec<usize>,
    /// The newest count in the logs.
    count: Option<usize>,
    pub(super) has_ended: bool,
    tally: Tally,
}

/// How far the members have been served.
#[derive(Debug)]
pub(super) enum Served {
    /// Some of them are still to be.
    InPart,
    /// All have what there was when the pass began, and more has come since.
    ToTheLast,
    /// All have what the feed had before this position.
    UpTo(u64),
    /// All have everything, and there will be nothing more.
    ToTheEnd,
}

impl Broadcast {
    /// Of what `feed` has before it, which begins behind the message at the place `seq`; each log keeps `log_bytes` for
    /// members that are behind.
    pub(super) fn new(
        feed: RoomFeed,
        seq: u64,
        log_bytes: usize,
        share: Share,
        traffic: Arc<Traffic>,
    ) -> Self {
        Self {
            feed,
            events: Vec::new(),
            seq,
            editions: Editions::new(log_bytes),
            share,
            members: Places::new(),
            begun: Instant::now(),
            begun_at: 0,
            is_urgent: true,
            speakers: Vec::new(),
            count: None,
            has_ended: false,
            tally: Tally::new(traffic),
        }
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, place: usize) -> Option<Detached> {
        let outlet = self.members.remove(place)?;
        let dialect = outlet.dialect;
        let (cursor, detached) = outlet.take_apart();
        self.editions.unsubscribe(dialect, &cursor);
        Some(detached)
    }

    /// The next pass begins with this member.
    pub(super) fn hurry(&mut self, place: usize) {
        if self.speakers.len() < MAX_SPEAKERS && !self.speakers.contains(&place) {
            self.speakers.push(place);
        }
    }

    /// Writes to up to `writes` more members what they have not got.
    pub(super) fn pass(&mut self, writes: usize) -> Served {
        let served = self.serve(writes);
        self.tally.report();
        served
    }

    fn serve(&mut self, mut writes: usize) -> Served {
        // Where members are behind by as much as is kept for them, the feed keeps the rest.
        if !self.editions.is_over_bound() {
            self.take_in();
            self.editions.seal();
        }
        if self.members.is_round_over() {
            self.begin_pass();
        }
        while writes > 0
            && let Some(place) = self.members.next_of_round()
        {
            if self.wants(place) {
                writes -= 1;
                self.write_to(place, Outlet::write);
            }
        }
        if !self.members.is_round_over() {
            return Served::InPart;
        }
        self.tally.pass_ended(self.begun);
        // All had their chance: who has not taken it is slow.
        self.editions.trim();
        self.yield_to_others();
        if self.editions.sealed > self.begun_at || self.editions.is_forming() {
            Served::ToTheLast
        } else if self.has_ended {
            Served::ToTheEnd
        } else {
            Served::UpTo(self.feed.position())
        }
    }

    /// Encodes what the room has said; returns how far that is in its feed.
    pub(super) fn take_in(&mut self) -> u64 {
        while !self.has_ended {
            match self.feed.try_recv_many(&mut self.events, EVENTS_AT_ONCE) {
                Ok(_) => {
                    for event in self.events.drain(..) {
                        if let Event::Chat(chat) = &event {
                            self.is_urgent = true;
                            self.tally.pass_messages += 1;
                            self.seq = chat.seq;
                        }
                        if let Event::Count(count) = event {
                            self.count = Some(count);
                        }
                        self.editions.push(&event);
                    }
                }
                // The room said more between two passes than its feed holds: everybody has missed it.
                Err(TryRecvError::Missed(count)) => {
                    counters::readers_overtaken(self.members.len(), count);
                    self.is_urgent = true;
                    self.editions.push_missed(&(self.seq + 1..=self.seq + count));
                    self.seq += count;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => {
                    self.has_ended = true;
                    self.is_urgent = true;
                    // All are visited once more, to be told of the end.
                    self.members.begin_round();
                }
            }
        }
        self.feed.position()
    }

    /// Writes to one member by `write`.
    pub(super) fn write_to(
        &mut self,
        place: usize,
        write: impl FnOnce(&mut Outlet, &mut Edition) -> Written,
    ) -> Written {
        let Some(outlet) = self.members.get_mut(place) else { return Written::Broken };
        // It is there for as long as somebody speaks its dialect.
        let Some(edition) = self.editions.get(outlet.dialect) else { return Written::Broken };
        let written = write(outlet, edition);
        self.tally.sent(mem::take(&mut outlet.sent));
        if written == Written::All && self.has_ended {
            outlet.link.end(End::ShuttingDown);
        }
        written
    }

    /// Looks at the members in the next places; says where to go on, if there are more.
    pub(super) fn look_at(
        &mut self,
        place: usize,
        count: usize,
        mut look: impl FnMut(&mut Outlet, &mut Edition),
    ) -> Option<usize> {
        let (piece, more) = self.members.piece(place, count);
        piece.for_each(|outlet| {
            if let Some(edition) = self.editions.get(outlet.dialect) {
                look(outlet, edition);
            }
            self.tally.sent(mem::take(&mut outlet.sent));
        });
        self.tally.report();
        self.share.hold(self.editions.bytes());
        more
    }

    /// Where all rooms hold too much together, those that go on talking give up half of what they hold.
    fn yield_to_others(&mut self) {
        let held = self.editions.bytes();
        if self.share.hold(held) && held > LEAST_LOG_BYTES {
            self.editions.halve(LEAST_LOG_BYTES);
            self.share.hold(self.editions.bytes());
        }
    }

    /// Begins with who has spoken: it hears itself at once, speaks again the sooner, and what it says then goes to the
    /// others in the same write.
    fn begin_pass(&mut self) {
        self.begun = Instant::now();
        self.begun_at = self.editions.sealed;
        self.is_urgent = false;
        self.members.begin_round();
        for place in mem::take(&mut self.speakers) {
            if self.wants(place) {
                self.write_to(place, Outlet::write);
            } else if self.members.get_mut(place).is_some_and(|outlet| !outlet.is_blocked()) {
                // What it said is not in the log yet.
                self.speakers.push(place);
            }
        }
    }

    fn wants(&mut self, place: usize) -> bool {
        let Self { members, editions, has_ended, .. } = self;
        members.get_mut(place).is_some_and(|outlet| {
            editions.get(outlet.dialect).is_some_and(|edition| outlet.is_behind(edition))
                || (*has_ended && !outlet.is_blocked())
        })
    }
}

/// What a room keeps for members that are behind however much others keep: so that a short hitch is no loss.
const LEAST_LOG_BYTES: usize = 64 << 10;

/// Speakers that a pass begins with.
const MAX_SPEAKERS: usize = 16;

/// Events taken out of the feed under one lock.
const EVENTS_AT_ONCE: usize = 256;

#[cfg(test)]
mod tests;
