//! What the program adds to the library.

mod commands;
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

use options::Asked;
use settings::Settings;

/// What was asked for could not be done, and what was asked for could not be understood.
const FAILURE: u8 = 1;
const USAGE: u8 = 2;

pub(super) fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(code) => return code.into(),
    };
    // Where that cannot be, all else can.
    let _ = signals::survive_file_size_limit();
    let done = match &settings.asked {
        None => serving::run(settings),
        Some(Asked::Check) => {
            print!("{}", settings.effective);
            Ok(())
        }
        Some(Asked::Health) => health::check(settings.address),
        Some(asked) => commands::run(asked, settings.data.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            FAILURE.into()
        }
    }
}
