//! What one member is still to be sent, byte by byte: a place in its room's log, and what goes before it.

use std::mem;

use hallway_core::log::{Cursor, Log};
use tokio_tungstenite::tungstenite::Bytes;

use super::batch::{Batch, Encoder, frame_end};
use crate::dialect;

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
    /// Whole frames: the replay, what was left of a batch, or how much was missed.
    owed: Bytes,
}

impl Pending {
    /// `replay`, and then what the cursor has before it.
    pub(super) fn new(cursor: Cursor<Batch>, replay: Bytes) -> Self {
        let mut pending = Self { cursor, backlog: None };
        pending.owe(replay);
        pending
    }

    /// Puts whole frames in at the next frame boundary. Too much of it is forgotten: it is pongs that nobody reads.
    pub(super) fn put_aside(&mut self, frames: &[u8]) {
        let aside = &mut self.backlog.get_or_insert_default().aside;
        if aside.len() + frames.len() <= ASIDE_BYTES {
            aside.extend_from_slice(frames);
        }
    }

    pub(super) fn is_empty(&self, log: &Log<Batch>) -> bool {
        self.backlog.is_none() && log.is_at_end(&self.cursor)
    }

    /// The bytes to be sent, in order, in as many parts as they are stored in; to be called after
    /// [`catch_up`](Self::catch_up).
    pub(super) fn parts<'p>(&'p self, log: &'p Log<Batch>) -> impl Iterator<Item = &'p [u8]> {
        let backlog = self.backlog.iter().flat_map(|backlog| backlog.parts());
        backlog.chain(log.unread(&self.cursor).map(|batch| &batch.frames[..]))
    }

    /// Goes on behind a gap if the log has overtaken it and everything before the gap was sent.
    pub(super) fn catch_up(&mut self, log: &Log<Batch>) {
        if self.backlog.is_none()
            && let Some(missed) = log.skip_dropped(&mut self.cursor)
        {
            let mut notice = Encoder::default();
            notice.push_notice(&dialect::missed(missed.0));
            self.owe(notice.seal().frames);
        }
    }

    /// Moves past what was sent. Where that ended within a batch, the rest of it is kept here, whatever the log does.
    pub(super) fn advance(&mut self, log: &mut Log<Batch>, mut sent: usize) {
        if let Some(backlog) = &mut self.backlog {
            backlog.advance(&mut sent);
            if backlog.is_empty() {
                self.backlog = None;
            }
        }
        let mut batches = 0;
        let mut begun = None;
        for batch in log.unread(&self.cursor) {
            if sent == 0 {
                break;
            }
            batches += 1;
            if sent < batch.frames.len() {
                begun = Some(batch.frames.clone());
                break;
            }
            sent -= batch.frames.len();
        }
        log.advance(&mut self.cursor, batches);
        if let Some(frames) = begun {
            let mut backlog = Backlog { owed: frames, ..Backlog::default() };
            backlog.advance(&mut sent);
            self.backlog = Some(Box::new(backlog));
        }
    }

    /// Takes it apart: the cursor, to be given back to the log, and the end of a frame that was begun.
    pub(super) fn take_apart(self) -> (Cursor<Batch>, Bytes) {
        (self.cursor, self.backlog.map(|backlog| backlog.torn).unwrap_or_default())
    }

    fn owe(&mut self, frames: Bytes) {
        if !frames.is_empty() {
            self.backlog = Some(Box::new(Backlog { owed: frames, ..Backlog::default() }));
        }
    }
}

impl Backlog {
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        [&self.torn[..], &self.aside, &self.owed].into_iter().filter(|part| !part.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.parts().next().is_none()
    }

    /// Takes out what was sent, and from `sent` how much that is.
    fn advance(&mut self, sent: &mut usize) {
        *sent -= take_front(&mut self.torn, *sent);
        if *sent > 0 && !self.aside.is_empty() {
            let mut aside = Bytes::from(mem::take(&mut self.aside));
            *sent -= take_front(&mut aside, *sent);
            self.torn = aside;
        }
        if *sent > 0 && !self.owed.is_empty() {
            let end = frame_end(&self.owed, *sent - 1).min(self.owed.len());
            let mut begun = self.owed.split_to(end);
            *sent -= take_front(&mut begun, *sent);
            self.torn = begun;
        }
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
