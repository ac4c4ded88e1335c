//! The program, started as its user does.

use std::{
    collections::HashMap,
    net::SocketAddr,
    process::{Output, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

use super::{Client, exchange, handshake, in_time, open};

/// A command that starts it, with none of its settings in the environment.
pub(crate) fn hallway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallway-server"));
    // One that serves keeps nothing, unless it is told where.
    if arguments.first().is_none_or(|first| first.starts_with("--")) && !arguments.contains(&"--data") {
        command.args(["--data", "none"]);
    }
    command.args(arguments).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A program that serves.
pub(crate) struct Running {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts it and reads its first line.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("started");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let line = in_time(stdout.next_line()).await.expect("read").expect("a line");
        let url = line.strip_prefix("listening on ").expect("what it listens on").to_owned();
        let address = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
        let address = address.expect("a WebSocket URL").parse().expect("an address");
        Self { child, stdout, url, address }
    }

    /// A member, connected by the URL that was printed.
    pub(crate) async fn connect(&self, name: &str) -> Client {
        let target = self.url.split_once("/chat").expect("the endpoint").1.replace("NAME", name);
        let mut client = Client::over(open(self.address).await);
        client.send(handshake(&format!("/chat{target}"), "")).await;
        client.upgraded().await;
        client
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let status = in_time(Command::new("kill").args(["-s", signal, &id]).status()).await;
        assert!(status.expect("started").success());
    }

    /// Waits for its end; returns its exit code and what else it printed.
    pub(crate) async fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let status = in_time(self.child.wait()).await.expect("waited for");
        let mut lines = Vec::new();
        while let Some(line) = in_time(self.stdout.next_line()).await.expect("read") {
            lines.push(line);
        }
        (status.code(), lines)
    }

    /// Waits for its end; returns its exit code and its log.
    pub(crate) async fn ended_with_log(mut self) -> (Option<i32>, Vec<String>) {
        let mut log = String::new();
        let mut stderr: ChildStderr = self.child.stderr.take().expect("a pipe");
        in_time(stderr.read_to_string(&mut log)).await.expect("UTF-8");
        let status = in_time(self.child.wait()).await.expect("waited for");
        (status.code(), log.lines().map(str::to_owned).collect())
    }

    /// What `/metrics` shows: the value of each series, without decimals.
    pub(crate) async fn metrics(&self) -> HashMap<String, i64> {
        let reply = exchange(self.address, "GET /metrics HTTP/1.1\r\nHost: hallway.example\r\n\r\n").await;
        assert_eq!(reply.status, "200 OK");
        let series = reply.body.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        series
            .map(|line| {
                let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                let whole = value.split('.').next().expect("a number");
                (name.to_owned(), whole.parse().expect("a number"))
            })
            .collect()
    }
}

/// What it printed and how it ended.
pub(crate) async fn output(mut command: Command) -> Output {
    in_time(command.output()).await.expect("started")
}

/// What was printed to stderr, which must be a line, and nothing to stdout.
pub(crate) fn one_line(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let text = String::from_utf8(output.stderr.clone()).expect("UTF-8");
    assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true), "{text}");
    text
}
