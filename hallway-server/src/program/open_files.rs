//! How many connections the system lets the process have.

use hallway_server::MAX_REFUSALS;
use tracing::warn;

/// The limit of connections: the one asked for, or as many as there may be open files, of which there are then as many as
/// the process may have.
pub(super) fn connections(asked: Option<usize>, threads: usize) -> usize {
    let own = OWN_FILES + threads * FILES_A_THREAD;
    let limit = raise();
    match asked {
        Some(connections) => {
            if connections.saturating_add(own) > limit {
                warn!(
                    connections,
                    open_files = limit,
                    "more connections are allowed than open files: beyond these, accepting will wait"
                );
            }
            connections
        }
        // Where there are few, not all of them are the program's own.
        None => (limit - own.min(limit / 4)).clamp(1, MAX_CONNECTIONS),
    }
}

/// Raises the limit of open files to what the process may raise it to; returns what it is now.
#[cfg(unix)]
fn raise() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = raised {
        warn!(%error, open_files = current, "cannot raise the limit of open files");
    }
    let limit = if raised.is_ok() { maximum } else { current };
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn raise() -> usize {
    MAX_CONNECTIONS
}

/// Streams, listeners, and what is still to come.
const OWN_FILES: usize = 64;

/// A listener and a runtime, and the connections that are being told why they are not served.
const FILES_A_THREAD: usize = 8 + MAX_REFUSALS;

/// More than one machine serves.
const MAX_CONNECTIONS: usize = 1_000_000;
