//! The scenarios: what is done to the servers, and what Hallway is to reach in it.

mod churn;
mod idle;
mod slow;
mod storm;
mod talk;
mod threads;

use std::io;

use crate::{
    client::{Load, Population},
    contender::Contender,
    machine::{Cores, Place},
    report::{Reach, Report},
    rounds::{Entry, Plan, Setting},
};

/// Bytes of a chat frame as it is received, head included, wherever nothing else is said.
const FRAME: usize = 182;

/// One room, in which so many talk.
const fn one_room(members: usize, senders: usize) -> Population {
    Population { rooms: 1, per_room: members, senders, later: 0, frame: FRAME, laggards: false }
}

/// Rooms of two, in which both talk.
const PAIRS: Population =
    Population { rooms: 1_000, per_room: 2, senders: 2, later: 0, frame: FRAME, laggards: false };

/// A scenario's name on the command line and in the table, and what is done in it.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    course: Course,
}

enum Course {
    /// Clients talk, and every message goes to everybody in its room.
    Talk(Population, Load, Reach),
    Own(Run),
}

type Run = fn(&Scenario, &Bench, &mut Report) -> io::Result<()>;

/// All scenarios, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[
    talk("A1", "32 clients, all send, 1 outstanding each", one_room(32, 32), closed(1), Reach::cpu(1.15)),
    talk("A16", "32 clients, all send, 16 outstanding each", one_room(32, 32), closed(16), Reach::cpu(1.5)),
    talk("B4", "1,000 clients, 4 send, 1 outstanding", one_room(1_000, 4), closed(1), Reach::both(1.1, 1.2)),
    talk("B0", "1,000 clients, 1 sends, 1 outstanding", one_room(1_000, 1), closed(1), Reach::both(1.0, 1.2)),
    talk("B50", "1,000 clients, 50 messages/s", one_room(1_000, 1), paced(50), Reach::both(1.06, 1.2)),
    talk("C", "5,000 clients, 10 messages/s", one_room(5_000, 1), paced(10), Reach::both(1.12, 1.2)),
    talk("rooms", "1,000 rooms of 2, all send, 1 outstanding each", PAIRS, closed(1), Reach::cpu(2.0)),
    own("churn", "100 residents; 16 join, then the 16 leave, again and again", churn::run),
    own(
        "slow",
        "50 clients, 500 x 1 KiB/s, beside one who never reads and one who reads 20 KiB/s",
        slow::run,
    ),
    own("threads2", "B4 with `--threads 2`, client and server on both cores", threads::run),
    own("idle", "10,000 connections that do nothing: resident memory of each", idle::run),
    own("storm", "10,000 clients join a room that chats at 10 messages/s", storm::run),
];

const fn talk(
    name: &'static str,
    about: &'static str,
    population: Population,
    load: Load,
    reach: Reach,
) -> Scenario {
    Scenario { name, about, course: Course::Talk(population, load, reach) }
}

const fn own(name: &'static str, about: &'static str, run: Run) -> Scenario {
    Scenario { name, about, course: Course::Own(run) }
}

const fn closed(outstanding: u32) -> Load {
    Load::Closed { outstanding }
}

const fn paced(per_second: u32) -> Load {
    Load::Paced { per_second }
}

/// What the scenarios are run with.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) cores: Cores,
    /// Files that this process may have open.
    pub(crate) files: u64,
    /// The servers to compare; the first is what the others are divided by.
    pub(crate) contenders: Vec<Contender>,
    /// Hallway, if it is among them.
    pub(crate) hallway: Option<Contender>,
    /// Whether this is the short form, which looks for lost frames and not at times.
    pub(crate) short: bool,
}

impl Scenario {
    pub(crate) fn run(&self, bench: &Bench, report: &mut Report) -> io::Result<()> {
        match self.course {
            Course::Talk(population, load, reach) => {
                talk::run(self.name, population, load, reach, bench, report)
            }
            Course::Own(run) => run(self, bench, report),
        }
    }
}

impl Bench {
    /// Whether this process may have so many connections, beside what else it has open.
    fn may_open(&self, connections: usize) -> bool {
        connections as u64 + 100 <= self.files
    }

    fn setting(&self, quiet: bool) -> Setting {
        Setting { plan: self.plan, cores: self.cores, quiet, patient: false }
    }

    /// Every server with the same clients.
    fn entries(&self, population: Population) -> Vec<Entry> {
        let entry =
            |contender: &Contender| Entry { contender: contender.clone(), population, place: Place::Server };
        self.contenders.iter().map(entry).collect()
    }
}
