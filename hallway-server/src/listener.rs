//! The accept loop, and the owner of all sessions.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use hallway_core::{ConfigError, Hub};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

use crate::{
    config::Config,
    session::{self, Shared},
    transport::Answer,
};

/// Serves the hub on `listener` until `shutdown` resolves or the hub is shut down; returns when all sessions have ended.
///
/// At the end no connection is accepted any more and the hub is shut down: what it had accepted is delivered, then
/// every client gets Close 1001. A client that does not take what is left within [`Config::shutdown_grace`] is closed
/// without it, and one that does not close within twice [`Config::close_timeout`] is dropped: by default all is over
/// within 4 s.
///
/// The listener's socket options are the caller's, and inherited by what it accepts. A send buffer of
/// [`SEND_BUFFER_BYTES`] is advised: by default a stalled client swallows megabytes of the kernel's memory, and one that
/// takes some kilobytes a second looks stalled, because the kernel reports room only when a third of the buffer is free.
///
/// An error in accepting, such as too many open files, is waited out; those connected are served on. Dropping the
/// future drops all connections.
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ConfigError> {
    config.validate()?;
    let config = Arc::new(config);
    let (stop, stopping) = watch::channel(false);
    let mut sessions = Sessions {
        shared: Shared { hub: hub.clone(), config: Arc::clone(&config), stopping },
        tasks: JoinSet::new(),
        refusals: JoinSet::new(),
    };

    let mut end = pin!(async {
        tokio::select! {
            () = shutdown => {}
            () = hub.closed() => {}
        }
    });
    loop {
        tokio::select! {
            () = &mut end => break,
            stream = accept(&listener) => sessions.start(stream),
            Some(ended) = sessions.tasks.join_next() => report(ended),
            Some(ended) = sessions.refusals.join_next() => report(ended),
        }
    }

    drop(listener);
    info!(sessions = sessions.tasks.len(), "shutting down");
    hub.shutdown();
    stop.send_replace(true);
    sessions.end(config.shutdown_grace + 2 * config.close_timeout).await;
    hub.closed().await;
    Ok(())
}

/// The advised size of the kernel's send buffer (`SO_SNDBUF`) of a connection: with it, one that takes less than about
/// 4 KiB a second counts as taking nothing under the default [`Config::stall_timeout`].
pub const SEND_BUFFER_BYTES: u32 = 64 << 10;

/// Cancel safe.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The client was gone before it was accepted: its affair.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Of this process or of the whole machine: asking again at once would ask for ever.
                warn!(%error, "cannot accept connections, waiting");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The tasks of all connections. Dropping it drops them.
struct Sessions {
    shared: Shared,
    tasks: JoinSet<()>,
    /// Connections over the limit, being told so.
    refusals: JoinSet<()>,
}

impl Sessions {
    fn start(&mut self, stream: TcpStream) {
        let max = self.shared.config.max_connections;
        let limit = self.shared.config.close_timeout;
        if self.tasks.len() < max {
            self.tasks.spawn(session::run(stream, self.shared.clone()));
        } else if self.refusals.len() < MAX_REFUSALS {
            self.refusals.spawn(async move { Answer::TooManyConnections.send(stream, false, limit).await });
        }
        // Beyond the refusals that may be under way at once the connection is dropped without a word.
    }

    /// Waits until all have ended, and drops those that have not by then.
    async fn end(&mut self, limit: Duration) {
        let ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                report(ended);
            }
        };
        if timeout(limit, ended).await.is_err() {
            warn!(sessions = self.tasks.len(), "dropped the sessions that did not end in time");
            self.tasks.shutdown().await;
        }
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

/// Connections over the limit that are told so at the same time.
const MAX_REFUSALS: usize = 64;
