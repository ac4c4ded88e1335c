//! The form that nearly every chat message has, read and written without a JSON parser: texts in which nothing is
//! escaped, in the frame that serializers make. All else takes the way of the parser, to the same result.

use hallway_core::Chat;

/// The message of a client's frame in that form.
pub(super) fn message(frame: &str) -> Option<&str> {
    let text =
        frame.strip_prefix(r#"{"type":"chatMessage","payload":{"message":""#)?.strip_suffix(r#""}}"#)?;
    is_plain(text).then_some(text)
}

/// Appends a chat message if it has that form; says whether it did.
pub(super) fn write(chat: &Chat, json: &mut Vec<u8>) -> bool {
    if !is_plain(&chat.username) || !is_plain(&chat.text) {
        return false;
    }
    for part in [
        r#"{"type":"chatMessage","payload":{"username":""#,
        &*chat.username,
        r#"","message":""#,
        &*chat.text,
        r#""}}"#,
    ] {
        json.extend_from_slice(part.as_bytes());
    }
    true
}

/// Whether it stands between quotes as it is (RFC 8259 section 7). No early return, so that many bytes are looked at at
/// once.
fn is_plain(text: &str) -> bool {
    let escaped = |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    text.bytes().fold(0, |found, byte| found | escaped(byte)) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Request, examine, write as write_any};
    use super::*;
    use hallway_core::{Event, Message};

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ -~]{0,20}", r#"[ab"\\/\u{0}-\u{20}\u{7f}-\u{9f}é🦀]{0,12}"#, any::<String>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_plainly_is_what_the_serializer_writes(username in text(), said in text()) {
            let chat = Chat::new(1, time::OffsetDateTime::UNIX_EPOCH, username.into(), said.into());
            let (mut plain, mut serialized) = (Vec::new(), Vec::new());
            write_any(&Message::from(&Event::Chat(chat.clone().into())), &mut serialized);
            if write(&chat, &mut plain) {
                prop_assert_eq!(plain, serialized);
            }
        }

        #[test]
        fn what_is_read_plainly_is_what_the_parser_reads(inner in text()) {
            let frame = format!(r#"{{"type":"chatMessage","payload":{{"message":"{inner}"}}}}"#);
            if let Some(text) = message(&frame) {
                prop_assert_eq!(examine(&frame), Ok(Request::Chat(text.into())));
            }
        }
    }

    #[test]
    fn what_people_write_is_plain() {
        let chat = Chat::new(
            1,
            time::OffsetDateTime::UNIX_EPOCH,
            "Zoë".into(),
            "Hello, world! 🦀 (it's 5 < 6 & so on…)".into(),
        );
        assert!(write(&chat, &mut Vec::new()));
        assert_eq!(message(r#"{"type":"chatMessage","payload":{"message":"Grüße"}}"#), Some("Grüße"));
        assert_eq!(
            message(r#"{"type":"chatMessage","payload":{"message":"a"},"payload":{"message":"b"}}"#),
            None
        );
    }
}
