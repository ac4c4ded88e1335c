//! The servers that can be measured, and where they are found.

use std::{
    env, io,
    path::PathBuf,
    process::{Command, Stdio},
};

use hallway_harness::program;

/// How a server is started. It listens on the port that `PORT` names, on the loopback.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

/// The name under which Hallway appears; what is to be reached is its.
pub(crate) const HALLWAY: &str = "hallway";

impl Contender {
    fn new(name: &str, program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { name: name.to_owned(), program: program.into(), arguments }
    }

    /// The floor: this very program.
    pub(crate) fn floor() -> io::Result<Self> {
        Ok(Self::new("floor", env::current_exe()?, &["floor"]))
    }

    /// Hallway: the server at `path`, or the one that cargo builds beside this program.
    pub(crate) fn hallway(path: Option<PathBuf>, arguments: &str) -> io::Result<Self> {
        let program = match path {
            Some(path) => path,
            None => program::build()?,
        };
        let hallway = Self::new(HALLWAY, program, &arguments.split_whitespace().collect::<Vec<_>>());
        let has_said = hallway.arguments.iter().any(|argument| argument.starts_with("--data"));
        // What is written to a disk is not what is measured here, unless it is asked for.
        Ok(if !has_said && hallway.knows("--data") {
            hallway.with(HALLWAY, &["--data", "none"])
        } else {
            hallway
        })
    }

    /// Bun: at `path`, or on `PATH`, or where `npm install --prefix target/bun bun` puts it; `None` if it is nowhere.
    pub(crate) fn bun(path: Option<PathBuf>) -> Option<Self> {
        let root = program::root();
        let program = path
            .into_iter()
            .chain(["bun".into(), root.join("target/bun/node_modules/.bin/bun")])
            .find(|bun| {
            let mut command = Command::new(bun);
            command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })?;
        let script = root.join("benches/peers/bun.js");
        Some(Self::new("bun", program, &[&script.to_string_lossy()]))
    }

    /// Any other server of the same protocol, given as `NAME=COMMAND`.
    pub(crate) fn peer(text: &str) -> Result<Self, String> {
        let (name, command) = text.split_once('=').ok_or("allowed is NAME=COMMAND")?;
        let mut words = command.split_whitespace();
        let program = words.next().ok_or("the command is missing")?;
        Ok(Self::new(name, program, &words.collect::<Vec<_>>()))
    }

    /// The same server with more arguments, under another name.
    pub(crate) fn with(&self, name: &str, arguments: &[&str]) -> Self {
        let mut other = self.clone();
        name.clone_into(&mut other.name);
        other.arguments.extend(arguments.iter().map(ToString::to_string));
        other
    }

    /// Whether the server knows this option.
    pub(crate) fn knows(&self, option: &str) -> bool {
        let help = Command::new(&self.program).arg("--help").stdin(Stdio::null()).output();
        help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains(option))
    }
}
