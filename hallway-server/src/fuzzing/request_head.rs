//! Heads of requests, the handshakes among them, and what they are answered.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::SystemTime,
};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, ReadBuf};

use crate::{
    config::Config,
    route::{Route, route},
    transport::{Answer, HeadError, RequestHead},
};

/// A head is what its lines say, in whatever pieces it comes; what is answered to it is well-formed HTTP, and is an upgrade
/// only for what RFC 6455 section 4.2.1 calls a handshake.
///
/// # Panics
///
/// Where that does not hold.
pub fn request_head(bytes: &[u8]) {
    let expected = expected(bytes);
    let mut random = Random::seeded(bytes);
    let largest = 1 << random.below(10);
    is_read_as(&expected, bytes, || usize::MAX);
    is_read_as(&expected, bytes, || 1);
    is_read_as(&expected, bytes, || 1 + random.below(largest));
}

/// How long the head is that the bytes begin with, or in which words it is refused.
fn expected(bytes: &[u8]) -> Result<usize, String> {
    let seen = &bytes[..bytes.len().min(RequestHead::MAX_BYTES)];
    let mut headers = [httparse::EMPTY_HEADER; RequestHead::MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let error = match request.parse(seen) {
        Ok(httparse::Status::Complete(length)) => {
            let hosts = Lines::of(&seen[..length]).values("host").len();
            let is_1_0 = request.version == Some(0);
            match hosts {
                1 => return Ok(length),
                0 if is_1_0 => return Ok(length),
                _ => HeadError::NoHost,
            }
        }
        Ok(httparse::Status::Partial) if seen.len() == RequestHead::MAX_BYTES => HeadError::TooLarge,
        Ok(httparse::Status::Partial) => HeadError::Closed,
        Err(httparse::Error::TooManyHeaders) => HeadError::TooLarge,
        Err(error) => HeadError::Malformed(error),
    };
    Err(error.to_string())
}

fn is_read_as(expected: &Result<usize, String>, bytes: &[u8], size: impl FnMut() -> usize + Unpin) {
    let mut stream = Pieces { rest: bytes, size };
    let read = RequestHead::read(&mut stream).now_or_never().expect("nothing to wait for");
    match (read, expected) {
        (Ok(mut head), Ok(length)) => {
            assert_eq!([&*head.take_rest(), stream.rest].concat(), &bytes[*length..], "what follows");
            let lines = Lines::of(&bytes[..*length]);
            lines.are_those_of(&head);
            is_routed(&head, &lines);
        }
        (Err(error), Err(expected)) => {
            assert_eq!(&error.to_string(), expected);
            match Answer::to_head_error(&error) {
                Some(answer) => {
                    let status = is_well_formed(&answer);
                    assert!(matches!(status, 400 | 431), "{status}");
                }
                None => assert!(matches!(error, HeadError::Closed), "{error}"),
            }
        }
        (read, expected) => panic!("{read:?} instead of {expected:?}"),
    }
}

/// Whatever it is for, it is answered; with an upgrade only if it is a handshake.
fn is_routed(head: &RequestHead, lines: &Lines) {
    match route(head, &Config::default()) {
        Ok(Route::Metrics) => assert_eq!(head.path(), "/metrics"),
        Ok(Route::Join(request)) => {
            assert!(lines.are_a_handshake());
            assert_eq!(head.path(), "/chat");
            assert!(request.room.as_str().len() <= 64);
        }
        Err(answer) => {
            let status = is_well_formed(&answer);
            assert!(status != 304 || !lines.values("if-none-match").is_empty(), "304 to who has nothing");
            assert!(matches!(status, 200 | 304 | 400 | 403 | 404 | 405 | 426), "{status}");
            if head.path() == "/chat" && !lines.are_a_handshake() {
                assert!(matches!(status, 400 | 405 | 426), "{status} to what is no handshake");
            }
        }
    }
}

/// Nothing in an answer ends it early or adds to it; returns its status.
fn is_well_formed(answer: &Answer) -> u16 {
    let now = SystemTime::UNIX_EPOCH;
    let bytes = answer.bytes(false, now);
    let end = 4 + bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("an end of the head");
    let (head, content) = bytes.split_at(end);
    assert_eq!(answer.bytes(true, now), head);
    let head = str::from_utf8(&head[..end - 4]).expect("UTF-8");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        assert!(!value.contains(char::is_control), "{head:?}");
        match name {
            "Content-Length" => length = value.parse().ok(),
            "Date"
            | "Connection"
            | "Content-Type"
            | "X-Content-Type-Options"
            | "Allow"
            | "Upgrade"
            | "Sec-WebSocket-Version" => {}
            _ if matches!(answer, Answer::File(_) | Answer::NotModified(_)) => {}
            _ => panic!("{head:?}"),
        }
    }
    match answer {
        Answer::NotModified(_) => assert_eq!((length, content.len()), (None, 0), "{head:?}"),
        _ => assert_eq!(length, Some(content.len()), "{head:?}"),
    }
    if !matches!(answer, Answer::File(_) | Answer::NotModified(_)) {
        let text = str::from_utf8(content).expect("UTF-8").strip_suffix('\n');
        assert!(text.is_some_and(|text| !text.contains(char::is_control)), "{text:?}");
    }
    status.split_once(' ').and_then(|(code, _)| code.parse().ok()).expect("a status")
}

/// A head that the parser has found to be one, cut at its line ends.
struct Lines {
    method: String,
    target: String,
    version: String,
    headers: Vec<(String, String)>,
}

impl Lines {
    fn of(head: &[u8]) -> Self {
        let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        // Empty lines before a request are passed over (RFC 9112 section 2.2).
        let mut lines = lines.skip_while(|line| line.is_empty());
        let first = String::from_utf8(lines.next().expect("a request line").to_vec()).expect("UTF-8");
        let [method, target, version] = *first.split(' ').collect::<Vec<_>>() else { panic!("{first:?}") };
        let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
            let name = String::from_utf8(line[..colon].to_vec()).expect("UTF-8");
            // RFC 9110 section 5.6.3: white space is these two.
            let value = String::from_utf8_lossy(&line[colon + 1..]).trim_matches([' ', '\t']).to_owned();
            (name, value)
        });
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: version.to_owned(),
            headers: headers.collect(),
        }
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        let values = self.values(name).join(",");
        values.split(',').any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
    }

    fn are_those_of(&self, head: &RequestHead) {
        assert_eq!(head.method(), self.method);
        assert_eq!(head.is_http_1_1(), self.version == "HTTP/1.1");
        assert!(self.headers.len() <= RequestHead::MAX_HEADERS);
        for (name, _) in &self.headers {
            let values = self.values(name);
            assert_eq!(head.count(name), values.len(), "{name}");
            assert_eq!(head.header(name), (values.len() == 1).then(|| values[0]), "{name}");
        }
        assert_eq!(
            (head.count("X-Absent"), head.header("X-Absent")),
            match self.values("X-Absent")[..] {
                [] => (0, None),
                [value] => (1, Some(value)),
                ref values => (values.len(), None),
            }
        );
        let (path, query) = self.path_and_query();
        assert_eq!((head.path(), head.query()), (path, query));
    }

    /// RFC 9112 section 3.2: a target is a path and a query, which of an absolute one begin behind the authority.
    fn path_and_query(&self) -> (&str, &str) {
        let scheme = ["http://", "https://"].into_iter().find(|scheme| self.target.starts_with(scheme));
        let after = &self.target[scheme.map_or(0, str::len)..];
        // RFC 3986 section 3.2: the first of these ends an authority.
        let begin = if scheme.is_some() { after.find(['/', '?', '#']).unwrap_or(after.len()) } else { 0 };
        let after = &after[begin..];
        let question = after.find('?').unwrap_or(after.len());
        let path = if question == 0 { "/" } else { &after[..question] };
        (path, after.get(question + 1..).unwrap_or_default())
    }

    /// RFC 6455 section 4.2.1.
    fn are_a_handshake(&self) -> bool {
        let is_key = |key: &str| {
            let (digits, padding) = key.split_at_checked(22).unwrap_or_default();
            padding == "=="
                && digits.chars().all(|digit| digit.is_ascii_alphanumeric() || "+/".contains(digit))
        };
        self.method == "GET"
            && self.version == "HTTP/1.1"
            && self.values("Host").len() == 1
            && self.has_token("Upgrade", "websocket")
            && self.has_token("Connection", "upgrade")
            && self.values("Sec-WebSocket-Version") == ["13"]
            && matches!(self.values("Sec-WebSocket-Key")[..], [key] if is_key(key))
    }
}

/// A connection that yields its bytes in pieces of these sizes, and is then closed.
struct Pieces<'b, S> {
    rest: &'b [u8],
    size: S,
}

impl<S: FnMut() -> usize + Unpin> AsyncRead for Pieces<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = (self.size)().min(self.rest.len()).min(into.remaining());
        let (piece, rest) = self.rest.split_at(size);
        into.put_slice(piece);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// Numbers that follow from the bytes, so that a file of the corpus is cut the same way each time (`SplitMix64`).
struct Random(u64);

impl Random {
    fn seeded(bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(bytes.len() as u64, |seed, byte| seed.rotate_left(7) ^ u64::from(*byte)))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a usize")
    }
}
