//! What the clients of a server that is killed now and then know of it, and of each other.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize},
};

/// One life of the server, from a start to a kill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// Counted from 0.
    pub(super) number: usize,
    pub(super) address: SocketAddr,
    /// The room's newest message when it began: what has a higher number was taken in this life.
    pub(super) stood_at: u64,
}

/// How far the clients are.
#[derive(Default)]
pub(super) struct Progress {
    /// Messages that were sent and not acknowledged, of all writers.
    pub(super) on_the_way: AtomicUsize,
    /// The newest that the reader has heard.
    pub(super) heard: AtomicU64,
    /// From when on nothing new is said.
    pub(super) is_ending: AtomicBool,
}
