//! What a client is told later of what it said: whether it was stored, and pages of the history.
//!
//! It is told in pieces, and not told the next before it has taken the one before, nor read from meanwhile. So what it does
//! not take is bounded, and nothing of it is forgotten.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use hallway_core::{Acknowledgement, HistoryError, Page, PostError, Reference};

use crate::{
    counters,
    dialect::{Dialect, Reason},
    fanout::{Frames, Seat, text_frame},
    session::Shared,
};

/// What one session waits for.
#[derive(Default)]
pub(super) struct Later<'s> {
    /// Messages whose fate is not known, in the order in which they were sent.
    outstanding: VecDeque<(Acknowledgement, Option<Reference>)>,
    /// What the client is not read from for until it is there.
    asked: Option<Asked<'s>>,
    /// The client has not taken what it was told last.
    is_telling: bool,
}

struct Asked<'s> {
    answer: AnswerFuture<'s>,
    is_page: bool,
    reference: Option<Reference>,
}

pub(super) type AnswerFuture<'s> = Pin<Box<dyn Future<Output = Answer> + Send + 's>>;

/// What comes of something that was asked for.
pub(super) enum Answer {
    /// The hub has taken a message in, or not.
    Accepted(Result<Acknowledgement, PostError>),
    Page(Result<Page, HistoryError>),
}

impl<'s> Later<'s> {
    /// Waits for what becomes of a message.
    pub(super) fn expect(&mut self, acknowledgement: Acknowledgement, reference: Option<Reference>) {
        self.outstanding.push_back((acknowledgement, reference));
    }

    /// Waits for an answer. One at a time: until it is there the client is not read from.
    pub(super) fn ask(&mut self, answer: AnswerFuture<'s>, is_page: bool, reference: Option<Reference>) {
        self.asked = Some(Asked { answer, is_page, reference });
    }

    /// The client was told something and has not taken it.
    pub(super) fn is_telling(&mut self) {
        self.is_telling = true;
    }

    /// Whether the client may be read from.
    pub(super) fn lets_read(&mut self, seat: &Seat) -> bool {
        if self.is_telling || self.asked.is_none() && self.outstanding.len() < MAX_OUTSTANDING {
            return !self.is_telling;
        }
        // Of one that has closed what is left is heard: it is no more than the kernel holds. A page is of no use to it.
        let has_closed = seat.has_closed();
        if has_closed && self.asked.as_ref().is_some_and(|asked| asked.is_page) {
            self.asked = None;
        }
        has_closed && self.asked.is_none()
    }

    /// Tells the client what there is to be told by now. Says whether the hub has ended.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        seat: &Seat,
        dialect: Dialect,
        shared: &Shared,
    ) -> bool {
        let mut is_over = false;
        loop {
            if self.is_telling {
                if seat.poll_told(cx).is_pending() {
                    return is_over;
                }
                self.is_telling = false;
            }
            let mut piece = Frames::new(dialect);
            let mut has_come = self.settle(cx, &mut piece, seat, shared);
            if let Some(Asked { answer, .. }) = &mut self.asked
                && piece.len() < PIECE_BYTES
                && let Poll::Ready(answer) = answer.as_mut().poll(cx)
            {
                has_come = true;
                let reference = self.asked.take().and_then(|asked| asked.reference);
                is_over |= self.answered(answer, reference, &mut piece, seat, shared);
            }
            if !has_come {
                return is_over;
            }
            // It is the server that did not read.
            seat.hear();
            if !piece.is_empty() {
                self.is_telling = !seat.tell(piece.take());
            }
        }
    }

    /// Takes out the messages whose fate is known by now; says whether there was one.
    fn settle(&mut self, cx: &mut Context<'_>, piece: &mut Frames, seat: &Seat, shared: &Shared) -> bool {
        let mut has_come = false;
        let mut acks = 0;
        while piece.len() < PIECE_BYTES
            && let Some((acknowledgement, _)) = self.outstanding.front_mut()
            && let Poll::Ready(outcome) = Pin::new(acknowledgement).poll(cx)
        {
            has_come = true;
            let reference = self.outstanding.pop_front().and_then(|(_, reference)| reference);
            match (outcome, reference) {
                (Ok(receipt), Some(reference)) => {
                    acks += 1;
                    piece.write(|writer, json| writer.acknowledgement(&reference, receipt, json));
                }
                // The hub has failed, and that ends the session.
                (Ok(_), None) | (Err(PostError::Closed), _) => {}
                (Err(error), reference) => refuse(piece, &error.into(), reference.as_ref(), seat),
            }
        }
        if acks > 0 {
            shared.fan_out.traffic().acks_sent.increment(acks);
        }
        // What a slow store had grown is not kept.
        if self.outstanding.is_empty() && self.outstanding.capacity() > KEPT_OUTSTANDING {
            self.outstanding = VecDeque::new();
        }
        has_come
    }

    /// Says whether the hub has ended.
    fn answered(
        &mut self,
        answer: Answer,
        reference: Option<Reference>,
        piece: &mut Frames,
        seat: &Seat,
        shared: &Shared,
    ) -> bool {
        match answer {
            Answer::Accepted(Ok(acknowledgement)) => {
                shared.fan_out.traffic().messages_received.increment(1);
                seat.hurry();
                // In any other case nobody wants to know more of it.
                if reference.is_some() || shared.has_store {
                    self.expect(acknowledgement, reference);
                }
            }
            Answer::Page(Ok(page)) => {
                counters::history_page();
                piece.write(|writer, json| writer.page(&page, reference.as_ref(), json));
            }
            Answer::Accepted(Err(PostError::Closed)) | Answer::Page(Err(HistoryError::Closed)) => {
                return true;
            }
            Answer::Accepted(Err(error)) => refuse(piece, &error.into(), reference.as_ref(), seat),
            Answer::Page(Err(error)) => refuse(piece, &error.into(), reference.as_ref(), seat),
        }
        false
    }
}

/// Says that something was refused. Where the dialect has notices alone, these may be forgotten.
fn refuse(piece: &mut Frames, reason: &Reason, reference: Option<&Reference>, seat: &Seat) {
    match reason {
        Reason::Post(PostError::Unavailable(_)) | Reason::History(_) => counters::unavailable(),
        Reason::Post(_) | Reason::Frame(_) => counters::message_refused(),
    }
    let dialect = piece.dialect();
    let refusal = dialect.refusal(reason, reference);
    if dialect.has_acknowledgements() {
        piece.push(&refusal);
    } else {
        seat.put_aside(&text_frame(&refusal));
    }
}

/// Messages of a connection whose fate is not known; with more it is not read from.
const MAX_OUTSTANDING: usize = 1_024;

/// Places for these that are kept while there are none.
const KEPT_OUTSTANDING: usize = 16;

/// Acknowledgements that are told at once, unless there are fewer. A page of the history may come on top.
const PIECE_BYTES: usize = 16 << 10;
