//! The disk beneath it all: how fast it puts things away, without a server in between.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::figures::{Latencies, per_second};

/// Bytes that are written before each sync: a page of the server's file.
const PAGE: [u8; 4096] = [b'x'; 4096];

/// A file that grows by a page at a time; removed when dropped.
pub(crate) struct Disk {
    path: PathBuf,
    file: File,
}

impl Disk {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("disk");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// Appends a page and waits until it is on the disk (`fdatasync`); how long that took.
    pub(crate) fn sync(&mut self) -> io::Result<Duration> {
        let begin = Instant::now();
        self.file.write_all(&PAGE)?;
        self.file.sync_data()?;
        Ok(begin.elapsed())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It is in a folder that is removed as a whole, or in one that the user looks after.
        let _ = fs::remove_file(&self.path);
    }
}

/// What the disk did in a second.
pub(crate) struct Rate {
    pub(crate) syncs: u64,
    pub(crate) latencies: Latencies,
}

/// Appends and syncs for a second.
pub(crate) fn rate(folder: &Path) -> io::Result<Rate> {
    let mut disk = Disk::open(folder)?;
    let mut latencies = Latencies::default();
    let (begin, mut syncs) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_secs(1) {
        latencies.record(disk.sync()?);
        syncs += 1;
    }
    Ok(Rate { syncs: per_second(syncs, begin.elapsed()), latencies })
}

/// Asks the kernel to forget what it has of a file in memory, so that it is read from the disk.
pub(crate) fn forget_cached(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    // What is not on the disk yet cannot be forgotten.
    file.sync_data()?;
    Ok(rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?)
}
