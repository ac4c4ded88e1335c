//! The accept loop, and the owner of all sessions.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use hallway_core::{ConfigError, Hub, HubFailed};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet, yield_now},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{debug, error, info, warn};

use crate::{
    admission::Admission,
    config::Config,
    counters,
    exposition::Exposition,
    fanout::{Budget, FanOut},
    proxy,
    session::{self, Shared},
    transport::{Answer, End},
};

/// Serves the hub on `listener` until `shutdown` resolves or the hub is shut down: [`Server::serve`] for a server of one
/// listener and one thread.
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::new(hub, config)?.serve(listener, shutdown).await?;
    Ok(())
}

/// Why [`serve`] did not serve, or ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// It cannot run with these limits.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The hub failed while it was served. Every client was closed.
    #[error(transparent)]
    HubFailed(#[from] HubFailed),
}

/// What serves a hub: on one thread, or on several that share its limits.
///
/// ```no_run
/// # use hallway_server::Server;
/// # fn serve(hub: hallway_core::Hub) -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::new(hub, hallway_server::Config::default())?;
/// let listener = std::net::TcpListener::bind("127.0.0.1:8080")?;
/// listener.set_nonblocking(true)?;
/// for _ in 0..4 {
///     let (server, listener) = (server.clone(), listener.try_clone()?);
///     std::thread::spawn(move || {
///         let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
///         runtime.block_on(async {
///             let listener = tokio::net::TcpListener::from_std(listener)?;
///             // Each of them ends when the hub is shut down.
///             server.serve(listener, std::future::pending()).await.map_err(std::io::Error::other)
///         })
///     });
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    hub: Hub,
    config: Arc<Config>,
    admission: Arc<Admission>,
    exposition: Option<Exposition>,
    budget: Arc<Budget>,
}

impl Server {
    /// A server with these limits, or the first of them with which it cannot run.
    pub fn new(hub: Hub, config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let admission = Arc::new(Admission::new(&config));
        let budget = Arc::new(Budget::new(config.backlog_bytes));
        Ok(Self { hub, config: Arc::new(config), admission, exposition: None, budget })
    }

    /// Shows at `/metrics` what `render` returns, which is called for each request, on the thread that serves it. Without
    /// it that path is answered with 404.
    #[must_use]
    pub fn show_metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.exposition = Some(Exposition::new(render));
        self
    }

    /// The hub that it serves.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves on `listener` until `shutdown` resolves or the hub ends; returns when all sessions that began here have
    /// ended, and the hub. An error says that the hub failed.
    ///
    /// At the end whoever connects is answered with 503 and the hub is shut down: what it had accepted is delivered, then
    /// every client gets Close 1001. A client that does not take what is left within [`Config::shutdown_grace`] is
    /// closed without it, and one that does not close within twice [`Config::close_timeout`] is dropped: by default all
    /// is over within 4 s.
    ///
    /// The hub's runtime must run until this returns: what the hub has accepted is waited for, where it has a store that
    /// hangs for [`Config::store_grace`]. Then the hub counts as failed.
    ///
    /// It runs as well as it can on a runtime of one thread, and uses one core. For more cores call it on a clone of
    /// the server in the runtime of each further thread, with a clone of the listener or with a listener of its own
    /// (`SO_REUSEPORT`): their members meet in the hub. On a runtime of several threads it works, but a message that
    /// is read goes out before the next is read, so that no batch forms: busy rooms cost many times more.
    ///
    /// The listener's socket options are the caller's, and inherited by what it accepts. A send buffer of
    /// [`SEND_BUFFER_BYTES`] and a receive buffer of [`RECEIVE_BUFFER_BYTES`] are advised: by default a client that does
    /// not read, or one that is not read from, takes megabytes of the kernel's memory.
    ///
    /// SIGPIPE must be ignored, as it is in a Rust program that has not changed it.
    ///
    /// An error in accepting, such as too many open files, is waited out; those connected are served on. Dropping the
    /// future drops all connections.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), HubFailed> {
        let Self { hub, config, admission, exposition, budget } = self;
        let fan_out = Arc::new(FanOut::new(hub.config().feed_bytes, budget));
        let mut sweeps = pin!(async {
            let mut ticks = interval(config.sweep_interval());
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                fan_out.sweep(ticks.tick().await, &config).await;
            }
        });
        let (stop, stopping) = watch::channel(false);
        let mut sessions = Sessions {
            shared: Arc::new(Shared {
                hub: hub.clone(),
                has_store: hub.has_store(),
                config: Arc::clone(&config),
                fan_out: Arc::clone(&fan_out),
                admission,
                exposition,
                stopping,
            }),
            tasks: JoinSet::new(),
            refusals: JoinSet::new(),
        };

        let mut end = pin!(async {
            tokio::select! {
                () = shutdown => {}
                // How it ended is asked when all sessions have.
                _ = hub.closed() => {}
            }
        });
        // A stream, so that a pause in accepting outlasts what else happens here.
        let mut accepted = Box::pin(stream::unfold(listener, |listener| async {
            Some((accept(&listener).await, listener))
        }));
        loop {
            tokio::select! {
                () = &mut end => break,
                Some((stream, peer)) = accepted.next() => {
                    sessions.start(stream, peer.ip());
                    // Joins are cheaper together; but while a large room is being told something they take turns with
                    // it. With 10,000 that join a room which chats, its slowest hundredth of deliveries took four times
                    // as long without.
                    if fan_out.has_long_pass() {
                        yield_now().await;
                    }
                }
                Some(ended) = sessions.tasks.join_next() => report(ended),
                Some(ended) = sessions.refusals.join_next() => report(ended),
                never = &mut sweeps => never,
            }
        }

        debug!(sessions = sessions.tasks.len(), "ending the sessions");
        hub.shutdown();
        stop.send_replace(true);
        if !sessions.end(&mut accepted, config.shutdown_grace).await {
            fan_out.end(&End::ShuttingDown);
            if !sessions.end(&mut accepted, 2 * config.close_timeout).await {
                warn!(sessions = sessions.tasks.len(), "dropped the sessions that did not end in time");
                sessions.tasks.shutdown().await;
            }
        }
        timeout(config.store_grace, hub.closed()).await.unwrap_or_else(|_| {
            error!("the hub does not end: its store hangs");
            Err(HubFailed)
        })
    }
}

/// The advised size of the kernel's send buffer (`SO_SNDBUF`) of a connection.
pub const SEND_BUFFER_BYTES: u32 = 64 << 10;

/// The advised size of the kernel's receive buffer (`SO_RCVBUF`) of a connection: what a client can put before the server
/// that is held to its rate.
pub const RECEIVE_BUFFER_BYTES: u32 = 64 << 10;

/// Cancel safe.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut is_waiting = false;
    loop {
        match listener.accept().await {
            Ok(accepted) => {
                if is_waiting {
                    info!("accepting connections again");
                }
                return accepted;
            }
            // The client was gone before it was accepted: its affair.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Of this process or of the whole machine: asking again at once would ask for ever.
                counters::accept_failed();
                if !is_waiting {
                    warn!(%error, "cannot accept connections, waiting until it is possible again");
                    is_waiting = true;
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The tasks of all connections. Dropping it drops them.
struct Sessions {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    /// Connections that are not served, being told so.
    refusals: JoinSet<()>,
}

impl Sessions {
    fn start(&mut self, stream: TcpStream, peer: IpAddr) {
        counters::connection_accepted();
        let place = self.shared.admission.admit(peer).and_then(|mut place| {
            // Whose a proxy's connection is, its request says.
            if !proxy::is_trusted(peer, &self.shared.config) {
                place.belongs_to(peer)?;
            }
            Ok(place)
        });
        match place {
            Ok(place) => drop(self.tasks.spawn(session::run(stream, Arc::clone(&self.shared), place))),
            Err(answer) => self.refuse(stream, answer),
        }
    }

    fn refuse(&mut self, stream: TcpStream, answer: Answer) {
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.spawn(session::refuse(stream, answer, Arc::clone(&self.shared)));
        } else {
            counters::connection_dropped();
        }
    }

    /// Waits until all have ended; false where some have not within `limit`. Who comes meanwhile is told that it is late.
    async fn end(
        &mut self,
        accepted: &mut (impl Stream<Item = (TcpStream, SocketAddr)> + Unpin),
        limit: Duration,
    ) -> bool {
        let ended = async {
            while !(self.tasks.is_empty() && self.refusals.is_empty()) {
                tokio::select! {
                    Some(ended) = self.tasks.join_next() => report(ended),
                    Some(ended) = self.refusals.join_next() => report(ended),
                    Some((stream, _)) = accepted.next() => self.refuse(stream, Answer::ShuttingDown),
                }
            }
        };
        timeout(limit, ended).await.is_ok()
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        // Its member left when its task was dropped; the other sessions go on.
        error!(%error, "a session failed");
    }
}

/// Between two attempts to accept while the system refuses: short beside a client's patience, and next to no work.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections on one thread that are told at the same time why they are not served, beyond
/// [`Config::max_connections`]. More are dropped without a word.
pub const MAX_REFUSALS: usize = 64;
