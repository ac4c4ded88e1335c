//! A chat server on a [`Hub`]: WebSockets for its members, plain HTTP and a page to chat in beside them, on a listener you
//! bind.
//!
//! ```no_run
//! use hallway_core::{Hub, SystemClock};
//! use hallway_server::{Config, serve};
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:8080").await?;
//! let hub = Hub::spawn(hallway_core::Config::default(), SystemClock)?;
//! let ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
//! serve(listener, hub, Config::default(), ctrl_c).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What happens is counted through the [`metrics`] facade, for whoever installs a recorder before the server is made, and
//! shown at `/metrics` by [`Server::show_metrics`], which sets the gauges. All names begin with `hallway_`; `docs/metrics.md` has them.
//!
//! [`transport`] holds what is not about chat: the handshake, the limits of reading, and the end of a connection.

mod admission;
mod chat;
mod config;
mod counters;
mod dialect;
mod exposition;
mod fanout;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod joining;
mod listener;
mod origin;
mod page;
mod proxy;
mod query;
mod rate;
mod route;
mod session;
pub mod transport;
mod wire;

pub use config::Config;
pub use counters::describe_metrics;
pub use ipnet::IpNet;
pub use listener::{MAX_REFUSALS, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES, ServeError, Server, serve};
pub use origin::Origins;

#[cfg(doc)]
use hallway_core::Hub;
