//! `hallway-server`: reads the command line, binds the listener, waits for signals. All else is in the library.

mod cli;

use std::{
    env,
    future::{self, Future},
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    process::ExitCode,
    thread,
};

use hallway_core::{Hub, SystemClock};
use hallway_server::{SEND_BUFFER_BYTES, Server};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
};
use tracing_subscriber::EnvFilter;

use cli::Settings;

fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(code) => return code.into(),
    };
    let filter = match log_filter() {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!("error: {error}");
            return 2.into();
        }
    };
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).init();

    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn log_filter() -> Result<EnvFilter, String> {
    match env::var("RUST_LOG") {
        Ok(text) => EnvFilter::try_new(&text).map_err(|error| {
            format!(
                "RUST_LOG is {text:?}, allowed is a level or a filter such as hallway_server=debug: {error}"
            )
        }),
        Err(_) => Ok(EnvFilter::new("info")),
    }
}

/// Serves from as many threads as were asked for, each with a runtime and a fan-out of its own: what is written to a
/// room's members on one thread crosses no other. The hub lives on this one.
fn run(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let Settings { address, threads, hub, server } = settings;
    let runtime = runtime()?;
    let (listener, signal, server) = {
        let _context = runtime.enter();
        let listener = listen(address).map_err(|error| format!("cannot listen on {address}: {error}"))?;
        // Before anybody is served: a signal in between would end the process without a word to them.
        let signal = termination()?;
        (listener.into_std()?, signal, Server::new(Hub::spawn(hub, SystemClock)?, server)?)
    };
    let address = listener.local_addr()?;
    let mut others = Vec::new();
    for _ in 1..threads {
        let (server, listener, runtime) = (server.clone(), listener.try_clone()?, self::runtime()?);
        // They end with the hub.
        others.push(thread::spawn(move || serve(&runtime, server, listener, future::pending())));
    }
    // Whoever started it may not want to know; that is no reason not to serve.
    let _ = writeln!(io::stdout(), "listening on ws://{address}/chat?username=NAME");
    let mut outcome = serve(&runtime, server, listener, signal);
    for other in others {
        let other = other.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the server failed")));
        outcome = outcome.and(other);
    }
    Ok(outcome?)
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
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Not in the way of a restart: connections of the last run may linger.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Connections that wait to be accepted: thousands that come back at once after a restart are not turned away. The
/// kernel lowers it to its own limit.
const BACKLOG: u32 = 4096;

/// Resolves at the first SIGTERM or SIGINT.
#[cfg(unix)]
fn termination() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves at the first interrupt from the keyboard.
#[cfg(not(unix))]
fn termination() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
