//! A client's chat message, read in one pass and without a copy.
//!
//! Written by hand because derived code also reads structures from arrays, which the protocol does not have, and takes
//! three passes to tell one `type` from another.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

/// `{"type":"chatMessage","payload":{"message":…}}` with each of these keys once; further ones are ignored. Anything
/// else is an error.
pub(super) struct ChatFrame<'f> {
    pub(super) message: Cow<'f, str>,
}

impl<'de> Deserialize<'de> for ChatFrame<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Frame;

        impl<'de> Visitor<'de> for Frame {
            type Value = ChatFrame<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a chat message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut is_chat, mut message) = (false, None);
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key.0 {
                        "type" if is_chat => return Err(A::Error::duplicate_field("type")),
                        "type" => {
                            is_chat = map.next_value::<Text<'de>>()?.0 == "chatMessage";
                            if !is_chat {
                                return Err(A::Error::custom("of another type"));
                            }
                        }
                        "payload" if message.is_some() => return Err(A::Error::duplicate_field("payload")),
                        "payload" => message = Some(map.next_value::<Payload<'de>>()?.0),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                match message {
                    Some(message) if is_chat => Ok(ChatFrame { message }),
                    Some(_) | None => Err(A::Error::custom("not a chat message")),
                }
            }
        }

        deserializer.deserialize_map(Frame)
    }
}

/// The message of a payload.
struct Payload<'f>(Cow<'f, str>);

impl<'de> Deserialize<'de> for Payload<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Payload<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a payload with a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut message = None;
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if key.0 != "message" {
                        map.next_value::<IgnoredAny>()?;
                    } else if message.replace(map.next_value::<Text<'de>>()?.0).is_some() {
                        return Err(A::Error::duplicate_field("message"));
                    }
                }
                message.map(Payload).ok_or_else(|| A::Error::missing_field("message"))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A string, borrowed where it has no escape.
#[derive(Deserialize)]
pub(super) struct Text<'f>(#[serde(borrow)] pub(super) Cow<'f, str>);
