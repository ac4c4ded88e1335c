//! What the server says, in the v2 dialect (section 3.2 of the protocol).

use serde::{Deserialize, de::IgnoredAny};

/// A frame. One of another type, or without what it must have, is an error.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "camelCase")]
pub(crate) enum Event {
    Welcome(Welcome),
    ChatMessage(Chat),
    System(IgnoredAny),
    UserCount(IgnoredAny),
    Ack(Ack),
    Error(Refusal),
    Gap(Gap),
    History(Page),
}

/// The first frame.
#[derive(Debug, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) epoch: String,
    /// The newest message when it joined.
    pub(crate) seq: u64,
    pub(crate) resumed: bool,
}

/// A message, said now or before.
#[derive(Debug, Deserialize)]
pub(crate) struct Chat {
    pub(crate) seq: u64,
    pub(crate) message: String,
}

/// A message of one's own has its place, and is stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ack {
    #[serde(rename = "ref")]
    pub(crate) reference: String,
    pub(crate) seq: u64,
    pub(crate) sent_at: String,
}

/// Something was not done.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) text: String,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<String>,
}

/// Messages that will not come.
#[derive(Debug, Deserialize)]
pub(crate) struct Gap {
    from: u64,
    to: u64,
}

impl Gap {
    pub(crate) fn count(&self) -> u64 {
        (self.to + 1).saturating_sub(self.from)
    }

    pub(crate) fn text(&self) -> String {
        format!("a gap from {} to {}", self.from, self.to)
    }
}

/// Older messages, the oldest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) messages: Vec<Chat>,
    pub(crate) more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_protocol_are_read_and_others_refused() {
        let read = serde_json::from_str::<Event>;
        let ack = read(r#"{"type":"ack","payload":{"ref":"c1","seq":42,"sentAt":"now"}}"#).unwrap();
        assert!(matches!(ack, Event::Ack(Ack { seq: 42, .. })), "{ack:?}");
        let count = read(r#"{"type":"userCount","payload":{"count":3}}"#).unwrap();
        assert!(matches!(count, Event::UserCount(_)), "{count:?}");
        let error = read(r#"{"type":"error","payload":{"code":"unavailable","text":"no"}}"#).unwrap();
        assert!(matches!(error, Event::Error(Refusal { reference: None, .. })), "{error:?}");
        for other in [r#"{"type":"ack","payload":{"ref":"c1"}}"#, r#"{"type":"other","payload":{}}"#] {
            assert!(read(other).is_err(), "{other}");
        }
    }
}
