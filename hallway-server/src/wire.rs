//! What the WebSocket of a session reads from and writes to.

use std::{
    io,
    mem::{self, MaybeUninit},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hallway_core::{RoomFeed, RoomName};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Bytes;

use crate::{
    fanout::{Attached, Detached, FanOut, Joiner, Seat, frame_end},
    transport::{End, FrameScan},
};

/// A connection, which the fan-out has while its member is in a room.
///
/// Meanwhile the WebSocket reads from it through the fan-out, and what it writes (pongs, the answer to a Close) is handed
/// to the fan-out, to go out between two frames.
///
/// The WebSocket reads little at once, because it keeps a buffer of that size for as long as it lives. What the kernel
/// had beyond that waits here, and costs nothing when there is none.
#[derive(Debug)]
pub(crate) struct Wire {
    state: State,
    read_ahead: Option<Box<Bytes>>,
    scan: FrameScan,
    /// Whole messages and control frames that were read and that the WebSocket has not yielded.
    waiting: u32,
    /// Bytes that the WebSocket was given since it made a frame of them, or others had their turn.
    read_this_turn: u32,
}

#[derive(Debug)]
enum State {
    /// The WebSocket's own. `rest` is still to be sent before anything else.
    Own { stream: TcpStream, rest: Bytes },
    /// With the fan-out.
    Attached(Attached),
    /// On the way from one to the other.
    Gone,
}

impl Wire {
    /// Before its handshake. `early` is what the client sent behind its request; no message may have more than
    /// `max_message_bytes`.
    pub(crate) fn new(stream: TcpStream, early: Vec<u8>, max_message_bytes: usize) -> Self {
        let state = State::Own { stream, rest: Bytes::new() };
        let mut wire = Self::over(state, max_message_bytes);
        let allowed = wire.follow(&early);
        if allowed > 0 {
            wire.read_ahead = Some(Box::new(Bytes::from(early).slice(..allowed)));
        }
        wire
    }

    fn over(state: State, max_message_bytes: usize) -> Self {
        let scan = FrameScan::new(max_message_bytes);
        Self { state, read_ahead: None, scan, waiting: 0, read_this_turn: 0 }
    }

    /// Takes the connection out, and leaves a broken one.
    pub(crate) fn take(&mut self) -> Self {
        mem::replace(self, Self::over(State::Gone, 0))
    }

    /// To be called for each message and control frame that the WebSocket has yielded. Whether that was the end of what
    /// it was given: then there is nothing in its buffer.
    pub(crate) fn has_yielded(&mut self) -> bool {
        self.read_this_turn = 0;
        self.waiting = self.waiting.saturating_sub(1);
        self.waiting == 0 && self.scan.is_between_messages()
    }

    /// Whether the client has begun a message that is not whole.
    pub(crate) fn is_in_message(&self) -> bool {
        self.scan.is_in_message()
    }

    /// Looks at what came; returns how much of it may be read.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        let seen = self.scan.follow(bytes);
        self.waiting += seen.complete;
        if let State::Attached(attached) = &self.state {
            let traffic = attached.traffic();
            traffic.bytes_received.increment(bytes.len() as u64);
            if seen.fragments > 0 {
                traffic.fragments_received.increment(seen.fragments.into());
            }
        }
        seen.allowed
    }

    /// Sends whole frames before the fan-out has the connection; each time that the client takes something it may take that
    /// long for the next. Where the future is dropped half-way, or fails, the end of the frame begun is sent before all else.
    pub(crate) async fn send(&mut self, mut frames: Bytes, stall_timeout: Duration) -> Result<(), End> {
        let State::Own { stream, rest } = &mut self.state else { return Err(End::Internal) };
        while !frames.is_empty() {
            let sent = write_some(stream, &frames, stall_timeout).await?;
            let torn = rest.len();
            let end = if sent > torn { torn + frame_end(&frames[torn..], sent - torn - 1) } else { torn };
            *rest = frames.slice(sent..end);
            frames = frames.slice(sent..);
        }
        Ok(())
    }

    /// Gives the connection to the fan-out, which writes to it from what the joiner is told first on. Nothing where it has it
    /// already.
    pub(crate) fn attach(
        &mut self,
        fan_out: &Arc<FanOut>,
        room: &RoomName,
        joiner: Joiner,
        feed: RoomFeed,
    ) -> Option<Seat> {
        match mem::replace(&mut self.state, State::Gone) {
            State::Own { stream, rest: _ } => {
                let attached = fan_out.attach(room, joiner, feed, stream);
                let seat = attached.seat().clone();
                self.state = State::Attached(attached);
                Some(seat)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Takes the connection back, to close it: what still comes is no matter of frames.
    pub(crate) fn detach(&mut self) {
        self.scan.give_up();
        self.state = match mem::replace(&mut self.state, State::Gone) {
            State::Attached(attached) => attached
                .detach()
                .map_or(State::Gone, |Detached { stream, torn }| State::Own { stream, rest: torn }),
            other => other,
        };
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_this_turn >= READ_A_TURN_BYTES {
            // Fragments without end are no messages, and would be read for as long as there are some.
            self.read_this_turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        if self.read(cx, into)?.is_pending() {
            self.read_this_turn = 0;
            return Poll::Pending;
        }
        let count = u32::try_from(into.filled().len() - before).unwrap_or(u32::MAX);
        self.read_this_turn = self.read_this_turn.saturating_add(count);
        Poll::Ready(Ok(()))
    }
}

impl Wire {
    fn read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(ahead) = &mut self.read_ahead {
            into.put_slice(&ahead.split_to(ahead.len().min(into.remaining())));
            if ahead.is_empty() {
                self.read_ahead = None;
            }
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        if self.scan.fault().is_none() {
            ready!(self.read_new(cx, into))?;
        }
        if into.filled().len() == before
            && let Some(fault) = self.scan.fault()
        {
            // Said once, behind all that came before it. What still comes is for whoever closes the connection.
            self.scan.give_up();
            return Poll::Ready(Err(io::Error::other(End::from(fault))));
        }
        Poll::Ready(Ok(()))
    }

    /// Reads from the kernel, and no further than is allowed.
    fn read_new(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if into.remaining() >= READ_AHEAD_BYTES {
            let before = into.filled().len();
            ready!(self.state.poll_read(cx, into))?;
            let allowed = self.follow(&into.filled()[before..]);
            into.set_filled(before + allowed);
            return Poll::Ready(Ok(()));
        }
        let mut space = [MaybeUninit::uninit(); READ_AHEAD_BYTES];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(self.state.poll_read(cx, &mut read))?;
        let allowed = self.follow(read.filled());
        let (now, later) = read.filled()[..allowed].split_at(allowed.min(into.remaining()));
        into.put_slice(now);
        if !later.is_empty() {
            self.read_ahead = Some(Box::new(Bytes::copy_from_slice(later)));
        }
        Poll::Ready(Ok(()))
    }
}

impl State {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Own { stream, .. } => Pin::new(stream).poll_read(cx, into),
            Self::Attached(attached) => attached.seat().poll_read(cx, into),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

/// Given to the WebSocket before others get their turn, while it makes no frame of it.
const READ_A_TURN_BYTES: u32 = 2 << 10;

/// Read in one call to the kernel: more than a client that has sixteen messages under way has sent.
const READ_AHEAD_BYTES: usize = 4 << 10;

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.state {
            State::Own { stream, rest } => {
                ready!(poll_write_all(stream, cx, rest))?;
                Pin::new(stream).poll_write(cx, bytes)
            }
            State::Attached(attached) => {
                attached.seat().put_aside(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            State::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Own { stream, rest } => poll_write_all(stream, cx, rest),
            // It is with the fan-out.
            State::Attached(_) | State::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Own { stream, .. } => Pin::new(stream).poll_shutdown(cx),
            // Others write to it.
            State::Attached(_) | State::Gone => Poll::Ready(Ok(())),
        }
    }
}

/// Returns how much the client took, as soon as it takes something.
///
/// The runtime learns of it when a third of the kernel's buffer is free, which takes a slow reader longer than it may take
/// nothing: now and then the kernel is asked.
async fn write_some(stream: &mut TcpStream, bytes: &[u8], stall_timeout: Duration) -> Result<usize, End> {
    let begun = Instant::now();
    while begun.elapsed() < stall_timeout {
        let written = match timeout(stall_timeout / 8, stream.write(bytes)).await {
            Ok(written) => written,
            Err(_) => SockRef::from(&*stream).send(bytes),
        };
        match written {
            Ok(count) if count > 0 => return Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return Err(End::Vanished),
        }
    }
    Err(End::Stalled)
}

fn poll_write_all(stream: &mut TcpStream, cx: &mut Context<'_>, rest: &mut Bytes) -> Poll<io::Result<()>> {
    while !rest.is_empty() {
        let sent = ready!(Pin::new(&mut *stream).poll_write(cx, rest))?;
        *rest = rest.slice(sent..);
    }
    Poll::Ready(Ok(()))
}
