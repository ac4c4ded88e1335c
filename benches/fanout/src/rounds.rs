//! Servers side by side: slices in turn, in an order that rotates, over fresh starts of all of them.
//!
//! The machine has fast and slow phases, minutes long. What is compared is therefore always of one round: each server's
//! figure is divided by the first server's of the same round, and the median of these ratios is quoted.

use std::{io, time::Duration};

use crate::{
    client::{Crowd, Faults, Load, Population, Slice},
    contender::Contender,
    machine::{Cores, Place},
    server::Server,
    statistics::real,
};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) starts: usize,
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

/// What is done to a server in a slice.
pub(crate) trait Work {
    /// Done once after a start, before anything is measured.
    fn prepare(&self, crowd: &mut Crowd) -> io::Result<()>;

    /// One slice: what it brought. The server's CPU time is read before and after.
    fn slice(&self, crowd: &mut Crowd, length: Duration) -> io::Result<Slice>;
}

/// A server, where it runs and who its clients are.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) contender: Contender,
    pub(crate) population: Population,
    pub(crate) place: Place,
}

/// What a scenario is measured with.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) plan: Plan,
    pub(crate) cores: Cores,
    /// Servers that can leave out who joined and left do so.
    pub(crate) quiet: bool,
    /// The client waits in the kernel and may run on both cores.
    pub(crate) patient: bool,
}

/// One server's figures of one slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// CPU time in nanoseconds for each delivered frame (or whatever else the work counts).
    pub(crate) cpu: f64,
    /// Latencies in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) per_second: f64,
}

/// What came of one server.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) rounds: Vec<Figures>,
    pub(crate) delivered: u64,
    pub(crate) faults: Faults,
    /// Bytes by which its resident memory grew after the joins: the most of all starts.
    pub(crate) growth: u64,
}

/// Measures the entries against the first of them.
pub(crate) fn compare(setting: Setting, entries: &[Entry], work: &impl Work) -> io::Result<Vec<Outcome>> {
    let mut outcomes: Vec<_> = entries.iter().map(|entry| Outcome::new(&entry.contender.name)).collect();
    let Plan { starts, rounds, slice } = setting.plan;
    for start in 0..starts {
        let mut running = Vec::new();
        for entry in entries {
            let server = Server::start(&entry.contender, setting.cores, entry.place, setting.quiet)?;
            let mut crowd = Crowd::new(server.address, entry.population, setting.patient)?;
            crowd.join()?;
            running.push((server, crowd));
        }
        running[0].1.settle(settling(entries[0].population.per_room))?;
        let mut before = Vec::new();
        for (server, crowd) in &mut running {
            crowd.settle(Duration::ZERO)?;
            before.push(server.resident()?);
            work.prepare(crowd)?;
        }
        if setting.patient {
            setting.cores.move_to(Place::Both)?;
        }
        for round in rounds * start / starts..rounds * (start + 1) / starts {
            for turn in 0..entries.len() {
                let entry = (round + turn) % entries.len();
                // Pings of servers that wait for their turn are answered meanwhile.
                for (_, crowd) in &mut running {
                    crowd.settle(Duration::ZERO)?;
                }
                let (server, crowd) = &mut running[entry];
                outcomes[entry].slice(server, crowd, work, slice)?;
                outcomes[entry].growth =
                    outcomes[entry].growth.max(server.resident()?.saturating_sub(before[entry]));
            }
        }
        setting.cores.move_to(Place::Client)?;
        for (outcome, (_, crowd)) in outcomes.iter_mut().zip(&mut running) {
            outcome.faults.add(crowd.faults());
        }
    }
    Ok(outcomes)
}

/// How long a room has something to say of its joins after the last of them. One that exceeded its budget of
/// announcements, 100,000 frames a second, sums up the rest when the second ends.
fn settling(members: usize) -> Duration {
    Duration::from_millis(if members * members > 100_000 { 1_100 } else { 200 })
}

impl Outcome {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rounds: Vec::new(), delivered: 0, faults: Faults::default(), growth: 0 }
    }

    fn slice(
        &mut self,
        server: &Server,
        crowd: &mut Crowd,
        work: &impl Work,
        length: Duration,
    ) -> io::Result<()> {
        let before = server.cpu()?;
        let slice = work.slice(crowd, length)?;
        // Time to fall asleep: the CPU time of a sleeping thread is exact.
        crowd.settle(Duration::from_millis(2))?;
        let cpu = server.cpu()?.saturating_sub(before);
        let count = real(slice.count.max(1));
        self.delivered += slice.count;
        self.rounds.push(Figures {
            cpu: real(cpu) / count,
            p50: real(slice.p50) / 1e3,
            p99: real(slice.p99) / 1e3,
            per_second: count / slice.time.as_secs_f64(),
        });
        Ok(())
    }
}

/// Talking, the work of most scenarios.
pub(crate) struct Talk(pub(crate) Load);

impl Work for Talk {
    fn prepare(&self, crowd: &mut Crowd) -> io::Result<()> {
        crowd.run(self.0, Duration::from_millis(100)).map(drop)
    }

    fn slice(&self, crowd: &mut Crowd, length: Duration) -> io::Result<Slice> {
        crowd.run(self.0, length)
    }
}
