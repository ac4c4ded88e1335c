//! A member on a socket: what its client says goes to the room.
//!
//! What the room says comes from the fan-out; the session helps only where its client's socket was full. Both run side
//! by side in the session's own task, and whichever ends first ends both.

use std::future;

use futures_util::StreamExt;
use hallway_core::{MemberSender, PostError, TryPostError};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};
use tokio_tungstenite::WebSocketStream;

use crate::{
    counters::{self, Traffic},
    dialect::{self, Request},
    fanout::{Seat, text_frame},
    rate::Rate,
    session::Shared,
    transport::{End, Incoming, received, websocket},
    wire::Wire,
};

/// Serves a member until one of the two goes.
pub(crate) async fn run(
    socket: &mut WebSocketStream<Wire>,
    sender: &MemberSender,
    seat: &Seat,
    shared: &Shared,
) -> End {
    tokio::select! {
        biased;
        end = hear(socket, sender, seat, shared) => end,
        end = seat.attend() => end,
    }
}

/// Brings what the client says to the room, as fast as its rate and the hub allow.
async fn hear(
    socket: &mut WebSocketStream<Wire>,
    sender: &MemberSender,
    seat: &Seat,
    shared: &Shared,
) -> End {
    let mut rate = Rate::new(shared.config.rate, shared.config.burst, Instant::now());
    let mut turn = 0;
    let mut has_grown = false;
    loop {
        let (payload, is_text) = match received(socket.next().await) {
            Ok(Incoming::Text(frame)) => {
                // A client above its rate is not silent: it is the server that does not read.
                seat.hear();
                match say(&frame, sender, shared.fan_out.traffic()).await {
                    Ok(true) => seat.hurry(),
                    Ok(false) => {}
                    Err(reason) => {
                        counters::message_refused();
                        seat.tell(&text_frame(&dialect::encode_notice(&format!("not sent: {reason}"))));
                    }
                }
                (frame.len(), true)
            }
            Ok(Incoming::Binary(_)) => return End::Binary,
            // The socket has answered it. It counts as a message: answers are not for nothing either.
            Ok(Incoming::Control(payload)) => (payload.len(), false),
            Err(end) => return end,
        };
        let is_read = socket.get_mut().has_yielded();
        has_grown |= payload > LARGE_PAYLOAD_BYTES;
        // After a ping its pong is still in the WebSocket, and would be lost with it.
        if is_read && is_text && has_grown {
            has_grown = false;
            // Its read buffer has grown with the message, and would stay so.
            let max_message_bytes = shared.hub.config().max_message_bytes;
            *socket = Box::pin(websocket(socket.get_mut().take(), Vec::new(), max_message_bytes)).await;
        }
        let now = Instant::now();
        rate.take(now);
        let wait = rate.wait(now);
        // Who has closed sends nothing more. What the kernel holds of it is little, and to be heard; at its rate a member
        // that is gone would stay for minutes.
        if !wait.is_zero() && !seat.has_closed() {
            counters::sender_paused();
            Box::pin(sleep(wait)).await;
        }
        // One that sends much in one packet is not to have all of it heard before others are.
        turn += 1;
        if turn % MESSAGES_A_TURN == 0 {
            yield_now().await;
        }
    }
}

/// Brings a frame to the room; says whether the room will hear of it. An error is what its sender is to be told.
async fn say(frame: &str, sender: &MemberSender, traffic: &Traffic) -> Result<bool, String> {
    let message = match dialect::decode(frame) {
        Ok(Request::Chat(message)) => message,
        Ok(Request::Unknown) => return Ok(false),
        Err(fault) => return Err(fault.to_string()),
    };
    let posted = match sender.try_post(&*message) {
        Ok(()) => Ok(()),
        // Boxed: hardly anybody ever waits here, and everybody would carry its state.
        Err(TryPostError::Full) => {
            counters::mailbox_full();
            Box::pin(sender.submit(&*message, None)).await.map(drop)
        }
        Err(TryPostError::Refused(error)) => Err(error),
    };
    match posted {
        // Nothing is taken in any more; what was said before is still told, and that ends the session.
        Err(PostError::Closed) => future::pending().await,
        Err(error) => Err(error.to_string()),
        Ok(()) => {
            traffic.messages_received.increment(1);
            Ok(true)
        }
    }
}

/// Payloads beyond this do not leave a connection with the buffer they were read into.
const LARGE_PAYLOAD_BYTES: usize = 1 << 10;

/// Messages of one connection that are heard before the others get their turn.
const MESSAGES_A_TURN: u32 = 16;
