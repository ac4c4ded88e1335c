//! The settings: from the command line, the environment and a file, in this order of precedence.

use std::{env, fmt::Write, net::SocketAddr, path::PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};
use hallway_core::ConfigError;
use tracing_subscriber::EnvFilter;

use super::{
    USAGE, file,
    logging::Format,
    options::{Args, Asked, Core, Server},
};

/// What the process is to do.
#[derive(Debug)]
pub(super) struct Settings {
    /// What was asked for beside serving.
    pub(super) asked: Option<Asked>,
    pub(super) data: Option<PathBuf>,
    pub(super) address: SocketAddr,
    pub(super) threads: usize,
    pub(super) hub: Core,
    pub(super) server: Server,
    /// Nothing where it is the system's to say.
    pub(super) max_connections: Option<usize>,
    pub(super) log: Format,
    pub(super) log_filter: EnvFilter,
    /// What they all are, as a file would have them.
    pub(super) effective: String,
}

impl Settings {
    /// Reads the settings. Where they are not to be served, it has printed help, or in one line what is wrong, and says
    /// with which code to exit.
    pub(super) fn read() -> Result<Self, u8> {
        let command = Args::command().mut_args(|arg| {
            // Set to nothing is what some make of not set.
            let is_empty =
                arg.get_env().is_some_and(|name| env::var_os(name).is_some_and(|value| value.is_empty()));
            let arg = if is_empty { arg.env(None::<&str>) } else { arg };
            arg.global(true).allow_negative_numbers(true)
        });
        known_variables(&command).map_err(|error| say(&error))?;
        let given = parse(command.clone())?;
        let (command, in_file, matches) = match given.get_one::<PathBuf>("config") {
            Some(path) => {
                let (command, in_file) = file::as_defaults(path, command).map_err(|error| say(&error))?;
                let matches = parse(command.clone())?;
                (command, in_file, matches)
            }
            None => (command, Vec::new(), given),
        };
        let args = Args::from_arg_matches(&matches).map_err(|error| say(&error.to_string()))?;
        let (hub, server) = args.limits().map_err(|error| match error {
            ConfigError::OutOfRange { option, unit, value, min, max } => {
                let name = name_of(option, &command, &matches);
                say(&format!("{name} is {value} {unit}, allowed are {min} to {max}"))
            }
            other => say(&other.to_string()),
        })?;
        Ok(Self {
            data: args.data(),
            address: args.address(),
            threads: args.threads(),
            hub,
            server,
            max_connections: args.max_connections,
            log: args.log,
            log_filter: EnvFilter::try_new(&args.log_level).map_err(|error| say(&error.to_string()))?,
            effective: effective(&in_file, &matches),
            asked: args.command,
        })
    }
}

/// The exit code behind it.
fn say(error: &str) -> u8 {
    eprintln!("error: {error}");
    USAGE
}

fn parse(command: clap::Command) -> Result<ArgMatches, u8> {
    let variables: Vec<_> = variables(&command).collect();
    command.try_get_matches().map_err(|error| {
        if !error.use_stderr() {
            // There is nowhere to say that help cannot be printed.
            let _ = error.print();
            return 0;
        }
        let line = in_one_line(&error);
        let is_given = |option: &str| {
            env::args_os().any(|argument| argument.to_string_lossy().split('=').next() == Some(option))
        };
        let variable = variables.iter().find(|(option, variable)| {
            line.contains(&format!("'{option} ")) && !is_given(option) && env::var_os(variable).is_some()
        });
        match variable {
            Some((_, variable)) => say(&format!("{line} (in the environment: {variable})")),
            None => say(&line),
        }
    })
}

/// What is wrong, and what is possible; all else that is said of it is advice.
pub(super) fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    match lines.find(|line| line.starts_with("[possible values: ")) {
        Some(possible) => format!("{first} {possible}"),
        None => first.to_owned(),
    }
}

/// The options that have a variable in the environment, and that.
fn variables(command: &clap::Command) -> impl Iterator<Item = (String, String)> {
    command.get_arguments().filter_map(|arg| {
        let variable = arg.get_env()?.to_str()?;
        Some((format!("--{}", arg.get_long()?), variable.to_owned()))
    })
}

/// What Kubernetes sets for a service that is called hallway. No setting begins so.
const KUBERNETES: [&str; 2] = ["HALLWAY_PORT", "HALLWAY_SERVICE_"];

/// A setting that is misspelt is not to be silently without effect.
fn known_variables(command: &clap::Command) -> Result<(), String> {
    let known: Vec<_> = variables(command).map(|(_, variable)| variable).collect();
    let unknown = env::vars_os()
        .filter_map(|(variable, value)| variable.into_string().ok().filter(|_| !value.is_empty()))
        .filter(|variable| !KUBERNETES.iter().any(|prefix| variable.starts_with(prefix)))
        .find(|variable| variable.starts_with("HALLWAY_") && !known.contains(variable));
    match unknown {
        Some(variable) => {
            Err(format!("there is no setting {variable}, which is in the environment; see --help"))
        }
        None => Ok(()),
    }
}

/// Where a setting was given.
fn name_of(id: &str, command: &clap::Command, matches: &ArgMatches) -> String {
    let option = id.replace('_', "-");
    let arg = command.get_arguments().find(|arg| arg.get_id() == id);
    match (matches.try_contains_id(id).is_ok().then(|| matches.value_source(id)).flatten(), arg) {
        (Some(ValueSource::EnvVariable), Some(arg)) => {
            arg.get_env().and_then(|variable| variable.to_str()).unwrap_or(&option).to_owned()
        }
        (Some(ValueSource::DefaultValue), _) => option,
        _ => format!("--{option}"),
    }
}

/// All settings and where each comes from, as a file would have them.
fn effective(in_file: &[String], matches: &ArgMatches) -> String {
    let mut text = String::new();
    // In the order of --help: a file changes that of the command's own.
    for arg in Args::command().get_arguments() {
        let (id, Some(name)) = (arg.get_id().as_str(), arg.get_long()) else { continue };
        if !file::is_setting(arg) {
            continue;
        }
        let values: Vec<_> =
            matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy()).collect();
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "command line",
            Some(ValueSource::EnvVariable) => "environment",
            Some(_) if in_file.iter().any(|key| key == name) => "file",
            Some(_) | None => "default",
        };
        // Writing to a text cannot fail.
        let _ = match file::toml(arg, &values) {
            Some(value) => writeln!(text, "{name} = {value} # {source}"),
            None => writeln!(text, "# {name} is not set"),
        };
    }
    text
}
