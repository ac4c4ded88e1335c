//! Who joins a room, and what it is told before its place in the log.

use std::sync::Arc;

use hallway_core::{Event, Replay, RoomFeed, TryRecvError};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Bytes;

use super::super::{batch::Encoder, link::Link, outlet::Outlet, pending::Pending};
use super::Broadcast;
use crate::{counters, dialect::Dialect};

/// A member that is to be served. Behind its replay its part of the room's feed begins.
#[derive(Debug)]
pub(crate) struct Joiner {
    pub(crate) dialect: Dialect,
    /// Whole frames, before all else.
    pub(crate) head: Vec<u8>,
    pub(crate) replay: Replay,
    /// The place in the room's sequence of the newest message before its part of the feed.
    pub(crate) seq: u64,
}

impl Broadcast {
    /// Lets a member in, and writes what it is owed. `feed` is its part of the feed; the room's first member gave its own to
    /// the room.
    pub(in super::super) fn insert(
        &mut self,
        stream: TcpStream,
        link: Arc<Link>,
        joiner: Joiner,
        feed: Option<RoomFeed>,
    ) -> usize {
        let Joiner { dialect, head, replay, seq } = joiner;
        // The room's own feed begins where its first member's does, and so must that member's place in the log.
        let first = feed.is_none().then(|| self.editions.begin(dialect, seq).subscribe());
        self.take_in();
        self.editions.seal();
        let own = self.own(dialect, seq, replay.count, feed);
        let edition = self.editions.begin(dialect, self.seq);
        let cursor = first.unwrap_or_else(|| edition.subscribe());
        let encoded = edition.encoded(&replay.history);
        let pending = Pending::new(cursor, head, replay.history, encoded, own);
        let place = self.members.insert(Outlet::new(stream, link, dialect, pending));
        self.write_to(place, Outlet::write);
        place
    }

    /// What a joiner is told between its replay and its place in the log: the count, and what the room has said since it
    /// joined, which is in the log before that place. Where that is much, because many join a room that talks, it has missed
    /// the rest: each of them would be sent a copy of its own.
    pub(super) fn own(
        &mut self,
        dialect: Dialect,
        mut seq: u64,
        count: Option<usize>,
        feed: Option<RoomFeed>,
    ) -> Bytes {
        let mut own = Encoder::new(dialect, OWN_BYTES);
        own.extend(count.map(Event::Count));
        let Some(mut feed) = feed else { return own.seal().frames };
        let mut event = Vec::new();
        while feed.position() < self.feed.position() {
            if own.is_full() {
                let missed = feed.messages_before(&self.feed);
                if missed > 0 {
                    counters::readers_overtaken(1, missed);
                    own.push_missed(&(seq + 1..=seq + missed));
                }
                own.extend(self.count.map(Event::Count));
                break;
            }
            match feed.try_recv_many(&mut event, 1) {
                Ok(_) => {
                    if let Some(Event::Chat(chat)) = event.first() {
                        seq = chat.seq;
                    }
                    own.extend(event.drain(..));
                }
                Err(TryRecvError::Missed(missed)) => {
                    // What is missing behind the room's own place the room will say.
                    let missed = missed.min(self.seq.saturating_sub(seq));
                    own.push_missed(&(seq + 1..=seq + missed));
                    seq += missed;
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        own.seal().frames
    }
}

/// What is encoded for a joiner alone.
pub(super) const OWN_BYTES: usize = 64 << 10;
