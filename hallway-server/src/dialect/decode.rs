//! The wire's version 1: what a client's frame means, and how an event is written. Nothing else knows its JSON.

mod plain;

use std::borrow::Cow;

use hallway_core::{Event, Message};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use thiserror::Error;

/// What a client asked for in a text frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'f> {
    /// To say this to the room.
    Chat(Cow<'f, str>),
    /// Something this server does not know; ignored, for clients newer than it.
    Unknown,
}

/// A text frame that asks for nothing: told to its sender in these words, which quote none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("the frame is not JSON: the fault is at line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("the frame is not a JSON object with each key once")]
    NotAnObject,
    #[error("the frame has no \"type\" that is a string")]
    NoType,
    #[error("the frame has no \"payload\" that is an object with each key once")]
    NoPayload,
    #[error("the payload has no \"message\" that is a string")]
    NoMessage,
}

pub(crate) fn decode(frame: &str) -> Result<Request<'_>, Fault> {
    match plain::message(frame) {
        Some(message) => Ok(Request::Chat(message.into())),
        None => examine(frame),
    }
}

/// The way of the parser, for every frame there is.
pub(crate) fn examine(frame: &str) -> Result<Request<'_>, Fault> {
    let Envelope { kind, payload } = parse(frame, Fault::NotAnObject)?;
    let kind = kind.and_then(text).ok_or(Fault::NoType)?;
    if kind != "chatMessage" {
        return Ok(Request::Unknown);
    }
    let payload = payload.ok_or(Fault::NoPayload)?;
    let Payload { message } = parse(payload.get(), Fault::NoPayload)?;
    message.and_then(text).map(Request::Chat).ok_or(Fault::NoMessage)
}

/// Appends an event as a member is shown it.
pub(crate) fn encode(event: &Event, json: &mut Vec<u8>) {
    let is_written = matches!(event, Event::Chat(chat) if plain::write(chat, json));
    if !is_written {
        write(&Message::from(event), json);
    }
}

/// Something for one client alone.
pub(crate) fn encode_notice(text: &str) -> Vec<u8> {
    let mut json = Vec::new();
    write(&Message::System { text: text.into() }, &mut json);
    json
}

/// What a member is told that lost messages.
pub(crate) fn missed(count: u64) -> String {
    let messages = if count == 1 { "message" } else { "messages" };
    format!("you missed {count} {messages}")
}

fn write(message: &Message, json: &mut Vec<u8>) {
    serde_json::to_writer(json, message).expect("strings and a number always have a JSON form");
}

// Values are kept as they came until their turn: a "payload" of any shape is fine in a frame of an unknown "type", and
// what is wrong can be named.
#[derive(Deserialize)]
struct Envelope<'f> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'f RawValue>,
    #[serde(borrow)]
    payload: Option<&'f RawValue>,
}

#[derive(Deserialize)]
struct Payload<'f> {
    #[serde(borrow)]
    message: Option<&'f RawValue>,
}

fn parse<'f, T: Deserialize<'f>>(json: &'f str, other: Fault) -> Result<T, Fault> {
    // serde also reads structures from arrays; the protocol has objects alone.
    if !json.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err(serde_json::from_str::<IgnoredAny>(json).err().map_or(other, Fault::from));
    }
    serde_json::from_str(json).map_err(|error| if error.is_data() { other } else { error.into() })
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }
}

/// A string, borrowed where it has no escape.
#[derive(Deserialize)]
struct Text<'f>(#[serde(borrow)] Cow<'f, str>);

/// The text of a JSON string, borrowed where it has no escape.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|Text(text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(text: &str) -> Request<'_> {
        Request::Chat(text.into())
    }

    #[test]
    fn a_chat_message_is_read_and_everything_else_in_its_payload_is_ignored() {
        for frame in [
            r#"{"type":"chatMessage","payload":{"message":"Hello!"}}"#,
            r#"{"payload":{"username":"mallory","message":"Hello!"},"type":"chatMessage"}"#,
            r#"{"type":"chatMessage","payload":{"username":"a","username":"b","message":"Hello!"}}"#,
            r#"{"type":"chatMessage","payload":{"Username":7,"message":"Hello!","more":[{}]},"seq":9}"#,
            " \r\n\t{\"type\":\"chatMessage\",\"payload\":{\"message\":\"Hel\\u006co!\"}} ",
        ] {
            assert_eq!(decode(frame), Ok(chat("Hello!")), "{frame}");
        }
    }

    #[test]
    fn a_type_that_is_not_known_is_ignored_whatever_its_payload() {
        for frame in [
            r#"{"type":"typing"}"#,
            r#"{"type":"typing","payload":[1,2]}"#,
            r#"{"type":"ChatMessage","payload":{"message":"x"}}"#,
            r#"{"type":""}"#,
        ] {
            assert_eq!(decode(frame), Ok(Request::Unknown), "{frame}");
        }
    }

    #[test]
    fn what_is_not_json_is_said_to_be_so_and_where() {
        for frame in
            ["", "hello", "{", r#"{"type":}"#, r#"{"type":"chatMessage"} x"#, "{'type':'chatMessage'}"]
        {
            assert!(matches!(decode(frame), Err(Fault::NotJson { .. })), "{frame}");
        }
        assert_eq!(decode("{\n \"type\": oops}"), Err(Fault::NotJson { line: 2, column: 10 }));
    }

    #[test]
    fn json_that_is_no_object_is_said_to_be_so() {
        for frame in ["null", "7", "\"chatMessage\"", "[]", r#"["chatMessage",{"message":"x"},3]"#] {
            assert_eq!(decode(frame), Err(Fault::NotAnObject), "{frame}");
        }
        assert_eq!(decode(r#"{"type":"a","type":"chatMessage"}"#), Err(Fault::NotAnObject));
    }

    #[test]
    fn each_missing_part_is_named() {
        for (frame, fault) in [
            ("{}", Fault::NoType),
            (r#"{"type":null}"#, Fault::NoType),
            (r#"{"type":7,"payload":{"message":"x"}}"#, Fault::NoType),
            (r#"{"type":"chatMessage"}"#, Fault::NoPayload),
            (r#"{"type":"chatMessage","payload":null}"#, Fault::NoPayload),
            (r#"{"type":"chatMessage","payload":"x"}"#, Fault::NoPayload),
            (r#"{"type":"chatMessage","payload":["x"]}"#, Fault::NoPayload),
            (r#"{"type":"chatMessage","payload":["x","y"]}"#, Fault::NoPayload),
            (r#"{"type":"chatMessage","payload":{"message":"x","message":"y"}}"#, Fault::NoPayload),
            (r#"{"type":"chatMessage","payload":{}}"#, Fault::NoMessage),
            (r#"{"type":"chatMessage","payload":{"Message":"x"}}"#, Fault::NoMessage),
            (r#"{"type":"chatMessage","payload":{"message":null}}"#, Fault::NoMessage),
            (r#"{"type":"chatMessage","payload":{"message":["x"]}}"#, Fault::NoMessage),
            (r#"{"type":"chatMessage","payload":{"message":"\ud800"}}"#, Fault::NoMessage),
        ] {
            assert_eq!(decode(frame), Err(fault), "{frame}");
        }
    }

    #[test]
    fn json_nested_without_end_is_refused() {
        let frame = format!(r#"{{"type":"chatMessage","payload":{}"#, "[".repeat(60_000));
        assert!(decode(&frame).is_err());
    }

    #[test]
    fn a_message_is_passed_on_as_it_came() {
        let text = " <b>\u{2028}\u{1f980}\"\\\u{1}\n ";
        let frame = serde_json::json!({"type": "chatMessage", "payload": {"message": text}}).to_string();
        assert_eq!(decode(&frame), Ok(chat(text)));
    }

    #[test]
    fn a_notice_is_a_system_frame() {
        assert_eq!(encode_notice("no \"x\""), br#"{"type":"system","payload":{"text":"no \"x\""}}"#);
    }
}
