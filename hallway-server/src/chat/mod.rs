//! A member on a socket: what its client says goes to the room, and what becomes of that is told to it.
//!
//! What the room says comes from the fan-out; the session helps only where its client's socket was full. Both run side
//! by side in the session's own task, and whichever ends first ends both.

mod later;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::StreamExt;
use hallway_core::{MemberSender, PostError, Reference, TryPostError};
use later::{Answer, Later};
use tokio::{
    task::yield_now,
    time::{Instant, Sleep, sleep},
};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{
    counters,
    dialect::{Dialect, Reason, Refused, Request},
    fanout::{Seat, text_frame},
    rate::Rate,
    session::{Shared, Socket},
    transport::{End, Incoming, received, websocket},
};

/// Serves a member until one of the two goes.
pub(crate) async fn run(
    socket: &mut Socket,
    sender: &MemberSender,
    seat: &Seat,
    dialect: Dialect,
    shared: &Shared,
) -> End {
    let mut session = Session {
        socket,
        sender,
        seat,
        dialect,
        shared,
        rate: Rate::new(shared.config.rate, shared.config.burst, Instant::now()),
        turn: 0,
        has_grown: false,
        is_over: false,
        pause: None,
        later: None,
    };
    tokio::select! {
        biased;
        end = session.hear() => end,
        end = seat.attend() => end,
    }
}

/// One that brings what its client says to the room, as fast as its rate and the hub allow.
struct Session<'s> {
    socket: &'s mut Socket,
    sender: &'s MemberSender,
    seat: &'s Seat,
    dialect: Dialect,
    shared: &'s Shared,
    rate: Rate,
    turn: u32,
    has_grown: bool,
    /// The hub takes nothing in any more. What was said before is still told, and that ends the session.
    is_over: bool,
    /// Its client is above its rate. Boxed, as is the next: most are neither, and everybody would carry it.
    pause: Option<Pin<Box<Sleep>>>,
    /// What its client is still to be told of what it said.
    later: Option<Box<Later<'s>>>,
}

impl Session<'_> {
    async fn hear(&mut self) -> End {
        loop {
            let item = poll_fn(|cx| self.poll_heard(cx)).await;
            let (payload, is_text) = match received(item) {
                Ok(Incoming::Text(frame)) => {
                    // A client above its rate is not silent: it is the server that does not read.
                    self.seat.hear();
                    self.take(&frame);
                    (frame.len(), true)
                }
                Ok(Incoming::Binary(_)) => return End::Binary,
                // The socket has answered it. It counts as a message: answers are not for nothing either.
                Ok(Incoming::Control(payload)) => (payload.len(), false),
                Err(end) => return end,
            };
            let is_read = self.socket.get_mut().has_yielded();
            self.has_grown |= payload > LARGE_PAYLOAD_BYTES;
            // After a ping its pong is still in the WebSocket, and would be lost with it.
            if is_read && is_text && self.has_grown {
                self.has_grown = false;
                // Its read buffer has grown with the message, and would stay so.
                let max_message_bytes = self.shared.hub.config().max_message_bytes;
                let wire = self.socket.get_mut().take();
                *self.socket = Box::pin(websocket(wire, Vec::new(), max_message_bytes)).await;
            }
            let now = Instant::now();
            self.rate.take(now);
            let wait = self.rate.wait(now);
            // Who has closed sends nothing more. What the kernel holds of it is little, and to be heard; at its rate a member
            // that is gone would stay for minutes.
            if !wait.is_zero() && !self.seat.has_closed() {
                counters::sender_paused();
                self.pause = Some(Box::pin(sleep(wait)));
            }
            // One that sends much in one packet is not to have all of it heard before others are.
            self.turn += 1;
            if self.turn.is_multiple_of(MESSAGES_A_TURN) {
                yield_now().await;
            }
        }
    }

    /// The next that comes from the client, if it is to be read. Before that, tells it what it is to be told.
    fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if let Some(later) = &mut self.later {
            self.is_over |= later.poll(cx, self.seat, self.dialect, self.shared);
            let lets_read = later.lets_read(self.seat);
            self.seat.set_deaf(!lets_read);
            if !lets_read {
                return Poll::Pending;
            }
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.is_over {
            return Poll::Pending;
        }
        self.socket.poll_next_unpin(cx)
    }

    /// Does what a frame asks for, or begins to.
    fn take(&mut self, frame: &str) {
        match self.dialect.decode(frame) {
            Ok(Request::Chat { message, reference }) => self.say(&message, reference),
            Ok(Request::History { before, limit, reference }) => {
                let (hub, room) = (&self.shared.hub, self.sender.room());
                let page = async move { Answer::Page(hub.history(room, before, limit).await) };
                self.later().ask(Box::pin(page), true, reference);
            }
            Ok(Request::Unknown) => {}
            Err(Refused { fault, reference }) => self.refuse(fault, reference.as_ref()),
        }
    }

    /// Brings a message to the room.
    fn say(&mut self, text: &str, reference: Option<Reference>) {
        let sender = self.sender;
        // Who is not told that it was stored is told where it could not be.
        let posted = if reference.is_some() || self.shared.has_store {
            sender.try_submit(text, reference.clone()).map(Some)
        } else {
            sender.try_post(text).map(|()| None)
        };
        match posted {
            Ok(acknowledgement) => {
                self.shared.fan_out.traffic().messages_received.increment(1);
                self.seat.hurry();
                if let Some(acknowledgement) = acknowledgement {
                    self.later().expect(acknowledgement, reference);
                }
            }
            Err(TryPostError::Full) => {
                counters::mailbox_full();
                let (text, called) = (Arc::<str>::from(text), reference.clone());
                let posted = async move { Answer::Accepted(sender.submit(text, called).await) };
                self.later().ask(Box::pin(posted), false, reference);
            }
            Err(TryPostError::Refused(PostError::Closed)) => self.is_over = true,
            Err(TryPostError::Refused(error)) => self.refuse(error, reference.as_ref()),
        }
    }

    /// Tells the client why it does not get what it asked for.
    fn refuse(&mut self, reason: impl Into<Reason>, reference: Option<&Reference>) {
        counters::message_refused();
        let frame = text_frame(&self.dialect.refusal(&reason.into(), reference));
        if !self.dialect.has_acknowledgements() {
            self.seat.put_aside(&frame);
        } else if !self.seat.tell(frame) {
            self.later().is_telling();
        }
    }
}

impl<'s> Session<'s> {
    fn later(&mut self) -> &mut Later<'s> {
        self.later.get_or_insert_default()
    }
}

/// Payloads beyond this do not leave a connection with the buffer they were read into.
const LARGE_PAYLOAD_BYTES: usize = 1 << 10;

/// Messages of one connection that are heard before the others get their turn.
const MESSAGES_A_TURN: u32 = 16;
