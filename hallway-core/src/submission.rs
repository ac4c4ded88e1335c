//! What becomes of a message that was handed to the hub.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use time::OffsetDateTime;
use tokio::sync::oneshot;

use crate::{error::PostError, event::Chat};

/// That a message was accepted: it has its place in the room's sequence and, where the hub has a store, is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the room's sequence.
    pub seq: u64,
    /// When the hub accepted it.
    pub sent_at: OffsetDateTime,
}

impl From<&Chat> for Receipt {
    /// Of the message that has this place.
    fn from(chat: &Chat) -> Self {
        Self { seq: chat.seq, sent_at: chat.sent_at }
    }
}

/// Waits for what becomes of a message that was [submitted](crate::MemberSender::submit).
///
/// The acknowledgements of one member's messages come in the order in which it submitted them, except that one which was
/// sent before, with the same reference, may come sooner. Dropping it changes nothing about the message.
#[derive(Debug)]
#[must_use = "what becomes of the message is said here alone"]
pub struct Acknowledgement(oneshot::Receiver<Outcome>);

pub(crate) type Outcome = Result<Receipt, PostError>;

/// Where the hub says what became of a message; nothing where nobody wants to know.
pub(crate) type Answer = Option<oneshot::Sender<Outcome>>;

impl Acknowledgement {
    pub(crate) fn new() -> (oneshot::Sender<Outcome>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }
}

impl Future for Acknowledgement {
    type Output = Result<Receipt, PostError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A hub that ends has answered everything it accepted; one that fails has not.
        Poll::Ready(ready!(Pin::new(&mut self.0).poll(cx)).unwrap_or(Err(PostError::Closed)))
    }
}

pub(crate) fn answer(to: Answer, outcome: Outcome) {
    if let Some(to) = to {
        // Who has stopped waiting does not want to know.
        let _ = to.send(outcome);
    }
}
