//! A server under attack, and how its metrics move.

use std::{
    io,
    net::SocketAddr,
    process::ExitStatus,
    time::{Duration, Instant},
};

use hallway_harness::{self as harness, Metrics, Process, Sheet};
use tokio::process::Command;

use crate::{client::served, row::Bench};

/// How long a server may take to listen, and to write the end of its log.
const LIMIT: Duration = Duration::from_secs(10);

/// A running server; ended when dropped.
pub(crate) struct Server {
    running: harness::Server,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    before: Metrics,
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
        command.args(arguments).args(&bench.arguments);
        let running = harness::Server::start(command, sheet, LIMIT, None).await?;
        let harness::Server { address, process, .. } = running;
        served(address, "first").await?;
        let before = Metrics::read(address).await?;
        Ok(Self { running, address, process, before })
    }

    /// Tells it to end, by SIGTERM; when that was.
    pub(crate) async fn terminate(&mut self) -> io::Result<Instant> {
        self.read_metrics().await?;
        self.running.terminate()
    }

    /// How it ended, if it does within `limit`.
    pub(crate) async fn ended(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        self.running.ended(limit).await
    }

    /// Ends it, unless it has ended.
    pub(crate) async fn end(mut self) -> io::Result<()> {
        if self.running.has_ended()? {
            return Ok(());
        }
        self.read_metrics().await?;
        self.running.kill().await
    }

    async fn read_metrics(&self) -> io::Result<()> {
        self.running.moved(Metrics::read(self.address).await?.moved(&self.before));
        Ok(())
    }
}
