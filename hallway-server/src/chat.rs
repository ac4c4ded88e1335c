//! A member on a socket: what the client says goes to the room, what the room says goes to the client.
//!
//! Both directions and the watch for silence run side by side in the session's own task. Each waits for its client
//! alone, and whichever ends first ends them all.

use std::{future::Future, pin::pin, time::Duration};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use hallway_core::{Event, Member, MemberReceiver, MemberSender, PostError, RecvError};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::{
    config::Config,
    dialect::{self, Request},
    rate::Rate,
    transport::{End, Incoming, Meter, Socket, received},
};

/// Serves a member until one of the two goes. The member has left when this returns.
pub(crate) async fn run(
    socket: Socket,
    member: Member,
    config: &Config,
    stopping: watch::Receiver<bool>,
) -> (Socket, End) {
    let meter = socket.get_ref().meter().clone();
    let (sink, mut frames) = socket.split();
    let writer = Writer { sink: Mutex::new(sink), meter: meter.clone(), stall_timeout: config.stall_timeout };
    let (sender, receiver) = member.split();

    let end = tokio::select! {
        end = hear(&mut frames, &sender, &writer, config) => end,
        end = tell(receiver, &writer) => end,
        end = watch_silence(&meter, &writer, config) => end,
        end = run_out_of_grace(stopping, config) => end,
    };
    let socket = frames.reunite(writer.sink.into_inner()).expect("both are halves of the same socket");
    (socket, end)
}

/// Brings what the client says to the room, as fast as its rate and the hub allow.
async fn hear(
    frames: &mut SplitStream<Socket>,
    sender: &MemberSender,
    writer: &Writer,
    config: &Config,
) -> End {
    let mut rate = Rate::new(config.rate, config.burst, Instant::now());
    loop {
        let text = match received(frames.next().await) {
            Ok(Incoming::Text(text)) => text,
            Ok(Incoming::Binary(_)) => return End::Binary,
            Ok(Incoming::Control) => continue,
            Err(end) => return end,
        };
        // A client above its rate is not silent: it is the server that does not read.
        writer.meter.hear();
        let refused = match dialect::decode(&text) {
            Ok(Request::Chat(message)) => match sender.post(message).await {
                Ok(()) => None,
                Err(error @ (PostError::Empty | PostError::TooLong { .. })) => Some(error.to_string()),
                // Nothing is taken in any more; what was said before is still told, and that ends the session.
                Err(PostError::Closed) => std::future::pending().await,
            },
            Ok(Request::Unknown) => None,
            Err(fault) => Some(fault.to_string()),
        };
        if let Some(reason) = refused {
            let notice = dialect::encode_notice(&format!("not sent: {reason}"));
            if let Err(end) = writer.send([Message::text(notice)]).await {
                return end;
            }
        }
        let now = Instant::now();
        rate.take(now);
        let wait = rate.wait(now);
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
}

/// Brings what the room says to the client: all that is there in one go.
async fn tell(mut receiver: MemberReceiver, writer: &Writer) -> End {
    let mut events = Vec::new();
    loop {
        let sent = match receiver.recv_many(&mut events, BATCH_EVENTS).await {
            Ok(_) => writer.send(events.drain(..).map(|event| frame(&event))).await,
            Err(RecvError::Missed(count)) => {
                let messages = if count == 1 { "message" } else { "messages" };
                let notice = dialect::encode_notice(&format!("you missed {count} {messages}"));
                writer.send([Message::text(notice)]).await
            }
            Err(RecvError::Closed) => return End::ShuttingDown,
        };
        if let Err(end) = sent {
            return end;
        }
    }
}

fn frame(event: &Event) -> Message {
    Message::text(dialect::encode(event))
}

/// Pings a client that is silent, and gives up one that stays so.
async fn watch_silence(meter: &Meter, writer: &Writer, config: &Config) -> End {
    let mut pinged = meter.heard();
    loop {
        let heard = meter.heard();
        let give_up = heard + config.silence_timeout;
        let ping = heard.max(pinged) + config.ping_after;
        sleep_until(ping.min(give_up)).await;
        if meter.heard() > heard {
            continue;
        }
        if Instant::now() >= give_up {
            return End::Silent;
        }
        // It waits behind what the client does not take, but not for longer than its silence may last.
        match timeout_at(give_up, writer.send([Message::Ping(Bytes::new())])).await {
            Ok(Err(end)) => return end,
            Ok(Ok(())) | Err(_) => pinged = Instant::now(),
        }
    }
}

/// Ends a session that a shutdown finds unable to take what was said before.
async fn run_out_of_grace(mut stopping: watch::Receiver<bool>, config: &Config) -> End {
    // An error means that the server is gone, which is as good as told.
    let _ = stopping.wait_for(|stopping| *stopping).await;
    sleep(config.shutdown_grace).await;
    End::ShuttingDown
}

/// The sending side: for one at a time, and only as long as the client takes bytes.
struct Writer {
    sink: Mutex<SplitSink<Socket, Message>>,
    meter: Meter,
    stall_timeout: Duration,
}

impl Writer {
    /// Sends the frames in one go. Where the future is dropped some of them may be lost, but none is torn.
    async fn send(&self, frames: impl IntoIterator<Item = Message>) -> Result<(), End> {
        // Locked for one frame at a time, and in turn: a ping or a notice need not wait until a slow client has taken a
        // whole batch, or the ping would come too late for one that is slow and alive.
        let write = async {
            for frame in frames {
                self.sink.lock().await.feed(frame).await?;
            }
            self.sink.lock().await.flush().await
        };
        self.unless_stalled(write).await?.map_err(End::from)
    }

    async fn unless_stalled<T>(&self, write: impl Future<Output = T>) -> Result<T, End> {
        let start = Instant::now();
        let mut write = pin!(write);
        loop {
            let give_up = self.meter.taken().max(start) + self.stall_timeout;
            if Instant::now() >= give_up {
                return Err(End::Stalled);
            }
            // Where the time is over but some bytes were taken meanwhile, the client is slow, but alive.
            if let Ok(done) = timeout_at(give_up, &mut write).await {
                return Ok(done);
            }
        }
    }
}

/// Events taken from the room at once: enough for a busy room's batch, few enough that a client which joins a room of
/// 64 KiB messages does not make the server encode all of its history before the first byte goes out.
const BATCH_EVENTS: usize = 64;
