//! A client that does not read costs nobody else anything, and learns what it missed.

mod common;

use std::time::Duration;

use common::{
    Client, FIN, Frame, HubConfig, MS, PING, SECOND, Server, ServerConfig, TEXT, chat, count, in_time,
    joined, left, masked, said,
};
use hallway_core::RoomName;
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    time::{Instant, interval},
};

/// A server where a client that does not read is noticed after some 100 KiB instead of after megabytes.
fn server(change: impl FnOnce(&mut HubConfig, &mut ServerConfig)) -> Server {
    Server::with_send_buffer(16 << 10, |hub, server| {
        hub.max_message_bytes = 8 << 10;
        hub.feed_bytes = 64 << 10;
        server.rate = 100_000;
        server.burst = 100_000;
        change(hub, server);
    })
}

/// A message of 1 KiB with this number.
fn message(number: usize) -> String {
    format!("{number:01024}")
}

/// What this many messages of 1 KiB need is more than the buffers between the server and a client that reads nothing.
const ENOUGH: usize = 600;

/// Alice says the messages with these numbers, never so far ahead that bob, who hears all of them in order, could miss
/// one.
async fn talk(alice: &mut Client, bob: &mut Client, numbers: std::ops::Range<usize>) {
    for number in numbers.clone() {
        alice.say(&message(number)).await;
        if number % 8 == 7 || number + 1 == numbers.end {
            alice.until(&chat("alice", &message(number))).await;
        }
        bob.hears(&[chat("alice", &message(number))]).await;
    }
}

/// Alice and bob.
async fn two(server: &Server) -> (Client, Client) {
    let alice = Client::join(server, "alice").await;
    (alice, Client::join(server, "bob").await)
}

/// Reads up to this message; returns how many were heard and how many each notice said were missed, having checked that
/// each notice stands where so many are missing.
async fn hear_to(slow: &mut Client, next: &mut usize, last: usize) -> (usize, Vec<usize>) {
    let (mut heard, mut missed) = (0, Vec::new());
    while *next <= last {
        let frame: Value = serde_json::from_str(&slow.text().await).expect("JSON");
        if let Some(message) = frame["payload"]["message"].as_str() {
            assert_eq!(message.parse::<usize>().expect("a number"), *next, "after the notices {missed:?}");
            heard += 1;
            *next += 1;
        } else {
            let text = frame["payload"]["text"].as_str().expect("a notice");
            let count = text.strip_prefix("you missed ").and_then(|rest| rest.strip_suffix(" messages"));
            let count = count.unwrap_or_else(|| panic!("{text}")).parse().expect("a number");
            missed.push(count);
            *next += count;
        }
    }
    (heard, missed)
}

#[tokio::test]
async fn one_that_reads_nothing_costs_the_others_nothing() {
    let server = server(|_, _| {});
    let (mut alice, mut bob) = two(&server).await;
    let _slow = Client::join_with_small_buffer(&server, "slow").await;
    bob.until(&joined("slow")).await;
    talk(&mut alice, &mut bob, 0..ENOUGH).await;
}

#[tokio::test]
async fn one_that_reads_again_is_told_once_for_each_gap_how_many_messages_it_missed() {
    let server = server(|_, _| {});
    let (mut alice, mut bob) = two(&server).await;
    let mut slow = Client::join_with_small_buffer(&server, "slow").await;
    bob.until(&joined("slow")).await;
    let mut next = 0;
    for gap in 0..2 {
        talk(&mut alice, &mut bob, gap * ENOUGH..(gap + 1) * ENOUGH).await;
        let (heard, missed) = hear_to(&mut slow, &mut next, (gap + 1) * ENOUGH - 1).await;
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert_eq!(heard + missed[0], ENOUGH);
    }
    talk(&mut alice, &mut bob, 2 * ENOUGH..2 * ENOUGH + 8).await;
    assert_eq!(hear_to(&mut slow, &mut next, 2 * ENOUGH + 7).await, (8, vec![]));
}

/// A server that drops who takes no byte for half a second, and on it alice, bob, and a slow one who was dropped for
/// that while alice, a member without a socket, talked; bob heard all of it, and that the slow one left, once.
async fn stalled(close_timeout: Duration) -> (Server, Client) {
    let server = server(|hub, server| {
        hub.feed_bytes = 1 << 20;
        server.stall_timeout = SECOND / 2;
        server.close_timeout = close_timeout;
    });
    let alice = server.hub.join(&RoomName::default(), "alice").await.expect("the hub runs");
    let mut bob = Client::join(&server, "bob").await;
    let slow = Client::join_with_small_buffer(&server, "slow").await;
    bob.until(&joined("slow")).await;
    let start = Instant::now();
    for number in 0..300 {
        alice.post(message(number)).await.expect("the hub runs");
    }
    let (mut heard, mut leaves) = (0, 0);
    while heard < 300 || leaves == 0 {
        let text = bob.text().await;
        if text == chat("alice", &message(heard)) {
            heard += 1;
        } else if text == left("slow") {
            leaves += 1;
        } else {
            assert_eq!(text, count(2));
        }
    }
    assert!(start.elapsed() >= SECOND / 2, "{:?}", start.elapsed());
    bob.say("and that is all").await;
    bob.hears(&[chat("bob", "and that is all")]).await;
    (server, slow)
}

#[tokio::test]
async fn one_that_takes_no_byte_for_the_stall_time_out_leaves_once() {
    let (server, _slow) = stalled(SECOND / 10).await;
    assert!(server.member_count("lobby").await <= 2);
}

#[tokio::test]
async fn one_that_stalled_and_reads_in_time_after_all_is_closed_with_1013() {
    let (_server, mut slow) = stalled(10 * SECOND).await;
    slow.until_closed_with(1013).await;
}

#[tokio::test]
async fn an_idle_client_is_not_stalled() {
    let server = server(|_, server| server.stall_timeout = 100 * MS);
    let (mut alice, mut bob) = two(&server).await;
    let mut ticks = interval(200 * MS);
    for number in 0..4 {
        ticks.tick().await;
        talk(&mut alice, &mut bob, number..number + 1).await;
    }
}

/// A joiner is shown more than 300 KiB, and who takes no byte of it for a second and a half is dropped.
fn much_to_take(hub: &mut HubConfig, server: &mut ServerConfig) {
    hub.history = 300;
    server.stall_timeout = 3 * SECOND / 2;
}

/// One that takes so many bytes every 100 ms, for more than twice the time-out, must still be there.
async fn takes_every_100_ms(server: Server, bytes: usize) {
    let alice = server.hub.join(&RoomName::default(), "alice").await.expect("the hub runs");
    for number in 0..300 {
        alice.post(message(number)).await.expect("the hub runs");
    }
    let mut slow = Client::open_with_small_buffer(&server, "slow").await;
    let start = Instant::now();
    let mut ticks = interval(100 * MS);
    let mut bytes = vec![0; bytes];
    while start.elapsed() < 4 * SECOND {
        ticks.tick().await;
        in_time(slow.stream.read_exact(&mut bytes)).await.expect("still connected");
    }
    assert_eq!(server.member_count("lobby").await, 2);
}

#[tokio::test]
async fn one_that_takes_some_bytes_now_and_then_is_not_dropped() {
    // A good half of what waits.
    takes_every_100_ms(server(much_to_take), 4 << 10).await;
}

#[tokio::test]
async fn one_that_takes_so_little_that_the_kernel_reports_no_room_is_not_dropped() {
    // A third of the send buffer, after which there is room by the kernel's report, takes it longer than the time-out.
    takes_every_100_ms(Server::with_send_buffer(64 << 10, much_to_take), 1 << 10).await;
}

#[tokio::test]
async fn one_that_sends_and_does_not_read_is_still_read_from() {
    let server = server(|_, _| {});
    let mut bob = Client::join(&server, "bob").await;
    let mut deaf = Client::join_with_small_buffer(&server, "deaf").await;
    bob.until(&joined("deaf")).await;
    for number in 0..ENOUGH {
        deaf.say(&message(number)).await;
        if number % 50 == 0 {
            deaf.send(masked(FIN | PING, "does not read the pong either")).await;
        }
        bob.hears(&[chat("deaf", &message(number))]).await;
    }
}

#[tokio::test]
async fn one_that_does_not_read_is_still_told_apart_from_one_that_is_gone() {
    let server = server(|_, _| {});
    let (mut alice, mut bob) = two(&server).await;
    for resets in [false, true] {
        let mut slow = Client::join_with_small_buffer(&server, "slow").await;
        bob.until(&joined("slow")).await;
        talk(&mut alice, &mut bob, 0..ENOUGH).await;
        if resets {
            slow.reset();
        } else {
            slow.send(common::close(1000)).await;
            drop(slow);
        }
        bob.until(&left("slow")).await;
    }
}

#[tokio::test]
async fn a_slow_members_count_is_the_newest_in_the_end() {
    let server = server(|_, _| {});
    let (mut alice, mut bob) = two(&server).await;
    let mut slow = Client::join_with_small_buffer(&server, "slow").await;
    bob.until(&joined("slow")).await;
    talk(&mut alice, &mut bob, 0..ENOUGH / 2).await;
    let carol = Client::join(&server, "carol").await;
    bob.until(&joined("carol")).await;
    talk(&mut alice, &mut bob, ENOUGH / 2..ENOUGH).await;
    let mut newest = String::new();
    loop {
        match slow.next().await {
            Frame::Text(text) if text.contains("userCount") => newest = text,
            Frame::Text(text) if text == chat("alice", &message(ENOUGH - 1)) => break,
            Frame::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(newest, count(4));
    drop(carol);
}

#[tokio::test]
async fn a_fault_of_one_that_does_not_read_costs_the_others_nothing() {
    let server = server(|_, _| {});
    let (mut alice, mut bob) = two(&server).await;
    let mut slow = Client::join_with_small_buffer(&server, "slow").await;
    bob.until(&joined("slow")).await;
    slow.send([masked(FIN | TEXT, "a fault"), masked(FIN | TEXT, said("hi"))].concat()).await;
    bob.hears(&[chat("slow", "hi")]).await;
    alice.until(&chat("slow", "hi")).await;
    talk(&mut alice, &mut bob, 0..ENOUGH).await;
    slow.send(masked(FIN | TEXT, "a fault")).await;
    talk(&mut alice, &mut bob, ENOUGH..ENOUGH + 8).await;
}

#[tokio::test]
async fn rooms_that_keep_too_much_together_keep_less_each_and_say_how_much_was_missed() {
    // Of two rooms with a client that reads nothing, each could keep all that is said.
    for (backlog_bytes, is_missed) in [(4 << 20, false), (256 << 10, true)] {
        let server = server(|hub, server| {
            hub.feed_bytes = 4 << 20;
            server.backlog_bytes = backlog_bytes;
        });
        let mut slow = Vec::new();
        for room in ["one", "two"] {
            let at = |name: &str| format!("/chat?username={name}&room={room}");
            let mut alice = Client::open(&server, &at("alice")).await;
            let mut bob = Client::open(&server, &at("bob")).await;
            let mut client = Client::open_with_small_buffer(&server, &format!("slow&room={room}")).await;
            client.until(&joined("slow")).await;
            alice.until(&joined("slow")).await;
            bob.until(&joined("slow")).await;
            talk(&mut alice, &mut bob, 0..ENOUGH).await;
            slow.push((alice, bob, client));
        }
        for (alice, bob, mut client) in slow {
            let mut next = 0;
            let (heard, missed) = hear_to(&mut client, &mut next, ENOUGH - 1).await;
            assert_eq!(heard + missed.iter().sum::<usize>(), ENOUGH);
            assert_eq!(!missed.is_empty(), is_missed, "of {backlog_bytes} bytes: {missed:?}");
            drop((alice, bob));
        }
    }
}
