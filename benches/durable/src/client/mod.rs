//! Members that speak the v2 dialect: frames by hand, on tokio's sockets.

mod connection;
mod event;
mod frame;
mod http;

use std::{io, time::Duration};

use tokio::time::timeout;

pub(crate) use self::{
    connection::{Client, Position, Reader, say, say_into},
    event::{Ack, Chat, Event, Refusal},
    http::get,
};

/// The outcome of `work`, or an error that says what did not happen in time.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("{what}: not within {limit:?}"));
    timeout(limit, work).await.map_err(late)?
}
