//! A membership, as its holder has it: a half that says and a half that hears.

use std::sync::Arc;

use crate::{
    error::{Closed, PostError, RecvError, TryPostError, TryRecvError},
    event::{Chat, Event},
    feed::RoomFeed,
    hub::Postbox,
    room::{Joined, MemberId},
    room_name::RoomName,
    task::Command,
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
    replay: Replay,
    /// How much of the replayed history was received.
    replayed: usize,
    feed: RoomFeed,
    membership: Arc<Membership>,
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

    /// As [`MemberSender::post`].
    pub async fn post(&self, text: impl Into<Arc<str>>) -> Result<(), PostError> {
        self.sender.post(text).await
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

    /// Says `text` to the room, this member included.
    ///
    /// Returns when the hub has accepted it: from then on it has its place in the room's order, and every member that
    /// keeps up receives it, even if this one is dropped or the hub is told to shut down. Waits only while the hub's
    /// mailbox is full. The text is passed on unchanged.
    ///
    /// Cancel safe: where the future is dropped before it has returned, nothing is said.
    pub async fn post(&self, text: impl Into<Arc<str>>) -> Result<(), PostError> {
        let post = self.command(text.into())?;
        self.membership.hub.send(post).await.map_err(|_| PostError::Closed)
    }

    /// As [`post`](Self::post) where the hub has room for the text at once; where it has not, nothing is said.
    pub fn try_post(&self, text: impl Into<Arc<str>>) -> Result<(), TryPostError> {
        let post = self.command(text.into())?;
        match self.membership.hub.try_send(post) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TryPostError::Full),
            Err(Closed) => Err(PostError::Closed.into()),
        }
    }

    fn command(&self, text: Arc<str>) -> Result<Command, PostError> {
        let max = self.membership.max_message_bytes;
        if text.len() > max {
            return Err(PostError::TooLong { len: text.len(), max });
        }
        if text.trim().is_empty() {
            return Err(PostError::Empty);
        }
        let (room, username) = (self.membership.room.clone(), Arc::clone(&self.membership.username));
        Ok(Command::Post { room, username, text })
    }
}

impl MemberReceiver {
    /// The name the hub gave.
    #[must_use]
    pub fn username(&self) -> &Arc<str> {
        &self.membership.username
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

    /// The next event, if there is one already.
    pub fn try_recv(&mut self) -> Result<Event, TryRecvError> {
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
