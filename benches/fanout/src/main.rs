//! `hallway-fanout`: see the README beside this package.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    hallway_fanout::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("error: this benchmark measures with epoll, CPU affinity and /proc, which only Linux has");
    ExitCode::FAILURE
}
