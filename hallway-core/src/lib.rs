//! A chat hub to embed: rooms, members, the last messages, and one ordered feed for each room. No socket, no file, and
//! no clock but the one you hand in; and a [`store`], where you hand in one, that keeps every message.
//!
//! ```
//! use hallway_core::{Config, Event, Hub, RoomName, SystemClock};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::spawn(Config::default(), SystemClock)?;
//! let room: RoomName = "lobby".parse()?;
//! let alice = hub.join(&room, "alice").await?;
//! alice.post("Hello!").await?;
//!
//! // Whoever comes later is shown what was said before, then what is said from there on.
//! let mut bob = hub.join(&room, "bob").await?;
//! let Event::Chat(chat) = bob.recv().await? else { panic!("the history comes first") };
//! assert_eq!((&*chat.username, &*chat.text), ("alice", "Hello!"));
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! **Order.** Every room has one order of events. All its members receive them in this order, and the history is a
//! piece of it. A post that begins after another has returned comes after it. Messages are numbered: 1, 2, 3, … without a
//! hole, and the same [`Epoch`] and number are the same message for ever.
//!
//! **Joining** is one step. Where the replayed history ends the live events begin: none is missing, none comes twice.
//!
//! **Leaving** is dropping the [`Member`], or both of its halves, by whatever path: a return, a panic, a task aborted.
//! The room is told once.
//!
//! **Names** are the hub's. A member posts under the name it was given at its join, and there is no way to post under
//! another.
//!
//! **A slow receiver** costs nobody else anything: the hub never waits for one. It loses the oldest of what it has
//! not read when that exceeds [`Config::feed_bytes`], is told how many chat messages those were
//! ([`RecvError::Missed`]), and goes on with what is there. The newest count is not lost to it.
//!
//! **A fast sender** waits in [`submit`](MemberSender::submit) while the hub's mailbox is full, which it is where the store
//! is slow. What `submit` has accepted comes into the room's order, or is refused with a reason.
//!
//! **Acknowledgement.** [`post`](MemberSender::post) returns with the message's number. Where the hub [has a
//! store](Hub::spawn_with_store) the message is stored by then, and what any member has seen is stored, too: both are there
//! after a crash. ([`Durability::Relaxed`] gives up the second, for a shorter way.) Who does not know what became of a
//! message sends it again with the same [`Reference`], and it is said once.
//!
//! **Coming back.** [`Hub::resume`] takes the [`Position`] that a member had come to, and the member receives everything
//! behind it; where that is not possible its [`Welcome`] says what it will not receive. [`Hub::history`] reads back, page
//! by page.
//!
//! **A store that fails** refuses messages ([`PostError::Unavailable`]), which nobody is shown. Joins of rooms in memory,
//! reading and leaving go on, and so does posting when the store can again.
//!
//! **Shutdown.** What was accepted before [`Hub::shutdown`] is stored and delivered, then every receiver gets
//! [`RecvError::Closed`], and every call on a handle an error. [`Hub::closed`] waits for it.
//!
//! **Memory** is bounded by [`Config`]: each of its fields gives its unit and what happens at the limit. Without a store
//! history is in memory alone: it is lost with the hub, and with a room that is forgotten. A room is forgotten when its
//! last member leaves and nothing was said in it; one with history is kept until [`Config::idle_history_bytes`] or
//! [`Config::max_rooms`] needs the place, the one that has been empty the longest first. With a store it is read again when
//! somebody comes.

mod announce;
mod catch_up;
mod clock;
mod config;
mod epoch;
mod error;
mod event;
mod feed;
mod history;
mod hub;
mod invisible;
mod journal;
mod loading;
pub mod log;
mod mailbox;
mod member;
mod message;
mod name;
mod posting;
mod reader;
mod receiver;
mod reference;
mod references;
mod room;
mod room_name;
mod rooms;
mod sender;
pub mod store;
mod submission;
mod task;

pub use catch_up::Lost;
pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use epoch::{Epoch, EpochError, Position};
pub use error::{
    Closed, ConfigError, HistoryError, HubFailed, JoinError, PostError, RecvError, RoomNameError, StartError,
    TryPostError, TryRecvError,
};
pub use event::{Chat, Event};
pub use feed::{RoomFeed, RoomWatch};
pub use history::History;
pub use hub::Hub;
pub use member::{Member, Replay, Welcome};
pub use message::Message;
pub use reader::Page;
pub use receiver::MemberReceiver;
pub use reference::{Reference, ReferenceError};
pub use room_name::RoomName;
pub use rooms::Totals;
pub use sender::MemberSender;
pub use store::{Durability, Retention, Store, StoreError, StoreHealth};
pub use submission::{Acknowledgement, Receipt};
