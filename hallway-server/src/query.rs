//! The query string of a request, `application/x-www-form-urlencoded`.

use std::borrow::Cow;

/// The value of the first pair named `key`, decoded.
///
/// `%XX` and `+` are decoded, in names too. A pair with a broken escape, or with bytes that are not UTF-8, is as if
/// absent: a later one of the same name then counts.
pub(crate) fn value<'q>(query: &'q str, key: &str) -> Option<Cow<'q, str>> {
    query
        .split('&')
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .find_map(|(name, value)| (name == key).then_some(value))
}

/// Nothing where an escape is broken or the bytes are not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn username(query: &str) -> Option<String> {
        value(query, "username").map(Cow::into_owned)
    }

    #[test]
    fn escapes_and_plus_signs_are_decoded() {
        assert_eq!(username("username=J%C3%BCrgen+M%2bx"), Some("Jürgen M+x".to_owned()));
        assert_eq!(username("user%6eame=a"), Some("a".to_owned()));
    }

    #[test]
    fn the_first_of_a_repeated_key_counts() {
        assert_eq!(username("room=r&username=a&username=b"), Some("a".to_owned()));
        assert_eq!(username("username=&username=b"), Some(String::new()));
    }

    #[test]
    fn a_pair_with_a_broken_escape_is_as_if_absent() {
        for broken in ["username=%", "username=%4", "username=%zz", "username=a%4&room=r", "username=%+1"] {
            assert_eq!(username(broken), None, "{broken}");
        }
        assert_eq!(username("username=%4&username=b"), Some("b".to_owned()));
    }

    #[test]
    fn a_pair_with_bytes_that_are_not_utf8_is_as_if_absent() {
        assert_eq!(username("username=%ff"), None);
        assert_eq!(username("username=%c3"), None);
        assert_eq!(username("%ff=x&username=b"), Some("b".to_owned()));
    }

    #[test]
    fn names_are_compared_whole_and_with_their_case() {
        assert_eq!(username("Username=a"), None);
        assert_eq!(username("usernames=a"), None);
    }

    #[test]
    fn odd_shapes_are_pairs_all_the_same() {
        assert_eq!(username(""), None);
        assert_eq!(username("&&username"), Some(String::new()));
        assert_eq!(username("username=a=b&"), Some("a=b".to_owned()));
    }
}
