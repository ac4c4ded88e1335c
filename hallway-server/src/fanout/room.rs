//! A room's broadcast, shared by the task that runs its passes and its members' sessions.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use hallway_core::{RoomFeed, RoomWatch};
use tokio::{io::ReadBuf, net::TcpStream, task::yield_now, time::timeout_at};
use tracing::error;

use super::{
    Detached,
    broadcast::{Broadcast, Joiner, Served},
    edition::Edition,
    link::Link,
    outlet::{Outlet, Written},
};
use crate::transport::End;

/// The lock is held for pieces of a pass and never across a wait.
#[derive(Debug)]
pub(super) struct Room {
    broadcast: Mutex<Broadcast>,
    /// Whether a pass takes so long that its order matters.
    is_large: AtomicBool,
    /// Passes under way that go on after others had their turn, in all rooms.
    long_passes: LongPasses,
}

/// A member's place in its room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

pub(super) type LongPasses = Arc<AtomicUsize>;

impl Room {
    pub(super) fn new(broadcast: Broadcast, long_passes: LongPasses) -> Self {
        let broadcast = Mutex::new(broadcast);
        Self { broadcast, is_large: AtomicBool::new(false), long_passes }
    }

    /// As [`Broadcast::insert`], for a member that has joined the hub's room already.
    pub(super) fn attach(
        &self,
        stream: TcpStream,
        link: Arc<Link>,
        joiner: Joiner,
        feed: Option<RoomFeed>,
    ) -> Place {
        let mut broadcast = self.lock();
        let place = broadcast.insert(stream, link, joiner, feed);
        self.note_size(&broadcast);
        Place(place)
    }

    /// Takes a member out.
    pub(super) fn detach(&self, Place(place): Place) -> Option<Detached> {
        let mut broadcast = self.lock();
        let detached = broadcast.remove(place);
        self.note_size(&broadcast);
        detached
    }

    /// Reads what a member sent.
    pub(super) fn poll_read(
        &self,
        Place(place): Place,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.lock().members.get_mut(place) {
            Some(outlet) => outlet.poll_read(cx, into),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Whether a member's client has shut its side.
    pub(super) fn has_closed(&self, Place(place): Place) -> bool {
        self.lock().members.get_mut(place).is_none_or(|outlet| outlet.has_closed())
    }

    /// Waits until a member's socket may have room, or is broken, which the attempt to write finds out.
    pub(super) fn poll_writable(&self, Place(place): Place, cx: &mut Context<'_>) -> Poll<()> {
        match self.lock().members.get_mut(place) {
            Some(outlet) => outlet.poll_writable(cx),
            None => Poll::Ready(()),
        }
    }

    /// Says something to one member alone, at its next frame boundary. Where it does not read, this may be forgotten.
    pub(super) fn put_aside(&self, Place(place): Place, frames: &[u8]) {
        let mut broadcast = self.lock();
        if let Some(outlet) = broadcast.members.get_mut(place) {
            outlet.put_aside(frames);
            broadcast.write_to(place, Outlet::write);
        }
    }

    /// Says something to one member alone that must not be forgotten, at its next frame boundary; whether it took all of it.
    pub(super) fn tell(&self, Place(place): Place, frames: Vec<u8>) -> bool {
        let mut broadcast = self.lock();
        broadcast.write_to(place, |outlet, edition| outlet.tell(frames, edition));
        broadcast.members.get_mut(place).is_none_or(|outlet| !outlet.is_telling())
    }

    /// Waits until a member has taken all that it was told.
    pub(super) fn poll_told(&self, Place(place): Place, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().members.get_mut(place).map_or(Poll::Ready(()), |outlet| outlet.poll_told(cx))
    }

    /// Goes on with a member whose socket was full and can take something again.
    pub(super) fn resume(&self, Place(place): Place) -> Written {
        self.lock().write_to(place, Outlet::resume)
    }

    /// Serves a member first in the next pass, where that makes a difference.
    pub(super) fn hurry(&self, Place(place): Place) {
        if self.is_large.load(Relaxed) {
            self.lock().hurry(place);
        }
    }

    /// Looks at every member, at some of them before others get their turn.
    pub(super) async fn look_at_all(&self, mut look: impl FnMut(&mut Outlet, &mut Edition)) {
        let mut from = Some(0);
        while let Some(place) = from {
            from = self.lock().look_at(place, WRITES_AT_ONCE, &mut look);
            if from.is_some() {
                yield_now().await;
            }
        }
    }

    /// Ends every session.
    pub(super) fn end(&self, end: &End) {
        self.lock().members.iter_mut().for_each(|outlet| outlet.link.end(end.clone()));
    }

    /// Serves the room until it ends.
    ///
    /// A large room is served in pieces, so that it does not keep everyone else waiting. What is said meanwhile goes
    /// along with those still to be served.
    pub(super) async fn run(self: Arc<Self>, watch: RoomWatch) {
        let _no_member_is_left_alone = EndMembers(Arc::clone(&self));
        let mut long_pass = None;
        loop {
            let served = self.lock().pass(WRITES_AT_ONCE);
            if !matches!(served, Served::InPart) {
                long_pass = None;
            }
            match served {
                Served::InPart => {
                    long_pass.get_or_insert_with(|| LongPass::begin(&self.long_passes));
                    yield_now().await;
                }
                Served::ToTheLast => {
                    yield_now().await;
                    self.gather(&watch).await;
                }
                Served::UpTo(position) => {
                    watch.wait_past(position).await;
                    self.lock().members.rotate(WRITES_AT_ONCE);
                    self.gather(&watch).await;
                }
                Served::ToTheEnd => return,
            }
        }
    }

    /// In a large room, who came and went and how many there are is no reason for a pass of its own so soon after the
    /// last: it waits for a message to go with. Who chats in a storm of joins would wait for these passes.
    async fn gather(&self, watch: &RoomWatch) {
        while self.is_large.load(Relaxed) {
            let (due, position) = {
                let mut broadcast = self.lock();
                let position = broadcast.take_in();
                if broadcast.is_urgent {
                    return;
                }
                (broadcast.begun + PASS_INTERVAL, position)
            };
            if timeout_at(due, watch.wait_past(position)).await.is_err() {
                return;
            }
        }
    }

    fn note_size(&self, broadcast: &Broadcast) {
        self.is_large.store(broadcast.members.len() > WRITES_AT_ONCE, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Broadcast> {
        // Who panicked under the lock has ended the room, and that must go on.
        self.broadcast.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the members where their room's task fails: nobody would write to them any more.
struct EndMembers(Arc<Room>);

impl Drop for EndMembers {
    fn drop(&mut self) {
        if thread::panicking() {
            error!("the fan-out of a room failed");
            self.0.end(&End::Internal);
        }
    }
}

/// Counts itself while it is held.
struct LongPass(LongPasses);

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

/// Members written to before others get their turn. Measured with 1,000 members: fewer cost more turns, and all at
/// once nearly doubled the slowest hundredth of deliveries.
const WRITES_AT_ONCE: usize = 128;

/// From one pass over a large room to the next that is for no message. That of the count, by default.
const PASS_INTERVAL: Duration = Duration::from_millis(100);
