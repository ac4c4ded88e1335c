//! The command line.

use std::{io, path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, ValueEnum};
use hallway_harness::{
    Sheet,
    program::{self, raise_file_limit},
    report,
};
use tokio::runtime::Builder;

use crate::{
    disk,
    figures::{self, grouped},
    folder::Folder,
    row::{Bench, Row},
};

/// Stops, kills and fills a Hallway server that keeps its messages in a file, and says which of its promises it keeps
#[derive(Debug, Parser)]
#[command(max_term_width = 110, after_help = AFTER_HELP)]
struct Cli {
    /// Rows to run; all by default
    #[arg(value_name = "ROW", hide_possible_values = true)]
    rows: Vec<Row>,

    /// List the rows
    #[arg(long)]
    list: bool,

    /// Every row with a smaller load, within a minute; times are held against ten times what is promised, rates against
    /// a tenth
    #[arg(long)]
    short: bool,

    /// Print below each row how the server's metrics moved, where the row looks at them
    #[arg(long)]
    metrics: bool,

    /// hallway-server to try; by default cargo builds it first
    #[arg(long, value_name = "PATH")]
    hallway: Option<PathBuf>,

    /// Further arguments of hallway-server
    #[arg(long, value_name = "ARGUMENTS", default_value = "", allow_hyphen_values = true)]
    hallway_args: String,

    /// Where the server's files are, on the disk that is to be measured; by default in the system's folder for temporary
    /// files, to be removed afterwards
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Where the random numbers of `kill` and `restart` begin
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

const AFTER_HELP: &str = "Exit code: 0, 1 where a promise is not met, 2 where nothing could be measured.";

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if cli.list {
        for row in Row::value_variants() {
            println!("{:12} {}", row.name(), row.about());
        }
        return ExitCode::SUCCESS;
    }
    match cli.run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            2.into()
        }
    }
}

impl Cli {
    /// Runs the rows and prints; says how many promises were not met.
    fn run(self) -> io::Result<usize> {
        let files = raise_file_limit()?;
        let bench = Bench {
            program: program::find(self.hallway)?,
            arguments: self.hallway_args.split_whitespace().map(str::to_owned).collect(),
            folder: Folder::open(self.dir)?,
            files,
            short: self.short,
            seed: self.seed,
        };
        let rows = if self.rows.is_empty() { Row::value_variants().to_vec() } else { self.rows };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let begin = Instant::now();
        let mut sheets = vec![the_disk(&bench)?];
        for row in rows {
            eprintln!("{:>4} s  {}: {}", begin.elapsed().as_secs(), row.name(), row.about());
            let mut sheet = Sheet::new(row.name());
            let outcome = runtime.block_on(row.run(&bench, &mut sheet));
            runtime.block_on(sheet.finish(outcome));
            sheets.push(sheet);
        }
        let missed = report::print(&sheets, self.metrics);
        println!("\n{missed} promises not met, {} s in all", begin.elapsed().as_secs());
        Ok(missed)
    }
}

/// What the disk does by itself: all else depends on it.
fn the_disk(bench: &Bench) -> io::Result<Sheet> {
    let mut sheet = Sheet::new("disk".to_owned());
    let rate = disk::rate(bench.folder.path())?;
    sheet.figure("4 KiB appended, and fdatasync, for 1 s", format!("{} a second", grouped(rate.syncs)));
    sheet.figure("each", figures::text(&rate.latencies));
    Ok(sheet)
}
