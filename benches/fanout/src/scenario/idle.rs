//! Idle: what a connection costs that does nothing.

use std::{io, time::Duration};

use super::{Bench, Scenario, one_room};
use crate::{
    client::Crowd,
    contender::HALLWAY,
    machine::Place,
    report::{Figure, Report},
    server::Server,
    statistics::real,
};

const CONNECTIONS: usize = 10_000;

/// KiB of resident memory for each connection.
const REACH: f64 = 2.5;

/// Time for what a start and what the joins bring with them.
const SETTLE: Duration = Duration::from_millis(1_200);

pub(super) fn run(scenario: &Scenario, bench: &Bench, report: &mut Report) -> io::Result<()> {
    if bench.short || !bench.may_open(CONNECTIONS) {
        report.skipped(
            scenario.name,
            "the short form does not measure, or not enough files may be open (ulimit -n)",
        );
        return Ok(());
    }
    for contender in &bench.contenders {
        let server = Server::start(contender, bench.cores, Place::Server, true)?;
        let mut crowd = Crowd::new(server.address, one_room(CONNECTIONS, 1), false)?;
        crowd.settle(SETTLE)?;
        let before = server.resident()?;
        crowd.join()?;
        crowd.settle(SETTLE)?;
        let each = real(server.resident()?.saturating_sub(before)) / real(CONNECTIONS as u64) / 1024.0;
        report.figure(Figure {
            scenario: scenario.name,
            server: contender.name.clone(),
            what: "resident memory of each connection",
            value: format!("{each:.2} KiB"),
            reach: (contender.name == HALLWAY).then(|| (format!("<= {REACH} KiB"), each <= REACH)),
        });
        report.faults(scenario.name, &contender.name, crowd.faults());
    }
    Ok(())
}
