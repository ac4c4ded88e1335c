//! A store for `hallway-core`: the messages of all rooms in one SQLite file.
//!
//! [`SqliteStore`] is what a hub is given.

mod append;
mod connect;
mod error;
mod lock;
mod read;
mod readers;
mod rows;
mod schema;
mod store;
mod tidy;

pub use error::OpenError;
pub use store::{Options, SqliteStore};
