//! Two clients who do not keep up: one never reads, one reads 20 KiB/s.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use super::connection::{dial, request};

/// Bytes of their receive buffers: small, so that what they do not read is the server's burden and not the kernel's.
const RECEIVE_BUFFER: usize = 8 << 10;
/// The slow one reads a KiB every 50 ms: 20 KiB/s.
const SIP: usize = 1 << 10;
const EVERY: Duration = Duration::from_millis(50);

pub(super) struct Laggards {
    /// Held, never read.
    _stalled: OwnedFd,
    slow: OwnedFd,
    next: Instant,
}

impl Laggards {
    /// Both join the first room.
    pub(super) fn join(address: SocketAddr) -> io::Result<Self> {
        let join = |name| {
            let socket = dial(address, Some(RECEIVE_BUFFER))?;
            let request = request(address, name, 0);
            loop {
                match send(&socket, &request, SendFlags::NOSIGNAL) {
                    Err(Errno::AGAIN | Errno::NOTCONN) => thread::sleep(Duration::from_millis(1)),
                    sent => break sent.map(|_| socket),
                }
            }
        };
        Ok(Self { _stalled: join("stalled")?, slow: join("slow")?, next: Instant::now() })
    }

    /// Lets the slow one read when it is time. What it reads is not looked at.
    pub(super) fn step(&mut self) {
        if Instant::now() >= self.next {
            // Nothing there, or the end: both are the server's decision, and no fault of it.
            let _ = recv(&self.slow, &mut [0; SIP], RecvFlags::empty());
            self.next = Instant::now() + EVERY;
        }
    }
}
