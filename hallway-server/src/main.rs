//! `hallway-server`: reads the command line, binds the listener, waits for signals. All else is in the library.

mod cli;

use std::{
    future::Future,
    io::{self, IsTerminal},
    process::ExitCode,
};

use hallway_core::{Hub, SystemClock};
use hallway_server::serve;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use cli::Settings;

fn main() -> ExitCode {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(code) => return code.into(),
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
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

#[tokio::main]
async fn run(Settings { address, hub, server }: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    let signal = termination()?;
    let hub = Hub::spawn(hub, SystemClock)?;
    println!("listening on ws://{address}/chat?username=NAME");
    serve(listener, hub, server, signal).await?;
    Ok(())
}

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
