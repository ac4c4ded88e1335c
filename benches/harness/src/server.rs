//! A running server: a process of its own, what it logs, and how it ends.

use std::{
    io, mem,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{Process, Sheet, within};

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub process: Process,
    /// From just before it was started until it said that it listens.
    pub listened_after: Duration,
    log: Log,
    was_told_to_end: bool,
}

type Log = Arc<Mutex<Testimony>>;

/// What is known of a server when it is gone.
#[derive(Debug, Default)]
pub(crate) struct Testimony {
    /// Panics, and whatever else it logged as an error.
    pub(crate) faults: usize,
    pub(crate) first_fault: Option<String>,
    /// How it ended, where it did without having been told to.
    pub(crate) ended_by_itself: Option<ExitStatus>,
    /// How its metrics moved, where it lived long enough to say so.
    pub(crate) metrics: Option<String>,
}

/// What reads a server's log. It outlives the server, whatever becomes of the row.
#[derive(Debug)]
pub(crate) struct Witness {
    log: Log,
    reading: JoinHandle<()>,
    /// How long the server may take to write the end of its log.
    limit: Duration,
}

impl Server {
    /// Starts what `command` says, on a port of the kernel's choice, and waits until it listens: for `limit` at most, which
    /// is also how long it may take to write the end of its log. Errors in its log that name `expected` are no faults;
    /// others are the sheet's to judge, when the row is over.
    pub async fn start(
        mut command: Command,
        sheet: &mut Sheet,
        limit: Duration,
        expected: Option<&'static str>,
    ) -> io::Result<Self> {
        command.env("PORT", "0").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let begin = Instant::now();
        let mut child = command.spawn().map_err(|error| {
            let program = command.as_std().get_program().display();
            io::Error::new(error.kind(), format!("cannot start {program}: {error}"))
        })?;
        let (Some(stdout), Some(stderr), Some(id)) = (child.stdout.take(), child.stderr.take(), child.id())
        else {
            return Err(io::Error::other("the server ended at once"));
        };
        let log = Log::default();
        let reading = tokio::spawn(read_log(stderr, Arc::clone(&log), expected));
        let witness = Witness { log: Arc::clone(&log), reading, limit };

        let mut said = String::new();
        let listens = within(limit, "the server listens", BufReader::new(stdout).read_line(&mut said)).await;
        let listened_after = begin.elapsed();
        let address = said.split_once("ws://").and_then(|(_, url)| url.split('/').next()?.parse().ok());
        let Some(address) = address else {
            drop(child);
            let reason = witness.hear().await.first_fault;
            let reason = reason.or(listens.err().map(|error| error.to_string()));
            let reason = reason.unwrap_or_else(|| "it does not say why".to_owned());
            return Err(io::Error::other(format!("the server does not listen: {reason}")));
        };
        sheet.watch(witness);
        Ok(Self { child, address, process: Process(id), listened_after, log, was_told_to_end: false })
    }

    /// Its process, as signals and limits are sent to it.
    pub fn id(&self) -> io::Result<Pid> {
        let id = i32::try_from(self.process.0).ok().and_then(Pid::from_raw);
        id.ok_or_else(|| io::Error::other("the server has no process id"))
    }

    /// Whether it has ended by itself. Then its witness has more to say.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Tells it to end, by SIGTERM; when that was.
    pub fn terminate(&mut self) -> io::Result<Instant> {
        self.was_told_to_end = true;
        let begin = Instant::now();
        kill_process(self.id()?, Signal::TERM)?;
        Ok(begin)
    }

    /// How it ended, if it does within `limit`.
    ///
    /// Cancel safe: it can be waited for again.
    pub async fn ended(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        timeout(limit, self.child.wait()).await.ok().transpose()
    }

    /// Ends it at once, by SIGKILL, unless it has ended: it learns nothing of it.
    pub async fn kill(&mut self) -> io::Result<()> {
        if !self.has_ended()? {
            self.was_told_to_end = true;
            self.child.kill().await?;
        }
        Ok(())
    }

    /// How its metrics moved, for the sheet; the last that is said counts.
    pub fn moved(&self, metrics: String) {
        lock(&self.log).metrics = Some(metrics);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.was_told_to_end {
            // A row that was given up drops a server that may still live.
            lock(&self.log).ended_by_itself = self.child.try_wait().ok().flatten();
        }
    }
}

impl Witness {
    /// What it has to say, when its server is gone.
    pub(crate) async fn hear(self) -> Testimony {
        // A server that cannot be killed has said what it had to say.
        let _ = timeout(self.limit, self.reading).await;
        mem::take(&mut lock(&self.log))
    }
}

fn lock(log: &Log) -> MutexGuard<'_, Testimony> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read_log(stderr: impl AsyncRead + Unpin, log: Log, expected: Option<&str>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if is_fault(&line) && !expected.is_some_and(|expected| line.contains(expected)) {
            let mut log = lock(&log);
            log.faults += 1;
            log.first_fault.get_or_insert(line);
        }
    }
}

/// A panic, a session that failed (which is what becomes of a panic in one), or any other line of the level ERROR.
fn is_fault(line: &str) -> bool {
    // What ends it before it listens is no line of its log.
    line.starts_with("error: ")
        || line.contains("panicked at")
        || line.contains("a session failed")
        || line.contains(" ERROR ")
}

#[cfg(test)]
mod tests {
    use super::is_fault;

    #[test]
    fn a_panic_and_a_failed_session_are_faults_and_a_warning_is_none() {
        assert!(is_fault("thread 'main' (7) panicked at hallway-server/src/chat.rs:1:1:"));
        assert!(is_fault("2026-01-01T00:00:00Z ERROR hallway_server::listener: a session failed"));
        assert!(!is_fault("2026-01-01T00:00:00Z  WARN hallway_server::listener: cannot accept connections"));
    }
}
