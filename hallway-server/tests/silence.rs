//! A client that is not heard from is pinged, and given up when it stays silent.

mod common;

use common::{
    CONTINUATION, Client, FIN, Frame, MS, PATIENCE, PONG, SECOND, Server, TEXT, chat, count, in_time, joined,
    left, masked, said,
};
use hallway_core::RoomName;
use tokio::time::{Instant, interval};

/// Pings after 100 ms of silence, gives up after a second.
async fn impatient() -> Server {
    Server::with(|_, server| {
        server.ping_after = 100 * MS;
        server.silence_timeout = SECOND;
    })
    .await
}

/// The next frame that is no ping; pings are answered.
async fn next_but_pings(client: &mut Client) -> Frame {
    let next = async {
        loop {
            match client.next().await {
                Frame::Ping(payload) => client.send(masked(FIN | PONG, payload)).await,
                other => break other,
            }
        }
    };
    in_time(next).await
}

#[tokio::test]
async fn a_silent_client_is_pinged_again_and_again_and_then_closed_with_1013() {
    let server = impatient().await;
    let start = Instant::now();
    let mut alice = Client::join(&server, "alice").await;
    let mut pings = 0;
    let end = loop {
        match alice.next().await {
            Frame::Ping(payload) if payload.is_empty() && pings < 10 => pings += 1,
            other => break other,
        }
    };
    assert!(start.elapsed() >= SECOND, "given up after {:?}", start.elapsed());
    assert!(pings >= 2, "{pings} pings");
    assert_eq!(end, Frame::Close(Some(1013)));
    assert_eq!(alice.next().await, Frame::End);
}

#[tokio::test]
async fn a_silent_client_leaves_once() {
    let server = impatient().await;
    let mut bob = Client::join(&server, "bob").await;
    let _alice = Client::join(&server, "alice").await;
    let mut expected =
        vec![count(2), joined("alice"), count(1), left("alice"), chat("bob", "and that is all")];
    expected.reverse();
    while let Some(text) = expected.pop() {
        assert_eq!(next_but_pings(&mut bob).await, Frame::Text(text));
        if expected.len() == 1 {
            bob.say("and that is all").await;
        }
    }
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_however_little_it_says() {
    let server = impatient().await;
    let mut alice = Client::join(&server, "alice").await;
    let start = Instant::now();
    while start.elapsed() < 2_500 * MS {
        assert_eq!(alice.next().await, Frame::Ping(Vec::new()));
        alice.send(masked(FIN | PONG, "")).await;
    }
    alice.say("still here").await;
    alice.until(&chat("alice", "still here")).await;
}

#[tokio::test]
async fn a_client_that_talks_is_not_pinged() {
    let server = Server::with(|_, server| {
        server.ping_after = SECOND;
        server.silence_timeout = PATIENCE;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let start = Instant::now();
    let mut ticks = interval(50 * MS);
    while start.elapsed() < 1_500 * MS {
        ticks.tick().await;
        alice.say("and another thing").await;
        alice.hears(&[chat("alice", "and another thing")]).await;
    }
}

#[tokio::test]
async fn a_client_that_takes_long_over_one_message_is_not_silent() {
    let server = impatient().await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bytes = masked(TEXT, &said("slowly")[..30]);
    bytes.extend(masked(FIN | CONTINUATION, &said("slowly")[30..]));
    // A good second and a half, for some 70 bytes.
    let mut ticks = interval(25 * MS);
    for byte in bytes {
        ticks.tick().await;
        alice.send([byte]).await;
    }
    // Where the machine had no time for it for 100 ms it was pinged.
    assert_eq!(next_but_pings(&mut alice).await, Frame::Text(chat("alice", "slowly")));
}

#[tokio::test]
async fn a_client_that_takes_long_over_what_it_is_sent_is_pinged_in_between_and_stays() {
    let server = Server::with_send_buffer(8 << 10, |_, server| {
        server.ping_after = SECOND / 2;
        server.silence_timeout = 2 * SECOND;
    });
    let mut slow = Client::join_with_small_buffer(&server, "slow").await;
    let alice = server.hub.join(&RoomName::default(), "alice").await.unwrap();
    // What the server writes at once takes a client of 100 KB a second five seconds.
    for _ in 0..150 {
        alice.post("x".repeat(8_000)).await.unwrap();
    }
    let start = Instant::now();
    let mut ticks = interval(80 * MS);
    let mut pings = 0;
    while start.elapsed() < 4 * SECOND {
        ticks.tick().await;
        match slow.next().await {
            Frame::Text(_) => {}
            Frame::Ping(payload) => {
                pings += 1;
                slow.send(masked(FIN | PONG, payload)).await;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(pings > 0);
    assert_eq!(server.member_count("lobby").await, 2);
}
