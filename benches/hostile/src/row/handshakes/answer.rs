//! Whether an answer is HTTP, and nothing that its client wrote.

use crate::client::Head;

/// The status of a well-formed answer; or what is wrong with it.
pub(super) fn check(answer: &[u8], is_head: bool) -> Result<u16, &'static str> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("a head without an end")?;
    let (head, rest) = (&answer[..end], &answer[end + 4..]);
    let head = std::str::from_utf8(head).map_err(|_| "a head that is not UTF-8")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).ok_or("no status line")?;
    let (status, reason) = status.split_once(' ').ok_or("no reason")?;
    let status = status.parse().ok().filter(|status| (100..600).contains(status)).ok_or("no status")?;
    if !reason.bytes().all(is_text) {
        return Err("a reason that is no text");
    }
    let mut length = None;
    let mut accept = None;
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or("a header without a value")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err("a header whose name is none");
        }
        if !value.bytes().all(is_text) {
            return Err("a header whose value is no text");
        }
        if name.eq_ignore_ascii_case("X-Injected") {
            return Err("a header that the client wrote");
        }
        if name.eq_ignore_ascii_case("Content-Length") {
            length = value.parse().ok();
        }
        if name.eq_ignore_ascii_case("Sec-WebSocket-Accept") {
            accept = Some(value.len());
        }
    }
    match (status, length) {
        // SHA-1 in base64.
        (101, None) if accept == Some(28) => check_frames(rest).map(|()| status),
        (101, _) => Err("an upgrade that accepts no key"),
        (_, Some(length)) if rest.len() == length || is_head && rest.is_empty() => Ok(status),
        (_, Some(_)) => Err("a text that is not as long as it says"),
        (_, None) => Err("no length"),
    }
}

fn is_text(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// What follows an upgrade is frames as a server sends them (RFC 6455 section 5.1), the last of which may be cut off.
fn check_frames(mut bytes: &[u8]) -> Result<(), &'static str> {
    while let Some(head) = Head::read(bytes) {
        if head.is_masked || !matches!(head.first, 0x81 | 0x88 | 0x89 | 0x8a) {
            return Err("an upgrade with something behind it that is no frame");
        }
        bytes = bytes.get(head.len + head.payload..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n";
        assert_eq!(check(answer, false), Ok(404));
        assert!(check(&answer[..answer.len() - 1], false).is_err());
        assert_eq!(check(&answer[..answer.len() - 3], true), Ok(404));
    }

    #[test]
    fn a_header_that_the_client_wrote_is_seen() {
        let answer = b"HTTP/1.1 400 Bad Request\r\nX-Injected: yes\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(check(answer, false), Err("a header that the client wrote"));
    }

    #[test]
    fn an_upgrade_has_frames_behind_it() {
        let upgrade =
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let with = |frames: &[u8]| check(&[upgrade.as_bytes(), frames].concat(), false);
        assert_eq!(with(b"\x81\x02{}\x88"), Ok(101));
        assert!(with(b"\x81\x82{}").is_err() && with(b"HTTP/1.1").is_err());
    }
}
