//! The WebSocket handshake (RFC 6455 section 4.2).

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{answer::Answer, head::RequestHead};

/// A request that may be upgraded.
#[derive(Debug)]
pub struct Handshake {
    accept: String,
    protocol: Option<&'static str>,
}

impl Handshake {
    /// Checks whether the request is a WebSocket handshake; otherwise says what it is answered with.
    pub fn check(head: &RequestHead) -> Result<Self, Answer> {
        if head.method() != "GET" {
            return Err(Answer::MethodNotAllowed("GET"));
        }
        // Without `Connection: Upgrade` an `Upgrade` says nothing (RFC 9110 section 7.8).
        if !head.has_token("Upgrade", "websocket") || !head.has_token("Connection", "upgrade") {
            return Err(Answer::UpgradeRequired);
        }
        if !head.is_http_1_1() {
            return Err(bad("a WebSocket handshake is of HTTP/1.1 (RFC 6455 section 4.1)"));
        }
        if head.header("Sec-WebSocket-Version") != Some("13") {
            return Err(Answer::UpgradeRequired);
        }
        match head.header("Sec-WebSocket-Key") {
            Some(key) if is_key(key) => {
                Ok(Self { accept: derive_accept_key(key.as_bytes()), protocol: None })
            }
            _ => Err(bad("Sec-WebSocket-Key must be 16 bytes in base64, once (RFC 6455 section 4.1)")),
        }
    }

    /// Agrees on a subprotocol (RFC 6455 section 1.9): the first of `spoken` that the request offers, in whatever order it
    /// offers them. Where it offers none of them none is agreed on, which is what holds without this call too.
    pub fn agree(&mut self, head: &RequestHead, spoken: &[&'static str]) -> Option<&'static str> {
        let is_offered = |protocol: &&&str| head.has_item("Sec-WebSocket-Protocol", protocol);
        self.protocol = spoken.iter().find(is_offered).copied();
        self.protocol
    }
}

/// Answers the handshake and makes a socket of the connection. `rest` is what the client sent behind its request.
///
/// The subprotocol is the one that was [agreed on](Handshake::agree), if any; no extension is accepted. Messages of more than `max_message_bytes`, all fragments together, end
/// the socket as soon as the frame's header that exceeds it is in, or, for a fragment, its payload.
pub async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    handshake: Handshake,
    rest: Vec<u8>,
    max_message_bytes: usize,
) -> std::io::Result<WebSocketStream<S>> {
    let Handshake { accept, protocol } = handshake;
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(websocket(stream, rest, max_message_bytes).await)
}

/// Makes a WebSocket of a connection whose handshake is over, with nothing in its buffers but `rest`. Does not wait.
pub(crate) async fn websocket<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    rest: Vec<u8>,
    max_message_bytes: usize,
) -> WebSocketStream<S> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES + max_message_bytes.saturating_mul(2))
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes));
    WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await
}

/// Read at once by the WebSocket. Allocated for each connection from its start and zeroed before each read: the default
/// of 128 KiB would be what an idle connection costs. A stream under it may read more from the kernel.
const READ_BUFFER_BYTES: usize = 256;

/// Gathered before a write, unless flushed earlier.
const WRITE_BUFFER_BYTES: usize = 4 << 10;

fn bad(reason: &str) -> Answer {
    Answer::BadRequest(reason.to_owned())
}

/// Whether this is the base64 form of 16 bytes: 22 characters, then two of padding.
fn is_key(key: &str) -> bool {
    key.len() == 24
        && key.ends_with("==")
        && key.bytes().take(22).all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}
