//! Why a file could not be opened, and what SQLite's errors mean to a store.

use std::{
    io,
    path::{Path, PathBuf},
};

use hallway_core::StoreError;
use rusqlite::{Error as SqliteError, ErrorCode, ffi};
use thiserror::Error;

/// Why a file could not be opened. Nothing in it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file, and it is not to be made: or its directory is missing.
    #[error("{path}: no such file or directory", path = .0.display())]
    Missing(PathBuf),
    /// It is a directory, a device or the like.
    #[error("{path} is no file", path = .0.display())]
    NoFile(PathBuf),
    /// A hub has it open, or a command that changes it.
    #[error("{path} is in use", path = .0.display())]
    InUse(PathBuf),
    /// It may not be written to.
    #[error("{path} is read-only", path = .0.display())]
    ReadOnly(PathBuf),
    /// It is something else.
    #[error("{path} is no SQLite database", path = .0.display())]
    NoDatabase(PathBuf),
    /// It is a database, of another program.
    #[error("{path} is the database of another program (application_id {found})", path = .path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// The program's mark.
        found: i32,
    },
    /// A newer version of this program made it.
    #[error("{path} has version {found} of the format, and the newest known here is {newest}", path = .path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known.
        newest: u32,
    },
    /// An older version made it, and it is only to be read: opening it to write to it brings it up to date.
    #[error("{path} has version {found} of the format, and is to be opened by a server first", path = .path.display())]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// There is no space for what opening it needs.
    #[error("{path}: the disk is full", path = .0.display())]
    Full(PathBuf),
    /// It cannot be read as what it should be.
    #[error("{path} is damaged: {reason}", path = .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite says of it.
        reason: String,
    },
    /// Anything else.
    #[error("cannot open {path}: {reason}", path = .path.display())]
    Failed {
        /// Which file.
        path: PathBuf,
        /// As the system or SQLite has it.
        reason: String,
    },
}

impl OpenError {
    pub(crate) fn from_sqlite(path: &Path, error: &SqliteError) -> Self {
        let path = path.to_owned();
        if let SqliteError::SqliteFailure(code, _) = error
            && code.code == ErrorCode::NotADatabase
        {
            return Self::NoDatabase(path);
        }
        match store_error(error) {
            StoreError::Full => Self::Full(path),
            StoreError::Damaged(reason) => Self::Damaged { path, reason },
            other => Self::Failed { path, reason: other.to_string() },
        }
    }

    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing(path),
            io::ErrorKind::IsADirectory => Self::NoFile(path),
            io::ErrorKind::StorageFull => Self::Full(path),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            _ => Self::Failed { path, reason: error.to_string() },
        }
    }
}

/// What an error of SQLite means to whoever uses a store.
pub(crate) fn store_error(error: &SqliteError) -> StoreError {
    let text = error.to_string();
    match error {
        SqliteError::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full,
            // The index of the log could not be made larger, which is written so that no space can be missing later.
            _ if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Damaged(text),
            _ => StoreError::Failed(text),
        },
        SqliteError::FromSqlConversionFailure(..)
        | SqliteError::IntegralValueOutOfRange(..)
        | SqliteError::InvalidColumnType(..) => StoreError::Damaged(text),
        _ => StoreError::Failed(text),
    }
}

/// [`store_error`] as `map_err` needs it.
#[expect(clippy::needless_pass_by_value, reason = "errors come by value")]
pub(crate) fn failed(error: SqliteError) -> StoreError {
    store_error(&error)
}
