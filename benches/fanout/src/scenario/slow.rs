//! Slow: does it matter to the others that one never reads and one reads 20 KiB/s?

use std::{io, time::Duration};

use super::{Bench, Scenario, one_room};
use crate::{
    client::{Crowd, Load, Population, Slice},
    contender::HALLWAY,
    machine::Place,
    report::{Figure, Reach, Report},
    rounds::{Entry, Work, compare},
    statistics::real,
};

/// 500 messages a second, each 1 KiB as it is received.
const FRAME: usize = 1 << 10;
const LOAD: Load = Load::Paced { per_second: 500 };

/// What is said before the first slice, as fast as it goes: more than kernel buffers and the room's log hold, so that
/// the two are behind from the first slice on.
const FLOOD: u64 = 8 << 20;
const FLOODED: Load = Load::Closed { outstanding: 4 };

/// By how much the server's memory may grow.
const GROWTH: u64 = 8 << 20;

pub(super) fn run(scenario: &Scenario, bench: &Bench, report: &mut Report) -> io::Result<()> {
    let Some(hallway) = &bench.hallway else {
        report.skipped(scenario.name, "hallway is not among the servers");
        return Ok(());
    };
    let alone = Population { frame: FRAME, ..one_room(50, 1) };
    let beside = Population { laggards: true, ..alone };
    let entry =
        |name, population| Entry { contender: hallway.with(name, &[]), population, place: Place::Server };
    let entries = [entry("hallway without", alone), entry(HALLWAY, beside)];
    let outcomes = compare(bench.setting(false), &entries, &AfterFlood)?;
    report.compared(scenario.name, &outcomes, Reach::p99(1.1));
    for outcome in &outcomes {
        let mib = real(outcome.growth) / real(1 << 20);
        report.figure(Figure {
            scenario: scenario.name,
            server: outcome.name.clone(),
            what: "memory grew by",
            value: format!("{mib:.1} MiB"),
            reach: (outcome.name == HALLWAY).then(|| ("< 8 MiB".to_owned(), outcome.growth < GROWTH)),
        });
    }
    Ok(())
}

struct AfterFlood;

impl Work for AfterFlood {
    fn prepare(&self, crowd: &mut Crowd) -> io::Result<()> {
        crowd.begin(FLOODED);
        while crowd.sent() * (FRAME as u64) < FLOOD && crowd.elapsed() < Duration::from_secs(10) {
            crowd.step()?;
        }
        crowd.finish().map(drop)
    }

    fn slice(&self, crowd: &mut Crowd, length: Duration) -> io::Result<Slice> {
        crowd.run(LOAD, length)
    }
}
