//! From a TCP connection to WebSocket frames and to the connection's end, for any protocol inside the frames.
//!
//! The pieces, in the order of a connection's life: [`RequestHead::read`] reads a request, bounded and within one
//! deadline; [`Answer`] is every plain HTTP answer, a [`File`] among them; [`upgrade`] makes a WebSocket of a connection; [`received`] turns
//! what it yields into a frame or into the [`End`] of the connection; [`finish`] closes it as that end demands.

mod answer;
mod close;
mod file;
mod frames;
mod head;
mod upgrade;

pub use answer::Answer;
pub(crate) use answer::readable;
pub use close::{End, Incoming, finish, received};
pub use file::{File, Representation};
pub(crate) use frames::FrameScan;
pub use head::{HeadError, RequestHead};
pub(crate) use upgrade::websocket;
pub use upgrade::{Handshake, upgrade};
