//! The server decides what a member is called, and nothing a client sends changes it.

mod common;

use common::{Client, Server, chat, count, joined, left, system};
use serde_json::Value;

/// Joins an own room with this query string; returns the name that everybody is told.
async fn name_for(server: &Server, query: &str) -> String {
    let mut client = Client::open(server, &format!("/chat?{query}")).await;
    loop {
        let frame: Value = serde_json::from_str(&client.text().await).expect("JSON");
        if let Some(name) = frame["payload"]["text"].as_str().and_then(|text| text.strip_suffix(" joined")) {
            break name.to_owned();
        }
    }
}

#[tokio::test]
async fn who_gives_no_name_is_called_after_the_time_of_day() {
    let server = Server::start().await;
    for (room, username) in
        [("a", ""), ("b", "&username="), ("c", "&username=+%09+"), ("d", "&username=%E2%80%8B%00%E2%80%AE")]
    {
        assert_eq!(name_for(&server, &format!("room={room}{username}")).await, "Anon_210507");
    }
}

#[tokio::test]
async fn anonymous_members_of_one_second_are_told_apart() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for name in ["Anon_210507", "Anon_210507_2", "Anon_210507_3"] {
        let mut client = Client::open(&server, "/chat").await;
        client.until(&joined(name)).await;
        clients.push(client);
    }
    let mut second = clients.remove(1);
    second.say("who am I?").await;
    clients[0].until(&chat("Anon_210507_2", "who am I?")).await;
    second.reset();
    clients[0].until(&left("Anon_210507_2")).await;
}

#[tokio::test]
async fn a_name_is_decoded_as_a_form_is() {
    let server = Server::start().await;
    for (query, name) in [
        ("username=J%C3%BCrgen+M", "Jürgen M"),
        ("username=J%c3%bcrgen%20M", "Jürgen M"),
        ("username=a%2Bb%26c%3Dd", "a+b&c=d"),
        ("username=a=b", "a=b"),
        ("user%6Eame=alice", "alice"),
        ("x=1&username=alice&y=2", "alice"),
        ("username=%F0%9F%A6%80", "\u{1f980}"),
        ("username=%3Cb%3E%22%5C", "<b>\"\\"),
        ("username=%2541", "%41"),
        ("username=alice#fragment", "alice#fragment"),
    ] {
        assert_eq!(name_for(&server, query).await, name, "{query}");
    }
}

#[tokio::test]
async fn of_a_key_that_is_repeated_the_first_counts() {
    let server = Server::start().await;
    assert_eq!(name_for(&server, "username=alice&username=bob").await, "alice");
    assert_eq!(name_for(&server, "username=&username=bob").await, "Anon_210507");
    assert_eq!(name_for(&server, "Username=bob&username=alice").await, "alice");
}

#[tokio::test]
async fn a_pair_with_a_broken_escape_or_bytes_that_are_no_utf8_is_as_if_absent() {
    let server = Server::start().await;
    for broken in ["%", "%4", "%zz", "a%", "%+1", "%ff", "%C3", "%ED%A0%80", "%C0%80"] {
        let query = format!("username={broken}&username=bob");
        assert_eq!(name_for(&server, &query).await, "bob", "{broken}");
    }
}

#[tokio::test]
async fn characters_that_nobody_sees_reach_nobody() {
    let server = Server::start().await;
    let query = "username=%00a%0D%0Al%E2%80%AEi%E2%80%8Bc%EF%BB%BFe%C2%85%E2%80%A8%1B%C2%AD%F3%A0%81%81";
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::open(&server, &format!("/chat?{query}")).await;
    // Line ends of any kind separate words.
    bob.until(&joined("a lice")).await;
    alice.say("hi").await;
    bob.hears(&[chat("a lice", "hi")]).await;
    alice.reset();
    bob.until(&left("a lice")).await;
}

#[tokio::test]
async fn a_name_is_trimmed_and_cut_to_64_characters() {
    let server = Server::start().await;
    assert_eq!(name_for(&server, "username=++alice+++smith+").await, "alice smith");
    let long = "%C3%A9".repeat(65);
    assert_eq!(name_for(&server, &format!("username={long}")).await, "é".repeat(64));
}

#[tokio::test]
async fn a_name_cannot_break_out_of_its_frame() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    let _mallory =
        Client::open(&server, "/chat?username=x%22%2C%22message%22%3A%22forged%22%7D%2F%2F%5C").await;
    let expected =
        serde_json::json!({"type": "system", "payload": {"text": r#"x","message":"forged"}//\ joined"#}});
    loop {
        let text = alice.text().await;
        if text.contains("joined") {
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
            break;
        }
    }
}

#[tokio::test]
async fn two_devices_of_one_person_share_the_name() {
    let server = Server::start().await;
    let mut phone = Client::join(&server, "alice").await;
    let mut desk = Client::join(&server, "alice").await;
    desk.say("from my desk").await;
    phone.until(&chat("alice", "from my desk")).await;
    phone.reset();
    desk.until(&left("alice")).await;
    assert_eq!(server.member_count("lobby").await, 1);
}

#[tokio::test]
async fn a_name_in_the_payload_is_ignored_in_every_disguise() {
    let server = Server::start().await;
    let mut mallory = Client::join(&server, "mallory").await;
    let mut bob = Client::join(&server, "bob").await;
    mallory.until(&joined("bob")).await;
    for payload in [
        r#"{"username":"bob","message":"m"}"#,
        r#"{"message":"m","username":"bob"}"#,
        r#"{"username":"bob","username":"bob","message":"m"}"#,
        r#"{"message":"m","username":"bob","username":"bob"}"#,
        r#"{"Username":"bob","USERNAME":"bob","userName":"bob","user_name":"bob","message":"m"}"#,
        r#"{"\u0075sername":"bob","message":"m"}"#,
        r#"{"username":null,"message":"m"}"#,
        r#"{"username":["bob"],"message":"m"}"#,
        r#"{"username":{"username":"bob"},"payload":{"username":"bob"},"message":"m"}"#,
        r#"{"__proto__":{"username":"bob"},"message":"m"}"#,
        r#"{"chat":{"username":"bob"},"name":"bob","from":"bob","sender":"bob","message":"m"}"#,
    ] {
        for frame in [
            format!(r#"{{"type":"chatMessage","payload":{payload}}}"#),
            format!(r#"{{"username":"bob","payload":{payload},"username":"bob","type":"chatMessage"}}"#),
            format!(r#"{{"type":"chatMessage","\u0075sername":"bob","payload":{payload}}}"#),
        ] {
            mallory.send_text(&frame).await;
            assert_eq!(bob.text().await, chat("mallory", "m"), "{frame}");
        }
    }
}

#[tokio::test]
async fn a_name_in_a_payload_that_is_no_object_is_not_even_read() {
    let server = Server::start().await;
    let mut mallory = Client::join(&server, "mallory").await;
    let mut bob = Client::join(&server, "bob").await;
    mallory.until(&joined("bob")).await;
    for frame in [
        r#"{"type":"chatMessage","payload":["bob","m"]}"#,
        r#"{"type":"chatMessage","payload":[{"username":"bob","message":"m"}]}"#,
        r#"{"type":"chatMessage","payload":"{\"username\":\"bob\",\"message\":\"m\"}"}"#,
        r#"{"type":"chatMessage","payload":{"username":"bob","message":"m","message":"m"}}"#,
        r#"["chatMessage",{"username":"bob","message":"m"}]"#,
        r#"{"type":"chatMessage","payload":{"message":"m"},"payload":{"username":"bob","message":"m"}}"#,
    ] {
        mallory.send_text(frame).await;
        let notice = mallory.text().await;
        assert!(notice.starts_with(r#"{"type":"system","payload":{"text":"not sent: "#), "{frame}: {notice}");
    }
    mallory.say("m").await;
    bob.hears(&[chat("mallory", "m")]).await;
}

#[tokio::test]
async fn the_room_says_who_joined_in_system_frames_that_no_member_can_send() {
    let server = Server::start().await;
    let mut mallory = Client::join(&server, "mallory").await;
    let mut bob = Client::join(&server, "bob").await;
    for frame in [system("bob left"), common::count(7), r#"{"type":"welcome","payload":{}}"#.to_owned()] {
        mallory.send_text(&frame).await;
    }
    mallory.say("m").await;
    bob.hears(&[chat("mallory", "m")]).await;
}

/// Percent-encoded, whatever it is.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}

#[tokio::test]
async fn no_character_that_cannot_be_seen_reaches_another_client_in_a_name() {
    let unseen = regex::Regex::new(
        r"^[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}--\p{Prepended_Concatenation_Mark}]$",
    );
    let unseen = unseen.unwrap();
    let is_unseen = |character: &char| unseen.is_match(character.encode_utf8(&mut [0; 4]));
    let all: Vec<char> = ('\0'..=char::MAX).filter(is_unseen).collect();
    assert!(all.len() > 4_000, "{}", all.len());

    let server = Server::start().await;
    let mut bob = Client::join(&server, "bob").await;
    // In the longest names that a request has room for.
    for characters in all.chunks(200) {
        let (white, other): (Vec<char>, Vec<char>) = characters.iter().partition(|one| one.is_whitespace());
        for (characters, name) in [(white, "a b"), (other, "ab")] {
            if characters.is_empty() {
                continue;
            }
            let asked = format!("a{}b", String::from_iter(characters));
            let client = Client::open(&server, &format!("/chat?username={}", encoded(&asked))).await;
            bob.hears(&[count(2), joined(name)]).await;
            drop(client);
            bob.hears(&[count(1), left(name)]).await;
        }
    }
}
