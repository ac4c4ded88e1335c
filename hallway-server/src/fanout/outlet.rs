//! The sending side of one connection.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt;
use hallway_core::log::{Cursor, Log};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, Interest, ReadBuf, Ready},
    net::TcpStream,
};

use super::{Detached, batch::Batch, edition::Edition, link::Link, pending::Pending, tally::Sent};
use crate::{counters, dialect::Dialect};

/// A connection that the fan-out writes to, and what is still to be written.
#[derive(Debug)]
pub(super) struct Outlet {
    stream: TcpStream,
    pub(super) link: Arc<Link>,
    pending: Pending,
    pub(super) dialect: Dialect,
    /// Its socket is full, or broken: nothing is written to it until its session says so.
    is_blocked: bool,
    /// Pings sent in its present silence.
    pub(super) pings: u32,
    /// What was written since it was last looked at.
    pub(super) sent: Sent,
}

/// What became of an attempt to bring a member up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It has everything.
    All,
    /// Its socket is full.
    Blocked,
    /// Its connection is broken.
    Broken,
}

impl Outlet {
    pub(super) fn new(stream: TcpStream, link: Arc<Link>, dialect: Dialect, pending: Pending) -> Self {
        Self { stream, link, pending, dialect, is_blocked: false, pings: 0, sent: Sent::default() }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Whether there is something to write, and room for it as far as is known.
    pub(super) fn is_behind(&self, edition: &Edition) -> bool {
        !self.is_blocked && !self.pending.is_empty(&edition.log)
    }

    /// As [`Pending::put_aside`].
    pub(super) fn put_aside(&mut self, frames: &[u8]) {
        self.pending.put_aside(frames);
    }

    /// As [`Pending::tell`], and writes.
    pub(super) fn tell(&mut self, frames: Vec<u8>, edition: &mut Edition) -> Written {
        self.pending.tell(frames);
        self.write(edition)
    }

    /// As [`Pending::is_telling`].
    pub(super) fn is_telling(&self) -> bool {
        self.pending.is_telling()
    }

    /// As [`Pending::poll_told`].
    pub(super) fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.pending.poll_told(cx)
    }

    /// For how long nothing came from the client that says it is there. One that is not read from, because it has not taken
    /// what it was told, says so by taking bytes.
    pub(super) fn silence(&self) -> Duration {
        if self.link.is_deaf() && !self.pending.is_telling() {
            return Duration::ZERO;
        }
        let silence = self.link.silence();
        if self.pending.is_telling() { silence.min(self.link.abstinence()) } else { silence }
    }

    /// Writes what the member has not got, in as few calls to the kernel as there can be, and never waits.
    pub(super) fn write(&mut self, edition: &mut Edition) -> Written {
        if self.is_blocked { Written::Blocked } else { self.resume(edition) }
    }

    /// Whether a member whose socket was full has taken something meanwhile.
    ///
    /// The runtime learns of it when a third of the kernel's buffer is free, which takes a slow reader long; here the
    /// kernel is asked.
    pub(super) fn probe(&mut self, edition: &mut Edition) -> bool {
        self.pending.catch_up(edition);
        self.is_blocked = false;
        let sent = self.write_once(&edition.log);
        self.is_blocked = true;
        if let Ok(sent) = sent {
            self.advance(&mut edition.log, sent);
            self.link.took();
        }
        sent.is_ok()
    }

    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error is found again by writing.
        self.stream.poll_write_ready(cx).map(drop)
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if read.is_ready() {
            self.link.hear();
        }
        read
    }

    /// Whether the client has shut its side, with bytes before that to be read or none.
    pub(super) fn has_closed(&self) -> bool {
        let ready = self.stream.ready(Interest::READABLE).now_or_never();
        ready.is_some_and(|ready| ready.is_ok_and(Ready::is_read_closed))
    }

    /// As [`write`](Self::write), also for a member whose socket was full and may have room now.
    pub(super) fn resume(&mut self, edition: &mut Edition) -> Written {
        let was_blocked = self.is_blocked;
        // From its first refusal on it is measured for how long it takes nothing.
        let mut has_taken = !was_blocked;
        let written = loop {
            self.pending.catch_up(edition);
            match self.write_once(&edition.log) {
                Ok(0) => break Written::All,
                Ok(sent) => self.advance(&mut edition.log, sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Written::Blocked,
                Err(_) => break Written::Broken,
            }
            has_taken = true;
        };
        self.is_blocked = written != Written::All;
        if self.is_blocked && has_taken {
            self.link.took();
        }
        if self.is_blocked && !was_blocked {
            if written == Written::Blocked {
                counters::reader_blocked();
            }
            self.link.call();
        }
        written
    }

    fn advance(&mut self, log: &mut Log<Batch>, bytes: usize) {
        self.sent.bytes += bytes;
        self.sent.messages += self.pending.advance(log, bytes);
    }

    /// How many bytes the socket took, 0 where there is nothing for it.
    fn write_once(&self, log: &Log<Batch>) -> io::Result<usize> {
        let mut parts = self.pending.parts(log);
        let Some(first) = parts.next() else { return Ok(0) };
        let Some(second) = parts.next() else { return self.send(|socket| socket.send(first)) };
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip([first, second].into_iter().chain(parts)) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        self.send(|socket| socket.send_vectored(&slices[..count]))
    }

    fn send(&self, send: impl FnOnce(SockRef<'_>) -> io::Result<usize>) -> io::Result<usize> {
        let socket = SockRef::from(&self.stream);
        if self.is_blocked {
            // So that the runtime learns whether the socket is full still.
            self.stream.try_io(Interest::WRITABLE, || send(socket))
        } else {
            // Past the runtime, which keeps what it knows of the socket elsewhere in memory: fetching that was 6 % of a
            // pass over 1,000 members.
            send(socket)
        }
    }

    pub(super) fn take_apart(self) -> (Cursor<Batch>, Detached) {
        let (cursor, torn) = self.pending.take_apart();
        (cursor, Detached { stream: self.stream, torn })
    }
}

/// Parts that go out in one call. A member that keeps up seldom has more than one batch before it.
const MAX_SLICES: usize = 16;
