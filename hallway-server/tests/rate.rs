//! One who talks too much is slowed down, loses nothing, and slows nobody else down.

mod common;

use common::{
    Client, FIN, MS, PONG, SECOND, Server, TEXT, chat, close, count, in_time, joined, left, masked, numbers,
    said,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, interval, timeout},
};

#[tokio::test]
async fn what_exceeds_the_rate_is_slowed_down_but_neither_lost_nor_out_of_order() {
    let server = Server::with(|_, server| {
        server.rate = 100;
        server.burst = 20;
    })
    .await;
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::join(&server, "alice").await;
    bob.until(&joined("alice")).await;
    let start = Instant::now();
    alice.send(numbers(0..80)).await;
    for number in 0..20 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
    }
    for number in 20..80 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
        // The first twenty are a burst, each one further has its hundredth of a second.
        let due = u32::try_from(number - 19).unwrap() * 10 * MS;
        assert!(start.elapsed() >= due, "number {number} after {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_burst_within_the_limit_is_not_slowed_down() {
    // One a second: whatever exceeded the burst would come too late for this test.
    let server = Server::with(|_, server| {
        server.rate = 1;
        server.burst = 200;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let start = Instant::now();
    alice.send(numbers(0..200)).await;
    in_time(alice.chats(200)).await;
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
}

#[tokio::test]
async fn faults_and_frames_of_unknown_types_count_against_the_rate_too() {
    let server = Server::with(|_, server| {
        server.rate = 50;
        server.burst = 1;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let start = Instant::now();
    for _ in 0..10 {
        alice.send_text("{}").await;
        alice.send_text(r#"{"type":"typing"}"#).await;
    }
    alice.say("at last").await;
    alice.until(&chat("alice", "at last")).await;
    assert!(start.elapsed() >= 20 * 20 * MS, "{:?}", start.elapsed());
}

#[tokio::test]
async fn who_exceeds_its_rate_is_slowed_down_by_tcp_and_slows_nobody_else_down() {
    let server = Server::with(|_, server| {
        server.rate = 1;
        server.burst = 1;
    })
    .await;
    let mut flood = Client::join(&server, "flood").await;
    let mut alice = Client::join(&server, "alice").await;
    let frame = masked(FIN | TEXT, said(&"x".repeat(60_000)));
    let mut frames = 0;
    while timeout(SECOND / 4, flood.stream.write_all(&frame)).await.is_ok() {
        frames += 1;
        // 64 MB are more than any socket's buffers hold.
        assert!(frames < 1_000, "the server reads on");
    }
    let start = Instant::now();
    alice.say("not held up").await;
    alice.until(&chat("alice", "not held up")).await;
    assert!(start.elapsed() < SECOND / 2, "{:?}", start.elapsed());
}

#[tokio::test]
async fn who_exceeds_its_rate_is_not_taken_for_silent() {
    // What it sends at once is read at once, and keeps the server busy for twice the silence that it may keep.
    let server = Server::with(|_, server| {
        server.rate = 20;
        server.burst = 1;
        server.ping_after = 500 * MS;
        server.silence_timeout = SECOND;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    alice.send(numbers(0..40)).await;
    alice.chats(40).await;
}

#[tokio::test]
async fn each_connection_has_a_rate_of_its_own() {
    let server = Server::with(|_, server| {
        server.rate = 1;
        server.burst = 1;
    })
    .await;
    let start = Instant::now();
    for number in 0..5 {
        let mut alice = Client::join(&server, "alice").await;
        alice.say(&number.to_string()).await;
        alice.until(&chat("alice", &number.to_string())).await;
    }
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_close_is_answered_while_the_rate_is_used_up() {
    let server = Server::with(|_, server| {
        server.rate = 10;
        server.burst = 1;
    })
    .await;
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::join(&server, "alice").await;
    bob.until(&joined("alice")).await;
    alice.send([numbers(0..3), close(1000)].concat()).await;
    bob.hears(&[chat("alice", "0"), chat("alice", "1"), chat("alice", "2"), count(1), left("alice")]).await;
    alice.until_closed_with(1000).await;
}

#[tokio::test]
async fn a_rate_that_was_used_up_is_earned_again_by_waiting() {
    let server = Server::with(|_, server| {
        server.rate = 20;
        server.burst = 10;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let mut ticks = interval(SECOND);
    ticks.tick().await;
    for _ in 0..2 {
        let start = Instant::now();
        alice.send(numbers(0..10)).await;
        alice.chats(10).await;
        assert!(start.elapsed() < 400 * MS, "{:?}", start.elapsed());
        ticks.tick().await;
    }
}

#[tokio::test]
async fn who_closes_behind_a_flood_is_gone_at_once_and_what_it_said_is_heard() {
    // At this rate it would be heard for hours.
    let server = Server::with(|_, server| server.rate = 1).await;
    let mut bob = Client::join(&server, "bob").await;
    for flood in [masked(FIN | PONG, "").repeat(5_000), numbers(0..500)] {
        let mut alice = Client::join(&server, "alice").await;
        bob.until(&joined("alice")).await;
        alice.send(flood).await;
        // Its own side: if what comes for it were not taken, the connection would be reset, and what is on its way lost.
        alice.stream.shutdown().await.unwrap();
        bob.until(&left("alice")).await;
    }
    let mut carol = Client::open(&server, "/chat?username=carol").await;
    carol.until(&chat("alice", "499")).await;
}
