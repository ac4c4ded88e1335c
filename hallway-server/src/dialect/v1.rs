//! How version 1 is written. It is frozen: key for key, in this order, with no further key.

use hallway_core::{Event, Message};

use super::plain;

/// Appends an event as a member is shown it; nothing where it is a message that was erased.
pub(super) fn event(event: &Event, json: &mut Vec<u8>) {
    if let Event::Chat(chat) = event
        && (chat.is_erased() || plain::write(chat, json))
    {
        return;
    }
    write(&Message::from(event), json);
}

/// Something for one client alone.
pub(super) fn notice(text: &str) -> Vec<u8> {
    let mut json = Vec::new();
    write(&Message::System { text: text.into() }, &mut json);
    json
}

pub(super) fn write(message: &Message, json: &mut Vec<u8>) {
    serde_json::to_writer(json, message).expect("strings and a number always have a JSON form");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hallway_core::Chat;
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_notice_is_a_system_frame() {
        assert_eq!(notice("no \"x\""), br#"{"type":"system","payload":{"text":"no \"x\""}}"#);
    }

    #[test]
    fn a_message_that_was_erased_is_not_shown() {
        let mut json = Vec::new();
        let erased = Chat::new(7, OffsetDateTime::UNIX_EPOCH, "".into(), "".into());
        event(&Event::Chat(Arc::new(erased)), &mut json);
        assert!(json.is_empty());
    }
}
