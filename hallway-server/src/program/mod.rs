//! What the program adds to the library.

mod file;
mod health;
mod logging;
mod open_files;
mod options;
mod recorder;
mod serving;
mod settings;
mod signals;

use std::process::ExitCode;

use settings::{Command, Settings};

/// What was asked for could not be done, and what was asked for could not be understood.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;

pub(super) fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(code) => return code.into(),
    };
    let done = match settings.command {
        Command::Serve => serving::run(settings),
        Command::Check => {
            print!("{}", settings.effective);
            Ok(())
        }
        Command::Health => health::check(settings.address),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            FAILURE.into()
        }
    }
}
