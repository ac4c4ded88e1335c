//! Requests written by hand, and answers read to their end.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::in_time;

/// The request of a WebSocket client for `target`, with further header lines, each with its end.
pub(crate) fn handshake(target: &str, headers: &str) -> String {
    // The key of RFC 6455 section 1.3.
    format!(
        "GET {target} HTTP/1.1\r\nHost: hallway.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
}

/// A connection on which nothing was said yet.
pub(crate) async fn open(address: SocketAddr) -> TcpStream {
    let stream = in_time(TcpStream::connect(address)).await.expect("connected");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Sends these bytes and reads what comes until the server closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Reply {
    let mut stream = open(address).await;
    in_time(stream.write_all(bytes.as_ref())).await.expect("sent");
    Reply::read(&mut stream).await
}

/// The status code of what is answered to this request, be it an upgrade; then the client goes.
pub(crate) async fn code(address: SocketAddr, request: &str) -> String {
    let mut stream = open(address).await;
    in_time(stream.write_all(request.as_bytes())).await.expect("sent");
    let mut line = [0; "HTTP/1.1 101".len()];
    in_time(stream.read_exact(&mut line)).await.expect("an answer");
    String::from_utf8_lossy(&line).trim_start_matches("HTTP/1.1 ").to_owned()
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// Reads to the end, and checks what holds for each answer: its length is right and it says that it is the last.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let reply = Self::read_to_head(stream).await;
        assert_eq!(reply.header("Content-Length"), Some(&*reply.body.len().to_string()), "{reply:?}");
        reply
    }

    /// As [`read`](Self::read), of the answer to a request for the head alone.
    pub(crate) async fn read_to_head(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        in_time(stream.read_to_end(&mut bytes)).await.expect("an end without a reset");
        let reply = Self::parse(&bytes);
        let connection = reply.header("Connection").expect("a word about the connection");
        assert!(connection.split(", ").any(|option| option == "close"), "{connection}");
        reply
    }

    /// Reads bytes that are one answer and nothing else (RFC 9112 section 4, RFC 9110 section 5), without any leniency.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = str::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("the end of a head");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
        let code = status.split_once(' ').map(|(code, _)| code).expect("a status and its phrase");
        assert!(code.len() == 3 && code.bytes().all(|digit| digit.is_ascii_digit()), "{status}");
        assert!(!head.replace("\r\n", "").contains(char::is_control), "{head:?}");
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            assert!(is_name && !name.is_empty() && value.trim() == value, "{head:?}");
            (name.to_owned(), value.to_owned())
        });
        let mut reply = Self { status: status.to_owned(), headers: headers.collect(), body: body.to_owned() };
        // RFC 9110 section 6.6.1. It says something of the moment and nothing of the answer, so two of them compare without it.
        if !status.starts_with('1') {
            assert!(reply.header("Date").is_some_and(|date| date.ends_with(" GMT")), "{reply:?}");
        }
        reply.headers.retain(|(name, _)| name != "Date");
        reply
    }

    /// The value of a header that is there once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice in {self:?}");
        value
    }
}
