//! `hallway-server`: a chat server to start with one command. Reads its settings, binds the listener, waits for signals;
//! all else is in the library.

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
