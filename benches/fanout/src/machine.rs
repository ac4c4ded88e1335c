//! The machine: which cores there are.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// One core for the servers, another for the client.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    server: usize,
    client: usize,
}

/// Where a process runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Server,
    Client,
    Both,
}

impl Cores {
    /// The first two cores this process may use; with one core both share it, and figures say little.
    pub(crate) fn find() -> io::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = cores.next().unwrap_or_default();
        let client = cores.next();
        if client.is_none() {
            eprintln!("warning: server and client share the only core: latencies and ratios say little");
        }
        Ok(Self { server, client: client.unwrap_or(server) })
    }

    /// Moves this process; what it starts from here on begins there.
    pub(crate) fn move_to(self, place: Place) -> io::Result<()> {
        let mut cores = CpuSet::new();
        if place != Place::Client {
            cores.set(self.server);
        }
        if place != Place::Server {
            cores.set(self.client);
        }
        Ok(sched_setaffinity(None, &cores)?)
    }
}
