//! Where the server's files are while it is measured.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// A folder; one that this program has made is removed when dropped.
pub(crate) struct Folder {
    path: PathBuf,
    is_own: bool,
}

impl Folder {
    /// The one at `path`, or a fresh one where the system has such things.
    pub(crate) fn open(path: Option<PathBuf>) -> io::Result<Self> {
        let (path, is_own) = match path {
            Some(path) => (path, false),
            None => (env::temp_dir().join(format!("hallway-durable-{}", std::process::id())), true),
        };
        fs::create_dir_all(&path)?;
        Ok(Self { path, is_own })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a new file for a server, with nothing left of an earlier run.
    pub(crate) fn fresh(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(format!("{name}.db"));
        remove(&path)?;
        Ok(path)
    }
}

/// Removes a server's file and those that belong to it.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let mut path = path.as_os_str().to_owned();
        path.push(suffix);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_own {
            // What cannot be removed is left to the system, which clears its temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
