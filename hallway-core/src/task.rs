//! The one task that owns all rooms.

use std::{future, sync::Arc, time::Instant};

use tokio::sync::oneshot;

use crate::{
    clock::Clock,
    config::Config,
    error::JoinError,
    event::SLOT_BYTES,
    hub::Postbox,
    mailbox::{Cost, Inbox},
    member::{Member, Membership},
    room::MemberId,
    room_name::RoomName,
    rooms::{Rooms, Totals},
};

/// What the hub can be asked. The order of asking is the order of doing.
#[derive(Debug)]
pub(crate) enum Command {
    Join {
        room: RoomName,
        cleaned_name: String,
        /// For the new member. The task has none of its own: it would keep its own mailbox open.
        postbox: Postbox,
        reply: oneshot::Sender<Result<Member, JoinError>>,
    },
    Leave {
        room: RoomName,
        id: MemberId,
    },
    Post {
        room: RoomName,
        username: Arc<str>,
        text: Arc<str>,
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

impl Cost for Command {
    fn cost(&self) -> usize {
        match self {
            Self::Join { cleaned_name, .. } => SLOT_BYTES + cleaned_name.len(),
            Self::Post { text, .. } => SLOT_BYTES + text.len(),
            Self::MemberCount { .. } | Self::Totals { .. } => SLOT_BYTES,
            // Sent without waiting for space.
            Self::Leave { .. } | Self::Shutdown => 0,
        }
    }
}

pub(crate) struct HubTask<C> {
    rooms: Rooms,
    config: Arc<Config>,
    clock: C,
    is_told_to_end: bool,
}

impl<C: Clock> HubTask<C> {
    pub(crate) fn new(config: Arc<Config>, clock: C) -> Self {
        Self { rooms: Rooms::new(Arc::clone(&config)), config, clock, is_told_to_end: false }
    }

    /// Runs until no handle and no member is left, or until it was told to end and has done what it had accepted. With
    /// the task its rooms are dropped, and with each its feed ends.
    pub(crate) async fn run(mut self, mut inbox: Inbox<Command>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let due = self.rooms.deadline();
            tokio::select! {
                biased;
                count = inbox.recv_many(&mut batch, BATCH) => if count == 0 { return },
                () = self.wait_until(due) => {}
            }
            let now = self.clock.monotonic();
            for command in batch.drain(..) {
                self.handle(command, now);
            }
            self.rooms.settle(now);
            if self.is_told_to_end {
                inbox.close();
            }
        }
    }

    /// Not `async` on purpose: a hub that cannot wait cannot be stalled by one member.
    fn handle(&mut self, command: Command, now: Instant) {
        match command {
            Command::Join { room, cleaned_name, postbox, reply } => {
                // Who no longer waits is not let in, and nobody hears of it.
                if !reply.is_closed() {
                    // A caller that stops waiting just now drops the member it is sent, and so leaves.
                    let _ = reply.send(self.join(room, &cleaned_name, postbox, now));
                }
            }
            Command::Leave { room, id } => self.rooms.leave(&room, id, now),
            Command::Post { room, username, text } => self.rooms.post(&room, username, text),
            Command::MemberCount { room, reply } => {
                // The caller may have stopped waiting; then there is nobody to tell.
                let _ = reply.send(self.rooms.member_count(&room));
            }
            Command::Totals { reply } => {
                // As above.
                let _ = reply.send(self.rooms.totals());
            }
            Command::Shutdown => self.is_told_to_end = true,
        }
    }

    fn join(
        &mut self,
        room: RoomName,
        cleaned_name: &str,
        hub: Postbox,
        now: Instant,
    ) -> Result<Member, JoinError> {
        let (id, joined) = self.rooms.join(&room, cleaned_name, now, self.clock.wall().time())?;
        let username = Arc::clone(&joined.username);
        let max_message_bytes = self.config.max_message_bytes;
        Ok(Member::new(Membership { id, room, username, max_message_bytes, hub }, joined))
    }

    /// The runtime's timer only wakes the task; what time it is then is the clock's to say.
    async fn wait_until(&self, due: Option<Instant>) {
        match due {
            Some(due) => tokio::time::sleep(due.saturating_duration_since(self.clock.monotonic())).await,
            None => future::pending().await,
        }
    }
}

/// Commands taken out at once: what they make a room say is published, and its members woken, once for all of them.
/// 256 keeps a batch of the shortest commands well under a millisecond, so that nobody's join waits for longer.
const BATCH: usize = 256;
