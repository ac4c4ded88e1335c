//! A copy of a file, while a server runs.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use hallway_core::StoreError;
use rusqlite::Connection;
use thiserror::Error;

use crate::{
    connect,
    error::{OpenError, failed},
    lock::{private, with_suffix},
    store::set_renewal,
};

/// Why there is no backup. Nothing of it is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something of the backup's name is there.
    #[error("{path} exists already", path = .0.display())]
    Exists(PathBuf),
    /// SQLite cannot write to a file of this name.
    #[error("{path} is no name in UTF-8", path = .0.display())]
    Name(PathBuf),
    /// The file could not be read, or the copy not be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy could not be brought to the disk.
    #[error("cannot write {path}: {error}", path = .path.display())]
    Write {
        /// Which file or directory.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Makes a copy of the file as it is at one moment, which is on the disk when this returns.
///
/// It is made under the name `TO-partial`, for its owner alone to read, and gets its own when it is whole. A server goes on meanwhile; what it writes
/// stays in the log beside its file, which grows until the copy is made.
///
/// A server that begins on the copy gives every room a new epoch: the numbers behind the copy's newest may have been
/// others' already.
pub fn backup(path: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), BackupError> {
    let connection = connect::look(path.as_ref())?;
    let to = to.as_ref();
    refuse_existing(to)?;
    // Left behind by another file of that name, they would be taken for the copy's own.
    for suffix in ["-wal", "-shm", "-journal"] {
        refuse_existing(&with_suffix(to, suffix))?;
    }
    let partial = with_suffix(to, "-partial");
    // Made here, so that of two backups to one name only one goes on.
    private().write(true).create_new(true).open(&partial).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            BackupError::Exists(partial.clone())
        } else {
            BackupError::Write { path: partial.clone(), error }
        }
    })?;
    let made = make(&connection, &partial).and_then(|()| publish(&partial, to));
    if made.is_err() {
        // The error is what is told; a file that cannot be removed either is the same disk's fault.
        let _ = fs::remove_file(&partial);
    }
    made
}

fn refuse_existing(to: &Path) -> Result<(), BackupError> {
    // A symbolic link that leads nowhere is something, too.
    match fs::symlink_metadata(to) {
        Ok(_) => Err(BackupError::Exists(to.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::Write { path: to.to_owned(), error }),
    }
}

fn make(connection: &Connection, partial: &Path) -> Result<(), BackupError> {
    let write_error = |error| BackupError::Write { path: partial.to_owned(), error };
    // By its whole path: one that begins with `file:` would be read as a URI.
    let whole = partial.canonicalize().map_err(write_error)?;
    let name = whole.to_str().ok_or_else(|| BackupError::Name(partial.to_owned()))?;
    // It counts as writing, although it writes to the copy alone.
    connection.pragma_update(None, "query_only", false).map_err(failed)?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(failed)?;
    let copy = Connection::open(&whole).map_err(failed)?;
    set_renewal(&copy, true).map_err(failed)?;
    copy.close().map_err(|(_, error)| failed(error))?;
    File::open(&whole).and_then(|file| file.sync_all()).map_err(write_error)
}

/// Gives a whole copy its name, by a link: to rename it would be to overwrite what got that name while it was made.
fn publish(partial: &Path, to: &Path) -> Result<(), BackupError> {
    let write_error = |path: &Path| {
        let path = path.to_owned();
        move |error| BackupError::Write { path, error }
    };
    match fs::hard_link(partial, to) {
        Ok(()) => fs::remove_file(partial).map_err(write_error(partial))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Exists(to.to_owned()));
        }
        // A file system without links: what gets this name between these two lines is lost.
        Err(_) => {
            refuse_existing(to)?;
            fs::rename(partial, to).map_err(write_error(to))?;
        }
    }
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(write_error(directory))
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    #[test]
    fn a_file_that_gets_the_name_while_the_copy_is_made_is_not_overwritten() {
        let directory = env::temp_dir().join(format!("hallway-sqlite-backup-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let (partial, to) = (directory.join("copy.db-partial"), directory.join("copy.db"));
        fs::write(&partial, "copy").unwrap();
        fs::write(&to, "precious").unwrap();
        assert!(matches!(publish(&partial, &to), Err(BackupError::Exists(_))));
        assert_eq!(fs::read(&to).unwrap(), b"precious");
        fs::remove_file(&to).unwrap();
        publish(&partial, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"copy");
        assert!(!partial.exists());
        fs::remove_dir_all(directory).unwrap();
    }
}
