//! Churn: 16 join, then the same 16 leave, again and again, in a room of 100 that is told of it.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{Bench, Scenario, one_room};
use crate::{
    client::{Crowd, Population, Slice, Stage},
    report::{Reach, Report},
    rounds::{Work, compare},
};

const RESIDENTS: usize = 100;
const AT_A_TIME: usize = 16;

/// How long a wave may take, and how long the residents wait for the count of who is left.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(scenario: &Scenario, bench: &Bench, report: &mut Report) -> io::Result<()> {
    let population = Population { later: AT_A_TIME, ..one_room(RESIDENTS, 1) };
    let outcomes = compare(bench.setting(false), &bench.entries(population), &Churn)?;
    report.compared(scenario.name, &outcomes, Reach::cpu(1.0));
    Ok(())
}

/// Counts a join and the leave that follows as one; its latency is that from connecting to the answer.
struct Churn;

impl Work for Churn {
    fn prepare(&self, crowd: &mut Crowd) -> io::Result<()> {
        self.slice(crowd, Duration::from_millis(100)).map(drop)
    }

    fn slice(&self, crowd: &mut Crowd, length: Duration) -> io::Result<Slice> {
        let visitors = RESIDENTS..RESIDENTS + AT_A_TIME;
        let begin = Instant::now();
        crowd.take_joins();
        let mut count = 0;
        while begin.elapsed() < length {
            for visitor in visitors.clone() {
                crowd.open(visitor)?;
            }
            wait(crowd, |crowd| visitors.clone().all(|visitor| crowd.stage(visitor) == Stage::Open))?;
            for visitor in visitors.clone() {
                crowd.leave(visitor);
            }
            wait(crowd, |crowd| visitors.clone().all(|visitor| crowd.stage(visitor) == Stage::Absent))?;
            count += AT_A_TIME as u64;
        }
        let time = begin.elapsed();
        // The work that was put off belongs to the slice: all residents must learn how many are left.
        let told = |crowd: &Crowd| crowd.counts().all(|count| count == Some(RESIDENTS));
        if wait(crowd, told).is_err() {
            let wrong = crowd.counts().filter(|count| *count != Some(RESIDENTS)).count() as u64;
            let what = || format!("{wrong} residents were not told that {RESIDENTS} are left");
            crowd.faults().lost(wrong, what);
        }
        let joins = crowd.take_joins();
        Ok(Slice { count, time, p50: joins.percentile(50), p99: joins.percentile(99) })
    }
}

fn wait(crowd: &mut Crowd, done: impl Fn(&Crowd) -> bool) -> io::Result<()> {
    let begin = Instant::now();
    while !done(crowd) {
        if begin.elapsed() > PATIENCE {
            return Err(io::Error::other("a wave of joins and leaves came to no end within 5 s"));
        }
        crowd.step()?;
    }
    Ok(())
}
