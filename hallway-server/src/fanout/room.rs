//! One room's members on one server: a log of batches, a place in it for each of them, and the pass that writes.

use std::{
    io, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use hallway_core::{Event, Replay, RoomFeed, RoomWatch, TryRecvError, log::Log};
use tokio::{
    io::ReadBuf,
    net::TcpStream,
    task::yield_now,
    time::{Instant, timeout_at},
};
use tokio_tungstenite::tungstenite::Bytes;

use super::{
    Detached,
    batch::{Batch, Encoder},
    link::Link,
    outlet::{Outlet, Written},
    pending::Pending,
};
use crate::{dialect, transport::End};

/// Shared by the room's fan-out task and its members' sessions. The lock is held for pieces of a pass and never across
/// a wait.
#[derive(Debug)]
pub(super) struct Room {
    state: Mutex<State>,
    /// Whether a pass takes so long that its order matters.
    is_large: AtomicBool,
    /// Passes under way that go on after others had their turn, in all rooms.
    long_passes: LongPasses,
}

/// Counts itself while it is held.
#[derive(Debug)]
struct LongPass(LongPasses);

pub(super) type LongPasses = Arc<AtomicUsize>;

#[derive(Debug)]
struct State {
    feed: RoomFeed,
    /// Taken out of the feed, not encoded yet.
    events: Vec<Event>,
    encoder: Encoder,
    log: Log<Batch>,
    /// Members by their places; those that left are empty until somebody joins.
    members: Vec<Option<Outlet>>,
    vacant: Vec<usize>,
    /// Where the pass goes on, and how many places it has still to visit.
    next: usize,
    remaining: usize,
    /// When the pass began, and where the log ended then.
    begun: Instant,
    begun_at: u64,
    /// There is something in the log since then that should not wait: a message, or the end.
    is_urgent: bool,
    /// Those who have spoken since then: the next pass begins with them.
    speakers: Vec<usize>,
    /// The frames of the last replay, while the history is the same.
    replay: Option<(Replay, Bytes)>,
    has_ended: bool,
}

/// How far the members have been served.
#[derive(Debug)]
enum Served {
    /// Some of them are still to be.
    InPart,
    /// All have what there was when the pass began, and more has come since.
    ToTheLast,
    /// All have what the feed had before this position.
    UpTo(u64),
    /// All have everything, and there will be nothing more.
    ToTheEnd,
}

/// A member's place in its room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

impl Room {
    pub(super) fn new(feed: RoomFeed, log_bytes: usize, long_passes: LongPasses) -> Self {
        let state = State {
            feed,
            events: Vec::new(),
            encoder: Encoder::default(),
            log: Log::new(log_bytes),
            members: Vec::new(),
            vacant: Vec::new(),
            next: 0,
            remaining: 0,
            begun: Instant::now(),
            begun_at: 0,
            is_urgent: true,
            speakers: Vec::new(),
            replay: None,
            has_ended: false,
        };
        Self { state: Mutex::new(state), is_large: AtomicBool::new(false), long_passes }
    }

    /// Lets a member in, who has joined the hub's room already: writes what it is owed, and from then on the pass
    /// includes it. `feed` is where its own part of the feed begins; the room's first member gave its feed to the room.
    pub(super) fn attach(
        &self,
        stream: TcpStream,
        link: Arc<Link>,
        replay: Replay,
        feed: Option<RoomFeed>,
    ) -> Place {
        let mut state = self.lock();
        // The room's own feed begins where its first member's does, and so must that member's place in the log.
        let first = feed.is_none().then(|| state.log.subscribe());
        state.take_in();
        let cursor = first.unwrap_or_else(|| state.log.subscribe());
        let owed = state.owed(replay, feed);
        let outlet = Outlet::new(stream, link, Pending::new(cursor, owed));
        let place = state.vacant.pop().unwrap_or(state.members.len());
        if place == state.members.len() {
            // By an eighth at a time: doubled, a large room would keep nearly as many empty places as it has members.
            if place == state.members.capacity() {
                state.members.reserve_exact(place / 8 + 8);
            }
            state.members.push(Some(outlet));
        } else {
            state.members[place] = Some(outlet);
        }
        self.is_large.store(state.members.len() > WRITES_AT_ONCE, Relaxed);
        state.write_to(place, Outlet::write);
        Place(place)
    }

    /// Takes a member out.
    pub(super) fn detach(&self, Place(place): Place) -> Option<Detached> {
        let mut state = self.lock();
        let outlet = state.members.get_mut(place).and_then(Option::take)?;
        state.vacant.push(place);
        let (cursor, detached) = outlet.take_apart();
        state.log.unsubscribe(&cursor);
        Some(detached)
    }

    /// Reads what a member sent.
    pub(super) fn poll_read(
        &self,
        Place(place): Place,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.lock().members.get_mut(place) {
            Some(Some(outlet)) => outlet.poll_read(cx, into),
            Some(None) | None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Waits until a member's socket may have room, or is broken, which the attempt to write finds out.
    pub(super) fn poll_writable(&self, Place(place): Place, cx: &mut Context<'_>) -> Poll<()> {
        match self.lock().members.get(place) {
            Some(Some(outlet)) => outlet.poll_writable(cx),
            Some(None) | None => Poll::Ready(()),
        }
    }

    /// Says something to one member alone, at its next frame boundary. Where it does not read, this may be forgotten.
    pub(super) fn tell(&self, Place(place): Place, frames: &[u8]) {
        let mut state = self.lock();
        if let Some(Some(outlet)) = state.members.get_mut(place) {
            outlet.put_aside(frames);
            state.write_to(place, Outlet::write);
        }
    }

    /// Goes on with a member whose socket was full and can take something again.
    pub(super) fn resume(&self, Place(place): Place) -> Written {
        self.lock().write_to(place, Outlet::resume)
    }

    /// Serves a member first in the next pass: who hears itself at once speaks again the sooner, and what it says then
    /// goes to the others in the same write.
    pub(super) fn hurry(&self, Place(place): Place) {
        if self.is_large.load(Relaxed) {
            let mut state = self.lock();
            if state.speakers.len() < WRITES_AT_ONCE {
                state.speakers.push(place);
            }
        }
    }

    /// Writes to the next members what they have not got.
    ///
    /// A large room is served in pieces, so that it does not keep everyone else waiting. What is said meanwhile goes
    /// along with those still to be served.
    fn pass(&self) -> Served {
        let mut state = self.lock();
        state.take_in();
        if state.remaining == 0 {
            state.begin_pass();
        }
        let mut writes = WRITES_AT_ONCE;
        while state.remaining > 0 && writes > 0 {
            state.remaining -= 1;
            state.next = if state.next + 1 < state.members.len() { state.next + 1 } else { 0 };
            let place = state.next;
            if state.wants(place) {
                writes -= 1;
                state.write_to(place, Outlet::write);
            }
        }
        if state.remaining > 0 {
            Served::InPart
        } else if state.log.end() > state.begun_at {
            Served::ToTheLast
        } else if state.has_ended {
            Served::ToTheEnd
        } else {
            Served::UpTo(state.feed.position())
        }
    }

    /// Serves the room until it ends.
    pub(super) async fn run(self: Arc<Self>, watch: RoomWatch) {
        let mut long_pass = None;
        loop {
            match self.pass() {
                Served::InPart => {
                    long_pass.get_or_insert_with(|| LongPass::begin(&self.long_passes));
                    yield_now().await;
                    continue;
                }
                Served::ToTheLast => yield_now().await,
                Served::UpTo(position) => {
                    long_pass = None;
                    watch.wait_past(position).await;
                }
                Served::ToTheEnd => return,
            }
            self.gather(&watch).await;
        }
    }

    /// In a large room, who came and went and how many there are is no reason for a pass of its own so soon after the
    /// last: it waits for a message to go with. Who chats in a storm of joins would wait for these passes.
    async fn gather(&self, watch: &RoomWatch) {
        if !self.is_large.load(Relaxed) {
            return;
        }
        loop {
            let (due, position) = {
                let mut state = self.lock();
                state.take_in();
                if state.is_urgent {
                    return;
                }
                (state.begun + PASS_INTERVAL, state.feed.position())
            };
            if timeout_at(due, watch.wait_past(position)).await.is_err() {
                return;
            }
        }
    }

    /// Looks at every member.
    pub(super) fn for_each(&self, mut look: impl FnMut(&mut Outlet, &mut Log<Batch>)) {
        let mut state = self.lock();
        let State { members, log, .. } = &mut *state;
        for outlet in members.iter_mut().flatten() {
            look(outlet, log);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics half-way: a poisoned room is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LongPass {
    fn begin(passes: &LongPasses) -> Self {
        passes.fetch_add(1, Relaxed);
        Self(Arc::clone(passes))
    }
}

impl Drop for LongPass {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl State {
    /// Brings what the room has said into the log.
    fn take_in(&mut self) {
        if self.has_ended {
            return;
        }
        loop {
            match self.feed.try_recv_many(&mut self.events, EVENTS_AT_ONCE) {
                Ok(_) => {
                    for event in self.events.drain(..) {
                        self.is_urgent |= matches!(event, Event::Chat(_));
                        self.encoder.push(&event);
                        if self.encoder.is_full() {
                            self.log.push(self.encoder.seal());
                        }
                    }
                }
                // The room said more between two passes than its feed holds: everybody has missed it.
                Err(TryRecvError::Missed(count)) => {
                    self.is_urgent = true;
                    self.encoder.push_notice(&dialect::missed(count));
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => {
                    self.has_ended = true;
                    self.is_urgent = true;
                    // All are visited once more, to be told of the end.
                    self.remaining = self.members.len();
                    break;
                }
            }
        }
        if !self.encoder.is_empty() {
            self.log.push(self.encoder.seal());
        }
    }

    /// Begins with who has spoken.
    fn begin_pass(&mut self) {
        self.begun = Instant::now();
        self.begun_at = self.log.end();
        self.is_urgent = false;
        self.remaining = self.members.len();
        for place in mem::take(&mut self.speakers) {
            if self.wants(place) {
                self.write_to(place, Outlet::write);
            }
        }
    }

    /// The frames of what a joiner is told before its place in the log.
    fn owed(&mut self, replay: Replay, feed: Option<RoomFeed>) -> Bytes {
        let count = replay.count;
        let history = self.history_frames(replay);
        let mut own = Encoder::default();
        own.extend(count.map(Event::Count));
        // What the room has said since this member joined is in the log before its place there.
        if let Some(mut feed) = feed {
            let mut events = Vec::new();
            while feed.position() < self.feed.position() {
                let behind = usize::try_from(self.feed.position() - feed.position()).unwrap_or(usize::MAX);
                match feed.try_recv_many(&mut events, behind) {
                    Ok(_) => own.extend(events.drain(..)),
                    Err(TryRecvError::Missed(count)) => own.push_notice(&dialect::missed(count)),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
        }
        if own.is_empty() { history } else { [&history[..], &own.seal().frames].concat().into() }
    }

    /// Encoded once for all who join between two messages.
    fn history_frames(&mut self, replay: Replay) -> Bytes {
        match &self.replay {
            Some((last, frames)) if Arc::ptr_eq(&last.history, &replay.history) => frames.clone(),
            _ => {
                let mut encoder = Encoder::default();
                encoder.extend(replay.history.iter().cloned().map(Event::Chat));
                let frames = encoder.seal().frames;
                self.replay = Some((replay, frames.clone()));
                frames
            }
        }
    }

    fn wants(&self, place: usize) -> bool {
        match self.members.get(place) {
            Some(Some(outlet)) => outlet.is_behind(&self.log) || (self.has_ended && !outlet.is_blocked()),
            Some(None) | None => false,
        }
    }

    fn write_to(
        &mut self,
        place: usize,
        write: impl FnOnce(&mut Outlet, &mut Log<Batch>) -> Written,
    ) -> Written {
        let Some(Some(outlet)) = self.members.get_mut(place) else { return Written::Broken };
        let written = write(outlet, &mut self.log);
        if written == Written::All && self.has_ended {
            outlet.link.end(End::ShuttingDown);
        }
        written
    }
}

/// Members written to before others get their turn. Measured with 1,000 members: fewer cost more turns, and all at
/// once nearly doubled the slowest hundredth of deliveries.
const WRITES_AT_ONCE: usize = 128;

/// From one pass over a large room to the next that is for no message. That of the count, by default.
const PASS_INTERVAL: Duration = Duration::from_millis(100);

/// Events taken out of the feed under one lock.
const EVENTS_AT_ONCE: usize = 256;
