//! The server's limits: each with its unit, its default and the reason for it.

use std::time::Duration;

use hallway_core::ConfigError;
use ipnet::IpNet;

use crate::origin::Origins;

/// What the server allows beside what its [`Hub`](hallway_core::Hub) does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Connections at the same time, handshakes included. Default 50,000. One more is answered with 503.
    pub max_connections: usize,

    /// Connections from one address at the same time, of IPv6 from one network of 64 bits. Default: no limit, because
    /// behind a proxy all have one address; see [`trusted_proxies`](Self::trusted_proxies). One more is answered with 503.
    /// Loading the [`page`](Self::page) takes up to four for a moment, beside the one of who chats.
    pub max_per_ip: Option<usize>,

    /// Connections at the same time that have not sent their whole request. Default 4,096. Where one more comes, the one
    /// that has been trying the longest is answered with 503. Each takes some 10 KiB at most.
    pub max_handshakes: usize,

    /// Networks of proxies whose `X-Forwarded-For` says whose a connection is. Default: none, and that header is ignored,
    /// because anybody can send it.
    pub trusted_proxies: Vec<IpNet>,

    /// Bytes that all rooms together keep for members that are behind. Default 256 MiB.
    ///
    /// Each keeps at most as much as the hub's [`feed_bytes`](hallway_core::Config::feed_bytes) on each thread; where all
    /// together exceed this, a room in which something is said gives up half of what it keeps, down to 64 KiB, and the
    /// members that had not read it are told how much they missed.
    pub backlog_bytes: usize,

    /// Chat messages a second that a connection may send in the long run. Default 50.
    ///
    /// Nothing that exceeds it is lost: the server reads no further until the connection is within its rate again.
    pub rate: u32,

    /// Chat messages that a connection may send at once after a pause. Default 200.
    pub burst: u32,

    /// Which web pages may connect. By default those of the server's own host and port.
    pub origins: Origins,

    /// Whether `GET /` is the chat page, and `/hallway.js` its module. Default: yes.
    pub page: bool,

    /// From accepting a connection to the end of its request's head. Default 10 s.
    pub handshake_timeout: Duration,

    /// Silence of a client after which it is pinged, and pinged again. Default 25 s: below the 30 s after which
    /// impatient proxies cut an idle connection.
    pub ping_after: Duration,

    /// Silence of a client after which it is dropped although it was pinged. Default 60 s.
    pub silence_timeout: Duration,

    /// For how long a client may take no byte while there is something for it. Default 30 s.
    pub stall_timeout: Duration,

    /// For how long each step of closing a connection may take: sending what is left, then waiting for the client
    /// to close its side. Default 1 s.
    pub close_timeout: Duration,

    /// For how long a client may take what was said before a shutdown, until it is closed without. Default 2 s.
    pub shutdown_grace: Duration,

    /// For how long the hub may take, at a shutdown when all clients have gone, to store what it has accepted. Default 10 s.
    /// Longer takes only a store that hangs; what it was not told to be stored has not been acknowledged.
    pub store_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_connections: 50_000,
            max_per_ip: None,
            max_handshakes: 4_096,
            trusted_proxies: Vec::new(),
            backlog_bytes: 256 << 20,
            rate: 50,
            burst: 200,
            origins: Origins::default(),
            page: true,
            handshake_timeout: Duration::from_secs(10),
            ping_after: Duration::from_secs(25),
            silence_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(2),
            store_grace: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// How often all connections are looked at for silence and stalls: as exact as that is.
    pub(crate) fn sweep_interval(&self) -> Duration {
        let shortest = self.ping_after.min(self.silence_timeout).min(self.stall_timeout);
        (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// Whether a server can run with these limits; the error names the first that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("max_connections", "connections", self.max_connections, 1..=10_000_000)?;
        if let Some(max_per_ip) = self.max_per_ip {
            ConfigError::check("max_per_ip", "connections", max_per_ip, 1..=10_000_000)?;
        }
        ConfigError::check("max_handshakes", "connections", self.max_handshakes, 1..=10_000_000)?;
        ConfigError::check("backlog_bytes", "bytes", self.backlog_bytes, 1..=usize::MAX)?;
        ConfigError::check("rate", "messages a second", self.rate as usize, 1..=1_000_000)?;
        ConfigError::check("burst", "messages", self.burst as usize, 1..=1_000_000)?;
        for (option, duration) in [
            ("handshake_timeout", self.handshake_timeout),
            ("ping_after", self.ping_after),
            ("silence_timeout", self.silence_timeout),
            ("stall_timeout", self.stall_timeout),
            ("close_timeout", self.close_timeout),
            ("shutdown_grace", self.shutdown_grace),
            ("store_grace", self.store_grace),
        ] {
            let millis = usize::try_from(duration.as_millis()).unwrap_or(usize::MAX);
            ConfigError::check(option, "milliseconds", millis, 1..=MAX_MILLIS)?;
        }
        // Otherwise every client that is silent is dropped, and none pinged.
        let (ping_after, silence) = (self.ping_after.as_millis(), self.silence_timeout.as_millis());
        let millis = |duration| usize::try_from(duration).unwrap_or(usize::MAX);
        ConfigError::check(
            "silence_timeout",
            "milliseconds",
            millis(silence),
            millis(ping_after) + 1..=MAX_MILLIS,
        )
    }
}

/// A day.
const MAX_MILLIS: usize = 86_400_000;
