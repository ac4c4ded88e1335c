//! A stream that remembers when it last moved a byte, in each direction.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// When a connection last moved a byte. Clones are of the same connection.
///
/// Whether a client lives is a matter of bytes, not of frames: one that takes a long frame slowly takes it.
#[derive(Clone, Debug)]
pub struct Meter {
    times: Arc<Times>,
}

/// Milliseconds from `start`.
#[derive(Debug)]
struct Times {
    start: Instant,
    heard: AtomicU64,
    taken: AtomicU64,
}

/// A stream under a [`Meter`].
#[derive(Debug)]
pub struct Metered<S> {
    stream: S,
    meter: Meter,
}

impl Meter {
    fn starting(now: Instant) -> Self {
        let times = Times { start: now, heard: AtomicU64::new(0), taken: AtomicU64::new(0) };
        Self { times: Arc::new(times) }
    }

    /// Counts as heard what was read before and is looked at only now.
    pub(crate) fn hear(&self) {
        self.times.heard.store(self.millis(), Relaxed);
    }

    /// When the last byte came from the client; the connection's start where none has come yet.
    #[must_use]
    pub fn heard(&self) -> Instant {
        self.times.start + Duration::from_millis(self.times.heard.load(Relaxed))
    }

    /// When the client, or the kernel on its behalf, last took a byte; the connection's start where it took none yet.
    #[must_use]
    pub fn taken(&self) -> Instant {
        self.times.start + Duration::from_millis(self.times.taken.load(Relaxed))
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.times.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl<S> Metered<S> {
    /// Puts `stream` under a meter that starts now.
    pub fn new(stream: S) -> Self {
        Self { stream, meter: Meter::starting(Instant::now()) }
    }

    /// Its meter.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        if into.filled().len() > before {
            self.meter.hear();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        if taken > 0 {
            self.meter.times.taken.store(self.meter.millis(), Relaxed);
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
