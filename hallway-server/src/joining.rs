//! From being a member to being written to by the fan-out: what a member is told first, and what it missed.
//!
//! Most have missed nothing that is not in memory, and the fan-out has them at once. To who comes back after long the
//! session sends what it missed page by page, as the client takes it; meanwhile the member is in the room already, and what
//! the room says waits for it in the feed.

use std::{ops::RangeInclusive, sync::Arc};

use hallway_core::{Event, Lost, Member, MemberReceiver, RoomFeed, TryRecvError};
use tokio::time::sleep;
use tracing::warn;

use crate::{
    counters,
    dialect::{Dialect, Limits},
    fanout::{BATCH_BYTES, Frames, Joiner},
    session::{Seated, Shared},
    transport::End,
    wire::Wire,
};

/// Brings a member to its seat. `after` is the newest message that it has, if it comes back.
pub(crate) async fn seat(
    wire: &mut Wire,
    member: Member,
    after: u64,
    dialect: Dialect,
    shared: &Shared,
) -> Result<Seated, End> {
    let room = member.room().clone();
    let (sender, receiver) = member.split();
    let mut first = First { frames: Frames::new(dialect) };
    let welcome = receiver.welcome();
    let limits = Limits {
        message_bytes: shared.hub.config().max_message_bytes,
        messages_per_second: shared.config.rate,
        burst: shared.config.burst,
        history: shared.hub.config().history,
    };
    if let Some(json) = dialect.welcome(room.as_str(), sender.username(), welcome, limits) {
        first.frames.push(&json);
    }
    let (joiner, feed) = if welcome.resumed {
        tokio::select! {
            biased;
            resumed = resume(wire, first, receiver, after, shared) => resumed?,
            () = too_late(shared) => return Err(End::ShuttingDown),
        }
    } else {
        if let Some(gap) = &welcome.gap {
            first.gap(gap);
        }
        let seq = welcome.seq;
        let (replay, feed) = receiver.into_parts();
        (Joiner { dialect, head: first.frames.take(), replay, seq }, feed)
    };
    let seat = wire.attach(&shared.fan_out, &room, joiner, feed).ok_or(End::Internal)?;
    Ok(Seated { sender, seat, dialect })
}

/// Sends what was missed and is in the store alone. If there was something, then also what is in memory and what the room has
/// said meanwhile: the fan-out would take it as one piece.
async fn resume(
    wire: &mut Wire,
    mut first: First,
    mut receiver: MemberReceiver,
    after: u64,
    shared: &Shared,
) -> Result<(Joiner, RoomFeed), End> {
    let stall_timeout = shared.config.stall_timeout;
    let dialect = first.frames.dialect();
    let (mut next, mut seq) = (after + 1, receiver.welcome().seq);
    let mut is_sent = false;
    loop {
        let page = match receiver.read_missed().await {
            Ok(page) => page,
            // The gap is told with what comes behind it.
            Err(Lost { error, .. }) => {
                if let Some(error) = error {
                    warn!(%error, "a member that came back is not told all that it missed");
                }
                continue;
            }
        };
        let (Some(oldest), Some(newest)) = (page.first(), page.last()) else { break };
        first.gap_up_to(next, oldest.seq);
        next = newest.seq + 1;
        counters::missed_page();
        first.extend(page.into_iter().map(Event::Chat));
        wire.send(first.frames.take().into(), stall_timeout).await?;
        is_sent = true;
    }
    let (mut replay, mut feed) = receiver.into_parts();
    first.gap_up_to(next, replay.history.first().map_or(seq + 1, |chat| chat.seq));
    if !is_sent {
        return Ok((Joiner { dialect, head: first.frames.take(), replay, seq }, feed));
    }

    for chat in &*replay.history {
        first.frames.event(&Event::Chat(Arc::clone(chat)));
        if first.is_full() {
            wire.send(first.frames.take().into(), stall_timeout).await?;
        }
    }
    replay.history = [].into();
    first.extend(replay.count.take().map(Event::Count));
    // One that cannot keep up is not to be sent to from here for ever.
    let mut rest = shared.hub.config().feed_bytes.saturating_mul(2);
    let mut events = Vec::new();
    while rest > 0 {
        match feed.try_recv_many(&mut events, EVENTS_AT_ONCE) {
            Ok(_) => {
                for event in events.drain(..) {
                    if let Event::Chat(chat) = &event {
                        seq = chat.seq;
                    }
                    let before = first.frames.len();
                    first.frames.event(&event);
                    rest = rest.saturating_sub(first.frames.len() - before);
                    if first.is_full() {
                        wire.send(first.frames.take().into(), stall_timeout).await?;
                    }
                }
            }
            Err(TryRecvError::Missed(missed)) => {
                counters::readers_overtaken(1, missed);
                first.gap(&(seq + 1..=seq + missed));
                seq += missed;
            }
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    Ok((Joiner { dialect, head: first.frames.take(), replay, seq }, feed))
}

/// Nobody is sent what it missed for longer than others are what is left for them.
async fn too_late(shared: &Shared) {
    // A server that is dropped ends its sessions by other means.
    let _ = shared.stopping.clone().wait_for(|stopping| *stopping).await;
    sleep(shared.config.shutdown_grace).await;
}

/// Frames that go to one member before all else.
struct First {
    frames: Frames,
}

impl First {
    fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.frames.event(&event);
        }
    }

    /// Of what is missing between the next message to come and that which comes.
    fn gap_up_to(&mut self, next: u64, comes: u64) {
        if next < comes {
            self.gap(&(next..=comes - 1));
        }
    }

    fn gap(&mut self, places: &RangeInclusive<u64>) {
        if let Some(json) = self.frames.dialect().gone(places) {
            counters::gap();
            self.frames.push(&json);
        }
    }

    /// Whether it has as much as is kept for a client that does not take it.
    fn is_full(&self) -> bool {
        self.frames.len() >= BATCH_BYTES
    }
}

/// Events taken out of the feed under one lock.
const EVENTS_AT_ONCE: usize = 64;
