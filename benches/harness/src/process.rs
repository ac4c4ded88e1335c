//! What `/proc` says of a process: its memory, its CPU time, its open files.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::figures::mib;

/// A process, by its number.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// This program's own.
    #[must_use]
    pub fn this() -> Self {
        Self(std::process::id())
    }

    /// CPU time of all its threads.
    pub fn cpu(self) -> io::Result<Duration> {
        let stat = self.read("stat")?;
        // The name, in parentheses, may hold anything; behind it come the fields from the third on.
        let (_, fields) = stat.rsplit_once(')').ok_or_else(|| unreadable("stat"))?;
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
        Ok(Duration::from_millis(ticks.sum::<u64>() * 1_000 / rustix::param::clock_ticks_per_second()))
    }

    /// How many files it has open.
    pub fn descriptors(self) -> io::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }

    /// What is resident now, in bytes, and the most that ever was.
    pub fn resident(self) -> io::Result<(u64, u64)> {
        Ok((self.memory("VmRSS")?, self.memory("VmHWM")?))
    }

    /// Begins to watch how its memory grows.
    pub fn watch_memory(self) -> io::Result<MemoryWatch> {
        // Sets the peak to what is resident now (proc(5)).
        fs::write(format!("/proc/{}/clear_refs", self.0), "5")?;
        let (resident, anonymous) = (self.memory("VmRSS")?, self.memory("RssAnon")?);
        let is_over = Arc::new(AtomicBool::new(false));
        let sampler = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                let mut highest = anonymous;
                while !is_over.load(Relaxed) {
                    // A process that has ended has no memory.
                    highest = highest.max(self.memory("RssAnon").unwrap_or_default());
                    thread::sleep(SAMPLE_EVERY);
                }
                highest
            }
        });
        Ok(MemoryWatch { process: self, resident, anonymous, is_over, sampler })
    }

    /// A field of its status, in bytes.
    fn memory(self, field: &str) -> io::Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib << 10).ok_or_else(|| unreadable(field))
    }

    fn read(self, file: &str) -> io::Result<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.0))
    }
}

const SAMPLE_EVERY: Duration = Duration::from_millis(10);

fn unreadable(what: &str) -> io::Error {
    io::Error::other(format!("/proc says nothing of {what}"))
}

/// A thread that looks at a process's memory.
#[derive(Debug)]
pub struct MemoryWatch {
    process: Process,
    resident: u64,
    anonymous: u64,
    is_over: Arc<AtomicBool>,
    sampler: JoinHandle<u64>,
}

impl MemoryWatch {
    /// Ends the watch.
    pub fn end(self) -> io::Result<Growth> {
        let peak = self.process.memory("VmHWM")?;
        self.is_over.store(true, Relaxed);
        let anonymous = self.sampler.join().map_err(|_| unreadable("RssAnon"))?;
        Ok(Growth {
            peak: peak.saturating_sub(self.resident),
            anonymous: anonymous.saturating_sub(self.anonymous),
        })
    }
}

/// By how many bytes memory grew at most.
#[derive(Debug)]
pub struct Growth {
    /// The kernel's own peak of what is resident, above what was resident before.
    peak: u64,
    /// The highest sample of anonymous memory, above that of before.
    anonymous: u64,
}

impl Growth {
    /// The greater of the two: the kernel keeps its peak only roughly.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.peak.max(self.anonymous)
    }

    /// As the table has it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("+{} (anonymous +{})", mib(self.peak), mib(self.anonymous))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_time_and_open_files() {
        let this = Process::this();
        assert!(this.memory("VmHWM").unwrap() >= this.memory("RssAnon").unwrap());
        let (now, most) = this.resident().unwrap();
        assert!(now > 0 && most >= now / 2);
        assert!(this.cpu().is_ok() && this.descriptors().unwrap() >= 3);
    }

    #[test]
    fn memory_that_was_taken_shows_in_the_growth() {
        let watch = Process::this().watch_memory().unwrap();
        let taken = vec![1_u8; 32 << 20];
        let growth = watch.end().unwrap();
        assert!(growth.most() >= 30 << 20, "{} of {}", growth.text(), taken.len());
    }
}
