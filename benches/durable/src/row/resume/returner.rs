//! One who comes back.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use hallway_harness::within;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{
    client::{Client, Position, Reader},
    tool::text,
};

/// After that it has not been told.
const LIMIT: Duration = Duration::from_secs(60);

/// What one was not there for.
pub(super) struct Missed {
    pub(super) room: String,
    pub(super) name: String,
    pub(super) epoch: String,
    pub(super) after: u64,
    pub(super) messages: Arc<[Frame]>,
}

/// A frame that says a message, in which the protocol has settled the order of all keys: what it begins and ends with. Made
/// once for all, because this program and the server share the machine.
pub(super) struct Frame {
    begin: String,
    end: String,
}

impl Frame {
    pub(super) fn of(room: &str, seq: u64) -> Self {
        let begin = format!("{CHAT_MESSAGE}{{\"seq\":{seq},");
        Self { begin, end: format!("\"message\":\"{}\"}}}}", text(room, seq)) }
    }

    fn is(&self, frame: &[u8]) -> bool {
        frame.starts_with(self.begin.as_bytes()) && frame.ends_with(self.end.as_bytes())
    }
}

/// What it heard when all was said.
pub(super) struct Outcome {
    pub(super) heard_more: bool,
}

/// Comes back when it is its turn, says how long that took, and stays until all is over.
pub(super) async fn comes_back(
    address: SocketAddr,
    missed: Missed,
    at_once: Arc<Semaphore>,
    done: mpsc::Sender<io::Result<Duration>>,
    mut is_over: watch::Receiver<()>,
) -> Outcome {
    let turn = at_once.acquire_owned().await;
    let begin = Instant::now();
    let told = within(LIMIT, "told what it missed", is_told(address, &missed)).await;
    drop(turn);
    let (outcome, client) = match told {
        Ok(client) => (Ok(begin.elapsed()), Some(client)),
        Err(error) => (Err(error), None),
    };
    // The row may have been given up.
    let _ = done.send(outcome).await;
    let mut heard_more = false;
    if let Some(mut client) = client {
        tokio::select! {
            more = hears_more(&mut client.reader) => heard_more = more,
            // It is when nothing can be sent through it.
            _ = is_over.changed() => {}
        }
    }
    Outcome { heard_more }
}

/// Joins and hears exactly what it missed.
async fn is_told(address: SocketAddr, missed: &Missed) -> io::Result<Client> {
    let Missed { room, name, epoch, after, messages } = missed;
    let position = Position { epoch: epoch.clone(), after: *after };
    let (mut client, welcome) = Client::join(address, room, name, Some(&position)).await?;
    if !welcome.resumed || welcome.epoch != *epoch || welcome.seq != after + messages.len() as u64 {
        return Err(io::Error::other(format!("{welcome:?} to one at {after} of {epoch}")));
    }
    for message in messages.iter() {
        let frame = client.reader.text().await?;
        if !message.is(frame) {
            let frame = String::from_utf8_lossy(frame);
            return Err(io::Error::other(format!("{frame:.200} in place of {}", message.begin)));
        }
    }
    Ok(client)
}

const CHAT_MESSAGE: &str = "{\"type\":\"chatMessage\",\"payload\":";

/// Whether it hears any message, though nobody says one, or is cut off, while it listens.
async fn hears_more(reader: &mut Reader) -> bool {
    loop {
        match reader.text().await {
            Ok(frame) if frame.starts_with(CHAT_MESSAGE.as_bytes()) => return true,
            Ok(_) => {}
            Err(_) => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_from_another_number_and_another_text() {
        let head = r#"{"type":"chatMessage","payload":{"seq":42,"sentAt":"now","username":"a","message":""#;
        let frame = format!("{head}{}\"}}}}", text("lobby", 42));
        assert!(Frame::of("lobby", 42).is(frame.as_bytes()));
        assert!(!Frame::of("lobby", 4).is(frame.as_bytes()) && !Frame::of("den", 42).is(frame.as_bytes()));
    }
}
