//! Members that speak the v2 dialect: frames by hand, on tokio's sockets.

mod connection;
mod event;
mod frame;

pub(crate) use self::{
    connection::{Client, Position, Reader, say, say_into},
    event::{Ack, Chat, Event, Refusal},
};
