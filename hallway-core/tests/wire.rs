//! The frames of version 1, byte for byte.

use std::sync::Arc;

use hallway_core::{Chat, Event, Message};

#[test]
fn every_frame_has_the_keys_of_the_protocol_in_its_order_and_reads_back_as_it_was() {
    for (message, json) in [
        (
            chat("alice", "Hello!"),
            r#"{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}"#,
        ),
        (system("alice joined"), r#"{"type":"system","payload":{"text":"alice joined"}}"#),
        (Message::UserCount { count: 3 }, r#"{"type":"userCount","payload":{"count":3}}"#),
    ] {
        assert_eq!(serde_json::to_string(&message).unwrap(), json);
        assert_eq!(serde_json::from_str::<Message>(json).unwrap(), message);
    }
}

#[test]
fn every_event_has_its_frame() {
    for (event, json) in [
        (
            Event::Chat(Arc::new(Chat::new(
                1,
                time::OffsetDateTime::UNIX_EPOCH,
                "alice".into(),
                "Hello!".into(),
            ))),
            r#"{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}"#,
        ),
        (Event::Count(3), r#"{"type":"userCount","payload":{"count":3}}"#),
        (Event::Count(0), r#"{"type":"userCount","payload":{"count":0}}"#),
        (Event::Joined("alice".into()), r#"{"type":"system","payload":{"text":"alice joined"}}"#),
        (Event::Left("alice".into()), r#"{"type":"system","payload":{"text":"alice left"}}"#),
        (Event::OthersJoined(812), r#"{"type":"system","payload":{"text":"812 others joined"}}"#),
        (Event::OthersJoined(1), r#"{"type":"system","payload":{"text":"1 other joined"}}"#),
        (Event::OthersLeft(640), r#"{"type":"system","payload":{"text":"640 others left"}}"#),
        (Event::OthersLeft(1), r#"{"type":"system","payload":{"text":"1 other left"}}"#),
    ] {
        assert_eq!(serde_json::to_string(&Message::from(&event)).unwrap(), json);
    }
}

#[test]
fn the_keys_of_a_frame_are_read_in_any_order() {
    for (json, message) in [
        (
            r#"{"payload":{"message":"Hello!","username":"alice"},"type":"chatMessage"}"#,
            chat("alice", "Hello!"),
        ),
        (r#" { "payload" : { "text" : "alice joined" } , "type" : "system" } "#, system("alice joined")),
        (r#"{"payload":{"count":3},"type":"userCount"}"#, Message::UserCount { count: 3 }),
    ] {
        assert_eq!(serde_json::from_str::<Message>(json).unwrap(), message);
    }
}

#[test]
fn further_keys_of_a_frame_are_ignored() {
    for (json, message) in [
        (
            r#"{"v":2,"type":"chatMessage","payload":{"seq":42,"username":"alice","sentAt":{"at":[]},"message":"Hello!"},"x":null}"#,
            chat("alice", "Hello!"),
        ),
        (
            r#"{"payload":{"event":"joined","usernames":["alice"],"text":"alice joined"},"x":{},"type":"system"}"#,
            system("alice joined"),
        ),
        (r#"{"type":"userCount","payload":{"count":3,"message":"no"}}"#, Message::UserCount { count: 3 }),
    ] {
        assert_eq!(serde_json::from_str::<Message>(json).unwrap(), message);
    }
}

#[test]
fn what_is_no_frame_of_the_protocol_is_not_read_as_one() {
    for json in [
        "",
        "{}",
        "[]",
        r#"{"type":"chatMessage"}"#,
        r#"{"payload":{"text":"alice joined"}}"#,
        r#"{"type":"ChatMessage","payload":{"username":"alice","message":"Hello!"}}"#,
        r#"{"type":"chatMessage","payload":{"message":"Hello!"}}"#,
        r#"{"type":"chatMessage","payload":{"username":"alice","message":1}}"#,
        r#"{"type":"userCount","payload":{"count":-1}}"#,
        r#"{"type":"welcome","payload":{}}"#,
    ] {
        assert!(serde_json::from_str::<Message>(json).is_err(), "{json}");
    }
}

#[test]
fn characters_are_escaped_where_json_asks_for_it_and_nowhere_else() {
    for (text, json) in [
        ("\"", r#"\""#),
        ("\\", r"\\"),
        ("\u{8}\u{c}\n\r\t", r"\b\f\n\r\t"),
        ("\u{0}\u{1}\u{1f}", r"\u0000\u0001\u001f"),
        ("\u{7f}\u{80}", "\u{7f}\u{80}"),
        ("/</script>&'", "/</script>&'"),
        ("\u{2028}\u{2029}\u{feff}\u{202e}", "\u{2028}\u{2029}\u{feff}\u{202e}"),
        ("é👩‍👩‍👧🦀", "é👩‍👩‍👧🦀"),
        (r"\u0041", r"\\u0041"),
    ] {
        let message = chat(text, text);
        let expected =
            format!(r#"{{"type":"chatMessage","payload":{{"username":"{json}","message":"{json}"}}}}"#);
        assert_eq!(serde_json::to_string(&message).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Message>(&expected).unwrap(), message);
    }
}

#[test]
fn every_character_there_is_survives_the_way_there_and_back() {
    let every: String = ('\0'..=char::MAX).collect();
    let json = serde_json::to_string(&chat("alice", &every)).unwrap();
    assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), chat("alice", &every));
    let json = serde_json::to_string(&system(&every)).unwrap();
    assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), system(&every));
}

#[test]
fn escapes_that_others_write_are_read() {
    let json = r#"{"type":"system","payload":{"text":"\u00e9\/\ud83e\udd80\u2028"}}"#;
    assert_eq!(serde_json::from_str::<Message>(json).unwrap(), system("é/🦀\u{2028}"));
}

fn chat(username: &str, message: &str) -> Message {
    Message::ChatMessage { username: username.into(), message: message.into() }
}

fn system(text: &str) -> Message {
    Message::System { text: text.into() }
}
