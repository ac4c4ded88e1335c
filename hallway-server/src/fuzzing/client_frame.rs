//! Frames of clients, and what is written of what they say.

use std::{borrow::Cow, fmt, sync::Arc};

use hallway_core::{Chat, Event, Message};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use time::OffsetDateTime;

use crate::dialect::{Fault, Request, decode, encode, encode_notice, examine};

/// A frame means what a reader of all its JSON takes it to mean, the short way means what the parser's does, and what is
/// told of it is JSON that says the same again.
///
/// # Panics
///
/// Where that does not hold.
pub fn client_frame(bytes: &[u8]) {
    // Text that is not UTF-8 does not come out of the WebSocket.
    let Ok(frame) = str::from_utf8(bytes) else { return };
    let decoded = decode(frame);
    assert_eq!(decoded, examine(frame), "the short way and the parser's");

    match serde_json::from_str::<Json>(frame) {
        Ok(json) => assert_eq!(decoded, meaning(&json)),
        // Nested too deep, a number too large, half of a surrogate pair: JSON for whoever does not look there.
        Err(_) if serde_json::from_str::<IgnoredAny>(frame).is_ok() => {}
        Err(_) => assert!(decoded.is_err(), "{decoded:?} of what is not JSON"),
    }

    match decoded {
        Ok(Request::Chat(text)) => {
            let again = serde_json::json!({"type": "chatMessage", "payload": {"message": text}}).to_string();
            assert_eq!(decode(&again), Ok(Request::Chat(Cow::Borrowed(&text))));
            is_told_as_it_is(&Event::Chat(said(frame, &text)));
            is_told_as_it_is(&Event::Chat(said(&text, &text)));
        }
        Ok(Request::Unknown) => {}
        Err(fault) => {
            let text = fault.to_string();
            let notice: Message = serde_json::from_slice(&encode_notice(&text)).expect("a notice");
            assert_eq!(notice, Message::System { text: text.into() });
        }
    }
    is_told_as_it_is(&Event::Chat(said(frame, frame)));
    is_told_as_it_is(&Event::Joined(frame.into()));
    is_told_as_it_is(&Event::Left(frame.into()));
}

fn said(username: &str, text: &str) -> Arc<Chat> {
    Arc::new(Chat::new(1, OffsetDateTime::UNIX_EPOCH, username.into(), text.into()))
}

/// What a member is shown of an event is what the serializer writes, and is read as the same.
fn is_told_as_it_is(event: &Event) {
    let message = Message::from(event);
    let mut told = Vec::new();
    encode(event, &mut told);
    assert_eq!(serde_json::from_slice::<Message>(&told).expect("JSON"), message);
    assert_eq!(told, serde_json::to_vec(&message).expect("JSON"));
}

/// What PROTOCOL section 2 takes a frame to be.
fn meaning(json: &Json) -> Result<Request<'_>, Fault> {
    let frame = json.object().filter(|frame| frame.is_once("type") && frame.is_once("payload"));
    let frame = frame.ok_or(Fault::NotAnObject)?;
    match frame.first("type").and_then(Json::text) {
        None => return Err(Fault::NoType),
        Some("chatMessage") => {}
        Some(_) => return Ok(Request::Unknown),
    }
    let payload = frame.first("payload").and_then(Json::object).filter(|payload| payload.is_once("message"));
    let message = payload.ok_or(Fault::NoPayload)?.first("message").and_then(Json::text);
    message.map(|text| Request::Chat(text.into())).ok_or(Fault::NoMessage)
}

/// A JSON value as it was written: with each key as often as it was there.
enum Json {
    Object(Object),
    Text(String),
    Other,
}

struct Object(Vec<(String, Json)>);

impl Json {
    fn object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Object {
    fn first(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// Or not at all.
    fn is_once(&self, key: &str) -> bool {
        self.0.iter().filter(|(other, _)| other == key).count() <= 1
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AsWritten)
    }
}

struct AsWritten;

impl<'de> Visitor<'de> for AsWritten {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        while items.next_element::<Json>()?.is_some() {}
        Ok(Json::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(item) = items.next_entry()? {
            object.push(item);
        }
        Ok(Json::Object(Object(object)))
    }
}
