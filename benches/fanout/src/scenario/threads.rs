//! Threads: the server on both cores, which it shares with the client, against the server on one.

use std::io;

use super::{Bench, Scenario, one_room};
use crate::{
    client::Load,
    machine::Place,
    report::{Reach, Report},
    rounds::{Entry, Setting, Talk, compare},
};

pub(super) fn run(scenario: &Scenario, bench: &Bench, report: &mut Report) -> io::Result<()> {
    let Some(hallway) = bench.hallway.as_ref().filter(|hallway| hallway.knows("--threads")) else {
        report.skipped(scenario.name, "hallway-server has no option --threads");
        return Ok(());
    };
    let population = one_room(1_000, 4);
    let entries = [
        Entry {
            contender: hallway.with("hallway, 1 core", &["--threads", "1"]),
            population,
            place: Place::Server,
        },
        Entry {
            contender: hallway.with("hallway, 2 cores", &["--threads", "2"]),
            population,
            place: Place::Both,
        },
    ];
    // A client that asks again and again would take a whole core from the server.
    let setting = Setting { patient: true, ..bench.setting(true) };
    let outcomes = compare(setting, &entries, &Talk(Load::Closed { outstanding: 1 }))?;
    report.compared(scenario.name, &outcomes, Reach::default());
    report.faster(scenario.name, &outcomes);
    Ok(())
}
