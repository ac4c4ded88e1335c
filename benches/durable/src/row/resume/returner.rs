//! One who comes back.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, mpsc, watch};

use crate::{
    client::{Client, Position, Reader, within},
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
    pub(super) newest: u64,
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
    let Missed { room, name, epoch, after, newest } = missed;
    let position = Position { epoch: epoch.clone(), after: *after };
    let (mut client, welcome) = Client::join(address, room, name, Some(&position)).await?;
    if !welcome.resumed || welcome.epoch != *epoch || welcome.seq != *newest {
        return Err(io::Error::other(format!("{welcome:?} to one at {after} of {epoch}")));
    }
    for seq in after + 1..=*newest {
        let frame = client.reader.text().await?;
        if !is_message(frame, seq, &text(room, seq)) {
            let frame = String::from_utf8_lossy(frame);
            return Err(io::Error::other(format!("{frame:.200} in place of {seq}")));
        }
    }
    Ok(client)
}

/// Whether a frame, in which the protocol has settled the order of all keys, says this with this number.
fn is_message(frame: &[u8], seq: u64, text: &str) -> bool {
    let rest = frame.strip_prefix(format!("{CHAT_MESSAGE}{{\"seq\":{seq},").as_bytes());
    rest.is_some_and(|rest| rest.ends_with(format!("\"message\":\"{text}\"}}}}").as_bytes()))
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
    use super::is_message;

    #[test]
    fn a_message_is_told_from_another_number_and_another_text() {
        let frame =
            br#"{"type":"chatMessage","payload":{"seq":42,"sentAt":"now","username":"a","message":"b"}}"#;
        assert!(is_message(frame, 42, "b"));
        assert!(!is_message(frame, 4, "b") && !is_message(frame, 42, "c"));
    }
}
