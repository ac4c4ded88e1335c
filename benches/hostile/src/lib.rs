//! Hallway under hostile clients: what it promises, and whether that is met. The README says what, how and why.
#![cfg(target_os = "linux")]

mod cli;
mod client;
mod figures;
mod row;
mod server;

pub use cli::run;
