//! The end of a server: what it had accepted is delivered, everybody is told, and nobody can put it off.

mod common;

use common::{
    Client, Frame, PATIENCE, Reply, SECOND, Server, chat, close, count, handshake, in_time, joined, open,
};
use hallway_core::{RecvError, RoomName};
use tokio::{io::AsyncWriteExt, time::Instant};

/// A server whose every grace is longer than any test: who makes use of one fails it.
async fn patient() -> Server {
    Server::with(|_, server| {
        server.close_timeout = 6 * PATIENCE;
        server.shutdown_grace = 6 * PATIENCE;
    })
    .await
}

/// What a polite client does when it is told that the server goes.
async fn parts(mut client: Client) {
    client.until_closed_with(1001).await;
    client.send(close(1001)).await;
}

#[tokio::test]
async fn what_was_accepted_is_delivered_and_then_everybody_is_closed_with_1001() {
    let mut server = patient().await;
    let mut bob = Client::join(&server, "bob").await;
    let mut other = Client::open(&server, "/chat?username=other&room=elsewhere").await;
    other.until(&joined("other")).await;
    let mut alice = Client::join(&server, "alice").await;
    bob.until(&joined("alice")).await;
    for number in 0..150 {
        alice.say(&number.to_string()).await;
    }
    // Having heard it, alice knows that it was accepted.
    alice.until(&chat("alice", "149")).await;
    server.shut_down();
    for number in 0..150 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
    }
    for client in [&mut alice, &mut bob, &mut other] {
        client.closed_with(1001).await;
    }
    drop((alice, bob, other));
    server.ended().await;
}

#[tokio::test]
async fn nobody_is_told_that_others_leave_because_the_server_does() {
    let mut server = patient().await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bob = Client::join(&server, "bob").await;
    alice.hears(&[count(2), joined("bob")]).await;
    server.shut_down();
    alice.closed_with(1001).await;
    bob.closed_with(1001).await;
    drop((alice, bob));
    server.ended().await;
}

#[tokio::test]
async fn serve_returns_as_soon_as_everybody_has_parted() {
    let mut server = patient().await;
    let mut clients = Vec::new();
    for number in 0..50 {
        clients.push(Client::join(&server, &format!("client-{number}")).await);
    }
    let start = Instant::now();
    server.shut_down();
    for client in clients {
        parts(client).await;
    }
    server.ended().await;
    assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
    let lobby = RoomName::default();
    assert!(server.hub.join(&lobby, "late").await.is_err(), "the hub has ended");
}

#[tokio::test]
async fn a_server_without_clients_ends_at_once() {
    let mut server = patient().await;
    server.shut_down();
    server.ended().await;
}

#[tokio::test]
async fn the_end_of_the_hub_is_the_end_of_the_server() {
    let mut server = patient().await;
    let mut bot = server.hub.join(&RoomName::default(), "bot").await.unwrap();
    let mut alice = Client::join(&server, "alice").await;
    bot.post("goodbye").await.unwrap();
    server.hub.shutdown();
    alice.hears(&[chat("bot", "goodbye")]).await;
    alice.closed_with(1001).await;
    drop(alice);
    server.ended().await;
    while in_time(bot.recv()).await != Err(RecvError::Closed) {}
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_is_answered_with_503() {
    let mut server = patient().await;
    let mut waiting = Vec::new();
    for bytes in ["", "GET /chat HTTP/1.1\r\nHost: hallway.example\r\n"] {
        let mut stream = open(server.address).await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    // Who comes after them is in: so they were accepted.
    let mut alice = Client::join(&server, "alice").await;
    server.shut_down();
    for stream in &mut waiting {
        let reply = Reply::read(stream).await;
        assert_eq!(reply.status, "503 Service Unavailable");
        assert!(reply.header("Retry-After").is_some());
    }
    alice.closed_with(1001).await;
    drop((alice, waiting));
    server.ended().await;
}

#[tokio::test]
async fn a_handshake_that_comes_with_the_end_gets_an_end() {
    let mut server = patient().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = open(server.address).await;
        stream.write_all(handshake("/chat?username=late", "").as_bytes()).await.unwrap();
        streams.push(stream);
    }
    server.shut_down();
    for mut stream in streams {
        // Let in and sent away, told 503 or reset: but not left waiting.
        let mut bytes = Vec::new();
        let _ = in_time(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes)).await;
    }
    server.ended().await;
}

#[tokio::test]
async fn dropping_serve_drops_all_connections() {
    let mut server = patient().await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bob = server.hub.join(&RoomName::default(), "bob").await.unwrap();
    server.abort().await;
    while alice.next().await != Frame::End {}
    common::eventually("alice has left", async || server.member_count("lobby").await == 1).await;
    bob.take_history();
}

/// A clock that fails when it is told to.
#[derive(Clone, Default)]
struct Breakable(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl hallway_core::Clock for Breakable {
    fn monotonic(&self) -> std::time::Instant {
        assert!(!self.0.load(std::sync::atomic::Ordering::Relaxed), "the clock has stopped");
        std::time::Instant::now()
    }

    fn wall(&self) -> time::OffsetDateTime {
        time::OffsetDateTime::UNIX_EPOCH
    }
}

#[tokio::test]
async fn where_the_hub_fails_every_client_is_closed_with_1011_and_the_server_says_that_it_failed() {
    let clock = Breakable::default();
    let hub = hallway_core::Hub::spawn(hallway_core::Config::default(), clock.clone()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = hallway_server::Config::default();
    let server = tokio::spawn(hallway_server::serve(listener, hub, config, std::future::pending()));
    let mut alice = Client::over(open(address).await);
    alice.send(handshake("/chat?username=alice", "")).await;
    alice.upgraded().await;
    alice.until(&joined("alice")).await;
    clock.0.store(true, std::sync::atomic::Ordering::Relaxed);
    alice.say("and now").await;
    alice.until_closed_with(1011).await;
    drop(alice);
    let error = in_time(server).await.unwrap().unwrap_err();
    assert_eq!(error, hallway_server::ServeError::HubFailed(hallway_core::HubFailed));
}

#[tokio::test]
async fn who_comes_during_a_shutdown_is_told_so_with_503() {
    let mut server = patient().await;
    let alice = Client::join(&server, "alice").await;
    server.shut_down();
    let health = "GET /healthz HTTP/1.1\r\nHost: hallway.example\r\n\r\n";
    for request in [health.to_owned(), handshake("/chat?username=bob", "")] {
        common::eventually("503", async || {
            let reply = common::exchange(server.address, &request).await;
            reply.status == "503 Service Unavailable" && reply.header("Retry-After").is_some()
        })
        .await;
    }
    parts(alice).await;
    server.ended().await;
}
