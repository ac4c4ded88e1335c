//! What `/proc` says of a process: its memory and its CPU time.

use std::{fs, io, time::Duration};

/// A process, by its number.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// This program's own.
    pub(crate) fn this() -> Self {
        Self(std::process::id())
    }

    /// CPU time of all its threads.
    pub(crate) fn cpu(self) -> io::Result<Duration> {
        let stat = self.read("stat")?;
        // The name, in parentheses, may hold anything; behind it come the fields from the third on.
        let (_, fields) = stat.rsplit_once(')').ok_or_else(|| unreadable("stat"))?;
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
        Ok(Duration::from_millis(ticks.sum::<u64>() * 1_000 / rustix::param::clock_ticks_per_second()))
    }

    /// What is resident now, in bytes, and the most that ever was.
    pub(crate) fn resident(self) -> io::Result<(u64, u64)> {
        Ok((self.memory("VmRSS")?, self.memory("VmHWM")?))
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

fn unreadable(what: &str) -> io::Error {
    io::Error::other(format!("/proc says nothing of {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        let (now, most) = Process::this().resident().unwrap();
        assert!(now > 0 && most >= now / 2 && Process::this().cpu().is_ok());
    }
}
