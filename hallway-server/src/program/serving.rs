//! The server itself, on its threads.

use std::{
    future::{self, Future},
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    thread,
};

use hallway_core::{Hub, StoreHealth, SystemClock};
use hallway_server::{Origins, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES, Server};
use hallway_sqlite::SqliteStore;
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
    sync::watch,
};
use tracing::{error, info, warn};

use super::{logging, open_files, recorder, settings::Settings, signals};

/// Serves from as many threads as were asked for, each with a runtime and a fan-out of its own: what is written to a
/// room's members on one thread crosses no other. The hub lives on this one.
pub(super) fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let Settings { data, address, threads, hub, mut server, max_connections, log, log_filter, .. } = settings;
    let _written_before_the_end = logging::begin(log, log_filter);
    let recorder = recorder::install()?;
    server.max_connections = open_files::connections(max_connections, threads);
    if server.origins == Origins::Any {
        warn!("every web page may connect, with the rights of whoever looks at it: --allow-origin any");
    }

    let runtime = runtime()?;
    let (max_connections, has_page) = (server.max_connections, server.page);
    let (listener, signal, server) = {
        let _context = runtime.enter();
        let listener = listen(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
        // Before anybody is served: a signal in between would end the process without a word to them.
        let signal = signals::termination()?;
        let hub = if let Some(path) = &data {
            let store = SqliteStore::open(path, &hallway_sqlite::Options::default())?;
            let hub = Hub::spawn_with_store(hub, SystemClock, store)?;
            info!(file = %path.canonicalize().as_deref().unwrap_or(path).display(), "messages are kept");
            hub
        } else {
            info!("messages are in memory alone, until the server ends");
            Hub::spawn(hub, SystemClock)?
        };
        (listener.into_std()?, signal, Server::new(hub, server)?)
    };
    runtime.spawn(report_health(server.hub().store_health()));
    let server = server.show_metrics(recorder.page());
    runtime.spawn(recorder.upkeep());
    let address = listener.local_addr()?;
    let mut others = Vec::new();
    for _ in 1..threads {
        let (server, listener, runtime) = (server.clone(), listener.try_clone()?, self::runtime()?);
        // They end with the hub.
        others.push(thread::spawn(move || {
            let outcome = serve(&runtime, server, listener, future::pending());
            runtime.shutdown_background();
            outcome
        }));
    }
    // Whoever started it may not want to know; that is no reason not to serve.
    let _ = writeln!(io::stdout(), "listening on ws://{address}/chat?username=NAME");
    if has_page {
        let _ = writeln!(io::stdout(), "open http://{}/ to chat", from_here(address));
    }
    info!(%address, threads, max_connections, "listening");
    let told = async {
        signal.await;
        info!("a signal: shutting down");
    };
    let mut outcome = serve(&runtime, server, listener, told);
    for other in others {
        let other = other.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the server failed")));
        outcome = outcome.and(other);
    }
    // A store that hangs is not waited for.
    runtime.shutdown_background();
    match &outcome {
        Ok(()) => info!("ended"),
        Err(error) => error!(%error, "failed"),
    }
    Ok(outcome?)
}

/// Where a browser on this machine reaches it: no connection is made to the address that stands for all.
fn from_here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Says when messages can no longer be stored, and when they can again; and the same of what is to be let go of.
async fn report_health(mut health: watch::Receiver<StoreHealth>) {
    let mut known = StoreHealth::default();
    while health.changed().await.is_ok() {
        let now = health.borrow_and_update().clone();
        if now.not_stored != known.not_stored {
            if let Some(error) = &now.not_stored {
                error!(%error, "messages are not stored: their senders are told so");
            } else {
                info!("messages are stored again");
            }
        }
        if now.not_tidied != known.not_tidied {
            if let Some(error) = &now.not_tidied {
                error!(%error, "old messages and references are not let go of");
            } else {
                info!("old messages and references are let go of again");
            }
        }
        known = now;
    }
}

fn serve(
    runtime: &Runtime,
    server: Server,
    listener: std::net::TcpListener,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let _all_end_with_one = EndHub(server.hub().clone());
    runtime.block_on(async {
        server.serve(TcpListener::from_std(listener)?, shutdown).await.map_err(io::Error::other)
    })
}

/// Ends the hub, and so the other threads, where one of them ends, however it does: a server that goes on with a part of
/// its clients gone is worse than one that is started again.
struct EndHub(Hub);

impl Drop for EndHub {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

/// One thread: on a runtime of several, a task that a reader wakes runs before the other readers, so that each message
/// would go out alone and no batch would form.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Not in the way of a restart: connections of the last run may linger.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connections that wait to be accepted: thousands that come back at once after a restart are not turned away. The
/// kernel lowers it to its own limit.
const BACKLOG: u32 = 4096;
