//! What one member is still to be sent, byte by byte: a place in its room's log, and what goes before it.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use hallway_core::{
    Chat, Event,
    log::{Cursor, Log},
};
use tokio_tungstenite::tungstenite::Bytes;

use super::{
    batch::{BATCH_BYTES, Batch, Encoder},
    edition::Edition,
    frames::{frame_end, text_frame},
};
use crate::{counters, dialect::Dialect};

/// There is no queue here. A member whose socket is full keeps the rest of one batch at most; all else it reads from the
/// log when it can. Small, because a pass over a large room waits for memory before all else.
#[derive(Debug)]
pub(super) struct Pending {
    cursor: Cursor<Batch>,
    /// What goes before the log. Nothing, for whoever keeps up.
    backlog: Option<Box<Backlog>>,
}

/// In this order.
#[derive(Debug, Default)]
struct Backlog {
    /// The end of a frame that was begun.
    torn: Bytes,
    /// Whole control frames and notices for this member alone.
    aside: Vec<u8>,
    /// Whole frames for this member alone that it must not lose, and whether the frame begun is one of them.
    told: Bytes,
    is_told_torn: bool,
    /// Who waits until it has taken these.
    telling: Option<Waker>,
    /// Whole frames: a piece of the replay, what was left of a batch, or how much was missed.
    owed: Bytes,
    /// What is still to be encoded of the replay.
    replay: Replay,
    /// Whole frames that a joiner is told behind its replay.
    own: Bytes,
}

#[derive(Debug, Default)]
struct Replay {
    history: Arc<[Arc<Chat>]>,
    next: usize,
}

impl Pending {
    /// A joiner's: the frames of `head`, the history, `encoded` if it is already, then its `own` frames, then what the cursor
    /// has before it.
    pub(super) fn new(
        cursor: Cursor<Batch>,
        head: Vec<u8>,
        history: Arc<[Arc<Chat>]>,
        encoded: Option<Bytes>,
        own: Bytes,
    ) -> Self {
        let next = if encoded.is_some() { history.len() } else { 0 };
        let owed = encoded.unwrap_or_default();
        let backlog =
            Backlog { aside: head, owed, replay: Replay { history, next }, own, ..Backlog::default() };
        Self { cursor, backlog: (!backlog.is_empty()).then(|| Box::new(backlog)) }
    }

    /// Puts whole frames in at the next frame boundary. Too much of it is forgotten: it is pongs that nobody reads.
    pub(super) fn put_aside(&mut self, frames: &[u8]) {
        let waiting = self.backlog.as_ref().map_or(0, |backlog| backlog.aside.len());
        if waiting + frames.len() <= ASIDE_BYTES {
            self.backlog.get_or_insert_default().aside.extend_from_slice(frames);
        } else {
            counters::frames_forgotten();
        }
    }

    /// Puts whole frames in at the next frame boundary, and forgets none. Nobody is to be told more who has not taken what it
    /// was [told](Self::is_telling) before.
    pub(super) fn tell(&mut self, frames: Vec<u8>) {
        let backlog = self.backlog.get_or_insert_default();
        backlog.told = if backlog.told.is_empty() {
            frames.into()
        } else {
            [&backlog.told[..], &frames].concat().into()
        };
    }

    /// Whether something that it was told has not been taken.
    pub(super) fn is_telling(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.is_telling())
    }

    /// Waits until everything that it was told was taken.
    pub(super) fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.backlog {
            Some(backlog) if backlog.is_telling() => {
                backlog.telling = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    pub(super) fn is_empty(&self, log: &Log<Batch>) -> bool {
        self.backlog.is_none() && log.is_at_end(&self.cursor)
    }

    /// The bytes to be sent, in order, in as many parts as they are stored in; to be called after
    /// [`catch_up`](Self::catch_up).
    pub(super) fn parts<'p>(&'p self, log: &'p Log<Batch>) -> impl Iterator<Item = &'p [u8]> {
        let backlog = self.backlog.iter().flat_map(|backlog| backlog.parts());
        // Behind a piece of the replay comes the next, which is not encoded yet.
        let is_replayed = self.backlog.as_ref().is_none_or(|backlog| backlog.replay.is_encoded());
        let unread = is_replayed.then(|| log.unread(&self.cursor));
        backlog.chain(unread.into_iter().flatten().map(|batch| &batch.frames[..]))
    }

    /// Encodes the next piece of the replay; or goes on behind a gap if the log has overtaken it and everything before
    /// the gap was sent.
    pub(super) fn catch_up(&mut self, edition: &Edition) {
        if let Some(backlog) = &mut self.backlog {
            backlog.encode_replay(edition.dialect());
            // What is left of a replay may be messages that were erased, for which this dialect has no frame.
            if backlog.is_empty() {
                self.backlog = None;
            }
        }
        if self.backlog.is_none()
            && let Some(missed) = edition.skip_dropped(&mut self.cursor)
        {
            counters::readers_overtaken(1, (missed.end() + 1).saturating_sub(*missed.start()));
            self.backlog = Some(Backlog::owing(text_frame(&edition.dialect().missed(&missed)).into()));
        }
    }

    /// Moves past what was sent. Where that ended within a batch, the rest of it is kept here, whatever the log does.
    /// Returns how many messages of the log were among it, one that was begun with its batch.
    pub(super) fn advance(&mut self, log: &mut Log<Batch>, mut sent: usize) -> u64 {
        if let Some(backlog) = &mut self.backlog {
            backlog.advance(&mut sent);
            if backlog.is_empty() {
                self.backlog = None;
            }
        }
        let (mut batches, mut messages) = (0, 0);
        let mut begun = None;
        for batch in log.unread(&self.cursor) {
            if sent == 0 {
                break;
            }
            batches += 1;
            messages += batch.chats;
            if sent < batch.frames.len() {
                begun = Some(batch.frames.clone());
                break;
            }
            sent -= batch.frames.len();
        }
        log.advance(&mut self.cursor, batches);
        if let Some(frames) = begun {
            let backlog = self.backlog.insert(Backlog::owing(frames));
            backlog.advance(&mut sent);
        }
        messages
    }

    /// Takes it apart: the cursor, to be given back to the log, and the end of a frame that was begun.
    pub(super) fn take_apart(self) -> (Cursor<Batch>, Bytes) {
        (self.cursor, self.backlog.map(|backlog| backlog.torn).unwrap_or_default())
    }
}

impl Backlog {
    fn owing(frames: Bytes) -> Box<Self> {
        Box::new(Self { owed: frames, ..Self::default() })
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let own: &[u8] = if self.replay.is_encoded() { &self.own } else { &[] };
        [&self.torn[..], &self.aside, &self.told, &self.owed, own].into_iter().filter(|part| !part.is_empty())
    }

    fn is_telling(&self) -> bool {
        self.is_told_torn || !self.told.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.replay.is_encoded() && self.parts().next().is_none()
    }

    /// Takes out what was sent, and from `sent` how much that is.
    fn advance(&mut self, sent: &mut usize) {
        let was_telling = self.is_telling();
        *sent -= take_front(&mut self.torn, *sent);
        self.is_told_torn &= !self.torn.is_empty();
        self.advance_whole(sent);
        if was_telling
            && !self.is_telling()
            && let Some(waker) = self.telling.take()
        {
            waker.wake();
        }
    }

    /// Of whole frames.
    fn advance_whole(&mut self, sent: &mut usize) {
        if *sent > 0 && !self.aside.is_empty() {
            let mut aside = Bytes::from(mem::take(&mut self.aside));
            *sent -= take_front(&mut aside, *sent);
            self.torn = aside;
        }
        for (frames, is_told) in [(&mut self.told, true), (&mut self.owed, false), (&mut self.own, false)] {
            if *sent > 0 && !frames.is_empty() {
                let end = frame_end(frames, *sent - 1).min(frames.len());
                let mut begun = frames.split_to(end);
                *sent -= take_front(&mut begun, *sent);
                self.is_told_torn = is_told && !begun.is_empty();
                self.torn = begun;
            }
        }
    }

    fn encode_replay(&mut self, dialect: Dialect) {
        if self.owed.is_empty() && !self.replay.is_encoded() {
            let mut piece = Encoder::new(dialect, BATCH_BYTES);
            while !piece.is_full()
                && let Some(chat) = self.replay.history.get(self.replay.next)
            {
                piece.push(&Event::Chat(Arc::clone(chat)));
                self.replay.next += 1;
            }
            self.owed = piece.seal().frames;
        }
        if self.replay.is_encoded() {
            // It would keep its messages for a reader that has had them.
            self.replay = Replay::default();
        }
    }
}

impl Replay {
    fn is_encoded(&self) -> bool {
        self.next == self.history.len()
    }
}

/// Removes up to `count` bytes from the front; returns how many.
fn take_front(bytes: &mut Bytes, count: usize) -> usize {
    let count = count.min(bytes.len());
    // Not kept where it is empty: it would hold the whole batch.
    *bytes = if count == bytes.len() { Bytes::new() } else { bytes.slice(count..) };
    count
}

/// Bytes of pongs and notices that wait for a client which does not read.
const ASIDE_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests;
