//! What a client's frame means.

use std::borrow::Cow;

use hallway_core::Reference;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{DEFAULT_LIMIT, Fault, LIMITS, Request, plain};

/// A frame that asks for nothing, and what its sender calls it, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) fault: Fault,
    pub(crate) reference: Option<Reference>,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { fault, reference: None }
    }
}

pub(super) fn v1(frame: &str) -> Result<Request<'_>, Refused> {
    match plain::message(frame) {
        Some(message) => Ok(Request::Chat { message: message.into(), reference: None }),
        None => examine_v1(frame),
    }
}

pub(super) fn v2(frame: &str) -> Result<Request<'_>, Refused> {
    match plain::message_and_reference(frame) {
        Some((message, reference)) => Ok(Request::Chat { message: message.into(), reference }),
        None => examine_v2(frame),
    }
}

/// The way of the parser, for every frame there is. Of a payload the message alone is looked at.
pub(super) fn examine_v1(frame: &str) -> Result<Request<'_>, Refused> {
    let Envelope { kind, payload } = parse(frame, Fault::NotAnObject)?;
    let kind = kind.and_then(text).ok_or(Fault::NoType)?;
    if kind != "chatMessage" {
        return Ok(Request::Unknown);
    }
    let payload = payload.ok_or(Fault::NoPayload)?;
    let Said { message } = parse(payload.get(), Fault::NoPayload)?;
    let message = message.and_then(text).ok_or(Fault::NoMessage)?;
    Ok(Request::Chat { message, reference: None })
}

/// The same for version 2. What is `null` is as if absent, where it may be absent.
pub(super) fn examine_v2(frame: &str) -> Result<Request<'_>, Refused> {
    let Envelope { kind, payload } = parse(frame, Fault::NotAnObject)?;
    let Some(kind) = kind.and_then(text) else {
        let named = payload.and_then(|payload| parse(payload.get(), Fault::NoPayload).ok());
        let named = named.and_then(|Named { reference }| read_reference(reference).ok()).flatten();
        return Err(Refused { fault: Fault::NoType, reference: named });
    };
    match &*kind {
        "chatMessage" => {
            let payload = payload.ok_or(Fault::NoPayload)?;
            let Post { message, reference } = parse(payload.get(), Fault::NoPayload)?;
            let reference = read_reference(reference)?;
            match message.and_then(text) {
                Some(message) => Ok(Request::Chat { message, reference }),
                None => Err(Refused { fault: Fault::NoMessage, reference }),
            }
        }
        "history" => {
            let payload = payload.ok_or(Fault::NoPayload)?;
            let Ask { before, limit, reference } = parse(payload.get(), Fault::NoPayload)?;
            let reference = read_reference(reference)?;
            match (read_before(before), read_limit(limit)) {
                (Ok(before), Ok(limit)) => Ok(Request::History { before, limit, reference }),
                (Err(fault), _) | (_, Err(fault)) => Err(Refused { fault, reference }),
            }
        }
        _ => Ok(Request::Unknown),
    }
}

fn read_reference(value: Option<&RawValue>) -> Result<Option<Reference>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let text = text(value).ok_or(Fault::NoReference)?;
    Ok(Some(Reference::new(&text)?))
}

fn read_before(value: Option<&RawValue>) -> Result<Option<u64>, Fault> {
    value.map(|value| whole_number(value.get()).ok_or(Fault::Before)).transpose()
}

fn read_limit(value: Option<&RawValue>) -> Result<usize, Fault> {
    let Some(value) = value else { return Ok(DEFAULT_LIMIT) };
    let limit = whole_number(value.get()).and_then(|limit| usize::try_from(limit).ok());
    limit.filter(|limit| LIMITS.contains(limit)).ok_or(Fault::Limit)
}

/// A number of digits alone, and the largest there is in place of a larger one.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    let is_whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| text.parse().unwrap_or(u64::MAX))
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
struct Said<'f> {
    #[serde(borrow)]
    message: Option<&'f RawValue>,
}

#[derive(Deserialize)]
struct Post<'f> {
    #[serde(borrow)]
    message: Option<&'f RawValue>,
    #[serde(borrow, rename = "ref")]
    reference: Option<&'f RawValue>,
}

#[derive(Deserialize)]
struct Ask<'f> {
    #[serde(borrow)]
    before: Option<&'f RawValue>,
    #[serde(borrow)]
    limit: Option<&'f RawValue>,
    #[serde(borrow, rename = "ref")]
    reference: Option<&'f RawValue>,
}

#[derive(Deserialize)]
struct Named<'f> {
    #[serde(borrow, rename = "ref")]
    reference: Option<&'f RawValue>,
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
mod tests;
