//! The queue of commands to the hub: bounded in bytes, in the order of sending, and never in the way of a leave.
//!
//! A bounded channel alone will not do. A member leaves when it is dropped, and a drop cannot wait for a place in a
//! full queue; if it did, a storm of leavers would stand still. So the queue itself takes everything, and what
//! bounds it are permits, one a byte: whoever posts or joins waits for its bytes first. A leave needs none: there
//! is at most one for each member.
//!
//! There are three kinds of permits. A post keeps its own until it is done, which is when it is stored, and a join until its
//! room was read: so they bound what waits for a slow disk as well. All else gives them back when it is taken out. None waits
//! for another kind's.

use std::sync::Arc;

use tokio::sync::{Semaphore, TryAcquireError, mpsc};

use crate::error::Closed;

/// Bytes a command takes in the queue.
pub(crate) trait Cost {
    fn cost(&self) -> usize;

    fn kind(&self) -> Kind;
}

/// Each kind of commands has a mailbox's bytes for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Its place is given back by whoever does it.
    Post,
    /// As that of a post.
    Join,
    /// Its place is given back when it is taken out.
    Other,
}

/// Where commands are put; cloning it is cloning two counted pointers.
#[derive(Debug)]
pub(crate) struct Postbox<C> {
    queue: mpsc::UnboundedSender<C>,
    space: Arc<Space>,
}

/// Where the hub takes them out.
#[derive(Debug)]
pub(crate) struct Inbox<C> {
    queue: mpsc::UnboundedReceiver<C>,
    space: Arc<Space>,
}

#[derive(Debug)]
struct Space {
    bytes: usize,
    permits: [Semaphore; 3],
}

/// A mailbox for `bytes` of commands of each kind; a single one larger than that counts as that large.
pub(crate) fn mailbox<C: Cost>(bytes: usize) -> (Postbox<C>, Inbox<C>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let space = Space { bytes, permits: [(); 3].map(|()| Semaphore::new(bytes)) };
    let space = Arc::new(space);
    (Postbox { queue: sender, space: Arc::clone(&space) }, Inbox { queue: receiver, space })
}

impl<C: Cost> Postbox<C> {
    /// Waits for its place and puts the command there.
    ///
    /// Cancel safe: the command is in the queue if and only if this has returned `Ok`.
    pub(crate) async fn send(&self, command: C) -> Result<(), Closed> {
        let permits = self.space.of(&command).acquire_many(self.space.permits(&command));
        let permits = permits.await.map_err(|_| Closed)?;
        self.queue.send(command).map_err(|_| Closed)?;
        // The hub gives them back.
        permits.forget();
        Ok(())
    }

    /// Puts the command there if that needs no waiting; says whether it did. It takes no place that others wait for.
    pub(crate) fn try_send(&self, command: C) -> Result<bool, Closed> {
        match self.space.of(&command).try_acquire_many(self.space.permits(&command)) {
            Ok(permits) => {
                self.queue.send(command).map_err(|_| Closed)?;
                permits.forget();
                Ok(true)
            }
            Err(TryAcquireError::NoPermits) => Ok(false),
            Err(TryAcquireError::Closed) => Err(Closed),
        }
    }

    /// Puts the command there however full it is: for what is bounded by itself and must not wait.
    pub(crate) fn send_unbounded(&self, command: C) -> Result<(), Closed> {
        self.queue.send(command).map_err(|_| Closed)
    }
}

impl<C> Postbox<C> {
    /// From now on nothing that waits for its place gets one. What is in the queue stays there.
    pub(crate) fn refuse(&self) {
        self.space.close();
    }
}

impl<C> Clone for Postbox<C> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), space: Arc::clone(&self.space) }
    }
}

impl<C: Cost> Inbox<C> {
    /// Takes out up to `limit` commands as soon as there is one, and makes the places free again that are not kept; none
    /// when no postbox is left, or after [`close`](Self::close) when the queue is empty. Cancel safe.
    pub(crate) async fn recv_many(&mut self, into: &mut Vec<C>, limit: usize) -> usize {
        let count = self.queue.recv_many(into, limit).await;
        let taken = into[into.len() - count..].iter().filter(|command| command.kind() == Kind::Other);
        self.free(Kind::Other, taken.map(Cost::cost));
        count
    }

    /// Makes the places of commands free again, of which each [cost](Cost::cost) this.
    pub(crate) fn free(&self, kind: Kind, costs: impl Iterator<Item = usize>) {
        let freed: usize = costs.map(|cost| cost.min(self.space.bytes)).sum();
        if freed > 0 {
            self.space.permits[kind as usize].add_permits(freed);
        }
    }

    /// Takes nothing more in. What is in the queue can still be taken out; senders that wait are refused.
    pub(crate) fn close(&mut self) {
        self.queue.close();
        self.space.close();
    }
}

impl<C> Drop for Inbox<C> {
    fn drop(&mut self) {
        // Senders that wait for space would wait for ever.
        self.space.close();
    }
}

impl Space {
    fn of(&self, command: &impl Cost) -> &Semaphore {
        &self.permits[command.kind() as usize]
    }

    /// The permits of one command, the same when it is sent and when its place is given back.
    fn permits(&self, command: &impl Cost) -> u32 {
        u32::try_from(command.cost().min(self.bytes)).unwrap_or(u32::MAX)
    }

    fn close(&self) {
        self.permits.iter().for_each(Semaphore::close);
    }
}
