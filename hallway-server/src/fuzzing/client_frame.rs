//! Frames of clients, and what is written of what they say.

use std::{fmt, sync::Arc};

use hallway_core::{Chat, Event, Message, Page, Receipt, Reference};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::dialect::{Dialect, Fault, Reason, Refused, Request, Writer};

/// In both dialects a frame means what a reader of all its JSON takes it to mean, and what is told of it is JSON that says the
/// same again.
///
/// # Panics
///
/// Where that does not hold.
pub fn client_frame(bytes: &[u8]) {
    // Text that is not UTF-8 does not come out of the WebSocket.
    let Ok(frame) = str::from_utf8(bytes) else { return };
    for dialect in [Dialect::V1, Dialect::V2] {
        let decoded = dialect.decode(frame);
        match serde_json::from_str::<Json>(frame) {
            Ok(json) if json.is_read_inexactly() => {}
            Ok(json) => assert_eq!(decoded, meaning(&json, dialect), "{dialect:?}"),
            // Nested too deep, a number too large, half of a surrogate pair: JSON for whoever does not look there.
            Err(_) if serde_json::from_str::<IgnoredAny>(frame).is_ok() => {}
            Err(_) => assert!(decoded.is_err(), "{decoded:?} of what is not JSON"),
        }
        match decoded {
            Ok(Request::Chat { message, reference }) => {
                is_read_again(&message, reference.as_ref(), dialect);
                for chat in [said(frame, &message), said(&message, &message)] {
                    is_told_as_it_is(&Event::Chat(chat));
                }
                if let Some(reference) = &reference {
                    is_acknowledged_by_its_name(reference);
                }
            }
            Ok(Request::History { limit, .. }) => assert!((1..=200).contains(&limit)),
            Ok(Request::Unknown) => {}
            Err(Refused { fault, reference }) => is_refused_in_its_words(fault, reference.as_ref(), dialect),
        }
    }
    is_told_as_it_is(&Event::Chat(said(frame, frame)));
    is_told_as_it_is(&Event::Joined(frame.into()));
    is_told_as_it_is(&Event::Left(frame.into()));
}

fn said(username: &str, text: &str) -> Arc<Chat> {
    Arc::new(Chat::new(SEQ, OffsetDateTime::UNIX_EPOCH, username.into(), text.into()))
}

const SEQ: u64 = 42;
const SENT_AT: &str = "1970-01-01T00:00:00.000Z";

/// What was read is read again of the frame that another client would make of it.
fn is_read_again(message: &str, reference: Option<&Reference>, dialect: Dialect) {
    let mut again = json!({"type": "chatMessage", "payload": {"message": message}});
    if let Some(reference) = reference {
        again["payload"]["ref"] = json!(reference.as_str());
    }
    let read = Request::Chat { message: message.into(), reference: reference.cloned() };
    assert_eq!(dialect.decode(&again.to_string()), Ok(read));
}

/// What a member is shown of an event is what the serializer writes, and is read as the same.
fn is_told_as_it_is(event: &Event) {
    let message = Message::from(event);
    let is_erased = matches!(event, Event::Chat(chat) if chat.is_erased());
    let mut told = Vec::new();
    Writer::new(Dialect::V1).event(event, &mut told);
    if is_erased {
        assert!(told.is_empty());
    } else {
        assert_eq!(serde_json::from_slice::<Message>(&told).expect("JSON"), message);
        assert_eq!(told, serde_json::to_vec(&message).expect("JSON"));
    }

    let mut told = Vec::new();
    Writer::new(Dialect::V2).event(event, &mut told);
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let payload = &told["payload"];
    match event {
        Event::Chat(chat) => {
            let shown = json!({
                "seq": SEQ, "sentAt": SENT_AT, "username": *chat.username, "message": *chat.text,
            });
            assert_eq!(told, json!({"type": "chatMessage", "payload": shown}));
            is_paged_as_it_is(chat, &shown);
        }
        Event::Joined(name) | Event::Left(name) => {
            assert_eq!(payload["usernames"], json!([**name]));
            assert_eq!(json!(message)["payload"]["text"], payload["text"]);
        }
        Event::Count(_) | Event::OthersJoined(_) | Event::OthersLeft(_) => {}
    }
}

fn is_paged_as_it_is(chat: &Arc<Chat>, shown: &Value) {
    let mut page = Page::default();
    page.messages = vec![Arc::clone(chat); 2];
    let mut told = Vec::new();
    Writer::new(Dialect::V2).page(&page, None, &mut told);
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    assert_eq!(told, json!({"type": "history", "payload": {"messages": [shown, shown], "more": false}}));
}

fn is_acknowledged_by_its_name(reference: &Reference) {
    let mut told = Vec::new();
    let receipt = Receipt { seq: SEQ, sent_at: OffsetDateTime::UNIX_EPOCH };
    Writer::new(Dialect::V2).acknowledgement(reference, receipt, &mut told);
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let payload = json!({"ref": reference.as_str(), "seq": SEQ, "sentAt": SENT_AT});
    assert_eq!(told, json!({"type": "ack", "payload": payload}));
}

fn is_refused_in_its_words(fault: Fault, reference: Option<&Reference>, dialect: Dialect) {
    let told = dialect.refusal(&Reason::Frame(fault), reference);
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let payload = match (dialect, reference) {
        (Dialect::V1, _) => json!({"text": format!("not sent: {fault}")}),
        (Dialect::V2, None) => json!({"code": told["payload"]["code"], "text": fault.to_string()}),
        (Dialect::V2, Some(reference)) => {
            json!({"code": "bad_frame", "text": fault.to_string(), "ref": reference.as_str()})
        }
    };
    assert_eq!(told["payload"], payload);
}

/// What the protocol takes a frame to be.
fn meaning(json: &Json, dialect: Dialect) -> Result<Request<'_>, Refused> {
    let frame = json.object().filter(|frame| frame.is_once("type") && frame.is_once("payload"));
    let frame = frame.ok_or(Fault::NotAnObject)?;
    let payload = frame.first("payload").and_then(Json::object);
    let with = |keys: &[&str]| payload.filter(|payload| keys.iter().all(|key| payload.is_once(key)));
    let refused = |fault, reference: &Option<_>| Refused { fault, reference: reference.clone() };
    match (frame.first("type").and_then(Json::text), dialect) {
        (None, Dialect::V1) => Err(Fault::NoType.into()),
        (None, Dialect::V2) => {
            Err(refused(Fault::NoType, &with(&["ref"]).and_then(|named| reference(named).ok()).flatten()))
        }
        (Some("chatMessage"), Dialect::V1) => {
            let payload = with(&["message"]).ok_or(Fault::NoPayload)?;
            let message = payload.first("message").and_then(Json::text).ok_or(Fault::NoMessage)?;
            Ok(Request::Chat { message: message.into(), reference: None })
        }
        (Some("chatMessage"), Dialect::V2) => {
            let payload = with(&["message", "ref"]).ok_or(Fault::NoPayload)?;
            let reference = reference(payload)?;
            match payload.first("message").and_then(Json::text) {
                Some(message) => Ok(Request::Chat { message: message.into(), reference }),
                None => Err(refused(Fault::NoMessage, &reference)),
            }
        }
        (Some("history"), Dialect::V2) => {
            let payload = with(&["before", "limit", "ref"]).ok_or(Fault::NoPayload)?;
            let reference = reference(payload)?;
            let before = match payload.first("before") {
                None | Some(Json::Null) => None,
                Some(Json::Number(before)) => Some(*before),
                Some(_) => return Err(refused(Fault::Before, &reference)),
            };
            let limit = match payload.first("limit") {
                None | Some(Json::Null) => 50,
                Some(Json::Number(limit @ 1..=200)) => usize::try_from(*limit).expect("it is small"),
                Some(_) => return Err(refused(Fault::Limit, &reference)),
            };
            Ok(Request::History { before, limit, reference })
        }
        (Some(_), _) => Ok(Request::Unknown),
    }
}

fn reference(payload: &Object) -> Result<Option<Reference>, Fault> {
    match payload.first("ref") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(Reference::new(text)?)),
        Some(_) => Err(Fault::NoReference),
    }
}

/// A JSON value as it was written: with each key as often as it was there.
enum Json {
    Object(Object),
    Text(String),
    /// A whole one that is not negative.
    Number(u64),
    /// Too large for that, or written with a point or an exponent.
    Large,
    Null,
    Other,
}

struct Object(Vec<(String, Json)>);

impl Json {
    /// Whether it asks for what is before a number of which is not known here how it was written.
    fn is_read_inexactly(&self) -> bool {
        let payload = self.object().and_then(|frame| frame.first("payload")).and_then(Json::object);
        payload.is_some_and(|payload| matches!(payload.first("before"), Some(Json::Large)))
    }

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
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(if number > 1e19 { Json::Large } else { Json::Other })
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
