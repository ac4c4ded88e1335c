//! A store for `hallway-core`: the messages of all rooms in one SQLite file.
//!
//! ```no_run
//! use hallway_core::{RoomName, Store, store::PageLimit};
//! use hallway_sqlite::{Options, SqliteStore};
//!
//! let store = SqliteStore::open("hallway.db", &Options::default())?;
//! let newest = PageLimit { messages: 100, bytes: 1 << 20 };
//! if let Some(lobby) = store.room(&RoomName::default(), newest)? {
//!     println!("{} messages, the newest of {}", lobby.seq, lobby.sent_at);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`SqliteStore`] is what a hub is given. The rest is for an operator's commands: what is in a file can be
//! [exported](export()), [imported](import()), [backed up](backup()), [verified](verify()), and what one name has said
//! [erased](forget()). `docs/store.md` describes the file to whoever opens it with `sqlite3`.

mod append;
mod backup;
mod connect;
mod error;
mod export;
mod forget;
mod import;
mod line;
mod lock;
mod read;
mod readers;
mod rows;
mod schema;
mod store;
mod tidy;
mod verify;

pub use backup::{BackupError, backup};
pub use error::OpenError;
pub use export::{ExportError, export};
pub use forget::{ForgetError, forget};
pub use import::{ImportError, ImportReport, import};
pub use store::{Options, SqliteStore};
pub use verify::{VerifyError, verify};
