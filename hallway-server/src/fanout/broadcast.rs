//! What a room on one server says, and to whom: a log of batches, the members' places, and the pass that writes.
//! Plain data; [`room`](super::room) shares it and decides when it has its turn.

use std::{mem, sync::Arc};

use hallway_core::{Chat, Event, Replay, RoomFeed, TryRecvError, log::Log};
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::tungstenite::Bytes;

use super::{
    Detached,
    batch::{BATCH_BYTES, Batch, Encoder},
    budget::Share,
    link::Link,
    outlet::{Outlet, Written},
    pending::Pending,
    places::Places,
    tally::Tally,
};
use crate::{
    counters::{self, Traffic},
    dialect,
    transport::End,
};

#[derive(Debug)]
pub(super) struct Broadcast {
    feed: RoomFeed,
    /// Taken out of the feed, not encoded yet.
    events: Vec<Event>,
    encoder: Encoder,
    log: Log<Batch>,
    /// Of what all rooms' logs may hold.
    share: Share,
    pub(super) members: Places<Outlet>,
    /// When the pass began, and where the log ended then.
    pub(super) begun: Instant,
    begun_at: u64,
    /// There is something since then that should not wait: a message, or the end.
    pub(super) is_urgent: bool,
    /// Those who have spoken and not heard themselves yet: the next pass begins with them.
    speakers: Vec<usize>,
    /// The newest count in the log.
    count: Option<usize>,
    /// The newest replay, where it is short, and its frames: for all who join before the next message.
    replay: Option<(Arc<[Arc<Chat>]>, Bytes)>,
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
    /// Of what `feed` has before it; the log keeps `log_bytes` for members that are behind.
    pub(super) fn new(feed: RoomFeed, log_bytes: usize, share: Share, traffic: Arc<Traffic>) -> Self {
        Self {
            feed,
            events: Vec::new(),
            encoder: Encoder::new(BATCH_BYTES.min(log_bytes / 4)),
            log: Log::new(log_bytes),
            share,
            members: Places::new(),
            begun: Instant::now(),
            begun_at: 0,
            is_urgent: true,
            speakers: Vec::new(),
            count: None,
            replay: None,
            has_ended: false,
            tally: Tally::new(traffic),
        }
    }

    /// Lets a member in, and writes what it is owed. `feed` is where its own part of the feed begins; the room's first
    /// member gave its feed to the room.
    pub(super) fn insert(
        &mut self,
        stream: TcpStream,
        link: Arc<Link>,
        replay: Replay,
        feed: Option<RoomFeed>,
    ) -> usize {
        // The room's own feed begins where its first member's does, and so must that member's place in the log.
        let first = feed.is_none().then(|| self.log.subscribe());
        self.take_in();
        self.seal();
        let cursor = first.unwrap_or_else(|| self.log.subscribe());
        let encoded = self.encoded(&replay.history);
        let own = self.own(replay.count, feed);
        let pending = Pending::new(cursor, replay.history, encoded, own);
        let place = self.members.insert(Outlet::new(stream, link, pending));
        self.write_to(place, Outlet::write);
        place
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, place: usize) -> Option<Detached> {
        let (cursor, detached) = self.members.remove(place)?.take_apart();
        self.log.unsubscribe(&cursor);
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
        if !self.log.is_over_bound() {
            self.take_in();
            self.seal();
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
        self.log.trim();
        self.yield_to_others();
        if self.log.end() > self.begun_at || !self.encoder.is_empty() {
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
                        if matches!(event, Event::Chat(_)) {
                            self.is_urgent = true;
                            self.tally.pass_messages += 1;
                            // Of no use to anybody who joins from now on.
                            self.replay = None;
                        }
                        if let Event::Count(count) = event {
                            self.count = Some(count);
                        }
                        self.encoder.push(&event);
                        if self.encoder.is_full() {
                            self.log.push(self.encoder.seal());
                        }
                    }
                }
                // The room said more between two passes than its feed holds: everybody has missed it.
                Err(TryRecvError::Missed(count)) => {
                    counters::readers_overtaken(self.members.len(), count);
                    self.is_urgent = true;
                    self.encoder.push_notice(&dialect::missed(count));
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
        write: impl FnOnce(&mut Outlet, &mut Log<Batch>) -> Written,
    ) -> Written {
        let Some(outlet) = self.members.get_mut(place) else { return Written::Broken };
        let written = write(outlet, &mut self.log);
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
        mut look: impl FnMut(&mut Outlet, &mut Log<Batch>),
    ) -> Option<usize> {
        let (piece, more) = self.members.piece(place, count);
        piece.for_each(|outlet| {
            look(outlet, &mut self.log);
            self.tally.sent(mem::take(&mut outlet.sent));
        });
        self.tally.report();
        self.share.hold(self.log.bytes());
        more
    }

    /// Where all rooms hold too much together, those that go on talking give up half of what they hold.
    fn yield_to_others(&mut self) {
        let held = self.log.bytes();
        if self.share.hold(held) && held > LEAST_LOG_BYTES {
            self.log.trim_to((held / 2).max(LEAST_LOG_BYTES));
            self.share.hold(self.log.bytes());
        }
    }

    fn seal(&mut self) {
        if !self.encoder.is_empty() {
            self.log.push(self.encoder.seal());
        }
    }

    /// Begins with who has spoken: it hears itself at once, speaks again the sooner, and what it says then goes to the
    /// others in the same write.
    fn begin_pass(&mut self) {
        self.begun = Instant::now();
        self.begun_at = self.log.end();
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
        let Self { members, log, has_ended, .. } = self;
        members
            .get_mut(place)
            .is_some_and(|outlet| outlet.is_behind(log) || (*has_ended && !outlet.is_blocked()))
    }

    /// The frames of a short replay, encoded once for all who join between two messages. A long one is encoded piece by
    /// piece as it is taken.
    fn encoded(&mut self, history: &Arc<[Arc<Chat>]>) -> Option<Bytes> {
        if let Some((last, frames)) = &self.replay
            && Arc::ptr_eq(last, history)
        {
            return Some(frames.clone());
        }
        if history.iter().map(|chat| chat.text.len()).sum::<usize>() > SHORT_REPLAY_BYTES {
            return None;
        }
        let mut encoder = Encoder::new(usize::MAX);
        encoder.extend(history.iter().cloned().map(Event::Chat));
        let frames = encoder.seal().frames;
        self.replay = Some((Arc::clone(history), frames.clone()));
        Some(frames)
    }

    /// What a joiner is told between its replay and its place in the log: the count, and what the room has said since it
    /// joined, which is in the log before that place. Where that is much, because many join a room that talks, it has missed
    /// the rest: each of them would be sent a copy of its own.
    fn own(&mut self, count: Option<usize>, feed: Option<RoomFeed>) -> Bytes {
        let mut own = Encoder::new(OWN_BYTES);
        own.extend(count.map(Event::Count));
        let Some(mut feed) = feed else { return own.seal().frames };
        let mut event = Vec::new();
        while feed.position() < self.feed.position() {
            if own.is_full() {
                let missed = feed.messages_before(&self.feed);
                if missed > 0 {
                    counters::readers_overtaken(1, missed);
                    own.push_notice(&dialect::missed(missed));
                }
                own.extend(self.count.map(Event::Count));
                break;
            }
            match feed.try_recv_many(&mut event, 1) {
                Ok(_) => own.extend(event.drain(..)),
                Err(TryRecvError::Missed(count)) => own.push_notice(&dialect::missed(count)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        own.seal().frames
    }
}

/// What is encoded for a joiner alone.
const OWN_BYTES: usize = 64 << 10;

/// What a room keeps for members that are behind however much others keep: so that a short hitch is no loss.
const LEAST_LOG_BYTES: usize = 64 << 10;

/// Speakers that a pass begins with.
const MAX_SPEAKERS: usize = 16;

/// Texts of a replay that is encoded in one piece. It is kept until the next message, and by each joiner that does not
/// read.
const SHORT_REPLAY_BYTES: usize = 32 << 10;

/// Events taken out of the feed under one lock.
const EVENTS_AT_ONCE: usize = 256;

#[cfg(test)]
mod tests;
