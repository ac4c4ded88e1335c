//! A slow reader of version 2 is told exactly which messages it will not be sent, and can page them.

mod common;

use common::{
    Client, FIN, Frame, MS, Memory, OFFER, PONG, SECOND, Server, V2, eventually, handshake, in_time, masked,
};
use hallway_core::RoomName;
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    net::TcpSocket,
    time::{Instant, sleep, timeout},
};

#[tokio::test]
async fn a_slow_reader_is_told_the_places_it_missed_and_pages_exactly_these() {
    let server = Server::with_send_buffer(16 << 10, |hub, server| {
        hub.max_message_bytes = 8 << 10;
        hub.feed_bytes = 64 << 10;
        hub.history = 100_000;
        server.stall_timeout = 100 * SECOND;
    });
    let mut slow = V2::join_with_small_buffer(&server, "slow").await;
    let mut old = Client::join(&server, "old").await;
    slow.next_of("system").await;
    let talker = server.hub.join(&"lobby".parse().unwrap(), "talker").await.unwrap();
    let (mut next, mut missed, mut all) = (1, 0, Vec::new());
    for last in [700, 1_400] {
        for number in next..=last {
            talker.post(format!("{number:01024}")).await.unwrap();
            // The one of version 1 keeps up.
            let heard: Value = serde_json::from_str(&old.chats(1).await[0]).unwrap();
            assert_eq!(heard["payload"]["message"], format!("{number:01024}"));
        }
        let (heard, gaps) = slow.hear_to(next, last).await;
        assert!(!gaps.is_empty(), "it missed nothing");
        for (place, text) in &heard {
            assert_eq!(text, &format!("{place:01024}"));
        }
        for (from, to) in gaps {
            let paged = slow.page_all(from..=to).await;
            assert_eq!(paged, (from..=to).map(|place| format!("{place:01024}")).collect::<Vec<_>>());
            missed += to - from + 1;
            all.push((from, to));
        }
        next = last + 1;
        talker.post(format!("{next:01024}")).await.unwrap();
        old.chats(1).await;
        slow.hear_to(next, next).await;
        next += 1;
    }
    assert!(missed > 100, "{all:?}");
}

#[tokio::test]
async fn one_thread_with_members_of_both_versions_writes_to_each_in_its_own() {
    let server = Server::start().await;
    let mut first = V2::join(&server, "first").await;
    let mut second = Client::join(&server, "second").await;
    let mut third = V2::join(&server, "third").await;
    for number in 1..=20 {
        second.say(&number.to_string()).await;
        assert_eq!(first.next_of("chatMessage").await["seq"], number);
        assert_eq!(third.next_of("chatMessage").await["seq"], number);
        assert_eq!(second.chats(1).await.len(), 1);
    }
    // Each dialect can end and begin again, in a room that goes on.
    drop(second);
    drop(first);
    while third.next_of("system").await["text"] != "first left" {}
    let mut fourth = Client::join(&server, "fourth").await;
    third.say("21", "c").await;
    assert_eq!(third.next_of("chatMessage").await["seq"], 21);
    assert_eq!(fourth.chats(1).await.len(), 1);
    drop(third);
    fourth.until(&common::left("third")).await;
    fourth.say("22").await;
    let mut fifth = V2::open(&server, "/chat?username=fifth").await;
    assert_eq!(fifth.hear_to(1, 22).await.0.len(), 22);
}

#[tokio::test]
async fn one_that_takes_what_it_missed_slowly_but_all_the_time_is_not_dropped() {
    let store = Memory::default();
    // So large that the runtime learns late that some of it is free.
    let server = Server::with_store_and_send_buffer(&store, 256 << 10, |hub, server| {
        hub.history = 10;
        server.stall_timeout = 2 * SECOND;
    });
    let talker = server.hub.join(&RoomName::default(), "talker").await.unwrap();
    for _ in 0..2_000 {
        talker.post("x".repeat(1_000)).await.unwrap();
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut slow = Client::over(in_time(socket.connect(server.address)).await.unwrap());
    let target = format!("/chat?username=slow&epoch={}&after=1", talker.welcome().epoch);
    slow.send(handshake(&target, OFFER)).await;
    slow.upgraded().await;
    let begun = Instant::now();
    while begun.elapsed() < 5 * SECOND {
        let mut bytes = [0; 256];
        assert!(in_time(slow.stream.read(&mut bytes)).await.unwrap() > 0, "dropped");
        sleep(20 * MS).await;
    }
    assert_eq!(server.member_count("lobby").await, 2);
}

#[tokio::test]
async fn one_that_is_not_read_from_because_the_store_hangs_is_not_silent() {
    let store = Memory::default();
    let server = Server::with_store(&store, |_, server| {
        (server.rate, server.burst) = (100_000, 100_000);
        server.ping_after = 100 * MS;
        server.silence_timeout = 400 * MS;
    });
    let mut alice = V2::join(&server, "alice").await;
    store.hold(true);
    for number in 0..1_200 {
        alice.say("x", &format!("c{number}")).await;
    }
    let begun = Instant::now();
    while begun.elapsed() < 3 * 400 * MS {
        match timeout(100 * MS, alice.client.next()).await {
            Ok(Frame::Ping(payload)) => alice.client.send(masked(FIN | PONG, payload)).await,
            Ok(Frame::Text(_)) | Err(_) => {}
            Ok(other) => panic!("{other:?}"),
        }
    }
    // Gone, it is noticed all the same.
    drop(alice);
    eventually("it has left", async || {
        store.hold(false);
        server.member_count("lobby").await == 0
    })
    .await;
}
