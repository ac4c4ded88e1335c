//! What was measured, as two tables, and whether a frame was lost.

use crate::{
    client::Faults,
    contender::HALLWAY,
    rounds::{Figures, Outcome},
    statistics::{quartiles, real},
};

/// What Hallway is to reach against the first server: ratios that are not to be exceeded.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reach {
    cpu: Option<f64>,
    p99: Option<f64>,
}

impl Reach {
    pub(crate) const fn cpu(cpu: f64) -> Self {
        Self { cpu: Some(cpu), p99: None }
    }

    pub(crate) const fn p99(p99: f64) -> Self {
        Self { cpu: None, p99: Some(p99) }
    }

    pub(crate) const fn both(cpu: f64, p99: f64) -> Self {
        Self { cpu: Some(cpu), p99: Some(p99) }
    }

    /// In words, and whether it is reached.
    fn judge(self, cpu: f64, p99: f64) -> String {
        let parts = [(self.cpu, cpu, "CPU"), (self.p99, p99, "p99")];
        let judge = |(reach, is, what): (Option<f64>, f64, &str)| {
            reach.map(|reach| format!("{what} <= {reach:.2}: {}", yes(is <= reach)))
        };
        parts.into_iter().filter_map(judge).collect::<Vec<_>>().join(", ")
    }
}

/// A figure that is no ratio.
pub(crate) struct Figure {
    pub(crate) scenario: &'static str,
    pub(crate) server: String,
    pub(crate) what: &'static str,
    pub(crate) value: String,
    /// What is to be reached, in words, and whether it is.
    pub(crate) reach: Option<(String, bool)>,
}

#[derive(Default)]
pub(crate) struct Report {
    compared: Vec<[String; 10]>,
    figures: Vec<[String; 5]>,
    notes: Vec<String>,
    failed: bool,
}

const COMPARED: [&str; 10] = [
    "scenario",
    "server",
    "CPU, ns",
    "ratio (quartiles)",
    "p50, µs",
    "p99, µs",
    "p99 ratio (quartiles)",
    "per second",
    "delivered",
    "to reach",
];
const FIGURES: [&str; 5] = ["scenario", "server", "what", "measured", "to reach"];

impl Report {
    /// Adds the servers of a scenario, the first of which is what the others are divided by.
    pub(crate) fn compared(&mut self, scenario: &str, outcomes: &[Outcome], reach: Reach) {
        let Some(base) = outcomes.first() else { return };
        for (place, outcome) in outcomes.iter().enumerate() {
            let [low, cpu, high] = ratio(base, outcome, |figures| figures.cpu);
            let [p99_low, p99, p99_high] = ratio(base, outcome, |figures| figures.p99);
            let beside = |text: String| if place == 0 { "1".to_owned() } else { text };
            let reach =
                if place > 0 && outcome.name == HALLWAY { reach.judge(cpu, p99) } else { String::new() };
            let (came, lost) = (real(outcome.delivered.max(1)), real(outcome.faults.lost));
            self.compared.push([
                scenario.to_owned(),
                outcome.name.clone(),
                format!("{:.0}", median(outcome, |figures| figures.cpu)),
                beside(format!("{cpu:.2} ({low:.2}-{high:.2})")),
                format!("{:.0}", median(outcome, |figures| figures.p50)),
                format!("{:.0}", median(outcome, |figures| figures.p99)),
                beside(format!("{p99:.2} ({p99_low:.2}-{p99_high:.2})")),
                format!("{:.0}", median(outcome, |figures| figures.per_second)),
                format!("{:.6}", came / (came + lost)),
                reach,
            ]);
            self.faults(scenario, &outcome.name, &outcome.faults);
        }
    }

    /// Adds how fast the second server was beside the first.
    pub(crate) fn faster(&mut self, scenario: &'static str, outcomes: &[Outcome]) {
        let [one, two] = outcomes else { return };
        let [low, rate, high] = ratio(one, two, |figures| figures.per_second);
        self.figure(Figure {
            scenario,
            server: two.name.clone(),
            what: "deliveries per second, against one core",
            value: format!("{rate:.2} ({low:.2}-{high:.2})"),
            reach: Some((">= 1".to_owned(), rate >= 1.0)),
        });
    }

    pub(crate) fn figure(&mut self, figure: Figure) {
        let Figure { scenario, server, what, value, reach } = figure;
        let reach = reach.map_or_else(String::new, |(reach, is)| format!("{reach}: {}", yes(is)));
        self.figures.push([scenario.to_owned(), server, what.to_owned(), value, reach]);
    }

    pub(crate) fn skipped(&mut self, scenario: &str, why: &str) {
        self.notes.push(format!("{scenario}: skipped, {why}"));
    }

    /// Looks at what went wrong; anything at all makes the run a failure.
    pub(crate) fn faults(&mut self, scenario: &str, server: &str, faults: &Faults) {
        if !faults.any() {
            return;
        }
        self.failed = true;
        let Faults { lost, repeated, broken, first } = faults;
        let first = first.as_deref().unwrap_or_default();
        self.notes.push(format!(
            "{scenario}, {server}: FAILED: {lost} deliveries lost, {repeated} repeated or out of order, {broken} broken; first: {first}"
        ));
    }

    /// Whether a frame was lost, doubled or out of order.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn print(&self) {
        if !self.compared.is_empty() {
            print_table(COMPARED, &self.compared);
        }
        if !self.figures.is_empty() {
            print_table(FIGURES, &self.figures);
        }
        for note in &self.notes {
            println!("{note}");
        }
        println!(
            "{}",
            if self.failed {
                "frames were lost, doubled or reordered"
            } else {
                "every frame came once and in order"
            }
        );
    }
}

fn yes(reached: bool) -> &'static str {
    if reached { "yes" } else { "no" }
}

/// A table in Markdown, its columns as wide as their widest cell.
fn print_table<const N: usize>(head: [&str; N], rows: &[[String; N]]) {
    let width = |column: usize| {
        rows.iter().map(|row| &*row[column]).chain([head[column]]).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:width$} "));
        println!("|{}|", cells.collect::<Vec<_>>().join("|"));
    };
    line(head);
    println!("|{}|", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("|"));
    for row in rows {
        line(row.each_ref().map(String::as_str));
    }
    println!();
}

/// The quartiles of the ratios of two servers' figures, each of one round.
fn ratio(base: &Outcome, other: &Outcome, figure: impl Fn(&Figures) -> f64) -> [f64; 3] {
    let pairs = base.rounds.iter().zip(&other.rounds);
    quartiles(pairs.map(|(base, other)| figure(other) / figure(base)).collect())
}

fn median(outcome: &Outcome, figure: impl Fn(&Figures) -> f64) -> f64 {
    quartiles(outcome.rounds.iter().map(figure).collect())[1]
}
