//! What a shutdown grants to who is slow, and what it does not wait for.

mod common;

use common::{
    Client, FIN, Frame, HubConfig, MS, Memory, PATIENCE, PING, SECOND, Server, ServerConfig, TEXT, chat,
    close, header, in_time, joined, masked, said,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep_until},
};

/// More than fits between the server and a slow client.
const MESSAGES: usize = 40;

/// A message of 10 KB with this number.
fn message(number: usize) -> String {
    format!("{number:010000}")
}

/// A server with these graces, alice, who said all messages and heard them, and a slow one who read none of them.
async fn all_said(change: impl FnOnce(&mut ServerConfig)) -> (Server, Client, Client) {
    let server = Server::with_send_buffer(16 << 10, |_: &mut HubConfig, server: &mut ServerConfig| {
        server.rate = 100_000;
        server.burst = 100_000;
        change(server);
    });
    let mut alice = Client::join(&server, "alice").await;
    let slow = Client::join_with_small_buffer(&server, "slow").await;
    alice.until(&joined("slow")).await;
    for number in 0..MESSAGES {
        alice.say(&message(number)).await;
        alice.hears(&[chat("alice", &message(number))]).await;
    }
    (server, alice, slow)
}

#[tokio::test]
async fn who_takes_what_was_said_within_the_grace_gets_all_of_it() {
    let (mut server, mut alice, mut slow) = all_said(|server| server.shutdown_grace = PATIENCE).await;
    server.shut_down();
    alice.closed_with(1001).await;
    for number in 0..MESSAGES {
        slow.hears(&[chat("alice", &message(number))]).await;
    }
    slow.closed_with(1001).await;
}

#[tokio::test]
async fn who_talks_on_gets_what_was_said_all_the_same() {
    let (mut server, mut alice, mut slow) = all_said(|server| server.shutdown_grace = PATIENCE).await;
    server.shut_down();
    alice.closed_with(1001).await;
    slow.say("too late").await;
    for number in 0..MESSAGES {
        slow.hears(&[chat("alice", &message(number))]).await;
    }
    slow.closed_with(1001).await;
}

#[tokio::test]
async fn who_takes_it_after_the_grace_is_closed_without_the_rest() {
    let (mut server, _alice, mut slow) = all_said(|server| {
        server.shutdown_grace = 300 * MS;
        server.close_timeout = PATIENCE;
    })
    .await;
    let start = Instant::now();
    server.shut_down();
    sleep_until(start + SECOND).await;
    assert!(slow.chats_before_close(1001).await < MESSAGES);
}

#[tokio::test]
async fn who_takes_nothing_does_not_put_the_end_off_beyond_the_graces() {
    let (mut server, mut alice, slow) = all_said(|server| {
        server.shutdown_grace = 300 * MS;
        server.close_timeout = 300 * MS;
    })
    .await;
    let start = Instant::now();
    server.shut_down();
    alice.closed_with(1001).await;
    alice.send(close(1001)).await;
    drop(alice);
    server.ended().await;
    assert!(start.elapsed() >= 300 * MS, "it had {:?} to take what was said", start.elapsed());
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    drop(slow);
}

#[tokio::test]
async fn who_does_not_answer_the_close_does_not_put_the_end_off_beyond_the_graces() {
    let mut server = Server::with(|_, server| {
        server.shutdown_grace = 300 * MS;
        server.close_timeout = 300 * MS;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bob = Client::join(&server, "bob").await;
    bob.send(&header(FIN | TEXT, 10)[..3]).await;
    let start = Instant::now();
    server.shut_down();
    alice.until_closed_with(1001).await;
    bob.until_closed_with(1001).await;
    server.ended().await;
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test]
async fn who_sends_on_and_on_does_not_put_the_end_off_beyond_the_graces() {
    let mut server = Server::with(|_, server| {
        server.rate = 100_000;
        server.burst = 100_000;
        server.shutdown_grace = 300 * MS;
        server.close_timeout = 300 * MS;
    })
    .await;
    let alice = Client::join(&server, "alice").await;
    let (mut reader, mut writer) = alice.stream.into_split();
    let talk = tokio::spawn(async move {
        let frame = masked(FIN | TEXT, said("and another thing"));
        while writer.write_all(&frame).await.is_ok() {}
    });
    let listen = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    let start = Instant::now();
    server.shut_down();
    server.ended().await;
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    in_time(talk).await.unwrap();
    // Whether it saw an end or a reset: it is over.
    let _ = in_time(listen).await.unwrap();
}

#[tokio::test]
async fn a_store_that_hangs_keeps_nobody_from_its_close_and_the_server_not_from_its_end() {
    let store = Memory::default();
    let mut server = Server::with_store(&store, |_, server| {
        server.shutdown_grace = 100 * MS;
        server.close_timeout = 200 * MS;
        server.store_grace = 100 * MS;
    });
    let mut alice = Client::join(&server, "alice").await;
    store.hold(true);
    alice.say("never stored").await;
    // Its pong comes when what was before it has been heard.
    alice.send(masked(FIN | PING, "")).await;
    assert_eq!(alice.next().await, Frame::Pong(Vec::new()));
    server.shut_down();
    alice.until_closed_with(1001).await;
    assert!(server.outcome().await.is_err(), "what was accepted is not stored");
    store.hold(false);
}
