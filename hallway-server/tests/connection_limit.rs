//! So many connections at the same time, and one more is told to come back later.

mod common;

use common::{Client, Reply, SECOND, Server, close, exchange, handshake, in_time, open};
use hallway_core::{Hub, SystemClock};
use hallway_server::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PAGE: &str = "GET / HTTP/1.1\r\nHost: hallway.example\r\n\r\n";

#[tokio::test]
async fn one_connection_too_many_is_503_and_its_place_is_free_again_afterwards() {
    let server = Server::with(|_, server| server.max_connections = 2).await;
    let alice = Client::join(&server, "alice").await;
    let _bob = Client::join(&server, "bob").await;
    let reply = exchange(server.address, handshake("/chat?username=carol", "")).await;
    assert_eq!(reply.status, "503 Service Unavailable");
    assert!(reply.header("Retry-After").unwrap().parse::<u32>().unwrap() > 0);
    assert_eq!(server.member_count("lobby").await, 2);

    drop(alice);
    common::eventually("a place", async || exchange(server.address, PAGE).await.status == "200 OK").await;
}

#[tokio::test]
async fn a_server_that_may_have_no_connection_does_not_begin() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = Hub::spawn(hallway_core::Config::default(), SystemClock).unwrap();
    let mut config = hallway_server::Config::default();
    config.max_connections = 0;
    let error = in_time(serve(listener, hub, config, std::future::pending())).await.unwrap_err();
    assert_eq!(error.to_string(), "max_connections is 0 connections, allowed are 1 to 10000000");
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_takes_a_place_until_its_time_is_over() {
    let server = Server::with(|_, server| {
        server.max_connections = 1;
        server.handshake_timeout = SECOND / 2;
    })
    .await;
    let mut idle = open(server.address).await;
    assert_eq!(exchange(server.address, PAGE).await.status, "503 Service Unavailable");
    assert_eq!(Reply::read(&mut idle).await.status, "408 Request Timeout");
    drop(idle);
    common::eventually("a place", async || exchange(server.address, PAGE).await.status == "200 OK").await;
}

#[tokio::test]
async fn who_takes_no_answer_does_not_keep_its_place() {
    let server = Server::with(|_, server| {
        server.max_connections = 1;
        server.close_timeout = SECOND / 10;
    })
    .await;
    let mut stays = open(server.address).await;
    stays.write_all(PAGE.as_bytes()).await.unwrap();
    common::eventually("a place", async || exchange(server.address, PAGE).await.status == "200 OK").await;
    drop(stays);
}

#[tokio::test]
async fn who_is_being_refused_takes_no_place() {
    // The server reads from the refused one for longer than this test waits for anything.
    let server = Server::with(|_, server| {
        server.max_connections = 1;
        server.close_timeout = 60 * SECOND;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let mut refused = open(server.address).await;
    refused.write_all(PAGE.as_bytes()).await.unwrap();
    assert_eq!(Reply::read(&mut refused).await.status, "503 Service Unavailable");
    alice.send(close(1000)).await;
    alice.closed_with(1000).await;
    drop(alice);
    common::eventually("a place", async || exchange(server.address, PAGE).await.status == "200 OK").await;
    drop(refused);
}

#[tokio::test]
async fn a_crowd_that_is_refused_does_not_keep_the_next_from_a_place() {
    let server = Server::with(|_, server| {
        server.max_connections = 2;
        server.close_timeout = 60 * SECOND;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let _bob = Client::join(&server, "bob").await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(open(server.address).await);
    }
    alice.send(close(1000)).await;
    alice.until_closed_with(1000).await;
    drop(alice);
    common::eventually("a place", async || {
        let mut stream = open(server.address).await;
        // Beyond those who are being refused a connection is dropped without a word.
        let sent = stream.write_all(PAGE.as_bytes()).await;
        let mut answer = Vec::new();
        sent.is_ok()
            && in_time(stream.read_to_end(&mut answer)).await.is_ok()
            && answer.starts_with(b"HTTP/1.1 200")
    })
    .await;
    assert_eq!(server.member_count("lobby").await, 1);
}

/// The status of the answer to a request that says it was forwarded for this address.
async fn forwarded(server: &Server, address: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: hallway.example\r\nX-Forwarded-For: {address}\r\n\r\n");
    exchange(server.address, request).await.status
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_one_more_is_503() {
    let server = Server::with(|_, server| server.max_per_ip = Some(2)).await;
    let alice = Client::join(&server, "alice").await;
    let _bob = Client::join(&server, "bob").await;
    let reply = exchange(server.address, handshake("/chat?username=carol", "")).await;
    assert_eq!(reply.status, "503 Service Unavailable");
    assert!(reply.header("Retry-After").is_some() && reply.body.contains("this address"), "{}", reply.body);
    assert_eq!(forwarded(&server, "192.0.2.1").await, "503 Service Unavailable", "anybody can write that");
    drop(alice);
    common::eventually("a place", async || exchange(server.address, PAGE).await.status == "200 OK").await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_is_the_one_it_forwards_for() {
    let server = Server::with(|_, server| {
        server.max_per_ip = Some(1);
        server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut alice = Client::over(open(server.address).await);
    alice.send(handshake("/chat?username=alice", "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n")).await;
    alice.upgraded().await;
    assert_eq!(forwarded(&server, "192.0.2.1").await, "503 Service Unavailable");
    assert_eq!(forwarded(&server, "203.0.113.9").await, "200 OK", "it is the client's to invent");
    drop(alice);
    common::eventually("a place", async || forwarded(&server, "192.0.2.1").await == "200 OK").await;
}

#[tokio::test]
async fn of_too_many_that_ask_for_nothing_the_oldest_makes_place_with_503() {
    let server = Server::with(|_, server| server.max_handshakes = 3).await;
    let alice = Client::join(&server, "alice").await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = open(server.address).await;
        stream.write_all(b"GET /chat HTTP/1.1\r\n").await.unwrap();
        idle.push(stream);
    }
    // Who has asked for something does not count, and whoever asks is served.
    for _ in 0..3 {
        assert_eq!(exchange(server.address, PAGE).await.status, "200 OK");
    }
    let reply = Reply::read(&mut idle[0]).await;
    assert_eq!(reply.status, "503 Service Unavailable");
    assert!(reply.header("Retry-After").is_some());
    drop(alice);
}

#[tokio::test]
async fn a_server_that_is_full_is_not_sick() {
    let server = Server::with(|_, server| server.max_connections = 1).await;
    let _alice = Client::join(&server, "alice").await;
    let reply = exchange(server.address, "GET /healthz HTTP/1.1\r\nHost: hallway.example\r\n\r\n").await;
    assert_eq!((&*reply.status, reply.body.trim_end()), ("200 OK", "ok"));
    for request in [PAGE, &handshake("/chat", ""), "no HTTP"] {
        assert_eq!(exchange(server.address, request).await.status, "503 Service Unavailable", "{request}");
    }
}
