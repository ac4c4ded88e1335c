//! The command line and the environment.

use std::{net::SocketAddr, num::NonZero, thread};

use clap::Parser;
use hallway_core::ConfigError;
use hallway_server::Origins;

/// A chat server: rooms over WebSockets, with the last messages replayed to who joins
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,

    /// Port to listen on, in place of that of --listen
    #[arg(long, value_name = "PORT", env = "PORT", value_parser = port, allow_negative_numbers = true)]
    port: Option<u16>,

    /// Threads that serve connections; by default as many as there are processors
    #[arg(long, value_name = "THREADS", value_parser = whole, allow_negative_numbers = true)]
    threads: Option<usize>,

    /// Chat messages a room keeps and replays to a joiner
    #[arg(long, value_name = "MESSAGES", default_value_t = Core::default().history, value_parser = whole, allow_negative_numbers = true)]
    history: usize,

    /// Rooms at the same time
    #[arg(long, value_name = "ROOMS", default_value_t = Core::default().max_rooms, value_parser = whole, allow_negative_numbers = true)]
    max_rooms: usize,

    /// Members of one room at the same time
    #[arg(long, value_name = "MEMBERS", default_value_t = Core::default().max_members_per_room, value_parser = whole, allow_negative_numbers = true)]
    max_members_per_room: usize,

    /// Bytes of one message; a client that sends a longer one is closed with code 1009
    #[arg(long, value_name = "BYTES", default_value_t = Core::default().max_message_bytes, value_parser = whole, allow_negative_numbers = true)]
    max_message_bytes: usize,

    /// Connections at the same time; one more is answered with HTTP 503
    #[arg(long, value_name = "CONNECTIONS", default_value_t = Server::default().max_connections, value_parser = whole, allow_negative_numbers = true)]
    max_connections: usize,

    /// Messages a second that a connection may send; beyond it the server reads no further until it is within again
    #[arg(long, value_name = "MESSAGES", default_value_t = Server::default().rate, value_parser = whole32, allow_negative_numbers = true)]
    rate: u32,

    /// Messages that a connection may send at once after a pause
    #[arg(long, value_name = "MESSAGES", default_value_t = Server::default().burst, value_parser = whole32, allow_negative_numbers = true)]
    burst: u32,

    /// Let in pages of this origin, such as `https://chat.example.org`, or `any`; may be repeated. By default those of
    /// the server's own host and port; programs that are no browsers are let in always
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,
}

/// More than any machine has use for.
const MAX_THREADS: usize = 1024;

const AFTER_HELP: &str = "Clients connect to ws://ADDR/chat?username=NAME&room=ROOM; both parts are optional.
History is in memory and ends with the server. RUST_LOG sets the log's level and filter (default: info).";

type Core = hallway_core::Config;
type Server = hallway_server::Config;

/// What the process is to do.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    pub(crate) threads: usize,
    pub(crate) hub: Core,
    pub(crate) server: Server,
}

impl Settings {
    /// Reads the command line and the environment; where that is not to be served, prints help, or in one line what is
    /// wrong, and says with which code to exit.
    pub(crate) fn read() -> Result<Self, u8> {
        let args = Args::try_parse().map_err(|error| {
            if error.use_stderr() {
                // What follows the first line is advice.
                eprintln!("{}", error.to_string().lines().next().unwrap_or_default());
                USAGE
            } else {
                // There is nowhere to say that help cannot be printed.
                let _ = error.print();
                0
            }
        })?;
        let (hub, server) = args.limits().map_err(|error| {
            // Options are called as the limits they set.
            eprintln!("error: --{}", error.to_string().replace('_', "-"));
            USAGE
        })?;
        Ok(Self { address: args.address(), threads: args.threads(), hub, server })
    }
}

/// The exit code of a command line that cannot be understood.
const USAGE: u8 = 2;

impl Args {
    fn address(&self) -> SocketAddr {
        let mut address = self.listen;
        address.set_port(self.port.unwrap_or(address.port()));
        address
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// The hub's limits and the server's, checked.
    fn limits(&self) -> Result<(Core, Server), ConfigError> {
        let mut core = Core::default();
        core.history = self.history;
        core.max_rooms = self.max_rooms;
        core.max_members_per_room = self.max_members_per_room;
        core.max_message_bytes = self.max_message_bytes;
        // Room for some of the largest messages, where these are larger than by default.
        core.feed_bytes = core.feed_bytes.max(self.max_message_bytes.saturating_mul(16)).min(1 << 30);
        core.mailbox_bytes = core.mailbox_bytes.max(self.max_message_bytes.saturating_mul(4)).min(1 << 30);
        core.validate()?;
        if !(1..=MAX_THREADS).contains(&self.threads()) {
            let (value, max) = (self.threads(), MAX_THREADS);
            return Err(ConfigError::OutOfRange { option: "threads", unit: "threads", value, min: 1, max });
        }

        let mut server = Server::default();
        server.max_connections = self.max_connections;
        server.rate = self.rate;
        server.burst = self.burst;
        server.origins = self.origins();
        server.validate()?;
        Ok((core, server))
    }

    fn origins(&self) -> Origins {
        if self.allow_origin.is_empty() {
            Origins::SameHost
        } else if self.allow_origin.iter().any(|origin| origin == "any") {
            Origins::Any
        } else {
            Origins::Only(self.allow_origin.clone())
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "allowed is an IP address and a port, such as 127.0.0.1:8080 or [::]:8080")
}

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "allowed is a port from 0 to 65535")
}

fn whole(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "allowed is a whole number")
}

fn whole32(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "allowed is a whole number of at most 4294967295")
}

fn origin(text: &str) -> Result<String, &'static str> {
    match text.split_once("://") {
        Some((scheme, host)) if !scheme.is_empty() && !host.is_empty() && !host.contains('/') => {
            Ok(text.to_owned())
        }
        None if text == "any" => Ok(text.to_owned()),
        _ => Err("allowed is a scheme and a host, such as https://chat.example.org, or the word any"),
    }
}
