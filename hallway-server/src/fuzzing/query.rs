//! Query strings.

use crate::query::value;

/// Each name of a query string has the value of the first pair that can be decoded, and any other name has none.
///
/// # Panics
///
/// Where that does not hold.
pub fn query(bytes: &[u8]) {
    let Ok(query) = str::from_utf8(bytes) else { return };
    let pairs: Vec<(String, String)> = query.split('&').filter_map(pair).collect();
    // Each name costs a pass over all of them.
    for (name, _) in pairs.iter().take(8) {
        let first = pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        assert_eq!(value(query, name).as_deref(), first, "{name:?}");
    }
    for name in ["", "room", "username", query] {
        let is_there = pairs.iter().any(|(other, _)| other == name);
        assert_eq!(value(query, name).is_some(), is_there, "{name:?}");
    }
    // Any text has a form in which it arrives as it is.
    let written = format!("a=b&{}={}&room=", escaped(query), escaped(query));
    assert_eq!(value(&written, query).as_deref(), if query == "a" { Some("b") } else { Some(query) });
}

/// A pair, if it can be decoded.
fn pair(pair: &str) -> Option<(String, String)> {
    let equals = pair.find('=').unwrap_or(pair.len());
    Some((decoded(&pair[..equals])?, decoded(pair.get(equals + 1..).unwrap_or_default())?))
}

/// Between one `%` and the next are two digits and then text that stands for itself.
fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let mut parts = spaced.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

fn escaped(text: &str) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    text.bytes().flat_map(|byte| ['%', digit(byte >> 4), digit(byte & 0xf)]).collect()
}
