//! Storm: 10,000 clients join one room while it chats.

use std::{io, time::Duration};

use super::{Bench, Scenario, one_room};
use crate::{
    client::{Crowd, Load, Population},
    contender::{Contender, HALLWAY},
    machine::Place,
    report::{Figure, Report},
    server::Server,
    statistics::real,
};

const JOINERS: usize = 10_000;
const JOINERS_SHORT: usize = 2_000;
const RESIDENTS: usize = 10;
const LOAD: Load = Load::Paced { per_second: 10 };

/// The room chats so long before the first joins, and after the last has.
const BEFORE: Duration = Duration::from_millis(500);
const AFTER: Duration = Duration::from_secs(1);
/// Given up after this.
const PATIENCE: Duration = Duration::from_secs(60);

const REACH_JOINED: Duration = Duration::from_secs(5);
const REACH_P99: Duration = Duration::from_millis(100);

pub(super) fn run(scenario: &Scenario, bench: &Bench, report: &mut Report) -> io::Result<()> {
    if !bench.may_open(RESIDENTS + JOINERS) {
        report.skipped(scenario.name, "not enough files may be open (ulimit -n)");
        return Ok(());
    }
    for contender in &bench.contenders {
        one(scenario, contender, bench, report)?;
    }
    Ok(())
}

fn one(scenario: &Scenario, contender: &Contender, bench: &Bench, report: &mut Report) -> io::Result<()> {
    let joiners = if bench.short { JOINERS_SHORT } else { JOINERS };
    // Servers that do not sum up announcements leave them out: what this would cost them is known, N².
    let server = Server::start(contender, bench.cores, Place::Server, true)?;
    let mut crowd =
        Crowd::new(server.address, Population { later: joiners, ..one_room(RESIDENTS, 1) }, false)?;
    crowd.join()?;
    crowd.begin(LOAD);
    while crowd.elapsed() < BEFORE {
        crowd.step()?;
    }
    let cpu = server.cpu()?;
    let mut waiting = RESIDENTS..RESIDENTS + joiners;
    // In is who has been told what was said before.
    while !(crowd.join_some(&mut waiting)? && crowd.have_heard(RESIDENTS..RESIDENTS + joiners)) {
        if crowd.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("{joiners} clients could not all join {}", contender.name)));
        }
        crowd.step()?;
    }
    let joined = crowd.elapsed().saturating_sub(BEFORE);
    let cpu = Duration::from_nanos(server.cpu()?.saturating_sub(cpu));
    let end = crowd.elapsed() + AFTER;
    while crowd.elapsed() < end {
        crowd.step()?;
    }
    let slice = crowd.finish()?;

    let hallway = contender.name == HALLWAY;
    let p99 = Duration::from_nanos(slice.p99);
    let reach_joined = (format!("<= {} s", REACH_JOINED.as_secs()), joined <= REACH_JOINED);
    let reach_p99 = (format!("< {} ms", REACH_P99.as_millis()), p99 < REACH_P99);
    for (what, value, reach) in [
        ("all joined after", format!("{:.2} s", joined.as_secs_f64()), Some(reach_joined)),
        ("chat p99 meanwhile", format!("{:.1} ms", p99.as_secs_f64() * 1e3), Some(reach_p99)),
        (
            "CPU meanwhile, for each join",
            format!("{:.1} µs", cpu.as_secs_f64() * 1e6 / real(joiners as u64)),
            None,
        ),
    ] {
        let server = contender.name.clone();
        report.figure(Figure {
            scenario: scenario.name,
            server,
            what,
            value,
            reach: reach.filter(|_| hallway),
        });
    }
    report.faults(scenario.name, &contender.name, crowd.faults());
    Ok(())
}
