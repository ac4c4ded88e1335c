//! The floor's rooms: members, the last messages, and the batch of what one wake-up brought.

use std::collections::{HashMap, VecDeque};

use super::{Connections, connection::Connection};
use crate::wire;

/// Messages a room replays to who joins.
const HISTORY: usize = 100;
/// A member this many bytes behind is cut off.
const TOO_FAR_BEHIND: usize = 4 << 20;
/// A batch that grew beyond this many bytes gives its memory back.
const LARGE_BATCH: usize = 8 << 20;

pub(super) struct Rooms {
    quiet: bool,
    by_name: HashMap<String, usize>,
    all: Vec<Room>,
    /// The rooms that have something in their batch.
    news: Vec<usize>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    history: VecDeque<Vec<u8>>,
    /// Frames of this wake-up, as they go over the wire.
    batch: Vec<u8>,
}

impl Rooms {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, by_name: HashMap::new(), all: Vec::new(), news: Vec::new() }
    }

    /// The number of a room, which begins its life here if it has none.
    pub(super) fn named(&mut self, name: &str) -> usize {
        if let Some(&number) = self.by_name.get(name) {
            return number;
        }
        self.by_name.insert(name.to_owned(), self.all.len());
        self.all.push(Room::default());
        self.all.len() - 1
    }

    /// Lets a connection in, puts the history into `replay` and says where in the batch its share begins.
    pub(super) fn join(&mut self, number: usize, index: usize, name: &str, replay: &mut Vec<u8>) -> usize {
        let room = &mut self.all[number];
        for frame in &room.history {
            replay.extend_from_slice(frame);
        }
        let from = room.batch.len();
        room.members.push(index);
        self.announce(number, name, "joined");
        from
    }

    /// Takes a connection out of its room, if it got as far as to have one.
    pub(super) fn leave(&mut self, index: usize, connection: &Connection) {
        let Some(number) = connection.room else { return };
        let members = &mut self.all[number].members;
        if let Some(place) = members.iter().position(|member| *member == index) {
            members.swap_remove(place);
            self.announce(number, &connection.name, "left");
        }
    }

    /// Puts a client's message into the batch and the history, stamped with its name. What is no chat message is ignored.
    pub(super) fn chat(&mut self, number: usize, name: &str, payload: &[u8]) {
        const BEFORE_NAME: &[u8] = br#"{"type":"chatMessage","payload":{"username":""#;
        const BEFORE_TEXT: &[u8] = br#"","message":""#;
        const END: &[u8] = br#""}}"#;
        let Some(text) = text(payload) else { return };
        let batch = self.batch(number);
        let start = batch.len();
        wire::put_head(
            batch,
            wire::TEXT,
            BEFORE_NAME.len() + name.len() + BEFORE_TEXT.len() + text.len() + END.len(),
        );
        for part in [BEFORE_NAME, name.as_bytes(), BEFORE_TEXT, text, END] {
            batch.extend_from_slice(part);
        }
        let Room { history, batch, .. } = &mut self.all[number];
        let oldest = if history.len() == HISTORY { history.pop_front() } else { None };
        let mut frame = oldest.unwrap_or_default();
        frame.clear();
        frame.extend_from_slice(&batch[start..]);
        history.push_back(frame);
    }

    fn announce(&mut self, number: usize, name: &str, what: &str) {
        if self.quiet {
            return;
        }
        let count = self.all[number].members.len();
        let batch = self.batch(number);
        for text in [
            format!(r#"{{"type":"userCount","payload":{{"count":{count}}}}}"#),
            format!(r#"{{"type":"system","payload":{{"text":"{name} {what}"}}}}"#),
        ] {
            wire::put_head(batch, wire::TEXT, text.len());
            batch.extend_from_slice(text.as_bytes());
        }
    }

    /// The batch of a room about to say something.
    fn batch(&mut self, number: usize) -> &mut Vec<u8> {
        let batch = &mut self.all[number].batch;
        if batch.is_empty() {
            self.news.push(number);
        }
        batch
    }

    /// Whether no batch is about to carry what this connection has to send.
    pub(super) fn is_silent(&self, connection: &Connection) -> bool {
        connection.room.is_none_or(|number| self.all[number].batch.is_empty())
    }

    pub(super) fn have_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// One `send` for each member of each room that has news.
    pub(super) fn flush(&mut self, connections: &mut Connections, dead: &mut Vec<usize>) {
        for number in self.news.drain(..) {
            let Room { members, batch, .. } = &mut self.all[number];
            for &index in &*members {
                let Some(connection) = connections[index].as_mut() else { continue };
                let share = &batch[std::mem::take(&mut connection.from)..];
                if share.is_empty() && connection.behind() == 0 {
                    continue;
                }
                if connection.send(share).is_err() || connection.behind() > TOO_FAR_BEHIND {
                    dead.push(index);
                }
            }
            batch.clear();
            if batch.capacity() > LARGE_BATCH {
                *batch = Vec::new();
            }
        }
    }
}

/// The text of a chat message, still escaped; `None` if this is none.
fn text(payload: &[u8]) -> Option<&[u8]> {
    wire::find(payload, br#""chatMessage""#)?;
    let start = wire::find(payload, br#""message":""#)? + br#""message":""#.len();
    let rest = &payload[start..];
    let mut end = 0;
    loop {
        end += rest.get(end..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if rest[end] == b'"' {
            return Some(&rest[..end]);
        }
        end += 2;
    }
}
