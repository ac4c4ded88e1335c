//! Every plain HTTP answer there is.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use httpdate::HttpDate;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    close::drain,
    file::Representation,
    head::{HeadError, RequestHead},
};

/// An HTTP answer that ends the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// 200 with this text.
    Text(&'static str),
    /// 200 with a file.
    File(Representation),
    /// 304: the client has this form of the file already.
    NotModified(Representation),
    /// 200 with metrics, in Prometheus' text format.
    Metrics(String),
    /// 400, with what is wrong.
    BadRequest(String),
    /// 403: a page from elsewhere.
    ForeignOrigin,
    /// 404.
    NotFound,
    /// 405, with the methods there are.
    MethodNotAllowed(&'static str),
    /// 408: the head took too long.
    Timeout,
    /// 426: only a WebSocket handshake of version 13 is answered here (RFC 6455 section 4.4).
    UpgradeRequired,
    /// 431: the head is too large.
    HeadTooLarge,
    /// 503: as many connections as there may be.
    TooManyConnections,
    /// 503: as many connections as there may be from one address.
    TooManyFromAddress,
    /// 503: too many connections ask for nothing, and this one has been doing so the longest.
    TooManyHandshakes,
    /// 503: the server is shutting down.
    ShuttingDown,
}

impl Answer {
    /// All that [`name`](Self::name) may be.
    pub(crate) const NAMES: &[&str] = &[
        "ok",
        "file",
        "not_modified",
        "metrics",
        "bad_request",
        "foreign_origin",
        "not_found",
        "method_not_allowed",
        "timeout",
        "upgrade_required",
        "head_too_large",
        "too_many_connections",
        "too_many_from_address",
        "too_many_handshakes",
        "shutting_down",
    ];

    /// What a failed head is answered with; nothing where nobody is there to read it.
    #[must_use]
    pub fn to_head_error(error: &HeadError) -> Option<Self> {
        match error {
            HeadError::Malformed(_) | HeadError::NoHost => Some(Self::BadRequest(error.to_string())),
            HeadError::TooLarge => Some(Self::HeadTooLarge),
            HeadError::Closed | HeadError::Io(_) => None,
        }
    }

    /// A name for it, for counters: one word, the same for ever.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "ok",
            Self::File(_) => "file",
            Self::NotModified(_) => "not_modified",
            Self::Metrics(_) => "metrics",
            Self::BadRequest(_) => "bad_request",
            Self::ForeignOrigin => "foreign_origin",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::UpgradeRequired => "upgrade_required",
            Self::HeadTooLarge => "head_too_large",
            Self::TooManyConnections => "too_many_connections",
            Self::TooManyFromAddress => "too_many_from_address",
            Self::TooManyHandshakes => "too_many_handshakes",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// The status line's code and phrase.
    fn status(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::File(_) | Self::Metrics(_) => "200 OK",
            Self::NotModified(_) => "304 Not Modified",
            Self::BadRequest(_) => "400 Bad Request",
            Self::ForeignOrigin => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed(_) => "405 Method Not Allowed",
            Self::Timeout => "408 Request Timeout",
            Self::UpgradeRequired => "426 Upgrade Required",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::TooManyConnections
            | Self::TooManyFromAddress
            | Self::TooManyHandshakes
            | Self::ShuttingDown => "503 Service Unavailable",
        }
    }

    /// Further header lines, each with its end.
    fn headers(&self) -> String {
        match self {
            Self::File(file) => file.headers(true),
            Self::NotModified(file) => file.headers(false),
            Self::MethodNotAllowed(methods) => format!("Allow: {methods}\r\n"),
            // RFC 9110 section 15.5.22 wants the protocol, RFC 6455 section 4.4 the version.
            Self::UpgradeRequired => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n".to_owned(),
            Self::TooManyConnections
            | Self::TooManyFromAddress
            | Self::TooManyHandshakes
            | Self::ShuttingDown => "Retry-After: 5\r\n".to_owned(),
            Self::Text(_)
            | Self::Metrics(_)
            | Self::BadRequest(_)
            | Self::ForeignOrigin
            | Self::NotFound
            | Self::Timeout
            | Self::HeadTooLarge => String::new(),
        }
    }

    /// What is sent behind the head, and its media type; nothing where there is no such thing (RFC 9110 section 15.4.5).
    fn content(&self) -> Option<(&'static str, Cow<'static, [u8]>)> {
        // What a person is told.
        let text = match self {
            Self::File(file) => return Some((file.media_type(), file.bytes().into())),
            Self::NotModified(_) => return None,
            Self::Text(text) => (*text).to_owned(),
            Self::BadRequest(text) | Self::Metrics(text) => text.clone(),
            Self::ForeignOrigin => "pages from this origin may not connect".to_owned(),
            Self::NotFound => "there is nothing here".to_owned(),
            Self::MethodNotAllowed(methods) => format!("allowed here: {methods}"),
            Self::Timeout => "the request's head did not come in time".to_owned(),
            Self::UpgradeRequired => "this is a WebSocket endpoint, of version 13".to_owned(),
            Self::HeadTooLarge => HeadError::TooLarge.to_string(),
            Self::TooManyConnections => "the server has as many connections as it may have".to_owned(),
            Self::TooManyFromAddress => {
                "there are as many connections from this address as there may be".to_owned()
            }
            Self::TooManyHandshakes => "too many connections ask for nothing".to_owned(),
            Self::ShuttingDown => "the server is shutting down".to_owned(),
        };
        // The text format's own version, whatever else the media type says.
        let version = if matches!(self, Self::Metrics(_)) { METRICS } else { TEXT };
        Some((version, format!("{text}\n").into_bytes().into()))
    }

    /// The answer's bytes, as of `now`; without the content where the request was for the head alone.
    pub(crate) fn bytes(&self, head_only: bool, now: SystemTime) -> Vec<u8> {
        let (status, headers, date) = (self.status(), self.headers(), HttpDate::from(now));
        let connection = if matches!(self, Self::UpgradeRequired) { "Upgrade, close" } else { "close" };
        let content = self.content();
        let about_content = content.as_ref().map_or_else(String::new, |(media_type, content)| {
            format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", content.len())
        });
        // Nobody is to take what it is for something else by how it looks.
        let head = format!(
            "HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: {connection}\r\n\
             X-Content-Type-Options: nosniff\r\n{headers}{about_content}\r\n"
        );
        let mut bytes = head.into_bytes();
        if let Some((_, content)) = content.filter(|_| !head_only) {
            bytes.extend_from_slice(&content);
        }
        bytes
    }

    /// Sends it and closes, each step within `limit`. Who does not take it in this time does not get it.
    pub async fn send(&self, mut stream: TcpStream, head_only: bool, limit: Duration) {
        let bytes = self.bytes(head_only, SystemTime::now());
        let sent = timeout(limit, write(&mut stream, &bytes)).await;
        if matches!(sent, Ok(Ok(()))) {
            drain(&mut stream, limit).await;
        }
    }
}

/// Whether the request is to read what is there; otherwise what it is answered.
pub(crate) fn readable(head: &RequestHead) -> Result<(), Answer> {
    match head.method() {
        "GET" | "HEAD" => Ok(()),
        _ => Err(Answer::MethodNotAllowed("GET, HEAD")),
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::{super::File, *};

    static FILE: LazyLock<File> = LazyLock::new(|| File::new("text/plain", &[], "text"));

    /// What goes out at the beginning of 1970.
    fn sent(answer: &Answer, head_only: bool) -> String {
        String::from_utf8(answer.bytes(head_only, SystemTime::UNIX_EPOCH)).unwrap()
    }

    #[test]
    fn an_answer_says_how_long_it_is_of_when_and_that_the_connection_ends() {
        let text = sent(&Answer::NotFound, false);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
        assert!(head.contains("\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n"));
        assert!(head.ends_with(&format!("\r\nContent-Length: {}", body.len())));
    }

    #[test]
    fn every_name_is_in_the_list_of_names() {
        let answers = [
            Answer::Text(""),
            Answer::File(Representation::of(&FILE, true)),
            Answer::NotModified(Representation::of(&FILE, true)),
            Answer::Metrics(String::new()),
            Answer::BadRequest(String::new()),
            Answer::ForeignOrigin,
            Answer::NotFound,
            Answer::MethodNotAllowed(""),
            Answer::Timeout,
            Answer::UpgradeRequired,
            Answer::HeadTooLarge,
            Answer::TooManyConnections,
            Answer::TooManyFromAddress,
            Answer::TooManyHandshakes,
            Answer::ShuttingDown,
        ];
        assert_eq!(answers.each_ref().map(Answer::name), Answer::NAMES);
    }

    #[test]
    fn an_answer_to_a_request_for_the_head_has_no_text() {
        assert!(sent(&Answer::NotFound, true).ends_with("\r\n\r\n"));
    }

    #[test]
    fn who_has_a_file_gets_no_content_and_no_word_about_one() {
        let text = sent(&Answer::NotModified(Representation::of(&FILE, true)), false);
        assert!(text.starts_with("HTTP/1.1 304 Not Modified\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        assert!(text.contains("\r\nETag: \"") && !text.contains("\r\nContent-"), "{text}");
    }

    #[test]
    fn upgrade_required_names_the_protocol_and_its_version() {
        let text = sent(&Answer::UpgradeRequired, false);
        assert!(text.contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
        assert!(text.contains("\r\nConnection: Upgrade, close\r\n"));
    }
}
