//! The command line.

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, Parser, Subcommand, builder::FalseyValueParser};
use hallway_harness::program::raise_file_limit;

use crate::{
    contender::{Contender, HALLWAY},
    floor,
    machine::{Cores, Place},
    report::Report,
    rounds::Plan,
    scenario::{self, Bench, Scenario},
    server,
};

/// Measures Hallway's fan-out beside the floor, which is what the kernel alone allows
#[derive(Debug, Parser)]
#[command(max_term_width = 110, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    run: Run,
}

const AFTER_HELP: &str = "Exit code: 0, 1 where a frame was lost, doubled or out of order (never for a time), \
2 where something could not be measured.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve as the floor
    Floor {
        /// Port of the loopback to listen on
        #[arg(long, env = "PORT", default_value_t = 8080)]
        port: u16,

        /// Leave out who joined and left
        #[arg(long, env = "QUIET_JOINS", value_parser = FalseyValueParser::new())]
        quiet: bool,
    },
    /// List the scenarios
    List,
}

#[derive(Args, Debug)]
struct Run {
    /// Scenarios to run, in this order of their list; all by default
    #[arg(value_name = "SCENARIO", value_parser = scenario::ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>())]
    scenarios: Vec<String>,

    /// Two short rounds and one start, without Bun, within a minute: looks for lost frames, not at times
    #[arg(long)]
    short: bool,

    /// Fresh starts of every server
    #[arg(long, value_name = "STARTS", default_value_t = 3)]
    starts: usize,

    /// Rounds, over all starts
    #[arg(long, value_name = "ROUNDS", default_value_t = 8)]
    rounds: usize,

    /// Milliseconds of a slice; a quarter more where messages come at a fixed rate
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 800)]
    slice: u64,

    /// Servers to compare; the others are divided by the first [default: floor, hallway, bun if it is found, peers]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    servers: Vec<String>,

    /// hallway-server to measure; by default cargo builds it first
    #[arg(long, value_name = "PATH")]
    hallway: Option<PathBuf>,

    /// Arguments of hallway-server
    #[arg(
        long,
        value_name = "ARGUMENTS",
        default_value = "--rate 1000000 --burst 1000000",
        allow_hyphen_values = true
    )]
    hallway_args: String,

    /// Bun to measure
    #[arg(long, value_name = "PATH")]
    bun: Option<PathBuf>,

    /// Another server of the same protocol; it is told its port by PORT. May be repeated
    #[arg(long, value_name = "NAME=COMMAND", value_parser = Contender::peer)]
    peer: Vec<Contender>,
}

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Floor { port, quiet }) => floor::serve(port, quiet).map(|()| false),
        Some(Command::List) => {
            for Scenario { name, about, .. } in scenario::ALL {
                println!("{name:8} {about}");
            }
            Ok(false)
        }
        None => cli.run.run(),
    };
    match done {
        Ok(failed) => u8::from(failed).into(),
        Err(error) => {
            eprintln!("error: {error}");
            2.into()
        }
    }
}

impl Run {
    /// Measures and prints; says whether a frame was lost.
    fn run(self) -> io::Result<bool> {
        let files = raise_file_limit()?;
        File::create(server::log()?)?;
        let cores = Cores::find()?;
        cores.move_to(Place::Client)?;
        let plan = if self.short {
            Plan { starts: 1, rounds: 2, slice: Duration::from_millis(250) }
        } else {
            Plan { starts: self.starts, rounds: self.rounds, slice: Duration::from_millis(self.slice) }
        };
        let wanted = |scenario: &&Scenario| {
            self.scenarios.is_empty() || self.scenarios.iter().any(|name| name == scenario.name)
        };
        let scenarios: Vec<_> = scenario::ALL.iter().filter(wanted).collect();
        let short = self.short;
        let contenders = self.contenders()?;
        let hallway = contenders.iter().find(|contender| contender.name == HALLWAY).cloned();
        let bench = Bench { plan, cores, files, contenders, hallway, short };
        let mut report = Report::default();
        let begin = Instant::now();
        for scenario in scenarios {
            eprintln!("{:>4} s  {}: {}", begin.elapsed().as_secs(), scenario.name, scenario.about);
            scenario.run(&bench, &mut report)?;
        }
        report.print();
        println!("{} starts, {} rounds, {} s in all", plan.starts, plan.rounds, begin.elapsed().as_secs());
        Ok(report.failed())
    }

    fn contenders(self) -> io::Result<Vec<Contender>> {
        let Self { mut servers, hallway, hallway_args, bun, peer: peers, short, .. } = self;
        let named = !servers.is_empty();
        if !named {
            servers.extend(["floor", HALLWAY].map(str::to_owned));
            servers.extend((!short).then(|| "bun".to_owned()));
            servers.extend(peers.iter().map(|peer| peer.name.clone()));
        }
        let mut contenders = Vec::new();
        let mut times = HashMap::<_, u32>::new();
        for name in servers {
            let mut contender = match &*name {
                "floor" => Contender::floor()?,
                HALLWAY => Contender::hallway(hallway.clone(), &hallway_args)?,
                "bun" => match Contender::bun(bun.clone()) {
                    Some(bun) => bun,
                    None if named => return Err(io::Error::other("bun is not found")),
                    None => continue,
                },
                _ => {
                    let peer = peers.iter().find(|peer| peer.name == name).cloned();
                    peer.ok_or_else(|| io::Error::other(format!("there is no server called {name}")))?
                }
            };
            // A server may stand beside itself, to see how far figures repeat.
            let times = times.entry(name.clone()).and_modify(|times| *times += 1).or_insert(1);
            if *times > 1 {
                contender.name = format!("{name} {times}");
            }
            contenders.push(contender);
        }
        Ok(contenders)
    }
}
