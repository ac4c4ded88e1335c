//! Hallway and the messages it keeps: what it promises, and whether that is met. The README says what, how and why.
#![cfg(target_os = "linux")]

mod cli;
mod client;
mod disk;
mod figures;
mod folder;
mod row;
mod server;
mod tool;

pub use cli::run;
