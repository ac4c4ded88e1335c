//! The half of a member that posts.

use std::sync::Arc;

use crate::{
    error::{Closed, PostError, TryPostError},
    member::Membership,
    reference::Reference,
    room_name::RoomName,
    submission::{Acknowledgement, Answer, Receipt},
    task::{Command, Post},
};

/// The half that posts. Clones post under the same membership and name.
#[derive(Clone, Debug)]
pub struct MemberSender {
    pub(crate) membership: Arc<Membership>,
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
        let member = self.membership.id;
        Ok(Command::Post(Post { room, member, username, text, reference, answer }))
    }
}
