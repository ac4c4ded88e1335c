//! What was measured, and whether what was promised was met.

use std::{io, mem, time::Duration};

use crate::{
    figures::{grouped, limit},
    server::Witness,
};

/// What one row says.
#[derive(Debug)]
pub struct Sheet {
    row: String,
    lines: Vec<[String; 5]>,
    witnesses: Vec<Witness>,
    metrics: Vec<String>,
    missed: usize,
}

const HEAD: [&str; 5] = ["row", "what", "figure", "promise", "met"];

impl Sheet {
    /// That of this row, empty.
    #[must_use]
    pub fn new(row: String) -> Self {
        Self { row, lines: Vec::new(), witnesses: Vec::new(), metrics: Vec::new(), missed: 0 }
    }

    /// A server of this row: what it does not keep to itself is judged when the row is over.
    pub(crate) fn watch(&mut self, witness: Witness) {
        self.witnesses.push(witness);
    }

    /// How the metrics of a server moved.
    pub fn moved(&mut self, metrics: String) {
        self.metrics.push(metrics);
    }

    /// A figure, and what was promised of it.
    pub fn judge(
        &mut self,
        what: impl Into<String>,
        figure: impl Into<String>,
        promise: impl Into<String>,
        is_met: bool,
    ) {
        self.missed += usize::from(!is_met);
        let met = if is_met { "yes" } else { "NO" };
        self.lines.push([self.row.clone(), what.into(), figure.into(), promise.into(), met.to_owned()]);
    }

    /// Faults of which there must be none; the first one is shown.
    pub fn none(&mut self, what: impl Into<String>, faults: usize, first: Option<&str>) {
        let first = first.map(|first| format!(", first: {first}")).unwrap_or_default();
        self.judge(what, format!("{}{first}", grouped(faults as u64)), "0", faults == 0);
    }

    /// A figure that must be below a time.
    pub fn below(
        &mut self,
        what: impl Into<String>,
        figure: impl Into<String>,
        is: Duration,
        limit: Duration,
    ) {
        self.judge(what, figure, format!("< {}", self::limit(limit)), is < limit);
    }

    /// A figure of which nothing is promised.
    pub fn figure(&mut self, what: impl Into<String>, figure: impl Into<String>) {
        let line = [self.row.clone(), what.into(), figure.into(), String::new(), String::new()];
        self.lines.push(line);
    }

    /// Judges what every row promises.
    pub async fn finish(&mut self, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.judge("the row itself", error.to_string(), "comes to its end", false);
        }
        let (mut faults, mut first) = (0, None);
        for witness in mem::take(&mut self.witnesses) {
            let server = witness.hear().await;
            let death = server.ended_by_itself.map(|status| format!("it ended with {status}"));
            faults += server.faults + usize::from(death.is_some());
            first = first.or(server.first_fault).or(death);
            self.metrics.extend(server.metrics);
        }
        self.none("panics, errors logged, deaths of its own", faults, first.as_deref());
    }
}

/// Prints the table; says how many promises were not met.
#[must_use]
pub fn print(sheets: &[Sheet], with_metrics: bool) -> usize {
    let lines = || sheets.iter().flat_map(|sheet| &sheet.lines);
    let width = |column: usize| {
        lines().map(|line| &*line[column]).chain([HEAD[column]]).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..HEAD.len()).map(|column| width(column).unwrap_or_default()).collect();
    let print_line = |cells: [&str; 5]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:width$} "));
        println!("|{}|", cells.collect::<Vec<_>>().join("|"));
    };
    print_line(HEAD);
    println!("|{}|", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("|"));
    for sheet in sheets {
        for line in &sheet.lines {
            print_line(line.each_ref().map(String::as_str));
        }
        for metrics in sheet.metrics.iter().filter(|_| with_metrics) {
            println!("    {metrics}");
        }
    }
    sheets.iter().map(|sheet| sheet.missed).sum()
}
