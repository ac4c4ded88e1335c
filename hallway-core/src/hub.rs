//! The handle to a hub.

use std::{sync::Arc, time::Duration};

use tokio::sync::{oneshot, watch};

use crate::{
    clock::Clock,
    config::Config,
    error::{Closed, ConfigError, HubFailed, JoinError},
    mailbox::{self, mailbox},
    member::Member,
    name,
    room_name::RoomName,
    rooms::Totals,
    task::{Command, HubTask},
};

/// Handle to a running hub: the one owner of all rooms, spoken to through a channel. Cloning it clones the channel.
///
/// The hub ends when [`shutdown`](Self::shutdown) is called, or when the last handle and the last member are dropped.
/// After that every call returns an error; none waits.
#[derive(Clone, Debug)]
pub struct Hub {
    postbox: Postbox,
    config: Arc<Config>,
    /// Becomes true when the task has done all it had accepted. Its sender belongs to the task and is dropped with it.
    ended: watch::Receiver<bool>,
}

pub(crate) type Postbox = mailbox::Postbox<Command>;

impl Hub {
    /// Starts a hub as a task of the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or on one without timers (`enable_time`).
    pub fn spawn(config: Config, clock: impl Clock) -> Result<Self, ConfigError> {
        config.validate()?;
        // Here it panics where its caller sees it, not in the task at the first count that is put off.
        drop(tokio::time::sleep(Duration::ZERO));
        let config = Arc::new(config);
        let (postbox, inbox) = mailbox(config.mailbox_bytes);
        let (end, ended) = watch::channel(false);
        let task = HubTask::new(Arc::clone(&config), clock);
        tokio::spawn(async move {
            task.run(inbox).await;
            end.send_replace(true);
        });
        Ok(Self { postbox, config, ended })
    }

    /// Joins a room, which is made if it does not exist, under a name made of the one asked for.
    ///
    /// The name is trimmed, its control and invisible characters are removed, runs of white space become one space, and
    /// it is cut to [`Config::max_name_chars`]; where nothing is left the member is called `Anon_HHmmss` by the hub's
    /// clock, with `_2`, `_3`, … behind it where an anonymous member of the room has that name.
    ///
    /// Everything of a join is one step: where the member's history ends what it receives begins. All members, the new
    /// one included, are told the count and the name; see [`Config::count_interval`] for a room in a storm.
    ///
    /// Cancel safe: where the future is dropped before it has returned there is no member, or it has left.
    pub async fn join(&self, room: &RoomName, asked_name: &str) -> Result<Member, JoinError> {
        let (reply, member) = oneshot::channel();
        let join = Command::Join {
            room: room.clone(),
            cleaned_name: name::clean(asked_name, self.config.max_name_chars),
            postbox: self.postbox.clone(),
            reply,
        };
        self.postbox.send(join).await.map_err(|_| JoinError::Closed)?;
        member.await.unwrap_or(Err(JoinError::Closed))
    }

    /// How many members a room has, 0 where there is no such room.
    ///
    /// Answered in the order of asking: what this task has joined, posted or dropped before has been done by then.
    pub async fn member_count(&self, room: &RoomName) -> Result<usize, Closed> {
        let (reply, count) = oneshot::channel();
        self.postbox.send(Command::MemberCount { room: room.clone(), reply }).await?;
        count.await.map_err(|_| Closed)
    }

    /// How many rooms and members there are, in the order of asking as [`member_count`](Self::member_count).
    pub async fn totals(&self) -> Result<Totals, Closed> {
        let (reply, totals) = oneshot::channel();
        self.postbox.send(Command::Totals { reply }).await?;
        totals.await.map_err(|_| Closed)
    }

    /// The limits it runs with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Tells the hub to end. Returns at once; calling it again changes nothing.
    ///
    /// What was accepted before is still delivered: each member receives all of it and then
    /// [`RecvError::Closed`](crate::RecvError::Closed). What comes later is refused with `Closed`.
    pub fn shutdown(&self) {
        self.postbox.refuse();
        // A hub that has ended already needs no telling.
        let _ = self.postbox.send_unbounded(Command::Shutdown);
    }

    /// Waits until the hub has ended and everything it had accepted is before its members; an error where it ended
    /// otherwise. Cancel safe.
    pub async fn closed(&self) -> Result<(), HubFailed> {
        self.ended.clone().wait_for(|ended| *ended).await.map(drop).map_err(|_| HubFailed)
    }
}
