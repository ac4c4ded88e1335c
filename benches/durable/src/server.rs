//! A server on its file.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use hallway_harness::{self as harness, Process, Sheet};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tokio::process::Command;

use crate::row::Bench;

/// How long a server may take to listen, to end, and to write the end of its log.
const LIMIT: Duration = Duration::from_secs(20);

/// A running server; ended when dropped.
pub(crate) struct Server {
    running: harness::Server,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    /// From just before it was started until it said that it listens.
    pub(crate) listened_after: Duration,
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
        let running = harness::Server::start(command, sheet, LIMIT, expected).await?;
        let harness::Server { address, process, listened_after, .. } = running;
        Ok(Self { running, address, process, listened_after })
    }

    /// Ends it at once, by SIGKILL: it learns nothing of it.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        self.running.kill().await
    }

    /// Tells it to end, by SIGTERM, and waits until it has.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        if self.running.has_ended()? {
            return Ok(());
        }
        self.running.terminate()?;
        match self.running.ended(LIMIT).await? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(io::Error::other(format!("told to end, it ended with {status}"))),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// From now on it cannot make a file longer than so many bytes, or as long as it likes.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> io::Result<()> {
        let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
        prlimit(Some(self.running.id()?), Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum })?;
        Ok(())
    }
}
