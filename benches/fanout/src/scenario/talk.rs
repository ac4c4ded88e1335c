//! Clients talk, and every message goes to everybody in its room: most of the scenarios.

use std::io;

use super::Bench;
use crate::{
    client::{Load, Population},
    report::{Reach, Report},
    rounds::{Talk, compare},
};

pub(super) fn run(
    name: &str,
    population: Population,
    load: Load,
    reach: Reach,
    bench: &Bench,
    report: &mut Report,
) -> io::Result<()> {
    if !bench.may_open(population.rooms * population.per_room * bench.contenders.len()) {
        report.skipped(name, "not enough files may be open (ulimit -n)");
        return Ok(());
    }
    // Nobody joins or leaves while it is measured.
    let mut setting = bench.setting(true);
    if matches!(load, Load::Paced { .. }) {
        // At a fixed rate a server works for few per cent of the time: longer slices make up for some of it.
        setting.plan.slice = setting.plan.slice * 5 / 4;
    }
    let outcomes = compare(setting, &bench.entries(population), &Talk(load))?;
    report.compared(name, &outcomes, reach);
    Ok(())
}
