//! One writer a file, across processes.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use crate::error::OpenError;

/// Held while a file is written to: by a lock on the file beside it, `FILE-lock`, which ends with the process however that
/// ends. The file beside it stays, and is empty: to remove it would be to let two in that open it at the same time.
///
/// SQLite's own locks would let a second server in between two transactions.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// `path` is the file's own, without a symbolic link in it: two ways to one file are to be one lock.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let beside = with_suffix(path, "-lock");
        // Not truncated, and nothing is written: it may be on a full disk.
        let file = private()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&beside)
            .map_err(|error| OpenError::from_io(&beside, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(OpenError::from_io(&beside, &error)),
        }
    }
}

/// A file that is made with these is for its owner alone, on Unix; one that is there stays what it is. SQLite gives the log
/// and its index the mode of the file that they belong to.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The name of a file that belongs to another: `FILE-wal` of `FILE`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
