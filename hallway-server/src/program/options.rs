//! The options of the command line, which are the settings wherever they are given.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZero,
    path::PathBuf,
    thread,
    time::Duration,
};

use clap::{Parser, Subcommand, ValueEnum};
use hallway_core::{ConfigError, RoomName};
use hallway_server::{IpNet, Origins};
use tracing_subscriber::EnvFilter;

use super::logging::Format;

/// A chat server: rooms over WebSockets, with the last messages replayed to who joins
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(super) struct Args {
    /// What to do; without one it serves
    #[command(subcommand)]
    pub(super) command: Option<Asked>,

    /// A TOML file with settings, each named as the option is; what is given here or in the environment wins over it
    #[arg(long, value_name = "FILE", env = "HALLWAY_CONFIG")]
    pub(super) config: Option<PathBuf>,

    /// Address and port to listen on
    #[arg(long, value_name = "ADDR", env = "HALLWAY_LISTEN", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,

    /// Port to listen on, in place of that of --listen, wherever either is given: platforms that run programs set PORT
    #[arg(long, value_name = "PORT", env = "PORT", value_parser = port)]
    port: Option<u16>,

    /// Threads that serve connections; by default as many as there are processors
    #[arg(long, value_name = "THREADS", env = "HALLWAY_THREADS", value_parser = whole)]
    threads: Option<usize>,

    /// The file that keeps the messages, made where there is none; `none` keeps them in memory alone, until the server ends
    #[arg(long, value_name = "FILE", env = "HALLWAY_DATA", help_heading = STORAGE, default_value = "hallway.db")]
    data: PathBuf,

    /// When a message is shown to the room: when it is stored, or at once
    #[arg(long, value_name = "WHEN", env = "HALLWAY_DURABILITY", help_heading = STORAGE, value_enum, default_value_t = Durability::Full)]
    durability: Durability,

    /// Messages that are kept of each room, the newest. By default all
    #[arg(long, value_name = "MESSAGES", env = "HALLWAY_KEEP_MESSAGES", help_heading = STORAGE, value_parser = some)]
    keep_messages: Option<u64>,

    /// Days for which a message is kept. By default for ever
    #[arg(long, value_name = "DAYS", env = "HALLWAY_KEEP_DAYS", help_heading = STORAGE, value_parser = days)]
    keep_days: Option<u32>,

    /// Bytes of names and texts that are kept of all rooms together; beyond it the largest room loses its oldest. By default
    /// as many as there are
    #[arg(long, value_name = "BYTES", env = "HALLWAY_KEEP_BYTES", help_heading = STORAGE, value_parser = some)]
    keep_bytes: Option<u64>,

    /// Chat messages a room has in memory and replays to a joiner
    #[arg(long, value_name = "MESSAGES", env = "HALLWAY_HISTORY", help_heading = ROOMS, default_value_t = Core::default().history, value_parser = whole)]
    history: usize,

    /// Bytes of what all rooms have in memory together; beyond it empty rooms go, and the fullest lose their oldest
    #[arg(long, value_name = "BYTES", env = "HALLWAY_HISTORY_BYTES", help_heading = ROOMS, default_value_t = Core::default().history_bytes, value_parser = whole)]
    history_bytes: usize,

    /// Rooms at the same time
    #[arg(long, value_name = "ROOMS", env = "HALLWAY_MAX_ROOMS", help_heading = ROOMS, default_value_t = Core::default().max_rooms, value_parser = whole)]
    max_rooms: usize,

    /// Members of one room at the same time
    #[arg(long, value_name = "MEMBERS", env = "HALLWAY_MAX_MEMBERS_PER_ROOM", help_heading = ROOMS, default_value_t = Core::default().max_members_per_room, value_parser = whole)]
    max_members_per_room: usize,

    /// Bytes of one message, all its frames together; a client that announces a longer one is closed with code 1009
    #[arg(long, value_name = "BYTES", env = "HALLWAY_MAX_MESSAGE_BYTES", help_heading = ROOMS, default_value_t = Core::default().max_message_bytes, value_parser = whole)]
    max_message_bytes: usize,

    /// Bytes that all rooms together keep for members that are behind; beyond it these miss messages sooner
    #[arg(long, value_name = "BYTES", env = "HALLWAY_BACKLOG_BYTES", help_heading = ROOMS, default_value_t = Server::default().backlog_bytes, value_parser = whole)]
    backlog_bytes: usize,

    /// Messages a second that a connection may send; beyond it the server reads no further until it is within again
    #[arg(long, value_name = "MESSAGES", env = "HALLWAY_RATE", help_heading = CONNECTIONS, default_value_t = Server::default().rate, value_parser = whole32)]
    rate: u32,

    /// Messages that a connection may send at once after a pause
    #[arg(long, value_name = "MESSAGES", env = "HALLWAY_BURST", help_heading = CONNECTIONS, default_value_t = Server::default().burst, value_parser = whole32)]
    burst: u32,

    /// Connections at the same time; one more is answered with HTTP 503. By default as many as the limit of open files
    /// allows, which is raised as far as it can be
    #[arg(long, value_name = "CONNECTIONS", env = "HALLWAY_MAX_CONNECTIONS", help_heading = CONNECTIONS, value_parser = whole)]
    pub(super) max_connections: Option<usize>,

    /// Connections from one address at the same time, of IPv6 from one network of 64 bits; one more is answered with HTTP
    /// 503. By default there is no limit, because behind a proxy all have one address: see --trusted-proxy
    #[arg(long, value_name = "CONNECTIONS", env = "HALLWAY_MAX_PER_IP", help_heading = CONNECTIONS, value_parser = whole)]
    max_per_ip: Option<usize>,

    /// Connections at the same time that have not sent their request; one more, and the one that has been trying the
    /// longest is answered with HTTP 503
    #[arg(long, value_name = "CONNECTIONS", env = "HALLWAY_MAX_HANDSHAKES", help_heading = CONNECTIONS, default_value_t = Server::default().max_handshakes, value_parser = whole)]
    max_handshakes: usize,

    /// Let in pages of this origin, such as `https://chat.example.org`, or `any`; may be repeated, and has commas between
    /// several in the environment. By default those of the server's own host and port; programs that are no browsers are
    /// let in always
    #[arg(long, value_name = "ORIGIN", env = "HALLWAY_ALLOW_ORIGIN", help_heading = CONNECTIONS, value_delimiter = ',', value_parser = origin)]
    allow_origin: Vec<String>,

    /// Believe the X-Forwarded-For of a proxy in this network, such as `10.0.0.0/8`; may be repeated, and has commas
    /// between several in the environment. By default of none, and the header is ignored
    #[arg(long, value_name = "CIDR", env = "HALLWAY_TRUSTED_PROXY", help_heading = CONNECTIONS, value_delimiter = ',', value_parser = network)]
    trusted_proxy: Vec<IpNet>,

    /// Serve no chat page, and no hallway.js: / is a 404 as well
    #[arg(long, env = "HALLWAY_NO_PAGE", help_heading = CONNECTIONS, value_name = "true|false", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_parser = yes_or_no)]
    no_page: bool,

    /// From accepting a connection to the end of its request's head, in seconds; then it is answered with HTTP 408
    #[arg(long, value_name = "SECONDS", env = "HALLWAY_HANDSHAKE_TIMEOUT", help_heading = TIMEOUTS, default_value = in_seconds(Server::default().handshake_timeout), value_parser = seconds)]
    handshake_timeout: Duration,

    /// Silence of a client after which it is pinged, and pinged again, in seconds
    #[arg(long, value_name = "SECONDS", env = "HALLWAY_PING_AFTER", help_heading = TIMEOUTS, default_value = in_seconds(Server::default().ping_after), value_parser = seconds)]
    ping_after: Duration,

    /// Silence of a client after which it is closed with code 1013 although it was pinged, in seconds
    #[arg(long, value_name = "SECONDS", env = "HALLWAY_SILENCE_TIMEOUT", help_heading = TIMEOUTS, default_value = in_seconds(Server::default().silence_timeout), value_parser = seconds)]
    silence_timeout: Duration,

    /// Time in which a client takes no byte of what there is for it, after which it is closed with code 1013, in seconds
    #[arg(long, value_name = "SECONDS", env = "HALLWAY_STALL_TIMEOUT", help_heading = TIMEOUTS, default_value = in_seconds(Server::default().stall_timeout), value_parser = seconds)]
    stall_timeout: Duration,

    /// What a client has for taking what was said before a shutdown, in seconds
    #[arg(long, value_name = "SECONDS", env = "HALLWAY_SHUTDOWN_GRACE", help_heading = TIMEOUTS, default_value = in_seconds(Server::default().shutdown_grace), value_parser = seconds)]
    shutdown_grace: Duration,

    /// How a line of the log is written, to stderr
    #[arg(long, value_name = "FORMAT", env = "HALLWAY_LOG", help_heading = LOG, value_enum, default_value_t = Format::Human)]
    pub(super) log: Format,

    /// What is logged: a level (error, warn, info, debug, trace), or a filter such as `warn,hallway_server=debug`, which
    /// also has a line for every connection
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", help_heading = LOG, default_value = "info", value_parser = log_filter)]
    pub(super) log_level: String,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Asked {
    /// Say whether the settings are valid, and what they are
    Check,
    /// Ask the server that listens on --listen whether it serves; exit code 0 if it does
    Health,
    /// Print the messages of --data as lines of JSON; also while the server runs
    Export {
        /// Of this room alone
        #[arg(long, value_parser = room)]
        room: Option<RoomName>,
    },
    /// Add messages to --data that `export` printed; those that are there already are left as they are
    Import {
        /// Where they are; by default standard input
        file: Option<PathBuf>,
    },
    /// Copy --data to a new file, as it is at one moment; also while the server runs
    Backup {
        /// The new file
        to: PathBuf,
    },
    /// Erase everything that was said in --data under a name; its messages keep their numbers and lose all else
    Forget {
        /// The name, exactly as the others see it
        name: String,
    },
    /// Read all of --data and say what is wrong with it; exit code 1 if something is; also while the server runs
    Verify,
}

/// As [`hallway_core::Durability`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Durability {
    /// When it is stored: what anybody has seen survives a crash
    Full,
    /// At once; the last may be lost in a crash
    Relaxed,
}

const STORAGE: &str = "Storage";
const ROOMS: &str = "Rooms";
const CONNECTIONS: &str = "Connections";
const TIMEOUTS: &str = "Time-outs";
const LOG: &str = "Log";

const AFTER_HELP: &str = "Clients connect to ws://ADDR/chat?username=NAME&room=ROOM; both parts are optional.
GET / is the chat page and /hallway.js its module; GET /healthz answers while it serves, GET /metrics shows what it counts.
Of a setting given in several ways the command line wins over the environment, and that over the file.
SIGTERM or SIGINT shuts down, which takes at most 4 s by default; a second one ends at once.";

const DAY: Duration = Duration::from_secs(86_400);

/// More than any machine has use for.
const MAX_THREADS: usize = 1024;

pub(super) type Core = hallway_core::Config;
pub(super) type Server = hallway_server::Config;

impl Args {
    pub(super) fn address(&self) -> SocketAddr {
        let mut address = self.listen;
        address.set_port(self.port.unwrap_or(address.port()));
        address
    }

    /// The file that keeps the messages, if there is to be one.
    pub(super) fn data(&self) -> Option<PathBuf> {
        (self.data.as_os_str() != "none").then(|| self.data.clone())
    }

    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// The hub's limits and the server's, checked.
    pub(super) fn limits(&self) -> Result<(Core, Server), ConfigError> {
        let mut core = Core::default();
        core.durability = match self.durability {
            Durability::Full => hallway_core::Durability::Full,
            Durability::Relaxed => hallway_core::Durability::Relaxed,
        };
        core.retention.messages = self.keep_messages;
        core.retention.age = self.keep_days.map(|days| DAY * days);
        core.retention.bytes = self.keep_bytes;
        core.history = self.history;
        core.history_bytes = self.history_bytes;
        core.max_rooms = self.max_rooms;
        core.max_members_per_room = self.max_members_per_room;
        core.max_message_bytes = self.max_message_bytes;
        // Room for some of the largest messages, where these are larger than by default.
        core.feed_bytes = core.feed_bytes.max(self.max_message_bytes.saturating_mul(16)).min(1 << 30);
        core.mailbox_bytes = core.mailbox_bytes.max(self.max_message_bytes.saturating_mul(4)).min(1 << 30);
        core.validate()?;
        ConfigError::check("threads", "threads", self.threads(), 1..=MAX_THREADS)?;

        let mut server = Server::default();
        server.max_connections = self.max_connections.unwrap_or(server.max_connections);
        server.max_per_ip = self.max_per_ip;
        server.max_handshakes = self.max_handshakes;
        server.trusted_proxies.clone_from(&self.trusted_proxy);
        server.backlog_bytes = self.backlog_bytes;
        server.rate = self.rate;
        server.burst = self.burst;
        server.origins = self.origins();
        server.page = !self.no_page;
        server.handshake_timeout = self.handshake_timeout;
        server.ping_after = self.ping_after;
        server.silence_timeout = self.silence_timeout;
        server.stall_timeout = self.stall_timeout;
        server.shutdown_grace = self.shutdown_grace;
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

/// To keep none is no way to say that there is no limit.
fn some(text: &str) -> Result<u64, &'static str> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or("allowed is a whole number from 1 on; without this option all are kept")
}

fn days(text: &str) -> Result<u32, &'static str> {
    u32::try_from(some(text)?).map_err(|_| "allowed is a whole number of at most 4294967295")
}

fn room(text: &str) -> Result<RoomName, String> {
    text.parse().map_err(|error: hallway_core::RoomNameError| error.to_string())
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    text.parse().map_err(|_| "allowed are true and false")
}

fn whole32(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "allowed is a whole number of at most 4294967295")
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    const ALLOWED: &str = "allowed is a number of seconds from 0.001 to 86400";
    let seconds: f64 = text.parse().map_err(|_| ALLOWED)?;
    if (0.001..=86_400.0).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err(ALLOWED) }
}

/// What [`seconds`] reads.
fn in_seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    const ALLOWED: &str = "allowed is an IP address, or a network such as 10.0.0.0/8 or fd00::/8";
    let network = text.parse().or_else(|_| text.parse().map(|address: IpAddr| IpNet::from(address)));
    match network.map_err(|_| ALLOWED)? {
        // Addresses of IPv4 are compared as such, however the system shows them.
        IpNet::V6(network) if network.addr().to_ipv4_mapped().is_some() => Err(ALLOWED),
        network => Ok(network),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    let is_level = text.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
    // A single word that is no level would be taken for a part of the program, and nothing be logged.
    if !is_level && !text.contains(['=', ',', '[', ':', '_']) {
        return Err("allowed is a level (error, warn, info, debug, trace) or a filter such as \
                    warn,hallway_server=debug"
            .to_owned());
    }
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| format!("allowed is a level or a filter such as warn,hallway_server=debug: {error}"))
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
