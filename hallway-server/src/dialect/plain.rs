//! The form that nearly every chat message has, read and written without a JSON parser: texts in which nothing is
//! escaped, in the frame that serializers make. All else takes the way of the parser, to the same result.

use hallway_core::{Chat, Reference};

/// The message of a client's frame in that form.
pub(super) fn message(frame: &str) -> Option<&str> {
    let text = inner(frame)?;
    is_plain(text).then_some(text)
}

/// The message of such a frame, and what its sender calls it, if anything.
pub(super) fn message_and_reference(frame: &str) -> Option<(&str, Option<Reference>)> {
    let inner = inner(frame)?;
    if is_plain(inner) {
        return Some((inner, None));
    }
    let (text, reference) = inner.rsplit_once(REFERENCE)?;
    let reference = Reference::new(reference).ok().filter(|_| is_plain(reference) && is_plain(text))?;
    Some((text, Some(reference)))
}

fn inner(frame: &str) -> Option<&str> {
    frame.strip_prefix(r#"{"type":"chatMessage","payload":{"message":""#)?.strip_suffix(r#""}}"#)
}

const REFERENCE: &str = r#"","ref":""#;

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

/// Appends a string, by the serializer where something in it is escaped.
pub(super) fn string(text: &str, json: &mut Vec<u8>) {
    if is_plain(text) {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        serde_json::to_writer(json, text).expect("a string always has a JSON form");
    }
}

/// Appends a whole number.
pub(super) fn number(mut number: u64, json: &mut Vec<u8>) {
    // As many as a number of 64 bits may have.
    let mut digits = [0; 20];
    let mut start = digits.len();
    while number > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
    }
    json.extend_from_slice(&digits[start..]);
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

    use super::super::{Request, decode, v1::write as write_any};
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
                let chat = Request::Chat { message: text.into(), reference: None };
                prop_assert_eq!(decode::examine_v1(&frame), Ok(chat));
            }
            if let Some((text, reference)) = message_and_reference(&frame) {
                let chat = Request::Chat { message: text.into(), reference };
                prop_assert_eq!(decode::examine_v2(&frame), Ok(chat));
            }
        }

        #[test]
        fn a_message_with_a_reference_is_read_plainly_as_the_parser_reads_it(
            said in text(),
            reference in text(),
        ) {
            let frame =
                format!(r#"{{"type":"chatMessage","payload":{{"message":"{said}","ref":"{reference}"}}}}"#);
            if let Some((text, reference)) = message_and_reference(&frame) {
                let chat = Request::Chat { message: text.into(), reference };
                prop_assert_eq!(decode::examine_v2(&frame), Ok(chat));
            }
        }

        #[test]
        fn strings_and_numbers_are_written_as_the_serializer_writes_them(said in text(), count in any::<u64>()) {
            for count in [count, count % 1_000, 0, 9, 10, u64::MAX] {
                let mut json = Vec::new();
                string(&said, &mut json);
                number(count, &mut json);
                prop_assert_eq!(json, format!("{}{count}", serde_json::json!(said)).into_bytes());
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
            message_and_reference(r#"{"type":"chatMessage","payload":{"message":"Grüße","ref":"c1"}}"#),
            Some(("Grüße", Some(Reference::new("c1").unwrap())))
        );
        assert_eq!(
            message(r#"{"type":"chatMessage","payload":{"message":"a"},"payload":{"message":"b"}}"#),
            None
        );
    }
}
