//! The client: one thread, epoll, thousands of connections, and a record that every frame is held against.

mod connection;
mod crowd;
mod faults;
mod histogram;
mod laggards;
mod message;
mod record;

pub(crate) use self::{
    connection::Stage,
    crowd::{Crowd, Load, Population, Slice},
    faults::Faults,
};
