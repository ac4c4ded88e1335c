//! The head of an HTTP request, read bounded.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The head of an HTTP/1.1 request, and what followed it in the same packets.
#[derive(Debug)]
pub struct RequestHead {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    /// Whether the request is of HTTP/1.1; otherwise it is of 1.0.
    is_http_1_1: bool,
    rest: Vec<u8>,
}

/// Why there is no head.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The client closed before it had sent all of it.
    #[error("the client closed before the end of its request")]
    Closed,
    /// These bytes begin no HTTP/1 request.
    #[error("not an HTTP/1.1 request: {0}")]
    Malformed(#[from] httparse::Error),
    /// It does not name the host it is for, once (RFC 9112 section 3.2).
    #[error("a request has one Host header")]
    NoHost,
    /// It has more bytes or more headers than it may have.
    #[error(
        "the request's head exceeds {} bytes or {} headers",
        RequestHead::MAX_BYTES,
        RequestHead::MAX_HEADERS
    )]
    TooLarge,
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

impl RequestHead {
    /// Bytes a head may have, its empty line included.
    pub const MAX_BYTES: usize = 8 << 10;
    /// Headers it may have.
    pub const MAX_HEADERS: usize = 64;

    /// Reads a head, in whatever pieces it comes. Has no deadline of its own. Not cancel safe: what was read is lost.
    pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, HeadError> {
        let mut buffer = Vec::new();
        loop {
            let seen = buffer.len();
            let room = (Self::MAX_BYTES - seen) as u64;
            if stream.take(room).read_buf(&mut buffer).await? == 0 {
                // A last line without its end was not looked at yet.
                Self::parse(&mut buffer)?;
                return Err(if room == 0 { HeadError::TooLarge } else { HeadError::Closed });
            }
            // A head ends with a line; looking at each single byte that comes alone would cost its square. The first
            // bytes are looked at in any case: what is no HTTP is answered at once.
            if (seen == 0 || buffer[seen..].contains(&b'\n'))
                && let Some(head) = Self::parse(&mut buffer)?
            {
                return Ok(head);
            }
        }
    }

    fn parse(buffer: &mut Vec<u8>) -> Result<Option<Self>, HeadError> {
        let mut headers = [httparse::EMPTY_HEADER; Self::MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(buffer) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
            Err(error) => return Err(error.into()),
        };
        let mut head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            // A byte outside of UTF-8 makes a value that equals nothing a check asks for.
            headers: (request.headers.iter())
                .map(|header| {
                    let value = String::from_utf8_lossy(header.value);
                    (header.name.to_owned(), value.trim_matches(WHITE_SPACE).to_owned())
                })
                .collect(),
            is_http_1_1: request.version == Some(1),
            rest: Vec::new(),
        };
        let hosts = head.count("Host");
        if hosts > 1 || hosts == 0 && head.is_http_1_1 {
            return Err(HeadError::NoHost);
        }
        head.rest = buffer.split_off(length);
        Ok(Some(head))
    }

    /// The method, such as `GET`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path of the target, without the query. Of an absolute target (RFC 9112 section 3.2.2) as well.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query().0
    }

    /// The query of the target, empty where there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.path_and_query().1
    }

    /// Whether it is of HTTP/1.1, the oldest version that can be upgraded (RFC 6455 section 4.1).
    #[must_use]
    pub fn is_http_1_1(&self) -> bool {
        self.is_http_1_1
    }

    /// The value of the only header of this name; nothing where there is none or more than one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        let first = values.next()?;
        values.next().is_none().then_some(first)
    }

    /// Whether a comma-separated header has this token, in any case.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.items(name).any(|item| item.eq_ignore_ascii_case(token))
    }

    /// Whether a comma-separated header has this item, exactly as it is written.
    #[must_use]
    pub fn has_item(&self, name: &str, item: &str) -> bool {
        self.items(name).any(|other| other == item)
    }

    /// How many headers of this name there are.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.values(name).count()
    }

    /// Takes the bytes that followed the head.
    pub fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        (self.headers.iter())
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn items<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.values(name).flat_map(|value| value.split(',')).map(|item| item.trim_matches(WHITE_SPACE))
    }

    fn path_and_query(&self) -> (&str, &str) {
        let target = match self.target.split_once("://") {
            // In any case (RFC 3986 section 3.1).
            Some((scheme, rest))
                if ["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) =>
            {
                rest.find(AUTHORITY_END).map_or("", |end| &rest[end..])
            }
            _ => &self.target,
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        (if path.is_empty() { "/" } else { path }, query)
    }
}

/// All there is around values (RFC 9110 section 5.6.3): what else looks like it is a part of one.
const WHITE_SPACE: [char; 2] = [' ', '\t'];

/// What ends the authority of an absolute target (RFC 3986 section 3.2).
const AUTHORITY_END: [char; 3] = ['/', '?', '#'];

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Result<RequestHead, HeadError> {
        RequestHead::read(&mut bytes).await
    }

    #[tokio::test]
    async fn a_head_is_read_in_single_bytes_and_what_follows_it_is_kept() {
        let request = b"GET /chat?a=b HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\nframe";
        for piece in [1, 7, 1_000] {
            let mut stream = in_pieces(request, piece);
            let mut head = RequestHead::read(&mut stream).await.unwrap();
            assert_eq!((head.method(), head.path(), head.query()), ("GET", "/chat", "a=b"));
            assert_eq!(head.header("host"), Some("h"));
            assert!(b"frame".starts_with(&head.take_rest()));
        }
    }

    /// A stream that yields `bytes` in pieces of this size.
    fn in_pieces(bytes: &'static [u8], piece: usize) -> impl AsyncRead + Unpin {
        let (reader, mut writer) = tokio::io::duplex(piece);
        tokio::spawn(async move {
            // The reader may have enough before the end.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut writer, bytes).await;
        });
        reader
    }

    #[tokio::test]
    async fn a_head_of_8_kib_is_read_and_one_byte_more_is_too_large() {
        let head = |bytes: usize| {
            let frame = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n";
            format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(bytes - frame.len()))
        };
        assert!(read(head(8 << 10).as_bytes()).await.is_ok());
        assert!(matches!(read(head((8 << 10) + 1).as_bytes()).await, Err(HeadError::TooLarge)));
    }

    #[tokio::test]
    async fn a_head_of_64_headers_is_read_and_one_more_is_too_large() {
        let head =
            |headers: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X: y\r\n".repeat(headers - 1));
        assert!(read(head(64).as_bytes()).await.is_ok());
        assert!(matches!(read(head(65).as_bytes()).await, Err(HeadError::TooLarge)));
    }

    #[tokio::test]
    async fn what_is_no_http_is_refused_without_waiting_for_a_line() {
        for bytes in
            [&b"\x16\x03\x01\x02\x00\x01"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"{\"type\":", b"\0\0"]
        {
            assert!(matches!(read(bytes).await, Err(HeadError::Malformed(_))), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_last_line_without_its_end_is_refused_in_whatever_pieces_it_comes() {
        for piece in [1, 5, 1_000] {
            let read = RequestHead::read(&mut in_pieces(b"GET / HTTP/3", piece)).await;
            assert!(matches!(read, Err(HeadError::Malformed(_))), "{read:?} in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn a_client_that_closes_before_the_end_has_sent_no_head() {
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\nHost: h\r\n"] {
            assert!(matches!(read(bytes).await, Err(HeadError::Closed)), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn a_request_of_http_1_1_names_its_host_once() {
        for hosts in ["", "Host: a\r\nHost: b\r\n"] {
            let head = format!("GET / HTTP/1.1\r\n{hosts}\r\n");
            assert!(matches!(read(head.as_bytes()).await, Err(HeadError::NoHost)), "{hosts}");
        }
        assert!(read(b"GET / HTTP/1.0\r\n\r\n").await.is_ok());
    }

    #[tokio::test]
    async fn an_absolute_target_has_a_path_too() {
        let head = read(b"GET http://h:80/chat?a=b HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        assert_eq!((head.path(), head.query()), ("/chat", "a=b"));
        assert_eq!(read(b"GET HTTP://h/x HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap().path(), "/x");
        assert_eq!(read(b"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap().path(), "/");
        assert_eq!(read(b"GET /x://y HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap().path(), "/x://y");
        // The authority ends before the query, which may hold what looks like a path.
        let head = read(b"GET http://h?a=/chat HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        assert_eq!((head.path(), head.query()), ("/", "a=/chat"));
    }

    #[tokio::test]
    async fn only_spaces_and_tabs_around_a_value_are_no_part_of_it() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nA: \t1 \t\r\nB: 1\u{a0}\r\nC: x,\u{a0}y\r\n\r\n";
        let head = read(head.as_bytes()).await.unwrap();
        assert_eq!((head.header("A"), head.header("B")), (Some("1"), Some("1\u{a0}")));
        assert!(head.has_token("C", "x") && !head.has_token("C", "y"));
    }

    #[tokio::test]
    async fn a_header_sent_twice_has_no_single_value() {
        let head = read(b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\na: 2, x\r\n\r\n").await.unwrap();
        assert_eq!((head.header("A"), head.count("A")), (None, 2));
        assert!(head.has_token("a", "X"));
    }
}
