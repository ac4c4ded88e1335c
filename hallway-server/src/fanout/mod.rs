//! The fan-out: what a room says is encoded once and written to every member, in one call to the kernel each.
//!
//! Read in this order. [`batch`]: frames, gathered and sealed; they are the same bytes for everybody. [`pending`]: what
//! one member is still to be sent, a cursor into a log of batches. [`outlet`]: its socket. [`places`]: the
//! members of a room, and whose turn it is. [`edition`]: what the room says in one dialect, and the log of that.
//! [`broadcast`]: the editions, the members, and the pass that writes to all of them in turn. [`room`]: a task a room, and
//! what sessions do beside it. [`link`]: how the pass calls a session.
//!
//! The pass never waits. A member whose socket is full is left out until its session finds the socket writable; then it
//! catches up from its cursor. The log is bounded in bytes: a member that it overtakes is told how many messages it
//! missed and goes on with what is there. So a slow reader costs a cursor and at most one batch, not a queue, and nobody
//! else notices.

mod batch;
mod broadcast;
mod budget;
mod edition;
mod frames;
mod link;
mod outlet;
mod pending;
mod places;
mod room;
mod tally;

use std::{
    collections::{HashMap, hash_map::Entry},
    future::poll_fn,
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use hallway_core::{RoomFeed, RoomName};
use tokio::{io::ReadBuf, net::TcpStream, task::AbortHandle, time::Instant};
use tokio_tungstenite::tungstenite::Bytes;

pub(crate) use batch::BATCH_BYTES;
use broadcast::Broadcast;
pub(crate) use broadcast::Joiner;
pub(crate) use budget::Budget;
use budget::Share;
pub(crate) use frames::{Frames, frame_end, text_frame};
use link::{Link, Ticks};
use outlet::Written;
use room::{LongPasses, Place, Room};

use crate::{config::Config, counters::Traffic, transport::End};

/// The rooms of one server that have members on its sockets.
#[derive(Debug)]
pub(crate) struct FanOut {
    rooms: Mutex<HashMap<RoomName, Served>>,
    log_bytes: usize,
    budget: Arc<Budget>,
    ticks: Arc<Ticks>,
    long_passes: LongPasses,
    traffic: Arc<Traffic>,
}

#[derive(Debug)]
struct Served {
    room: Arc<Room>,
    members: usize,
    task: AbortHandle,
}

/// A connection with the fan-out. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Attached {
    fan_out: Arc<FanOut>,
    name: RoomName,
    seat: Seat,
    is_out: bool,
}

/// What a session does with a connection that the fan-out has. To be used no longer than it is [`Attached`].
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    place: Place,
    link: Arc<Link>,
}

/// A connection taken back.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) stream: TcpStream,
    /// The end of a frame that was begun: before anything else is sent.
    pub(crate) torn: Bytes,
}

impl FanOut {
    /// A fan-out whose logs keep at most `log_bytes` for the slow members of a room, and all together what is in the budget.
    pub(crate) fn new(log_bytes: usize, budget: Arc<Budget>) -> Self {
        let ticks = Arc::new(Ticks::starting(Instant::now()));
        Self {
            rooms: Mutex::default(),
            log_bytes,
            budget,
            ticks,
            long_passes: LongPasses::default(),
            traffic: Arc::new(Traffic::new()),
        }
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Takes over a member's connection: writes to it what it is to be told first, its replay, and its part of the feed.
    pub(crate) fn attach(
        self: &Arc<Self>,
        name: &RoomName,
        joiner: Joiner,
        feed: RoomFeed,
        stream: TcpStream,
    ) -> Attached {
        let mut rooms = self.lock();
        let link = Arc::new(Link::new(Arc::clone(&self.ticks)));
        let (room, place) = match rooms.entry(name.clone()) {
            Entry::Occupied(mut served) => {
                let served = served.get_mut();
                served.members += 1;
                let place = served.room.attach(stream, Arc::clone(&link), joiner, Some(feed));
                (Arc::clone(&served.room), place)
            }
            Entry::Vacant(vacant) => {
                let watch = feed.watch();
                let share = Share::new(Arc::clone(&self.budget));
                let traffic = Arc::clone(&self.traffic);
                let broadcast = Broadcast::new(feed, joiner.seq, self.log_bytes, share, traffic);
                let room = Arc::new(Room::new(broadcast, Arc::clone(&self.long_passes)));
                let place = room.attach(stream, Arc::clone(&link), joiner, None);
                // Not before there is somebody to be served: what it took in would be nobody's.
                let task = tokio::spawn(Arc::clone(&room).run(watch)).abort_handle();
                vacant.insert(Served { room: Arc::clone(&room), members: 1, task });
                (room, place)
            }
        };
        drop(rooms);
        Attached {
            fan_out: Arc::clone(self),
            name: name.clone(),
            seat: Seat { room, place, link },
            is_out: false,
        }
    }

    /// Whether a large room is being told something, piece by piece.
    pub(crate) fn has_long_pass(&self) -> bool {
        self.long_passes.load(Relaxed) > 0
    }

    /// Pings who is silent, and ends the sessions of those that stay so and of those that take no byte.
    pub(crate) async fn sweep(&self, now: Instant, config: &Config) {
        self.ticks.wind(now);
        // When a client was last alive is known by the tick before: nobody is to be given up early.
        let tick = config.sweep_interval();
        let (stall_timeout, silence_timeout) = (config.stall_timeout + tick, config.silence_timeout + tick);
        for room in self.rooms() {
            room.look_at_all(|outlet, edition| {
                if outlet.link.is_deaf() && outlet.has_closed() {
                    // Its session looks again at what there is to read.
                    outlet.link.call();
                }
                let silence = outlet.silence();
                if outlet.is_blocked() && outlet.link.abstinence() >= stall_timeout && !outlet.probe(edition)
                {
                    outlet.link.end(End::Stalled);
                } else if silence >= silence_timeout {
                    outlet.link.end(End::Silent);
                } else if silence < config.ping_after {
                    outlet.pings = 0;
                } else if silence >= config.ping_after * (outlet.pings + 1) {
                    outlet.pings += 1;
                    outlet.put_aside(&PING);
                    outlet.write(edition);
                }
            })
            .await;
        }
    }

    /// Ends all sessions.
    pub(crate) fn end(&self, end: &End) {
        for room in self.rooms() {
            room.end(end);
        }
    }

    fn rooms(&self) -> Vec<Arc<Room>> {
        self.lock().values().map(|served| Arc::clone(&served.room)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, Served>> {
        // Nothing under the lock panics half-way: poisoned rooms are whole ones.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty ping (RFC 6455 section 5.5.2).
const PING: [u8; 2] = [0x89, 0];

impl Attached {
    pub(crate) fn seat(&self) -> &Seat {
        &self.seat
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.fan_out.traffic
    }

    /// Gives the connection back.
    pub(crate) fn detach(mut self) -> Option<Detached> {
        self.take_out()
    }

    fn take_out(&mut self) -> Option<Detached> {
        if mem::replace(&mut self.is_out, true) {
            return None;
        }
        let mut rooms = self.fan_out.lock();
        let detached = self.seat.room.detach(self.seat.place);
        if let Entry::Occupied(mut served) = rooms.entry(self.name.clone()) {
            served.get_mut().members -= 1;
            if served.get().members == 0 {
                served.remove().task.abort();
            }
        }
        detached
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.take_out();
    }
}

impl Seat {
    /// Catches up whenever the member's socket was full; returns why the session is to end.
    pub(crate) async fn attend(&self) -> End {
        loop {
            if let Err(end) = self.link.called().await {
                return end;
            }
            // Boxed: most members keep up, and all would carry its state.
            if let Err(end) = Box::pin(self.catch_up()).await {
                return end;
            }
        }
    }

    async fn catch_up(&self) -> Result<(), End> {
        loop {
            tokio::select! {
                () = poll_fn(|cx| self.room.poll_writable(self.place, cx)) => {}
                end = self.link.ended() => return Err(end),
            }
            match self.room.resume(self.place) {
                Written::All => return Ok(()),
                Written::Blocked => {}
                Written::Broken => return Err(End::Vanished),
            }
        }
    }

    /// Reads what the client sent.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.room.poll_read(self.place, cx, into)
    }

    /// Whether the client has shut its side.
    pub(crate) fn has_closed(&self) -> bool {
        self.room.has_closed(self.place)
    }

    /// Whether the session does not read what the client sends, because it waits for something else.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.link.set_deaf(is_deaf);
    }

    /// Counts as heard what was read before and is looked at only now.
    pub(crate) fn hear(&self) {
        self.link.hear();
    }

    /// Writes whole frames to this member alone, now or as soon as it takes them. Where it does not read they may be
    /// forgotten.
    pub(crate) fn put_aside(&self, frames: &[u8]) {
        self.room.put_aside(self.place, frames);
    }

    /// Writes whole frames to this member alone, now or as soon as it takes them, and forgets none. Says whether it took all:
    /// it is not to be told more before it [has](Self::poll_told).
    pub(crate) fn tell(&self, frames: Vec<u8>) -> bool {
        self.room.tell(self.place, frames)
    }

    /// Waits until it has taken all that it was told.
    pub(crate) fn poll_told(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.room.poll_told(self.place, cx)
    }

    /// Serves this member first when its room says something next: it has just spoken.
    pub(crate) fn hurry(&self) {
        self.room.hurry(self.place);
    }
}
