//! How version 2 is written.

use std::ops::RangeInclusive;

use hallway_core::{Chat, Event, HistoryError, Message, Page, PostError, Receipt, Reference, Welcome};
use serde::Serialize;

use super::{Fault, Limits, Reason, plain, stamp::Stamp, v1};

/// Appends an event as a member is shown it.
pub(super) fn event(event: &Event, stamp: &mut Stamp, json: &mut Vec<u8>) {
    let (what, name) = match event {
        Event::Chat(chat) => {
            json.extend_from_slice(br#"{"type":"chatMessage","payload":"#);
            message(chat, stamp, json);
            return json.push(b'}');
        }
        Event::Count(_) => return v1::write(&Message::from(event), json),
        Event::Joined(name) => ("joined", Some(&**name)),
        Event::Left(name) => ("left", Some(&**name)),
        Event::OthersJoined(_) => ("joined", None),
        Event::OthersLeft(_) => ("left", None),
    };
    // In the words of version 1.
    if let Message::System { text } = Message::from(event) {
        write(&Frame::System { text: &text, event: what, usernames: name.as_slice() }, json);
    }
}

/// Appends a message, by itself. One that was erased has its place, and no name and no text.
fn message(chat: &Chat, stamp: &mut Stamp, json: &mut Vec<u8>) {
    json.reserve(chat.username.len() + chat.text.len() + MESSAGE_BYTES);
    json.extend_from_slice(br#"{"seq":"#);
    plain::number(chat.seq, json);
    json.extend_from_slice(br#","sentAt":""#);
    stamp.write(chat.sent_at, json);
    json.extend_from_slice(br#"","username":"#);
    plain::string(&chat.username, json);
    json.extend_from_slice(br#","message":"#);
    plain::string(&chat.text, json);
    json.push(b'}');
}

/// Appends that a message has its place.
pub(super) fn ack(reference: &Reference, receipt: Receipt, stamp: &mut Stamp, json: &mut Vec<u8>) {
    json.extend_from_slice(br#"{"type":"ack","payload":{"ref":"#);
    plain::string(reference.as_str(), json);
    json.extend_from_slice(br#","seq":"#);
    plain::number(receipt.seq, json);
    json.extend_from_slice(br#","sentAt":""#);
    stamp.write(receipt.sent_at, json);
    json.extend_from_slice(br#""}}"#);
}

/// Appends a page of the history.
pub(super) fn history(page: &Page, reference: Option<&Reference>, stamp: &mut Stamp, json: &mut Vec<u8>) {
    json.extend_from_slice(br#"{"type":"history","payload":{"#);
    if let Some(reference) = reference {
        json.extend_from_slice(br#""ref":"#);
        plain::string(reference.as_str(), json);
        json.push(b',');
    }
    json.extend_from_slice(br#""messages":["#);
    for (index, chat) in page.messages.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        message(chat, stamp, json);
    }
    let more: &[u8] = if page.more { br#"],"more":true}}"# } else { br#"],"more":false}}"# };
    json.extend_from_slice(more);
}

pub(super) fn welcome(room: &str, username: &str, welcome: &Welcome, limits: Limits) -> Vec<u8> {
    let Limits { message_bytes, messages_per_second, burst, history } = limits;
    written(&Frame::Welcome {
        room,
        username,
        epoch: welcome.epoch.as_str(),
        seq: welcome.seq,
        resumed: welcome.resumed,
        limits: ShownLimits { message_bytes, messages_per_second, burst, history },
    })
}

pub(super) fn error(reason: &Reason, reference: Option<&Reference>) -> Vec<u8> {
    let text = reason.to_string();
    let reference = reference.map_or("", Reference::as_str);
    written(&Frame::Error { code: code(reason), text: &text, reference })
}

/// The one place where error codes are chosen.
fn code(reason: &Reason) -> &'static str {
    match reason {
        Reason::Frame(Fault::NotJson { .. }) => "bad_json",
        Reason::Frame(
            Fault::NotAnObject
            | Fault::NoType
            | Fault::NoPayload
            | Fault::NoMessage
            | Fault::NoReference
            | Fault::Reference(_)
            | Fault::Before
            | Fault::Limit,
        )
        | Reason::Post(PostError::TooLong { .. }) => "bad_frame",
        Reason::Post(PostError::Empty) => "empty_message",
        Reason::Post(PostError::Unavailable(_) | PostError::Closed)
        | Reason::History(HistoryError::Unavailable(_) | HistoryError::Closed) => "unavailable",
    }
}

/// That the messages at these places will not come.
pub(super) fn gap(places: &RangeInclusive<u64>) -> Vec<u8> {
    written(&Frame::Gap { from: *places.start(), to: *places.end() })
}

/// Frames that are rare enough for the serializer. In this order of keys.
#[derive(Serialize)]
#[serde(tag = "type", content = "payload", rename_all = "camelCase")]
enum Frame<'f> {
    Welcome {
        room: &'f str,
        username: &'f str,
        epoch: &'f str,
        seq: u64,
        resumed: bool,
        limits: ShownLimits,
    },
    System {
        text: &'f str,
        event: &'f str,
        usernames: &'f [&'f str],
    },
    Error {
        code: &'f str,
        text: &'f str,
        /// Empty where there is none: a reference is never.
        #[serde(rename = "ref", skip_serializing_if = "str::is_empty")]
        reference: &'f str,
    },
    Gap {
        from: u64,
        to: u64,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownLimits {
    message_bytes: usize,
    messages_per_second: u32,
    burst: u32,
    history: usize,
}

fn written(frame: &Frame<'_>) -> Vec<u8> {
    let mut json = Vec::new();
    write(frame, &mut json);
    json
}

fn write(frame: &Frame<'_>, json: &mut Vec<u8>) {
    serde_json::to_writer(json, frame).expect("strings and numbers always have a JSON form");
}

/// What a message takes beside its name and its text, rounded up.
const MESSAGE_BYTES: usize = 96;
