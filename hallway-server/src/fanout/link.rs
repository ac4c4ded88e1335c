//! Between a session's task and what sends for it: who calls whom, and when the client was last alive.

use std::{
    future::poll_fn,
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{AcqRel, Relaxed, Release},
        },
    },
    task::Poll,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use crate::transport::End;

/// A clock that one task winds for all connections of a server: whether a client is alive is a matter of seconds, and
/// reading the real clock at every read and write is not free.
#[derive(Debug)]
pub(crate) struct Ticks {
    start: Instant,
    millis: AtomicU64,
}

/// Shared by a session and what sends for it.
#[derive(Debug)]
pub(crate) struct Link {
    ticks: Arc<Ticks>,
    waker: AtomicWaker,
    /// The session is to look after its outlet.
    is_called: AtomicBool,
    /// The session does not read what the client sends.
    is_deaf: AtomicBool,
    end: OnceLock<End>,
    /// By the ticks: when the client was last heard, and when it last took a byte.
    heard: AtomicU64,
    taken: AtomicU64,
}

impl Ticks {
    pub(crate) fn starting(now: Instant) -> Self {
        Self { start: now, millis: AtomicU64::new(0) }
    }

    pub(crate) fn wind(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.start).as_millis();
        self.millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Relaxed);
    }

    fn now(&self) -> u64 {
        self.millis.load(Relaxed)
    }
}

impl Link {
    pub(crate) fn new(ticks: Arc<Ticks>) -> Self {
        let now = ticks.now();
        Self {
            ticks,
            waker: AtomicWaker::new(),
            is_called: AtomicBool::new(false),
            is_deaf: AtomicBool::new(false),
            end: OnceLock::new(),
            heard: AtomicU64::new(now),
            taken: AtomicU64::new(now),
        }
    }

    /// Whether the session does not read what the client sends, because it waits for something else. Then its silence is not
    /// the client's.
    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.is_deaf.store(is_deaf, Relaxed);
    }

    pub(crate) fn is_deaf(&self) -> bool {
        self.is_deaf.load(Relaxed)
    }

    /// A byte came from the client.
    pub(crate) fn hear(&self) {
        self.heard.store(self.ticks.now(), Relaxed);
    }

    /// The client, or the kernel on its behalf, took a byte.
    pub(crate) fn took(&self) {
        self.taken.store(self.ticks.now(), Relaxed);
    }

    /// For how long the client was silent.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.ticks.now().saturating_sub(self.heard.load(Relaxed)))
    }

    /// For how long the client took no byte.
    pub(crate) fn abstinence(&self) -> Duration {
        Duration::from_millis(self.ticks.now().saturating_sub(self.taken.load(Relaxed)))
    }

    /// Calls the session to look after its outlet.
    pub(crate) fn call(&self) {
        self.is_called.store(true, Release);
        self.waker.wake();
    }

    /// Ends the session, unless it was ended before.
    pub(crate) fn end(&self, end: End) {
        // The first reason is the reason.
        let _ = self.end.set(end);
        self.waker.wake();
    }

    /// Waits until the session is called, or ended. Cancel safe. For the session's task alone: it is the one that is
    /// woken.
    pub(crate) async fn called(&self) -> Result<(), End> {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            match self.end.get() {
                Some(end) => Poll::Ready(Err(end.clone())),
                None if self.is_called.swap(false, AcqRel) => Poll::Ready(Ok(())),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Waits until the session is ended. As [`called`](Self::called).
    pub(crate) async fn ended(&self) -> End {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            self.end.get().cloned().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
