//! Text frames: what is broadcast, what is ignored, and what its sender alone is told.

mod common;

use common::{
    CONTINUATION, Client, FIN, Frame, PING, PONG, Server, TEXT, chat, joined, masked, numbers, said,
};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

/// Alice and bob in the lobby, both having heard of both.
async fn two(server: &Server) -> (Client, Client) {
    let mut alice = Client::join(server, "alice").await;
    let bob = Client::join(server, "bob").await;
    alice.until(&joined("bob")).await;
    (alice, bob)
}

#[tokio::test]
async fn a_message_goes_to_everybody_in_the_room_and_to_its_sender() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    alice.say("hello").await;
    alice.hears(&[chat("alice", "hello")]).await;
    bob.hears(&[chat("alice", "hello")]).await;
}

#[tokio::test]
async fn a_frame_of_a_type_the_server_does_not_know_is_ignored_and_the_connection_stays() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    for frame in [
        r#"{"type":"typing"}"#,
        r#"{"type":"typing","payload":{"message":"m"}}"#,
        r#"{"type":"typing","payload":[1,"two",null]}"#,
        r#"{"type":"chatmessage","payload":{"message":"m"}}"#,
        r#"{"type":"chatMessage ","payload":{"message":"m"}}"#,
        r#"{"type":"","payload":7}"#,
        r#"{"type":"userCount","payload":{"count":99}}"#,
        r#"{"type":"history","payload":{"limit":3,"ref":"h1"}}"#,
    ] {
        alice.send_text(frame).await;
    }
    alice.say("still here").await;
    alice.hears(&[chat("alice", "still here")]).await;
    bob.hears(&[chat("alice", "still here")]).await;
}

#[tokio::test]
async fn each_fault_is_told_to_its_sender_alone_in_words_that_name_it() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    for (frame, words) in [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ("{\n \"type\": oops}", "not JSON: the fault is at line 2, column 10"),
        (r#"{"type":"chatMessage","payload":{"message":"m"}"#, "not JSON"),
        (r#"{"type":"chatMessage","payload":{"message":"m"}}}"#, "not JSON"),
        ("\u{feff}{}", "not JSON"),
        ("null", "not a JSON object"),
        ("[]", "not a JSON object"),
        (r#""chatMessage""#, "not a JSON object"),
        (r#"["chatMessage",{"message":"m"}]"#, "not a JSON object"),
        (r#"["chatMessage",{"message":"m"},3]"#, "not a JSON object"),
        ("{}", "no \"type\""),
        (r#"{"payload":{"message":"m"}}"#, "no \"type\""),
        (r#"{"type":null,"payload":{"message":"m"}}"#, "no \"type\""),
        (r#"{"type":["chatMessage"],"payload":{"message":"m"}}"#, "no \"type\""),
        (r#"{"type":"chatMessage"}"#, "no \"payload\""),
        (r#"{"type":"chatMessage","payload":null}"#, "no \"payload\""),
        (r#"{"type":"chatMessage","payload":"m"}"#, "no \"payload\""),
        (r#"{"type":"chatMessage","payload":["m"]}"#, "no \"payload\""),
        (r#"{"type":"chatMessage","payload":["m","n"]}"#, "no \"payload\""),
        (r#"{"type":"chatMessage","payload":{}}"#, "no \"message\""),
        (r#"{"type":"chatMessage","payload":{"Message":"m"}}"#, "no \"message\""),
        (r#"{"type":"chatMessage","payload":{"message":7}}"#, "no \"message\""),
        (r#"{"type":"chatMessage","payload":{"message":["m"]}}"#, "no \"message\""),
        (r#"{"type":"chatMessage","payload":{"message":"\ud800"}}"#, "no \"message\""),
        (r#"{"type":"chatMessage","payload":{"message":""}}"#, "must not be empty"),
        (r#"{"type":"chatMessage","payload":{"message":" \t\r\n\u2003"}}"#, "must not be empty"),
    ] {
        alice.send_text(frame).await;
        let notice: Value = serde_json::from_str(&alice.text().await).unwrap();
        assert_eq!(notice["type"], "system", "{frame}");
        let text = notice["payload"]["text"].as_str().unwrap();
        assert!(text.starts_with("not sent: ") && text.contains(words), "{frame}: {text}");
    }
    alice.say("still here").await;
    alice.hears(&[chat("alice", "still here")]).await;
    bob.hears(&[chat("alice", "still here")]).await;
}

#[tokio::test]
async fn json_nested_without_end_is_a_fault_like_another() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    for open in ["[", "{\"a\":"] {
        let frame = format!(r#"{{"type":"chatMessage","payload":{}"#, open.repeat(65_000 / open.len()));
        alice.send_text(&frame).await;
        assert!(alice.text().await.contains("not sent: "));
    }
    alice.say("still here").await;
    bob.hears(&[chat("alice", "still here")]).await;
}

#[tokio::test]
async fn a_message_is_passed_on_unchanged() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    for message in [
        "  leading and trailing \n",
        "<script>alert(1)</script> & &amp;",
        "\"quotes\" \\ and / slashes",
        "\u{0}\u{1}\u{7f}\u{85}\r\n\t",
        "\u{202e}\u{200b}\u{2028}\u{2029}\u{feff}",
        "e\u{301} \u{e9} \u{1f980} \u{10ffff}",
        "null",
        "{\"type\":\"system\"}",
    ] {
        alice.say(message).await;
        let frame: Value = serde_json::from_str(&bob.text().await).unwrap();
        assert_eq!(frame["payload"]["message"], message);
    }
    // Escapes of JSON mean the character, also those of two halves.
    alice.send_text(r#"{"type":"chatMessage","payload":{"message":"\u0061\ud83e\udd80\/\u0000"}}"#).await;
    bob.hears(&[chat("alice", "a\u{1f980}/\\u0000")]).await;
}

#[tokio::test]
async fn a_message_of_just_the_size_limit_is_broadcast() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    let around = said("").len();
    let message = "x".repeat((64 << 10) - around);
    alice.say(&message).await;
    bob.hears(&[chat("alice", &message)]).await;
}

#[tokio::test]
async fn a_message_may_come_in_fragments_cut_anywhere() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    let frame = said("\u{1f980}é");
    let middle = frame.find('\u{1f980}').unwrap() + 2;
    let (begin, rest) = frame.as_bytes().split_at(middle);
    let (middle, end) = rest.split_at(3);
    alice.send(masked(TEXT, begin)).await;
    alice.send(masked(CONTINUATION, "")).await;
    alice.send(masked(CONTINUATION, middle)).await;
    alice.send(masked(FIN | CONTINUATION, end)).await;
    bob.hears(&[chat("alice", "\u{1f980}é")]).await;
}

#[tokio::test]
async fn many_messages_may_come_in_one_packet_and_one_in_single_bytes() {
    let server = Server::start().await;
    let (mut alice, mut bob) = two(&server).await;
    alice.send(numbers(0..100)).await;
    for number in 0..100 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
    }
    alice.stream.set_nodelay(true).unwrap();
    for byte in masked(FIN | TEXT, said("slowly")) {
        alice.stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    bob.hears(&[chat("alice", "slowly")]).await;
}

#[tokio::test]
async fn a_ping_is_answered_with_its_own_payload() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    for payload in [&b""[..], b"\0\xff", &[b'p'; 125]] {
        alice.send(masked(FIN | PING, payload)).await;
        assert_eq!(alice.next().await, Frame::Pong(payload.to_vec()));
    }
}

#[tokio::test]
async fn a_ping_between_two_fragments_is_answered_at_once_and_the_message_is_whole() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    let frame = said("in two");
    alice.send(masked(TEXT, &frame[..20])).await;
    alice.send(masked(FIN | PING, "now")).await;
    assert_eq!(alice.next().await, Frame::Pong(b"now".to_vec()));
    alice.send(masked(FIN | PONG, "")).await;
    alice.send(masked(FIN | CONTINUATION, &frame[20..])).await;
    alice.hears(&[chat("alice", "in two")]).await;
}

#[tokio::test]
async fn a_pong_nobody_asked_for_is_ignored() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    alice.send(masked(FIN | PONG, "unasked")).await;
    alice.say("still here").await;
    alice.hears(&[chat("alice", "still here")]).await;
}

#[tokio::test]
async fn what_comes_behind_a_large_message_in_the_same_packet_is_heard() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    // Around the sizes at which a header grows, and at which a buffer is given back.
    for length in [900, 1_000, 1_100, 5_000, 60_000] {
        let large = "x".repeat(length);
        let mut bytes = masked(FIN | TEXT, said(&large));
        for _ in 0..3 {
            bytes.extend(masked(FIN | TEXT, said("small")));
            bytes.extend(masked(FIN | TEXT, said(&large)));
        }
        // And the beginning of one more.
        let last = masked(FIN | TEXT, said("last"));
        bytes.extend(&last[..9]);
        alice.send(&bytes).await;
        for _ in 0..3 {
            alice.hears(&[chat("alice", &large), chat("alice", "small")]).await;
        }
        alice.hears(&[chat("alice", &large)]).await;
        alice.send(&last[9..]).await;
        alice.hears(&[chat("alice", "last")]).await;
    }
}
