//! A server on its file: a process of its own, what it logs, and how it ends.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hallway_harness::{Process, within};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::{report::Sheet, row::Bench};

/// How long a server may take to listen, to end, and to write the end of its log.
const LIMIT: Duration = Duration::from_secs(20);

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    /// From just before it was started until it said that it listens.
    pub(crate) listened_after: Duration,
    log: Log,
    was_told_to_end: bool,
}

type Log = Arc<Mutex<Testimony>>;

/// What is known of a server when it is gone.
#[derive(Default)]
pub(crate) struct Testimony {
    /// Panics, and whatever else it logged as an error.
    pub(crate) faults: usize,
    pub(crate) first_fault: Option<String>,
    /// How it ended, where it did without having been told to.
    pub(crate) ended_by_itself: Option<ExitStatus>,
}

/// What reads a server's log. It outlives the server, whatever becomes of the row.
pub(crate) struct Witness {
    log: Log,
    reading: JoinHandle<()>,
}

impl Server {
    /// Starts one that keeps its messages in `data`, or in memory alone.
    pub(crate) async fn start(
        bench: &Bench,
        sheet: &mut Sheet,
        data: Option<&Path>,
        arguments: &[&str],
    ) -> io::Result<Self> {
        Self::spawn(Command::new(&bench.program), bench, sheet, data, arguments, None).await
    }

    /// The same, whose writes beyond a limit of file sizes will fail as those to a full disk do. The limit is yet to be
    /// set ([`limit_files`](Self::limit_files)); errors that name `expected` are then no faults.
    pub(crate) async fn start_limitable(
        bench: &Bench,
        sheet: &mut Sheet,
        data: &Path,
        arguments: &[&str],
        expected: &'static str,
    ) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        // Else the signal would end it at the first such write. What is ignored stays so in the program that is executed.
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(&bench.program);
        Self::spawn(shell, bench, sheet, Some(data), arguments, Some(expected)).await
    }

    async fn spawn(
        mut command: Command,
        bench: &Bench,
        sheet: &mut Sheet,
        data: Option<&Path>,
        arguments: &[&str],
        expected: Option<&'static str>,
    ) -> io::Result<Self> {
        command.arg("--data").arg(data.unwrap_or(Path::new("none"))).args(arguments).args(&bench.arguments);
        command.env("PORT", "0").env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let begin = Instant::now();
        let mut child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot start {}: {error}", bench.program.display()))
        })?;
        let (Some(stdout), Some(stderr), Some(id)) = (child.stdout.take(), child.stderr.take(), child.id())
        else {
            return Err(io::Error::other("the server ended at once"));
        };
        let log = Log::default();
        let reading = tokio::spawn(read_log(stderr, Arc::clone(&log), expected));

        let mut said = String::new();
        within(LIMIT, "the server listens", BufReader::new(stdout).read_line(&mut said)).await?;
        let listened_after = begin.elapsed();
        let address = said.split_once("ws://").and_then(|(_, url)| url.split('/').next()?.parse().ok());
        let Some(address) = address else {
            let reason = Witness { log, reading }.hear().await.first_fault;
            let reason = reason.unwrap_or_else(|| "it does not say why".to_owned());
            return Err(io::Error::other(format!("the server does not listen: {reason}")));
        };
        sheet.watch(Witness { log: Arc::clone(&log), reading });
        Ok(Self { child, address, process: Process(id), listened_after, log, was_told_to_end: false })
    }

    /// Ends it at once, by SIGKILL: it learns nothing of it.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        self.was_told_to_end = self.child.try_wait()?.is_none();
        self.child.kill().await
    }

    /// Tells it to end, by SIGTERM, and waits until it has.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_some() {
            // Its witness has more to say.
            return Ok(());
        }
        self.was_told_to_end = true;
        kill_process(self.id()?, Signal::TERM)?;
        let status = timeout(LIMIT, self.child.wait()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("told to end, it ended with {status}")))
    }

    /// From now on it cannot make a file longer than so many bytes, or as long as it likes.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> io::Result<()> {
        let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
        prlimit(Some(self.id()?), Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum })?;
        Ok(())
    }

    fn id(&self) -> io::Result<Pid> {
        let id = i32::try_from(self.process.0).ok().and_then(Pid::from_raw);
        id.ok_or_else(|| io::Error::other("the server has no process id"))
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
    fn a_panic_and_an_error_are_faults_and_a_warning_is_none() {
        assert!(is_fault("thread 'main' (7) panicked at hallway-server/src/chat.rs:1:1:"));
        assert!(is_fault("2026-01-01T00:00:00Z ERROR hallway_server::listener: a session failed"));
        assert!(!is_fault("2026-01-01T00:00:00Z  WARN hallway_server::listener: cannot accept connections"));
    }
}
