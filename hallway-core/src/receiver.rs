//! The half of a member that receives.

use std::sync::Arc;

use crate::{
    catch_up::{CatchUp, Lost},
    error::{RecvError, TryRecvError},
    event::{Chat, Event},
    feed::RoomFeed,
    member::{Membership, Replay, Welcome},
};

/// The half that receives: first the room's history, then what the room says, from exactly there on.
///
/// Nobody waits for a receiver. What a room says is held for it while it fits into
/// [`Config::feed_bytes`](crate::Config::feed_bytes); behind that the oldest messages are lost to it, it is told how
/// many by [`RecvError::Missed`], and goes on with what is there. No other member notices.
#[derive(Debug)]
pub struct MemberReceiver {
    pub(crate) welcome: Welcome,
    /// What comes before the replay; boxed, because most have missed nothing.
    pub(crate) missed: Option<Box<CatchUp>>,
    pub(crate) replay: Replay,
    /// How much of the replayed history was received.
    pub(crate) replayed: usize,
    pub(crate) feed: RoomFeed,
    pub(crate) membership: Arc<Membership>,
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
    /// For who takes the receiver [apart](Self::into_parts): [`recv`](Self::recv) does it by itself. An error names what
    /// cannot be shown; the next call goes on behind it. Cancel safe.
    pub async fn read_missed(&mut self) -> Result<Vec<Arc<Chat>>, Lost> {
        let Some(missed) = &mut self.missed else { return Ok(Vec::new()) };
        let page = missed.next().await?;
        if page.is_empty() {
            self.missed = None;
        }
        Ok(page)
    }

    /// Takes out what is left of the history in memory, oldest first, and leaves out what was missed and is in the store alone,
    /// so that [`recv`](Self::recv) goes on with what is new: for
    /// a bot that must not answer yesterday's questions.
    pub fn take_history(&mut self) -> Vec<Arc<Chat>> {
        self.missed = None;
        let history = std::mem::take(&mut self.replay.history);
        history.iter().skip(self.replayed).cloned().collect()
    }

    /// Takes the receiver apart: for who serves many members of a room and reads its feed once for all of them. Behind
    /// the replay the member's part of the feed begins. From now on the sender alone is the membership.
    ///
    /// What was missed and has not been [read](Self::read_missed) before is not received: the replay begins behind it.
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
        let page = self.read_missed().await.map_err(|lost| RecvError::Missed(lost.count()))?;
        let mut page = page.into_iter();
        into.extend(page.by_ref().take(limit).map(Event::Chat));
        if let Some(missed) = &mut self.missed {
            missed.put_back(page);
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
