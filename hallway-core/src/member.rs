//! A membership, as its holder has it: a half that says and a half that hears.

use std::{collections::VecDeque, ops::RangeInclusive, sync::Arc};

use crate::{
    epoch::Epoch,
    error::{Closed, HistoryError, PostError, RecvError, TryPostError, TryRecvError},
    event::{Chat, Event},
    feed::RoomFeed,
    hub::Postbox,
    reader::{Missed, Reader},
    reference::Reference,
    room::{Joined, MemberId},
    room_name::RoomName,
    submission::{Acknowledgement, Answer, Receipt},
    task::{Command, Post},
};

/// A member of a room: posts to it and receives what it says.
///
/// Dropping it is leaving: the room is told once. After [`split`](Self::split) the member leaves when both halves and
/// all clones of the sender are dropped.
#[derive(Debug)]
pub struct Member {
    sender: MemberSender,
    receiver: MemberReceiver,
}

/// The half that posts. Clones post under the same membership and name.
#[derive(Clone, Debug)]
pub struct MemberSender {
    membership: Arc<Membership>,
}

/// The half that receives: first the room's history, then what the room says, from exactly there on.
///
/// Nobody waits for a receiver. What a room says is held for it while it fits into
/// [`Config::feed_bytes`](crate::Config::feed_bytes); behind that the oldest messages are lost to it, it is told how
/// many by [`RecvError::Missed`], and goes on with what is there. No other member notices.
#[derive(Debug)]
pub struct MemberReceiver {
    welcome: Welcome,
    /// What comes before the replay; boxed, because most have missed nothing.
    missed: Option<Box<CatchUp>>,
    replay: Replay,
    /// How much of the replayed history was received.
    replayed: usize,
    feed: RoomFeed,
    membership: Arc<Membership>,
}

/// What a member joined into: see [`Hub::resume`](crate::Hub::resume).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Welcome {
    /// Of the room's sequence.
    pub epoch: Epoch,
    /// The newest message that was said when the member joined, 0 where none was.
    pub seq: u64,
    /// Whether the member receives everything behind its position.
    pub resumed: bool,
    /// What a member will not receive that came back and could not resume.
    pub gap: Option<RangeInclusive<u64>>,
}

/// What a member missed and is in the store alone.
#[derive(Debug)]
struct CatchUp {
    /// Not readable yet between the join and the first read.
    unread: Unread,
    page_bytes: usize,
    page: VecDeque<Arc<Chat>>,
}

#[derive(Debug)]
enum Unread {
    Range(RangeInclusive<u64>),
    Missed(Missed),
}

/// What a joiner is told before the room's feed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Replay {
    /// The room's last messages, oldest first. All who join between two messages are given the same slice.
    pub history: Arc<[Arc<Chat>]>,
    /// How many members the room has, where its feed will not say so at once.
    pub count: Option<usize>,
}

/// Messages that a member missed and that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Their places.
    pub range: RangeInclusive<u64>,
    /// Why not.
    pub error: HistoryError,
}

/// Being in a room. Dropping it is the one way out.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) id: MemberId,
    pub(crate) room: RoomName,
    pub(crate) username: Arc<str>,
    pub(crate) max_message_bytes: usize,
    pub(crate) hub: Postbox,
}

impl Drop for Membership {
    fn drop(&mut self) {
        let leave = Command::Leave { room: self.room.clone(), id: self.id };
        // A hub that has shut down has no members to tell.
        let _ = self.hub.send_unbounded(leave);
    }
}

impl Member {
    pub(crate) fn new(membership: Membership, joined: Joined) -> Self {
        let membership = Arc::new(membership);
        Self {
            receiver: MemberReceiver {
                welcome: joined.welcome,
                missed: joined.missed.map(|range| {
                    Box::new(CatchUp { unread: Unread::Range(range), page_bytes: 0, page: VecDeque::new() })
                }),
                replay: joined.replay,
                replayed: 0,
                feed: joined.feed,
                membership: Arc::clone(&membership),
            },
            sender: MemberSender { membership },
        }
    }

    /// The name the hub gave: the cleaned one that was asked for, or `Anon_HHmmss`.
    #[must_use]
    pub fn username(&self) -> &Arc<str> {
        self.sender.username()
    }

    /// The room it is in.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        self.sender.room()
    }

    /// What it joined into.
    #[must_use]
    pub fn welcome(&self) -> &Welcome {
        self.receiver.welcome()
    }

    /// As [`MemberSender::post`].
    pub async fn post(&self, text: impl Into<Arc<str>>) -> Result<Receipt, PostError> {
        self.sender.post(text).await
    }

    /// As [`MemberSender::submit`].
    pub async fn submit(
        &self,
        text: impl Into<Arc<str>>,
        reference: Option<Reference>,
    ) -> Result<Acknowledgement, PostError> {
        self.sender.submit(text, reference).await
    }

    /// As [`MemberSender::try_post`].
    pub fn try_post(&self, text: impl Into<Arc<str>>) -> Result<(), TryPostError> {
        self.sender.try_post(text)
    }

    /// As [`MemberReceiver::take_history`].
    pub fn take_history(&mut self) -> Vec<Arc<Chat>> {
        self.receiver.take_history()
    }

    /// As [`MemberReceiver::recv`].
    pub async fn recv(&mut self) -> Result<Event, RecvError> {
        self.receiver.recv().await
    }

    /// As [`MemberReceiver::try_recv`].
    pub fn try_recv(&mut self) -> Result<Event, TryRecvError> {
        self.receiver.try_recv()
    }

    pub(crate) fn read_missed_with(&mut self, reader: &Reader, page_bytes: usize) {
        let room = self.room().clone();
        if let Some(missed) = &mut self.receiver.missed
            && let Unread::Range(range) = &missed.unread
        {
            missed.unread = Unread::Missed(Missed::new(reader.clone(), room, range.clone()));
            missed.page_bytes = page_bytes;
        }
    }

    /// The two halves, to be used from different tasks.
    #[must_use]
    pub fn split(self) -> (MemberSender, MemberReceiver) {
        (self.sender, self.receiver)
    }
}

impl MemberSender {
    /// The name the hub gave.
    #[must_use]
    pub fn username(&self) -> &Arc<str> {
        &self.membership.username
    }

    /// The room it is in.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        &self.membership.room
    }

    /// Says `text` to the room, this member included, and waits until it has its place there.
    ///
    /// Where the hub has a store the message is stored when this returns, and every member that keeps up receives it, even
    /// if this one is dropped or the hub is told to shut down. Waits while the hub's mailbox is full, and for the store. The
    /// text is passed on unchanged.
    ///
    /// Where the future is dropped half-way the message may be said or not. To say many one behind the other without waiting
    /// for each use [`submit`](Self::submit).
    pub async fn post(&self, text: impl Into<Arc<str>>) -> Result<Receipt, PostError> {
        self.submit(text, None).await?.await
    }

    /// Hands `text` to the hub: returns as soon as that has accepted it, and what it returns waits until the message has its
    /// place in the room.
    ///
    /// Messages submitted one behind the other have their places in this order. With a reference, sending a message again
    /// whose fate is unknown does not say it twice: see [`Reference`]. Waits only while the hub's mailbox is full, which
    /// it is where the store is slow.
    ///
    /// Cancel safe: where the future is dropped before it has returned, nothing is said.
    pub async fn submit(
        &self,
        text: impl Into<Arc<str>>,
        reference: Option<Reference>,
    ) -> Result<Acknowledgement, PostError> {
        let (answer, acknowledgement) = Acknowledgement::new();
        let post = self.command(text.into(), reference, Some(answer))?;
        self.membership.hub.send(post).await.map_err(|_| PostError::Closed)?;
        Ok(acknowledgement)
    }

    /// As [`submit`](Self::submit) where the hub has room for the text at once; where it has not, nothing is said.
    pub fn try_submit(
        &self,
        text: impl Into<Arc<str>>,
        reference: Option<Reference>,
    ) -> Result<Acknowledgement, TryPostError> {
        let (answer, acknowledgement) = Acknowledgement::new();
        self.try_send(self.command(text.into(), reference, Some(answer))?)?;
        Ok(acknowledgement)
    }

    /// As [`try_submit`](Self::try_submit), for who does not want to know what becomes of it; cheaper.
    pub fn try_post(&self, text: impl Into<Arc<str>>) -> Result<(), TryPostError> {
        self.try_send(self.command(text.into(), None, None)?)
    }

    fn try_send(&self, post: Command) -> Result<(), TryPostError> {
        match self.membership.hub.try_send(post) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TryPostError::Full),
            Err(Closed) => Err(PostError::Closed.into()),
        }
    }

    fn command(
        &self,
        text: Arc<str>,
        reference: Option<Reference>,
        answer: Answer,
    ) -> Result<Command, PostError> {
        let max = self.membership.max_message_bytes;
        if text.len() > max {
            return Err(PostError::TooLong { len: text.len(), max });
        }
        if text.trim().is_empty() {
            return Err(PostError::Empty);
        }
        let (room, username) = (self.membership.room.clone(), Arc::clone(&self.membership.username));
        Ok(Command::Post(Post { room, username, text, reference, answer }))
    }
}

impl MemberReceiver {
    /// The name the hub gave.
    #[must_use]
    pub fn username(&self) -> &Arc<str> {
        &self.membership.username
    }

    /// What it joined into.
    #[must_use]
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Reads the next of what a member missed that [came back](crate::Hub::resume) and is in the store alone, before all
    /// else it receives; none where there is nothing more.
    ///
    /// For who takes the receiver [apart](Self::into_parts): [`recv`](Self::recv) does it by itself. An error names what can
    /// not be read, which is then given up. Cancel safe.
    pub async fn read_missed(&mut self) -> Result<Vec<Arc<Chat>>, Unreadable> {
        let Some(missed) = &mut self.missed else { return Ok(Vec::new()) };
        let Unread::Missed(unread) = &mut missed.unread else { return Ok(Vec::new()) };
        if !missed.page.is_empty() {
            return Ok(std::mem::take(&mut missed.page).into());
        }
        match unread.next(missed.page_bytes).await {
            Ok(page) => {
                if page.is_empty() {
                    self.missed = None;
                }
                Ok(page)
            }
            Err(error) => {
                let range = unread.range().clone();
                self.missed = None;
                Err(Unreadable { range, error })
            }
        }
    }

    /// Takes out what is left of the history, oldest first, so that [`recv`](Self::recv) goes on with what is new: for
    /// a bot that must not answer yesterday's questions.
    pub fn take_history(&mut self) -> Vec<Arc<Chat>> {
        let history = std::mem::take(&mut self.replay.history);
        history.iter().skip(self.replayed).cloned().collect()
    }

    /// Takes the receiver apart: for who serves many members of a room and reads its feed once for all of them. Behind
    /// the replay the member's part of the feed begins. From now on the sender alone is the membership.
    #[must_use]
    pub fn into_parts(mut self) -> (Replay, RoomFeed) {
        if self.replayed > 0 {
            self.replay.history = self.take_history().into();
        }
        (self.replay, self.feed)
    }

    /// The next event, as soon as there is one.
    ///
    /// Cancel safe: where the future is dropped before it has returned, no event is lost.
    pub async fn recv(&mut self) -> Result<Event, RecvError> {
        let mut one = Vec::with_capacity(1);
        loop {
            self.recv_many(&mut one, 1).await?;
            if let Some(event) = one.pop() {
                return Ok(event);
            }
        }
    }

    /// The next event, if there is one already. What is to be read from the store is not: [`recv`](Self::recv) reads it.
    pub fn try_recv(&mut self) -> Result<Event, TryRecvError> {
        if self.missed.is_some() {
            return Err(TryRecvError::Empty);
        }
        if let Some(event) = self.next_replayed() {
            return Ok(event);
        }
        let mut one = Vec::with_capacity(1);
        self.feed.try_recv_many(&mut one, 1)?;
        one.pop().ok_or(TryRecvError::Empty)
    }

    /// Appends up to `limit` events to `into`, as many as there are, as soon as there is one; returns how many.
    ///
    /// Cheaper than one [`recv`](Self::recv) after the other, which is what to use when what is received goes out
    /// in one write. Returns `Ok(0)` at once where `limit` is 0. Cancel safe, as `recv` is.
    pub async fn recv_many(&mut self, into: &mut Vec<Event>, limit: usize) -> Result<usize, RecvError> {
        let before = into.len();
        if limit > 0 && self.missed.is_some() {
            self.recv_missed(into, limit).await?;
        }
        while into.len() - before < limit {
            match self.next_replayed() {
                Some(event) => into.push(event),
                None => break,
            }
        }
        match into.len() - before {
            0 => self.feed.recv_many(into, limit).await,
            count => Ok(count),
        }
    }

    /// As many of what was missed as there are in memory, or the next page.
    async fn recv_missed(&mut self, into: &mut Vec<Event>, limit: usize) -> Result<(), RecvError> {
        let count = |range: &RangeInclusive<u64>| (range.end() + 1).saturating_sub(*range.start());
        let page = self.read_missed().await;
        let mut page =
            VecDeque::from(page.map_err(|unreadable| RecvError::Missed(count(&unreadable.range)))?);
        into.extend(page.drain(..limit.min(page.len())).map(Event::Chat));
        if let Some(missed) = &mut self.missed {
            missed.page = page;
        }
        Ok(())
    }

    fn next_replayed(&mut self) -> Option<Event> {
        match self.replay.history.get(self.replayed) {
            Some(chat) => {
                self.replayed += 1;
                Some(Event::Chat(Arc::clone(chat)))
            }
            None => self.replay.count.take().map(Event::Count),
        }
    }
}
