//! A server under attack: a process of its own, what it logs, and how it ends.

use std::{
    io,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hallway_harness::{Metrics, Process, within};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{client::served, report::Sheet, row::Bench};

/// How long a server may take to listen, and to write the end of its log.
const LIMIT: Duration = Duration::from_secs(10);

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    log: Log,
    before: Metrics,
    was_told_to_end: bool,
}

type Log = Arc<Mutex<Testimony>>;

/// What is known of a server when it is gone.
#[derive(Default)]
pub(crate) struct Testimony {
    /// Panics, sessions that failed, and whatever else it logged as an error.
    pub(crate) faults: u64,
    pub(crate) first_fault: Option<String>,
    /// How it ended, where it did without having been told to.
    pub(crate) ended_by_itself: Option<ExitStatus>,
    /// How its metrics moved, where it lived long enough to say so.
    pub(crate) metrics: Option<String>,
}

/// What reads a server's log. It outlives the server, whatever becomes of the row.
pub(crate) struct Witness {
    log: Log,
    reading: JoinHandle<()>,
}

impl Server {
    /// Starts one and serves a first client, so that what is measured later does not contain what the first one costs.
    pub(crate) async fn start(bench: &Bench, sheet: &mut Sheet, arguments: &[&str]) -> io::Result<Self> {
        Self::spawn(bench, sheet, Command::new(&bench.program), arguments).await
    }

    /// The same with so many files that it may have open.
    pub(crate) async fn start_with_files(bench: &Bench, sheet: &mut Sheet, files: u32) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {files}; exec \"$0\" \"$@\"")).arg(&bench.program);
        // By default it would not try to have more connections than files.
        Self::spawn(bench, sheet, shell, &["--max-connections", "1000"]).await
    }

    async fn spawn(
        bench: &Bench,
        sheet: &mut Sheet,
        mut command: Command,
        arguments: &[&str],
    ) -> io::Result<Self> {
        // What is written to a disk is not what is measured here.
        command.env("HALLWAY_DATA", "none");
        command.args(arguments).args(&bench.arguments).env("PORT", "0").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", bench.program.display()))
        })?;
        let (Some(stdout), Some(stderr), Some(id)) = (child.stdout.take(), child.stderr.take(), child.id())
        else {
            return Err(io::Error::other("the server ended at once"));
        };
        let log = Log::default();
        let reading = tokio::spawn(read_log(stderr, Arc::clone(&log)));
        sheet.watch(Witness { log: Arc::clone(&log), reading });

        let mut said = String::new();
        within(LIMIT, "the server listens", BufReader::new(stdout).read_line(&mut said)).await?;
        let address = said.split_once("ws://").and_then(|(_, url)| url.split('/').next()?.parse().ok());
        let address = address.ok_or_else(|| io::Error::other("the server does not say where it listens"))?;
        served(address, "first").await?;
        let before = Metrics::read(address).await?;
        Ok(Self { child, address, process: Process(id), log, before, was_told_to_end: false })
    }

    /// Tells it to end, by SIGTERM; when that was.
    pub(crate) async fn terminate(&mut self) -> io::Result<Instant> {
        self.read_metrics().await?;
        self.was_told_to_end = true;
        let id = i32::try_from(self.process.0).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("the server has no process id"))?;
        let begin = Instant::now();
        kill_process(id, Signal::TERM)?;
        Ok(begin)
    }

    /// How it ended, if it does within `limit`.
    pub(crate) async fn ended(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        timeout(limit, self.child.wait()).await.ok().transpose()
    }

    /// Ends it, unless it has ended.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_none() {
            self.read_metrics().await?;
            self.was_told_to_end = true;
            self.child.kill().await?;
        }
        Ok(())
    }

    async fn read_metrics(&mut self) -> io::Result<()> {
        let metrics = Metrics::read(self.address).await?.moved(&self.before);
        lock(&self.log).metrics = Some(metrics);
        Ok(())
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
        let _ = timeout(LIMIT, self.reading).await;
        std::mem::take(&mut lock(&self.log))
    }
}

fn lock(log: &Log) -> MutexGuard<'_, Testimony> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read_log(stderr: impl AsyncRead + Unpin, log: Log) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if is_fault(&line) {
            let mut log = lock(&log);
            log.faults += 1;
            log.first_fault.get_or_insert(line);
        }
    }
}

/// A panic, a session that failed (which is what becomes of a panic in one), or any other line of the level ERROR.
fn is_fault(line: &str) -> bool {
    line.contains("panicked at") || line.contains("a session failed") || line.contains(" ERROR ")
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
