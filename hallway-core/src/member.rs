//! A membership, as its holder has it: a half that says and a half that hears.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{
    catch_up::CatchUp,
    epoch::Epoch,
    error::{PostError, RecvError, TryPostError, TryRecvError},
    event::{Chat, Event},
    hub::Postbox,
    receiver::MemberReceiver,
    reference::Reference,
    room::{Joined, MemberId},
    room_name::RoomName,
    sender::MemberSender,
    submission::{Acknowledgement, Receipt},
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
    /// `missed` is what comes before the replay.
    pub(crate) fn new(membership: Membership, joined: Joined, missed: Option<CatchUp>) -> Self {
        let membership = Arc::new(membership);
        Self {
            receiver: MemberReceiver {
                welcome: joined.welcome,
                missed: missed.map(Box::new),
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

    /// The two halves, to be used from different tasks.
    #[must_use]
    pub fn split(self) -> (MemberSender, MemberReceiver) {
        (self.sender, self.receiver)
    }
}
