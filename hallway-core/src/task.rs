//! The one task that owns all rooms.

use std::{future, sync::Arc, time::Instant};

use time::OffsetDateTime;
use tokio::sync::oneshot;

use crate::{
    catch_up::CatchUp,
    clock::Clock,
    config::Config,
    epoch::Position,
    error::JoinError,
    event::{Chat, SLOT_BYTES},
    hub::Postbox,
    journal::Done,
    loading::{Loading, Read},
    mailbox::{Cost, Inbox, Kind},
    member::{Member, Membership},
    posting::Posting,
    reference::Reference,
    room::MemberId,
    room_name::RoomName,
    rooms::{Rooms, Totals},
    submission::Answer,
};

/// What the hub can be asked. The order of asking is the order of doing, except that a join waits until its room was read
/// from the store.
#[derive(Debug)]
pub(crate) enum Command {
    Join(Join),
    Leave {
        room: RoomName,
        id: MemberId,
    },
    Post(Post),
    /// The newest messages before a place that are in memory, at most so many, and the oldest that is.
    History {
        room: RoomName,
        before: u64,
        count: usize,
        reply: oneshot::Sender<Option<(Vec<Arc<Chat>>, u64)>>,
    },
    MemberCount {
        room: RoomName,
        reply: oneshot::Sender<usize>,
    },
    Totals {
        reply: oneshot::Sender<Totals>,
    },
    Shutdown,
}

#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) room: RoomName,
    pub(crate) cleaned_name: String,
    pub(crate) position: Option<Position>,
    /// For the new member. The task has none of its own: it would keep its own mailbox open.
    pub(crate) postbox: Postbox,
    pub(crate) reply: oneshot::Sender<Result<Member, JoinError>>,
}

#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) room: RoomName,
    pub(crate) member: MemberId,
    pub(crate) username: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) reference: Option<Reference>,
    pub(crate) answer: Answer,
}

impl Cost for Command {
    fn cost(&self) -> usize {
        match self {
            Self::Join(join) => join.cost(),
            Self::Post(post) => post.cost(),
            Self::History { .. } | Self::MemberCount { .. } | Self::Totals { .. } => SLOT_BYTES,
            // Sent without waiting for space.
            Self::Leave { .. } | Self::Shutdown => 0,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Post(_) => Kind::Post,
            Self::Join(_) => Kind::Join,
            _ => Kind::Other,
        }
    }
}

impl Join {
    fn cost(&self) -> usize {
        SLOT_BYTES + self.cleaned_name.len()
    }
}

impl Post {
    pub(crate) fn cost(&self) -> usize {
        SLOT_BYTES + self.text.len()
    }
}

pub(crate) struct HubTask<C> {
    rooms: Rooms,
    posting: Posting,
    /// Where there is a store.
    loading: Option<Loading>,
    /// What the places of joins cost that are done.
    let_in: Vec<usize>,
    config: Arc<Config>,
    clock: C,
    is_told_to_end: bool,
}

/// What time it is while a batch is done.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) monotonic: Instant,
    pub(crate) wall: OffsetDateTime,
}

impl<C: Clock> HubTask<C> {
    pub(crate) fn new(config: Arc<Config>, clock: C, posting: Posting, loading: Option<Loading>) -> Self {
        let rooms = Rooms::new(Arc::clone(&config));
        Self { rooms, posting, loading, let_in: Vec::new(), config, clock, is_told_to_end: false }
    }

    /// Runs until no handle and no member is left, or until it was told to end, and has done what it had accepted. Then its
    /// rooms are dropped, and with each its feed ends, and the store is closed.
    pub(crate) async fn run(mut self, mut inbox: Inbox<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut is_open = true;
        while is_open || !self.is_done() {
            let due = self.rooms.deadline().into_iter().chain(self.posting.deadline()).min();
            let next = tokio::select! {
                biased;
                // Before all else: it frees what senders wait for.
                done = self.posting.done() => Next::Stored(done),
                (room, read, joins) = loaded(&mut self.loading) => Next::Loaded(room, read, joins),
                count = inbox.recv_many(&mut batch, BATCH), if is_open => Next::Asked(count),
                () = wait_until(&self.clock, due) => Next::Due,
            };
            let now = Now { monotonic: self.clock.monotonic(), wall: self.clock.wall() };
            match next {
                Next::Stored(done) => {
                    if let (Done::Tidied(Ok(tidied)), Some(loading)) = (&done, &mut self.loading) {
                        loading.tidied(&tidied.first_seqs);
                    }
                    self.posting.finish(done, &mut self.rooms, now);
                }
                Next::Loaded(room, read, joins) => self.let_in(&room, read, joins, now),
                Next::Asked(count) => is_open = count > 0,
                Next::Due => {}
            }
            for command in batch.drain(..) {
                self.handle(command, now);
            }
            self.posting.go_on(&mut self.rooms, now);
            self.rooms.settle(now.monotonic);
            inbox.free(Kind::Post, self.posting.take_freed());
            inbox.free(Kind::Join, self.let_in.drain(..));
            if self.is_told_to_end {
                inbox.close();
            }
        }
        let Self { rooms, posting, .. } = self;
        // Whoever waits for the end of its feed does not wait for the store.
        drop(rooms);
        posting.close().await;
    }

    /// Not `async` on purpose: a hub that cannot wait cannot be stalled by one member.
    fn handle(&mut self, command: Command, now: Now) {
        match command {
            Command::Join(join) => match &mut self.loading {
                Some(loading) if !self.rooms.is_here(&join.room) => loading.push(join),
                _ => self.join(join, now),
            },
            Command::Leave { room, id } => self.rooms.leave(&room, id, now.monotonic),
            Command::Post(post) => self.posting.post(post, &mut self.rooms, now),
            // In each of these the caller may have stopped waiting; then there is nobody to tell.
            Command::History { room, before, count, reply } => {
                let _ = reply.send(self.rooms.before(&room, before, count));
            }
            Command::MemberCount { room, reply } => {
                let _ = reply.send(self.rooms.member_count(&room));
            }
            Command::Totals { reply } => {
                let _ = reply.send(self.rooms.totals());
            }
            Command::Shutdown => self.is_told_to_end = true,
        }
    }

    /// Lets those in who waited for their room.
    fn let_in(&mut self, room: &RoomName, read: Read, joins: Vec<Join>, now: Now) {
        let here = match read {
            Ok(stored) => self.rooms.insert(room, stored, now.monotonic, now.wall),
            Err(error) => Err(JoinError::Unavailable(error)),
        };
        for join in joins {
            match &here {
                Ok(()) => self.join(join, now),
                Err(error) => {
                    self.let_in.push(join.cost());
                    // Who no longer waits need not know.
                    drop(join.reply.send(Err(error.clone())));
                }
            }
        }
    }

    fn join(&mut self, join: Join, now: Now) {
        self.let_in.push(join.cost());
        let Join { room, cleaned_name, position, postbox, reply } = join;
        // Who no longer waits is not let in, and nobody hears of it.
        if reply.is_closed() {
            return;
        }
        let joined = self.rooms.join(&room, &cleaned_name, position.as_ref(), now.monotonic, now.wall);
        let member = joined.map(|(id, joined)| {
            let reader = self.loading.as_ref().map(Loading::reader);
            let missed = joined.missed.clone().zip(reader).map(|(range, reader)| {
                CatchUp::new(reader.clone(), room.clone(), range, self.config.page_bytes)
            });
            let username = Arc::clone(&joined.username);
            let max_message_bytes = self.config.max_message_bytes;
            Member::new(Membership { id, room, username, max_message_bytes, hub: postbox }, joined, missed)
        });
        // A caller that stops waiting just now drops the member it is sent, and so leaves.
        let _ = reply.send(member);
    }

    fn is_done(&self) -> bool {
        self.posting.is_done() && self.loading.as_ref().is_none_or(Loading::is_idle)
    }
}

/// What the task goes on with.
enum Next {
    Stored(Done),
    Loaded(RoomName, Read, Vec<Join>),
    Asked(usize),
    Due,
}

/// The runtime's timer only wakes the task; what time it is then is the clock's to say.
async fn wait_until(clock: &impl Clock, due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep(due.saturating_duration_since(clock.monotonic())).await,
        None => future::pending().await,
    }
}

/// As [`Loading::done`]; for ever, where there is nothing to load from.
async fn loaded(loading: &mut Option<Loading>) -> (RoomName, Read, Vec<Join>) {
    match loading {
        Some(loading) => loading.done().await,
        None => future::pending().await,
    }
}

/// Commands taken out at once: what they make a room say is published, and its members woken, once for all of them.
/// 256 keeps a batch of the shortest commands well under a millisecond, so that nobody's join waits for longer.
const BATCH: usize = 256;
