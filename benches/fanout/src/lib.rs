//! Hallway's fan-out measured beside the floor, which is what the kernel alone allows. The README says what, how and why.
#![cfg(target_os = "linux")]

mod cli;
mod client;
mod contender;
mod floor;
mod machine;
mod report;
mod rounds;
mod scenario;
mod server;
mod statistics;
mod wire;

pub use cli::run;
