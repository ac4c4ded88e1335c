//! Who comes back goes on where it was, or is told what it has missed.

mod common;

use std::sync::Arc;

use common::{Client, Memory, SECOND, Server, V2, eventually};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A member without a socket says these numbers.
async fn talk(server: &Server, numbers: std::ops::RangeInclusive<u64>) {
    let room = "lobby".parse().expect("a room name");
    let talker = server.hub.join(&room, "talker").await.expect("the hub runs");
    for number in numbers {
        talker.post(number.to_string()).await.expect("the hub runs");
    }
}

fn texts(heard: &[(u64, String)]) -> Vec<u64> {
    heard
        .iter()
        .map(|(place, text)| {
            assert_eq!(&place.to_string(), text);
            *place
        })
        .collect()
}

#[tokio::test]
async fn who_comes_back_is_told_exactly_what_it_missed() {
    let server = Server::start().await;
    let mut alice = V2::join(&server, "alice").await;
    talk(&server, 1..=30).await;
    alice.hear_to(1, 20).await;
    let epoch = alice.epoch();
    drop(alice);
    talk(&server, 31..=60).await;
    let mut alice = V2::come_back(&server, "alice", &epoch, 20).await;
    assert_eq!((&alice.welcome["resumed"], &alice.welcome["seq"]), (&json!(true), &json!(60)));
    talk(&server, 61..=70).await;
    let (heard, gaps) = alice.hear_to(21, 70).await;
    assert_eq!((texts(&heard), gaps), ((21..=70).collect(), vec![]));
    // Who has everything is told nothing of before.
    let mut bob = V2::come_back(&server, "bob", &epoch, 70).await;
    assert_eq!(bob.welcome["resumed"], true);
    assert_eq!(bob.next().await["type"], "userCount");
}

#[tokio::test]
async fn who_comes_back_while_others_talk_sees_every_message_once() {
    let server = Server::with(|hub, _| hub.history = 100_000).await;
    let stop = Arc::new(Notify::new());
    let talking = {
        let (hub, stop) = (server.hub.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let talker = hub.join(&"lobby".parse().unwrap(), "talker").await.unwrap();
            let mut number = 0;
            let mut stopped = std::pin::pin!(stop.notified());
            loop {
                tokio::select! {
                    biased;
                    () = &mut stopped => break number,
                    _ = talker.post((number + 1).to_string()) => number += 1,
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let alice = V2::join(&server, "alice").await;
    let epoch = alice.epoch();
    let mut after = alice.welcome["seq"].as_u64().unwrap();
    for _ in 0..20 {
        let mut alice = V2::come_back(&server, "alice", &epoch, after).await;
        assert_eq!(alice.welcome["resumed"], true);
        let joined_at = alice.welcome["seq"].as_u64().unwrap();
        let (heard, gaps) = alice.hear_to(after + 1, joined_at + 50).await;
        assert_eq!((texts(&heard), gaps), ((after + 1..=joined_at + 50).collect(), vec![]));
        after = joined_at + 50;
    }
    stop.notify_one();
    talking.await.unwrap();
}

#[tokio::test]
async fn who_was_away_too_long_is_told_the_gap_and_then_the_newest() {
    let server = Server::with(|hub, _| hub.history = 10).await;
    let alice = V2::join(&server, "alice").await;
    let epoch = alice.epoch();
    talk(&server, 1..=30).await;
    let mut back = V2::come_back(&server, "alice", &epoch, 5).await;
    assert_eq!(back.welcome["resumed"], false);
    assert_eq!(back.next().await, json!({"type": "gap", "payload": {"from": 6, "to": 20}}));
    let (heard, gaps) = back.hear_to(21, 30).await;
    assert_eq!((texts(&heard), gaps), ((21..=30).collect(), vec![]));
    assert_eq!(back.next().await["type"], "userCount");
}

#[tokio::test]
async fn a_position_that_is_not_of_this_room_is_as_if_nothing_had_been_received() {
    let server = Server::with(|hub, _| hub.history = 10).await;
    let alice = V2::join(&server, "alice").await;
    let elsewhere = V2::open(&server, "/chat?username=alice&room=elsewhere").await;
    talk(&server, 1..=30).await;
    for (epoch, after) in
        [(elsewhere.epoch(), 5), ("another".to_owned(), 5), (alice.epoch(), 31), (alice.epoch(), u64::MAX)]
    {
        let mut back = V2::come_back(&server, "alice", &epoch, after).await;
        assert_eq!(
            (&back.welcome["resumed"], &back.welcome["epoch"]),
            (&json!(false), &json!(alice.epoch()))
        );
        assert_eq!(back.next().await, json!({"type": "gap", "payload": {"from": 1, "to": 20}}));
        assert_eq!(back.hear_to(21, 30).await.0.len(), 10);
    }
    // Version 1 does not look at it.
    let mut old =
        Client::open(&server, &format!("/chat?username=old&epoch={}&after=29", alice.epoch())).await;
    assert_eq!(old.chats(10).await.len(), 10);
}

fn with_little_in_memory(store: &Memory) -> Server {
    Server::with_store(store, |hub, server| {
        hub.history = 10;
        hub.page_bytes = 1 << 10;
        server.stall_timeout = SECOND;
    })
}

#[tokio::test]
async fn what_is_in_the_store_alone_is_told_page_by_page_and_meets_what_is_said_meanwhile() {
    let store = Memory::default();
    let server = with_little_in_memory(&store);
    let alice = V2::join(&server, "alice").await;
    let epoch = alice.epoch();
    talk(&server, 1..=2_000).await;
    let mut back = V2::come_back(&server, "back", &epoch, 3).await;
    assert_eq!((&back.welcome["resumed"], &back.welcome["seq"]), (&json!(true), &json!(2_000)));
    // It is in the room while it is told.
    assert!(server.member_count("lobby").await >= 2);
    talk(&server, 2_001..=2_300).await;
    let (heard, gaps) = back.hear_to(4, 2_300).await;
    assert_eq!((texts(&heard), gaps), ((4..=2_300).collect(), vec![]));
    back.say("2301", "c1").await;
    assert_eq!(back.next_of("ack").await["seq"], 2_301);
}

#[tokio::test]
async fn a_restart_is_no_gap_where_there_is_a_store() {
    let store = Memory::default();
    let mut server = with_little_in_memory(&store);
    let alice = V2::join(&server, "alice").await;
    let epoch = alice.epoch();
    talk(&server, 1..=50).await;
    server.shut_down();
    server.ended().await;
    let server = with_little_in_memory(&store);
    let mut back = V2::come_back(&server, "alice", &epoch, 7).await;
    assert_eq!(back.welcome["resumed"], true);
    let (heard, gaps) = back.hear_to(8, 50).await;
    assert_eq!((texts(&heard), gaps), ((8..=50).collect(), vec![]));
}

#[tokio::test]
async fn what_is_gone_from_the_store_or_cannot_be_read_is_a_gap() {
    let store = Memory::default();
    let server = with_little_in_memory(&store);
    let alice = V2::join(&server, "alice").await;
    let epoch = alice.epoch();
    talk(&server, 1..=100).await;
    store.lose("lobby", 30);
    let mut back = V2::come_back(&server, "back", &epoch, 3).await;
    assert_eq!(back.welcome["resumed"], true);
    let (heard, gaps) = back.hear_to(4, 100).await;
    assert_eq!((texts(&heard), gaps), ((31..=100).collect(), vec![(4, 30)]));
    store.show_nothing(true);
    let mut back = V2::come_back(&server, "back", &epoch, 3).await;
    let (heard, gaps) = back.hear_to(4, 100).await;
    assert_eq!((texts(&heard), gaps), ((91..=100).collect(), vec![(4, 90)]));
}

#[tokio::test]
async fn who_comes_back_and_takes_nothing_of_what_it_missed_is_dropped_as_stalled() {
    let store = Memory::default();
    let server = Server::with_store(&store, |hub, server| {
        hub.history = 10;
        server.stall_timeout = SECOND / 2;
    });
    let epoch = V2::join(&server, "first").await.epoch();
    let talker = server.hub.join(&"lobby".parse().unwrap(), "talker").await.unwrap();
    for _ in 0..2_000 {
        talker.post("x".repeat(1_000)).await.unwrap();
    }
    drop(talker);
    let mut alice = V2::join(&server, "alice").await;
    let target = format!("/chat?username=stalled&epoch={epoch}&after=1");
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stalled = Client::over(socket.connect(server.address).await.unwrap());
    stalled.send(common::handshake(&target, common::OFFER)).await;
    while alice.next_of("system").await["text"] != "stalled joined" {}
    while alice.next_of("system").await["text"] != "stalled left" {}
    // It is not left with half of a frame, if it ever reads again.
    stalled.upgraded().await;
    let mut last = Value::Null;
    while let common::Frame::Text(text) = stalled.next().await {
        last = serde_json::from_str(&text).expect("whole frames");
    }
    assert_eq!(last["type"], "chatMessage");
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_who_takes_long_over_what_it_missed() {
    let store = Memory::default();
    let mut server = Server::with_store(&store, |hub, server| {
        hub.history = 10;
        server.shutdown_grace = SECOND / 4;
        server.close_timeout = SECOND / 4;
    });
    let mut alice = V2::join(&server, "alice").await;
    let talker = server.hub.join(&"lobby".parse().unwrap(), "talker").await.unwrap();
    for _ in 0..2_000 {
        talker.post("x".repeat(1_000)).await.unwrap();
    }
    let target = format!("/chat?username=slow&epoch={}&after=1", alice.epoch());
    let mut slow = Client::over(common::open(server.address).await);
    slow.send(common::handshake(&target, common::OFFER)).await;
    while alice.next_of("system").await["text"] != "slow joined" {}
    eventually("both are there", async || server.member_count("lobby").await == 3).await;
    drop(alice);
    server.shut_down();
    server.ended().await;
}
