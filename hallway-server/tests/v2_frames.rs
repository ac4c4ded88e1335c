//! Version 2: how it is asked for, and what its frames look like.

mod common;

use common::{
    Client, FIN, Memory, OFFER, Server, TEXT, V2, chat, code, count, handshake, joined, masked, open, said,
};
use serde_json::{Value, json};

#[tokio::test]
async fn who_offers_version_2_is_answered_with_it_and_all_others_speak_version_1() {
    let server = Server::start().await;
    for offer in [
        OFFER,
        "sec-websocket-protocol: chat,hallway.v2 , soap\r\n",
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: hallway.v2\r\n",
    ] {
        let mut client = Client::over(open(server.address).await);
        client.send(handshake("/chat?username=alice&room=a", offer)).await;
        let head = client.upgraded().await;
        assert!(head.contains("\r\nSec-WebSocket-Protocol: hallway.v2\r\n"), "{head}");
        assert!(client.text().await.starts_with(r#"{"type":"welcome""#));
    }
    for (room, offer) in [
        ("b", ""),
        ("c", "Sec-WebSocket-Protocol: chat, hallway.v3\r\n"),
        ("d", "Sec-WebSocket-Protocol: Hallway.V2\r\n"),
    ] {
        let mut client = Client::over(open(server.address).await);
        client.send(handshake(&format!("/chat?username=alice&room={room}"), offer)).await;
        let head = client.upgraded().await;
        assert!(!head.contains("Sec-WebSocket-Protocol"), "{head}");
        assert!(client.text().await.starts_with(r#"{"type":"userCount""#));
        client.until(&joined("alice")).await;
    }
}

#[tokio::test]
async fn the_frames_of_version_2_are_as_the_protocol_has_them_byte_for_byte() {
    let server = Server::start().await;
    let mut alice = Client::over(open(server.address).await);
    alice.send(handshake("/chat?username=alice&room=quiet", OFFER)).await;
    alice.upgraded().await;
    let welcome = alice.text().await;
    let epoch = serde_json::from_str::<Value>(&welcome).unwrap()["payload"]["epoch"].clone();
    let limits = r#"{"messageBytes":65536,"messagesPerSecond":50,"burst":200,"history":100}"#;
    assert_eq!(
        welcome,
        format!(
            r#"{{"type":"welcome","payload":{{"room":"quiet","username":"alice","epoch":{epoch},"seq":0,"resumed":false,"limits":{limits}}}}}"#
        )
    );
    assert_eq!(alice.text().await, count(1));
    assert_eq!(
        alice.text().await,
        r#"{"type":"system","payload":{"text":"alice joined","event":"joined","usernames":["alice"]}}"#
    );
    alice.send_text(r#"{"type":"chatMessage","payload":{"message":"Hello!"}}"#).await;
    // The tests' clock stands before 1970, and no message is sent before the room's epoch.
    let sent_at = r#""sentAt":"1970-01-01T00:00:00.000Z""#;
    let hello = format!(
        r#"{{"type":"chatMessage","payload":{{"seq":1,{sent_at},"username":"alice","message":"Hello!"}}}}"#
    );
    assert_eq!(alice.text().await, hello);
    alice.send_text(r#"{"type":"history","payload":{"ref":"h1"}}"#).await;
    let message = &hello[r#"{"type":"chatMessage","payload":"#.len()..hello.len() - 1];
    assert_eq!(
        alice.text().await,
        format!(r#"{{"type":"history","payload":{{"ref":"h1","messages":[{message}],"more":false}}}}"#)
    );
    alice.send_text("{").await;
    assert_eq!(
        alice.text().await,
        r#"{"type":"error","payload":{"code":"bad_json","text":"the frame is not JSON: the fault is at line 1, column 1"}}"#
    );
    alice.send_text(r#"{"type":"chatMessage","payload":{"message":" ","ref":"c1"}}"#).await;
    assert_eq!(
        alice.text().await,
        r#"{"type":"error","payload":{"code":"empty_message","text":"a message must not be empty","ref":"c1"}}"#
    );
    alice.send_text(r#"{"type":"chatMessage","payload":{"message":"two","ref":"c2"}}"#).await;
    let ack = format!(r#"{{"type":"ack","payload":{{"ref":"c2","seq":2,{sent_at}}}}}"#);
    let both = [alice.text().await, alice.text().await];
    assert!(both.contains(&ack), "{both:?}");
}

#[tokio::test]
async fn who_comes_and_goes_is_named_in_version_2_by_event_and_name() {
    let server = Server::start().await;
    let mut alice = V2::join(&server, "alice").await;
    let bob = Client::open(&server, "/chat?username=b%22b").await;
    let expected = json!({"text": "b\"b joined", "event": "joined", "usernames": ["b\"b"]});
    assert_eq!(alice.next_of("system").await, expected);
    drop(bob);
    assert_eq!(alice.next_of("userCount").await, json!({"count": 1}));
    let expected = json!({"text": "b\"b left", "event": "left", "usernames": ["b\"b"]});
    assert_eq!(alice.next_of("system").await, expected);
}

#[tokio::test]
async fn those_who_join_in_a_storm_are_summed_up_without_names() {
    let server = Server::with(|hub, _| hub.announcement_frames_per_second = 1).await;
    let mut alice = V2::join(&server, "alice").await;
    let _others = [Client::open(&server, "/chat").await, Client::open(&server, "/chat").await];
    loop {
        let system = alice.next_of("system").await;
        if system["text"].as_str().unwrap().contains("other") {
            assert_eq!((&system["event"], &system["usernames"]), (&json!("joined"), &json!([])));
            break;
        }
    }
}

#[tokio::test]
async fn each_fault_is_an_error_with_its_code_and_the_reference_of_its_frame() {
    let server = Server::start().await;
    let mut alice = V2::join(&server, "alice").await;
    let long = format!(r#"{{"type":"chatMessage","payload":{{"message":"x","ref":"{}"}}}}"#, "x".repeat(65));
    for (frame, code, reference) in [
        ("oops", "bad_json", None),
        ("[]", "bad_frame", None),
        (r#"{"type":7}"#, "bad_frame", None),
        (r#"{"type":"chatMessage"}"#, "bad_frame", None),
        (r#"{"type":"chatMessage","payload":{"message":7,"ref":"c1"}}"#, "bad_frame", Some("c1")),
        (r#"{"type":"chatMessage","payload":{"message":"","ref":"c2"}}"#, "empty_message", Some("c2")),
        (r#"{"type":"chatMessage","payload":{"message":" \n"}}"#, "empty_message", None),
        (r#"{"type":"chatMessage","payload":{"message":"x","ref":7}}"#, "bad_frame", None),
        (r#"{"type":"chatMessage","payload":{"message":"x","ref":""}}"#, "bad_frame", None),
        (&long, "bad_frame", None),
        (r#"{"type":"history","payload":{"limit":0,"ref":"h1"}}"#, "bad_frame", Some("h1")),
        (r#"{"type":"history","payload":{"limit":1000000}}"#, "bad_frame", None),
        (r#"{"type":"history","payload":{"before":-1,"ref":"h2"}}"#, "bad_frame", Some("h2")),
        (r#"{"type":"history"}"#, "bad_frame", None),
    ] {
        alice.client.send_text(frame).await;
        let error = alice.next().await;
        assert_eq!((&error["type"], &error["payload"]["code"]), (&json!("error"), &json!(code)), "{frame}");
        assert_eq!(error["payload"]["ref"], json!(reference), "{frame}");
        let text = error["payload"]["text"].as_str().unwrap();
        if frame.contains("limit") {
            assert!(text.contains("1 to 200"), "{text}");
        }
        if frame.contains("\"message\":\"x\"") {
            assert!(text.contains("1 to 64 bytes"), "{text}");
        }
    }
    alice.send(json!({"type": "typing"})).await;
    alice.say("still here", "c3").await;
    assert_eq!(alice.next_of("chatMessage").await["seq"], 1);
}

#[tokio::test]
async fn both_versions_see_the_same_messages_in_the_same_order() {
    let server = Server::with(|_, server| (server.rate, server.burst) = (100_000, 100_000)).await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bob = V2::join(&server, "bob").await;
    alice.until(r#"{"type":"system","payload":{"text":"bob joined"}}"#).await;
    let (mut of_alice, mut of_bob) = (Vec::new(), Vec::new());
    for number in 0..300 {
        of_alice.extend(masked(FIN | TEXT, said(&format!("a{number}"))));
        of_bob.extend(masked(FIN | TEXT, said(&format!("b{number}"))));
    }
    tokio::join!(alice.send(of_alice), bob.client.send(of_bob));
    let heard = alice.chats(600).await;
    for (index, heard) in heard.iter().enumerate() {
        let shown = bob.next_of("chatMessage").await;
        let (username, message) = (shown["username"].as_str().unwrap(), shown["message"].as_str().unwrap());
        assert_eq!(&chat(username, message), heard);
        assert_eq!(shown["seq"], index + 1);
    }
    // Who comes later is shown the same.
    let mut carol = V2::open(&server, "/chat?username=carol").await;
    assert_eq!((&carol.welcome["seq"], &carol.welcome["resumed"]), (&json!(600), &json!(false)));
    let (shown, gaps) = carol.hear_to(501, 600).await;
    assert_eq!((shown.len(), gaps), (100, vec![]));
}

#[tokio::test]
async fn the_history_can_be_paged_to_its_beginning() {
    let server = Server::with(|hub, _| hub.history = 1_000).await;
    let mut alice = V2::join(&server, "alice").await;
    let talker = server.hub.join(&"lobby".parse().unwrap(), "talker").await.unwrap();
    for number in 1..=300 {
        talker.post(number.to_string()).await.unwrap();
    }
    let texts = alice.page_all(1..=300).await;
    assert_eq!(texts, (1..=300).map(|number: u32| number.to_string()).collect::<Vec<_>>());

    let places = |page: &Value| -> Vec<u64> {
        page["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
    };
    // By default 50, and the newest.
    let page = alice.page(json!({})).await;
    assert_eq!((places(&page), &page["more"]), ((251..=300).collect(), &json!(true)));
    assert!(page.get("ref").is_none());
    let page = alice.page(json!({"before": 1_000_000, "limit": 2})).await;
    assert_eq!(places(&page), [299, 300]);
    let page = alice.page(json!({"before": 3, "limit": 2, "ref": "h"})).await;
    assert_eq!((places(&page), &page["more"], &page["ref"]), (vec![1, 2], &json!(false), &json!("h")));
    for before in [0, 1] {
        let page = alice.page(json!({"before": before})).await;
        assert_eq!((places(&page), &page["more"]), (vec![], &json!(false)));
    }
}

#[tokio::test]
async fn a_message_that_was_erased_keeps_its_place_in_version_2_and_is_not_shown_in_version_1() {
    let store = Memory::default();
    let mut server = Server::with_store(&store, |_, _| {});
    let mut alice = V2::join(&server, "alice").await;
    for number in 1..=3 {
        alice.say(&number.to_string(), &number.to_string()).await;
        assert_eq!(alice.next_of("ack").await["seq"], number);
    }
    server.shut_down();
    server.ended().await;
    store.erase("lobby", 2);

    let server = Server::with_store(&store, |_, _| {});
    let mut bob = Client::open(&server, "/chat?username=bob").await;
    bob.hears(&[chat("alice", "1"), chat("alice", "3"), count(1), joined("bob")]).await;
    let mut carol = V2::open(&server, "/chat?username=carol").await;
    let (shown, _) = carol.hear_to(1, 3).await;
    assert_eq!(shown[1], (2, String::new()));
    let page = carol.page(json!({})).await;
    assert_eq!(page["messages"][1]["username"], "");
}

#[tokio::test]
async fn parameters_that_are_wrong_are_refused_with_what_is_allowed_and_version_1_does_not_look_at_them() {
    let server = Server::start().await;
    for (query, words) in [
        ("epoch=e", "epoch is there without after"),
        ("epoch=e&after=", "epoch is there without after"),
        ("after=7", "after is there without epoch"),
        ("epoch=e&after=x", "after is no whole number"),
        ("epoch=e&after=-1", "after is no whole number"),
        ("epoch=e&after=1.5", "after is no whole number"),
        ("epoch=a+b&after=1", "an epoch has 1 to 64 characters"),
    ] {
        let reply = common::exchange(server.address, handshake(&format!("/chat?{query}"), OFFER)).await;
        assert!(reply.status.starts_with("400"), "{query}: {reply:?}");
        assert!(reply.body.contains(words), "{query}: {}", reply.body);
        assert_eq!(code(server.address, &handshake(&format!("/chat?{query}"), "")).await, "101");
    }
    for query in ["epoch=&after=", "epoch=", "epoch=e&after=99999999999999999999999"] {
        assert_eq!(code(server.address, &handshake(&format!("/chat?{query}"), OFFER)).await, "101");
    }
}
