//! What becomes of a message is told to who sent it, once, whatever happens meanwhile.

mod common;

use common::{Client, FIN, Frame, Memory, SECOND, Server, TEXT, V2, eventually, masked, system};
use serde_json::{Value, json};

fn chat_frame(message: &str, reference: &str) -> Vec<u8> {
    let frame = json!({"type": "chatMessage", "payload": {"message": message, "ref": reference}});
    masked(FIN | TEXT, frame.to_string())
}

/// The next so many chat messages and acknowledgements, in their order.
async fn heard(member: &mut V2, messages: usize, acks: usize) -> (Vec<Value>, Vec<Value>) {
    let (mut said, mut known) = (Vec::new(), Vec::new());
    while said.len() < messages || known.len() < acks {
        let frame = member.next().await;
        match frame["type"].as_str() {
            Some("chatMessage") => said.push(frame["payload"].clone()),
            Some("ack") => known.push(frame["payload"].clone()),
            Some("system" | "userCount") => {}
            _ => panic!("{frame}"),
        }
    }
    assert_eq!((said.len(), known.len()), (messages, acks));
    (said, known)
}

#[tokio::test]
async fn a_message_with_a_reference_is_acknowledged_with_the_place_that_everybody_sees() {
    let server = Server::start().await;
    let mut alice = V2::join(&server, "alice").await;
    let mut bob = V2::join(&server, "bob").await;
    let frames: Vec<_> =
        (0..150).flat_map(|number| chat_frame(&number.to_string(), &format!("c{number}"))).collect();
    alice.client.send(frames).await;
    let (said, acks) = heard(&mut alice, 150, 150).await;
    for (number, (said, ack)) in said.iter().zip(&acks).enumerate() {
        assert_eq!(ack["ref"], format!("c{number}"));
        assert_eq!((&ack["seq"], &ack["sentAt"]), (&said["seq"], &said["sentAt"]));
    }
    let (heard_by_bob, _) = heard(&mut bob, 150, 0).await;
    assert_eq!(heard_by_bob, said);
}

#[tokio::test]
async fn a_message_sent_again_is_acknowledged_again_and_said_once() {
    let server = Server::start().await;
    let mut bob = V2::join(&server, "bob").await;
    let mut alice = V2::join(&server, "alice").await;
    alice.say("once", "c1").await;
    let first = alice.next_of("ack").await;
    alice.say("once", "c1").await;
    assert_eq!(alice.next_of("ack").await, first);
    // Over a new connection, too.
    drop(alice);
    let mut again = V2::join(&server, "alice").await;
    again.say("once", "c1").await;
    assert_eq!(again.next_of("ack").await, first);
    // The same reference of another name, and in another room, is another message.
    bob.say("of bob", "c1").await;
    assert_eq!(bob.next_of("ack").await["seq"], 2);
    let mut elsewhere = V2::open(&server, "/chat?username=alice&room=elsewhere").await;
    elsewhere.joined().await;
    elsewhere.say("once", "c1").await;
    assert_eq!(elsewhere.next_of("ack").await["seq"], 1);
    again.say("last", "c2").await;
    let mut texts = Vec::new();
    while texts.last() != Some(&json!("last")) {
        texts.push(again.next_of("chatMessage").await["message"].clone());
    }
    let page = again.page(json!({})).await;
    let texts: Vec<_> = page["messages"].as_array().unwrap().iter().map(|one| &one["message"]).collect();
    assert_eq!(texts, [&json!("once"), &json!("of bob"), &json!("last")]);
}

#[tokio::test]
async fn a_message_sent_again_after_a_restart_is_acknowledged_with_its_place() {
    let store = Memory::default();
    let mut server = Server::with_store(&store, |_, _| {});
    let mut alice = V2::join(&server, "alice").await;
    alice.say("once", "c1").await;
    let first = alice.next_of("ack").await;
    server.shut_down();
    server.ended().await;
    let server = Server::with_store(&store, |_, _| {});
    let mut alice = V2::join(&server, "alice").await;
    assert_eq!(alice.welcome["seq"], 1);
    alice.say("once", "c1").await;
    assert_eq!(alice.next_of("ack").await, first);
}

#[tokio::test]
async fn who_is_above_its_rate_is_acknowledged_while_it_is_not_read_from() {
    let store = Memory::default();
    let server = Server::with_store(&store, |_, server| (server.rate, server.burst) = (1, 2));
    let mut alice = V2::join(&server, "alice").await;
    store.hold(true);
    alice
        .client
        .send([chat_frame("one", "c1"), chat_frame("two", "c2"), chat_frame("three", "c3")].concat())
        .await;
    // Of three messages the second is behind the burst, from when on it is not read from for a second.
    let start = tokio::time::Instant::now();
    store.hold(false);
    let (_, acks) = heard(&mut alice, 2, 2).await;
    assert_eq!(acks.len(), 2);
    assert!(start.elapsed() < SECOND / 2, "{:?}", start.elapsed());
    assert_eq!(alice.next_of("ack").await["ref"], "c3");
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_said_to_be_unavailable_to_its_sender_alone() {
    let store = Memory::default();
    let server = Server::with_store(&store, |_, _| {});
    let mut alice = V2::join(&server, "alice").await;
    let mut bob = Client::join(&server, "bob").await;
    store.take_nothing(true);
    alice.say("x", "c1").await;
    let text = "the message cannot be stored: the disk is full";
    assert_eq!(alice.next_of("error").await, json!({"code": "unavailable", "text": text, "ref": "c1"}));
    alice.send(json!({"type": "chatMessage", "payload": {"message": "x"}})).await;
    assert_eq!(alice.next_of("error").await, json!({"code": "unavailable", "text": text}));
    bob.say("x").await;
    bob.until(&system(&format!("not sent: {text}"))).await;
    // Nobody was shown it, and the sequence has no hole; with the same reference it is sent when the store is well.
    store.take_nothing(false);
    alice.say("x", "c1").await;
    let (said, acks) = heard(&mut alice, 1, 1).await;
    assert_eq!((&said[0]["seq"], &acks[0]["seq"]), (&json!(1), &json!(1)));
    assert_eq!(bob.chats(1).await.len(), 1);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_unavailable() {
    let store = Memory::default();
    let server = Server::with_store(&store, |hub, _| hub.history = 1);
    let mut alice = V2::join(&server, "alice").await;
    for number in 1..=3 {
        alice.say("x", &number.to_string()).await;
        alice.next_of("ack").await;
    }
    store.show_nothing(true);
    alice.send(json!({"type": "history", "payload": {"ref": "h1"}})).await;
    let error = alice.next_of("error").await;
    assert_eq!((&error["code"], &error["ref"]), (&json!("unavailable"), &json!("h1")));
    store.show_nothing(false);
    assert_eq!(alice.page_all(1..=3).await.len(), 3);
}

#[tokio::test]
async fn who_does_not_read_its_acknowledgements_is_not_read_from_and_loses_none() {
    let server = Server::with_send_buffer(8 << 10, |hub, server| {
        hub.history = 10_000;
        (server.rate, server.burst) = (100_000, 100_000);
    });
    let mut alice = V2::join(&server, "alice").await;
    let count = 5_000;
    let frames: Vec<_> = (0..count)
        .flat_map(|number| [chat_frame("x", &format!("c{number}")), masked(FIN | TEXT, "oops")].concat())
        .collect();
    let room = "lobby".parse().unwrap();
    // It sends what it can and reads nothing: at some time the server says no more of it.
    let (mut sent, mut said, mut quiet) = (0, 0, 0);
    while quiet < 20 {
        if sent < frames.len()
            && let Ok(bytes) = alice.client.stream.try_write(&frames[sent..])
        {
            sent += bytes;
        }
        let messages = server.hub.history(&room, None, 10_000).await.unwrap().messages.len();
        quiet = if messages == said { quiet + 1 } else { 0 };
        said = messages;
        tokio::time::sleep(10 * common::MS).await;
    }
    assert!((1..count).contains(&said), "the server went on reading");

    // When it reads it is told everything.
    let (mut acks, mut errors) = (0, 0);
    while acks < count || errors < count {
        if sent < frames.len()
            && let Ok(bytes) = alice.client.stream.try_write(&frames[sent..])
        {
            sent += bytes;
        }
        let frame = alice.next().await;
        if frame["type"] == "ack" {
            assert_eq!(frame["payload"]["ref"], format!("c{acks}"));
            acks += 1;
        } else if frame["type"] == "error" {
            errors += 1;
        }
    }
    assert_eq!((acks, errors), (count, count));
}

#[tokio::test]
async fn one_with_many_messages_on_their_way_to_a_slow_store_is_not_read_from_and_loses_none() {
    let store = Memory::default();
    let server = Server::with_store(&store, |_, server| (server.rate, server.burst) = (100_000, 100_000));
    let mut alice = V2::join(&server, "alice").await;
    let count = 3_000;
    store.hold(true);
    let frames: Vec<_> = (0..count).flat_map(|number| chat_frame("x", &format!("c{number}"))).collect();
    // As much as the server reads and the kernel holds while the store does nothing.
    let mut rest = &frames[..];
    let mut quiet = 0;
    while quiet < 10 && !rest.is_empty() {
        match alice.client.stream.try_write(rest) {
            Ok(bytes) => (rest, quiet) = (&rest[bytes..], 0),
            Err(_) => quiet += 1,
        }
        tokio::time::sleep(10 * common::MS).await;
    }
    store.hold(false);
    let mut acks = 0;
    while acks < count {
        while !rest.is_empty()
            && let Ok(bytes) = alice.client.stream.try_write(rest)
        {
            rest = &rest[bytes..];
        }
        let frame = alice.next().await;
        if frame["type"] == "ack" {
            assert_eq!(
                (&frame["payload"]["ref"], &frame["payload"]["seq"]),
                (&json!(format!("c{acks}")), &json!(acks + 1))
            );
            acks += 1;
        }
    }
}

#[tokio::test]
async fn one_that_closes_with_messages_on_their_way_is_gone_at_once() {
    let store = Memory::default();
    let server = Server::with_store(&store, |_, _| {});
    let mut alice = V2::join(&server, "alice").await;
    store.hold(true);
    for number in 0..100 {
        alice.say("x", &number.to_string()).await;
    }
    alice.client.send(common::close(1000)).await;
    // Its place in the room it keeps until what it said was said.
    loop {
        match alice.client.next().await {
            Frame::Close(code) => break assert_eq!(code, Some(1000)),
            Frame::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
    store.hold(false);
    eventually("she has left", async || server.member_count("lobby").await == 0).await;
}
