//! The handle to a hub.

use std::{sync::Arc, time::Duration};

use tokio::sync::{oneshot, watch};

use crate::{
    clock::Clock,
    config::Config,
    epoch::Position,
    error::{Closed, ConfigError, HistoryError, HubFailed, JoinError, StartError},
    journal::Journal,
    loading::Loading,
    mailbox::{self, mailbox},
    member::Member,
    name,
    posting::Posting,
    reader::{self, Page, Reader, WeakReader},
    references,
    room_name::RoomName,
    rooms::Totals,
    store::{PageLimit, Side, Store, StoreHealth},
    task::{Command, HubTask, Join, Now},
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
    /// Reads what is in the store, where there is one.
    reader: Option<WeakReader>,
    store_health: watch::Receiver<StoreHealth>,
}

pub(crate) type Postbox = mailbox::Postbox<Command>;

impl Hub {
    /// Starts a hub as a task of the current tokio runtime. Its messages are in memory alone.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or on one without timers (`enable_time`).
    pub fn spawn(config: Config, clock: impl Clock) -> Result<Self, ConfigError> {
        config.validate()?;
        needs_timers();
        let posting = Posting::new(&config, clock.monotonic());
        Ok(Self::start(Arc::new(config), clock, posting, None))
    }

    /// Starts a hub that keeps its messages in a store, and goes on with what is there.
    ///
    /// A message is said when it is stored, and what anybody has seen is there after a crash; see
    /// [`Config::durability`] for the other way. Where the store fails, messages are refused with
    /// [`PostError::Unavailable`](crate::PostError::Unavailable) and nobody is shown them; all else goes on, and posting as
    /// soon as the store can again.
    ///
    /// The store is dropped when the hub has [ended](Self::closed), and no member is left that reads from it what it missed.
    ///
    /// Blocks while the store begins. The runtime's threads for blocking work (`spawn_blocking`) are used for the store: one
    /// for what is kept, and up to four that read.
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn).
    pub fn spawn_with_store(
        config: Config,
        clock: impl Clock,
        store: impl Store,
    ) -> Result<Self, StartError> {
        config.validate()?;
        needs_timers();
        let begun = Now { monotonic: clock.monotonic(), wall: clock.wall() };
        store.begin(config.durability, begun.wall)?;
        let since = references::since(begun.wall, config.reference_window);
        let known = store.references(since, config.max_references)?;

        let (config, store): (_, Arc<dyn Store>) = (Arc::new(config), Arc::new(store));
        let (tell, store_health) = watch::channel(StoreHealth::default());
        let reader = Reader::new(Arc::clone(&store));
        let journal = Journal::new(store, Arc::clone(&config), tell);
        let posting = Posting::stored(&config, begun, journal, known);
        let weak_reader = reader.downgrade();
        let loading = Loading::new(reader, Arc::clone(&config));
        let hub = Self::start(config, clock, posting, Some(loading));
        Ok(Self { reader: Some(weak_reader), store_health, ..hub })
    }

    fn start(config: Arc<Config>, clock: impl Clock, posting: Posting, loading: Option<Loading>) -> Self {
        let (postbox, inbox) = mailbox(config.mailbox_bytes);
        let (end, ended) = watch::channel(false);
        let task = HubTask::new(Arc::clone(&config), clock, posting, loading);
        tokio::spawn(async move {
            task.run(inbox).await;
            end.send_replace(true);
        });
        let (_, store_health) = watch::channel(StoreHealth::default());
        Self { postbox, config, ended, reader: None, store_health }
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
        self.join_from(room, asked_name, None).await
    }

    /// As [`join`](Self::join), for who comes back: in place of the newest history the member receives every message behind
    /// `position`.
    ///
    /// Where these are not all kept, or the position is not one of this room's sequence, it receives the newest history, and
    /// its [`Welcome`](crate::Welcome) says what it will not receive.
    ///
    /// What it missed is read from the store as it receives it, however much that is, and takes the memory of a page.
    pub async fn resume(
        &self,
        room: &RoomName,
        asked_name: &str,
        position: Position,
    ) -> Result<Member, JoinError> {
        self.join_from(room, asked_name, Some(position)).await
    }

    async fn join_from(
        &self,
        room: &RoomName,
        asked_name: &str,
        position: Option<Position>,
    ) -> Result<Member, JoinError> {
        let (reply, member) = oneshot::channel();
        let join = Command::Join(Join {
            room: room.clone(),
            cleaned_name: name::clean(asked_name, self.config.max_name_chars),
            position,
            postbox: self.postbox.clone(),
            reply,
        });
        self.postbox.send(join).await.map_err(|_| JoinError::Closed)?;
        member.await.unwrap_or(Err(JoinError::Closed))
    }

    /// Messages of a room older than `before`, or its newest: at most `limit` of them, and no more than
    /// [`Config::page_bytes`]. None where there is no such room.
    ///
    /// A message that was stored and is about to be said may be among them. Cancel safe.
    pub async fn history(
        &self,
        room: &RoomName,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page, HistoryError> {
        let before = before.unwrap_or(u64::MAX);
        let limit = PageLimit { messages: limit, bytes: self.config.page_bytes };
        // One more, to know whether there are more.
        let count = limit.messages.saturating_add(1);
        let (reply, here) = oneshot::channel();
        let ask = Command::History { room: room.clone(), before, count, reply };
        self.postbox.send(ask).await.map_err(|_| HistoryError::Closed)?;
        let here = here.await.map_err(|_| HistoryError::Closed)?;
        let (here, oldest) = here.unwrap_or((Vec::new(), u64::MAX));
        let Some(reader) = self.reader.as_ref().filter(|_| here.len() < count) else {
            return Ok(reader::newest(here, limit));
        };

        let reader = reader.upgrade().ok_or(HistoryError::Closed)?;
        let rest = PageLimit { messages: count - here.len(), ..limit };
        let mut messages = reader.page(room, Side::Before(before.min(oldest)), rest).await?;
        messages.extend(here);
        let mut page = reader::newest(messages, limit);
        if let Some(first) = page.messages.first().filter(|first| !page.more && first.seq > 1) {
            // The store had no more, or no more that fits.
            let one = PageLimit { messages: 1, bytes: 0 };
            page.more = !reader.page(room, Side::Before(first.seq), one).await?.is_empty();
        }
        Ok(page)
    }

    /// Whether it keeps its messages in a store, so that one may be refused after it was accepted.
    #[must_use]
    pub fn has_store(&self) -> bool {
        self.reader.is_some()
    }

    /// What the store cannot do at present; it changes when that does.
    #[must_use]
    pub fn store_health(&self) -> watch::Receiver<StoreHealth> {
        self.store_health.clone()
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
    /// otherwise. Its store is closed by then, and dropped unless somebody still reads from it. Cancel safe.
    pub async fn closed(&self) -> Result<(), HubFailed> {
        self.ended.clone().wait_for(|ended| *ended).await.map(drop).map_err(|_| HubFailed)
    }
}

/// Here it panics where its caller sees it, not in the task at the first count that is put off.
fn needs_timers() {
    drop(tokio::time::sleep(Duration::ZERO));
}
