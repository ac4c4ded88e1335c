//! What the test files share: a server started in-process, a client written by hand, and plain HTTP.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test file is a program of its own and uses a part of this"
)]

mod client;
mod http;
mod panics;
#[cfg(unix)]
mod program;
mod random;
mod store;
mod v2;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hallway_core::{Clock, Hub, RoomName};
use hallway_server::{ServeError, serve};
use time::{Date, OffsetDateTime, Time, UtcOffset};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Builder,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

pub(crate) use client::{
    BINARY, CLOSE, CONTINUATION, Client, FIN, Frame, PING, PONG, TEXT, close, header, masked, numbers, said,
};
pub(crate) use http::{Reply, code, exchange, handshake, open};
pub(crate) use panics::server_panics;
#[cfg(unix)]
pub(crate) use program::{Running, hallway, one_line, output};
pub(crate) use random::{Random, cases, each};
pub(crate) use store::Memory;
pub(crate) use v2::{OFFER, V2};

pub(crate) type HubConfig = hallway_core::Config;
pub(crate) type ServerConfig = hallway_server::Config;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// More than any step takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server. It ends with the test's runtime, unless it is ended before.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    /// With the limits of production, but for the count, which is sent at once: what comes after what is then certain.
    pub(crate) async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    /// With limits that `change` may alter.
    pub(crate) async fn with(change: impl FnOnce(&mut HubConfig, &mut ServerConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener, change)
    }

    /// As [`with`](Self::with), on a listener whose connections have a send buffer of this many bytes: by default the
    /// system swallows megabytes before anybody notices that a client does not read.
    pub(crate) fn with_send_buffer(
        bytes: u32,
        change: impl FnOnce(&mut HubConfig, &mut ServerConfig),
    ) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_send_buffer_size(bytes).expect("a send buffer");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        Self::on(socket.listen(1_024).expect("a listener"), change)
    }

    /// As [`with_send_buffer`](Self::with_send_buffer), whose hub keeps its messages in a store.
    pub(crate) fn with_store(store: &Memory, change: impl FnOnce(&mut HubConfig, &mut ServerConfig)) -> Self {
        Self::with_store_and_send_buffer(store, 16 << 10, change)
    }

    pub(crate) fn with_store_and_send_buffer(
        store: &Memory,
        bytes: u32,
        change: impl FnOnce(&mut HubConfig, &mut ServerConfig),
    ) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_send_buffer_size(bytes).expect("a send buffer");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let (config, server) = limits(change);
        let hub = Hub::spawn_with_store(config, FixedTimeOfDay, store.clone()).expect("a store");
        Self::of(socket.listen(1_024).expect("a listener"), hub, server)
    }

    fn on(listener: TcpListener, change: impl FnOnce(&mut HubConfig, &mut ServerConfig)) -> Self {
        let (hub, server) = hub(change);
        Self::of(listener, hub, server)
    }

    fn of(listener: TcpListener, hub: Hub, server: ServerConfig) -> Self {
        let address = listener.local_addr().expect("an address");
        let (shutdown, told) = oneshot::channel::<()>();
        // A sender that is dropped tells it as well.
        let told = async { drop(told.await) };
        let task = tokio::spawn(serve(listener, hub.clone(), server, told));
        Self { address, hub, shutdown: Some(shutdown), task }
    }

    /// One server on two threads, each with a listener of its own so that a client can choose.
    pub(crate) fn on_two_threads(change: impl FnOnce(&mut HubConfig, &mut ServerConfig)) -> [Self; 2] {
        let (hub, config) = hub(change);
        let server = hallway_server::Server::new(hub.clone(), config).expect("limits a server can run with");
        [(); 2].map(|()| {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.set_nonblocking(true).expect("a listener");
            let address = listener.local_addr().expect("an address");
            let (shutdown, told) = oneshot::channel::<()>();
            let server = server.clone();
            let task = tokio::task::spawn_blocking(move || {
                let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener).expect("a listener");
                    Ok(server.serve(listener, async { drop(told.await) }).await?)
                })
            });
            Self { address, hub: hub.clone(), shutdown: Some(shutdown), task }
        })
    }

    /// Tells it to shut down, and does not wait.
    pub(crate) fn shut_down(&mut self) {
        self.shutdown = None;
    }

    /// Waits until `serve` has returned.
    pub(crate) async fn ended(&mut self) {
        self.outcome().await.expect("limits a server can run with");
    }

    /// What `serve` returns.
    pub(crate) async fn outcome(&mut self) -> Result<(), ServeError> {
        in_time(&mut self.task).await.expect("no panic")
    }

    /// Drops `serve` half-way.
    pub(crate) async fn abort(&mut self) {
        self.task.abort();
        assert!(in_time(&mut self.task).await.is_err());
    }

    pub(crate) async fn member_count(&self, room: &str) -> usize {
        let room: RoomName = room.parse().expect("a room name");
        in_time(self.hub.member_count(&room)).await.expect("a hub that runs")
    }
}

/// A running hub, and the limits of a server for it.
fn hub(change: impl FnOnce(&mut HubConfig, &mut ServerConfig)) -> (Hub, ServerConfig) {
    let (hub, server) = limits(change);
    (Hub::spawn(hub, FixedTimeOfDay).expect("limits a hub can run with"), server)
}

fn limits(change: impl FnOnce(&mut HubConfig, &mut ServerConfig)) -> (HubConfig, ServerConfig) {
    panics::watch();
    let mut hub = HubConfig::default();
    hub.count_interval = Duration::ZERO;
    let mut server = ServerConfig::default();
    change(&mut hub, &mut server);
    (hub, server)
}

/// Each of the members says as many numbers, all at the same time; what each of them hears, all in all.
pub(crate) async fn all_talk(members: Vec<Client>, each: usize) -> Vec<(Vec<String>, Client)> {
    let in_all = members.len() * each;
    let mut tasks = Vec::new();
    for mut member in members {
        tasks.push(tokio::spawn(async move {
            for number in 0..each {
                member.say(&number.to_string()).await;
            }
            (member.chats(in_all).await, member)
        }));
    }
    let mut heard = Vec::new();
    for task in tasks {
        heard.push(in_time(task).await.expect("no panic"));
    }
    heard
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(server_panics(), Vec::<String>::new(), "the server panicked");
        }
    }
}

/// The system's clock, but that it is always five past nine in the evening: anonymous names must show 24 hours and both
/// leading zeros.
struct FixedTimeOfDay;

impl Clock for FixedTimeOfDay {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> OffsetDateTime {
        let time = Time::from_hms(21, 5, 7).expect("a time of day");
        OffsetDateTime::new_in_offset(Date::MIN, time, UtcOffset::UTC)
    }
}

/// What the future brings; one that would hang fails the test.
#[track_caller]
pub(crate) fn in_time<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited for {PATIENCE:?} at {caller}"))
    }
}

/// Asks again and again until it is so; where it does not become so the test fails.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE, "it did not come about: {what}");
        sleep(10 * MS).await;
    }
}

// The frames of version 1, as the protocol has them. For texts that need no escape.

pub(crate) fn chat(username: &str, message: &str) -> String {
    format!(r#"{{"type":"chatMessage","payload":{{"username":"{username}","message":"{message}"}}}}"#)
}

pub(crate) fn system(text: &str) -> String {
    format!(r#"{{"type":"system","payload":{{"text":"{text}"}}}}"#)
}

pub(crate) fn joined(username: &str) -> String {
    system(&format!("{username} joined"))
}

pub(crate) fn left(username: &str) -> String {
    system(&format!("{username} left"))
}

pub(crate) fn count(members: usize) -> String {
    format!(r#"{{"type":"userCount","payload":{{"count":{members}}}}}"#)
}
