//! `hallway-durable`: see the README beside this package.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    hallway_durable::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("error: this program measures with /proc and signals, as Linux has them");
    ExitCode::FAILURE
}
