//! A WebSocket client written by hand: it can break every rule, and it knows nothing of the server's library.

use std::collections::VecDeque;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{Server, handshake, in_time, joined, open};

/// First bytes of frames (RFC 6455 section 5.2): the bit that says it is a message's last, and the opcodes.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A frame as a client sends it. `first` is its first byte.
pub(crate) fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut frame = header(first, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The header of such a frame alone, announcing this many bytes.
pub(crate) fn header(first: u8, bytes: u64) -> Vec<u8> {
    let mut header = vec![first];
    match (u8::try_from(bytes), u16::try_from(bytes)) {
        (Ok(short @ ..=125), _) => header.push(MASKED | short),
        (_, Ok(medium)) => {
            header.push(MASKED | MEDIUM);
            header.extend(medium.to_be_bytes());
        }
        _ => {
            header.push(MASKED | LONG);
            header.extend(bytes.to_be_bytes());
        }
    }
    header.extend(MASK);
    header
}

/// In a header's second byte: that a mask follows, and which lengths say that a longer one follows.
const MASKED: u8 = 0x80;
const MEDIUM: u8 = 0x7e;
const LONG: u8 = 0x7f;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A Close with this code.
pub(crate) fn close(code: u16) -> Vec<u8> {
    masked(FIN | CLOSE, code.to_be_bytes())
}

/// What comes from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// With its code, if it has one.
    Close(Option<u16>),
    /// The server shut its side.
    End,
}

/// A connection with a finished handshake.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    received: VecDeque<u8>,
}

impl Client {
    /// Opens a WebSocket for a target such as `/chat?username=alice`.
    pub(crate) async fn open(server: &Server, target: &str) -> Self {
        let mut client = Self::over(open(server.address).await);
        client.send(handshake(target, "")).await;
        client.upgraded().await;
        client
    }

    /// A member of the lobby: everything up to the announcement of its joining is read.
    pub(crate) async fn join(server: &Server, name: &str) -> Self {
        let mut client = Self::open(server, &format!("/chat?username={name}")).await;
        client.until(&joined(name)).await;
        client
    }

    /// As [`join`](Self::join), with a receive buffer so small that the server soon feels when it is not read.
    pub(crate) async fn join_with_small_buffer(server: &Server, name: &str) -> Self {
        let mut client = Self::open_with_small_buffer(server, name).await;
        client.until(&joined(name)).await;
        client
    }

    /// The same, before it has read anything.
    pub(crate) async fn open_with_small_buffer(server: &Server, name: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 << 10).expect("a receive buffer");
        let mut client = Self::over(in_time(socket.connect(server.address)).await.expect("connected"));
        client.send(handshake(&format!("/chat?username={name}"), "")).await;
        client.upgraded().await;
        client
    }

    /// On a connection whose handshake is not finished.
    pub(crate) fn over(stream: TcpStream) -> Self {
        Self { stream, received: VecDeque::new() }
    }

    /// Reads the answer to the handshake, which must be the upgrade; returns its head.
    pub(crate) async fn upgraded(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(in_time(self.byte()).await.expect("an answer to the handshake"));
        }
        let head = String::from_utf8(head).expect("UTF-8");
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        head
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        in_time(self.stream.write_all(bytes.as_ref())).await.expect("sent");
    }

    /// Sends a text frame as it is.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(masked(FIN | TEXT, text)).await;
    }

    /// Says something to the room.
    pub(crate) async fn say(&mut self, message: &str) {
        self.send_text(&said(message)).await;
    }

    /// The next frame; one that does not come fails the test.
    pub(crate) async fn next(&mut self) -> Frame {
        in_time(self.frame()).await
    }

    /// The next frame, which must be a text.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Frame::Text(text) => text,
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The next frames must be these texts.
    pub(crate) async fn hears(&mut self, expected: &[String]) {
        for text in expected {
            assert_eq!(&self.text().await, text);
        }
    }

    /// Reads on until this text has come.
    pub(crate) async fn until(&mut self, expected: &str) {
        while self.text().await != expected {}
    }

    /// The next chat messages, which must be so many; what else is said is left out, and pings are answered.
    pub(crate) async fn chats(&mut self, messages: usize) -> Vec<String> {
        let mut chats = Vec::with_capacity(messages);
        while chats.len() < messages {
            match self.next().await {
                Frame::Text(text) if text.contains("chatMessage") => chats.push(text),
                Frame::Text(_) => {}
                Frame::Ping(payload) => self.send(masked(FIN | PONG, payload)).await,
                other => panic!("{other:?}"),
            }
        }
        chats
    }

    /// The next frame must be a Close with this code, and then the end, without a reset.
    pub(crate) async fn closed_with(&mut self, code: u16) {
        assert_eq!(self.next().await, Frame::Close(Some(code)));
        assert_eq!(self.next().await, Frame::End);
    }

    /// Reads on until a Close has come, which must have this code, and then the end.
    pub(crate) async fn until_closed_with(&mut self, code: u16) {
        self.chats_before_close(code).await;
    }

    /// As [`until_closed_with`](Self::until_closed_with); returns how many chat messages came before it.
    pub(crate) async fn chats_before_close(&mut self, code: u16) -> usize {
        let mut chats = 0;
        loop {
            match self.next().await {
                Frame::Close(closed) => break assert_eq!(closed, Some(code)),
                Frame::End => panic!("an end without a Close"),
                Frame::Text(text) => chats += usize::from(text.contains("chatMessage")),
                Frame::Ping(_) | Frame::Pong(_) => {}
            }
        }
        assert_eq!(self.next().await, Frame::End);
        chats
    }

    /// Vanishes with a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("a socket");
    }

    async fn frame(&mut self) -> Frame {
        let Some(first) = self.byte().await else { return Frame::End };
        let second = self.byte_of_frame().await;
        assert!(second < MASKED, "a server masks no frame (RFC 6455 section 5.1)");
        let mut bytes = usize::from(second);
        if second >= MEDIUM {
            let of_length = if second == MEDIUM { 2 } else { 8 };
            bytes = 0;
            for _ in 0..of_length {
                bytes = bytes << 8 | usize::from(self.byte_of_frame().await);
            }
        }
        while self.received.len() < bytes {
            assert!(self.read().await, "the server closed within a frame");
        }
        let payload: Vec<u8> = self.received.drain(..bytes).collect();
        match first ^ FIN {
            TEXT => Frame::Text(String::from_utf8(payload).expect("UTF-8")),
            PING => Frame::Ping(payload),
            PONG => Frame::Pong(payload),
            CLOSE => {
                assert!(payload.len() != 1 && str::from_utf8(payload.get(2..).unwrap_or_default()).is_ok());
                Frame::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code)))
            }
            _ => panic!("a frame that begins with {first:#x}"),
        }
    }

    async fn byte_of_frame(&mut self) -> u8 {
        self.byte().await.expect("the server closed within a frame")
    }

    async fn byte(&mut self) -> Option<u8> {
        while self.received.is_empty() && self.read().await {}
        self.received.pop_front()
    }

    /// Whether there was something to read.
    async fn read(&mut self) -> bool {
        let mut buffer = vec![0; 4 << 10];
        let bytes = self.stream.read(&mut buffer).await.expect("no reset");
        self.received.extend(&buffer[..bytes]);
        bytes > 0
    }
}

/// The text frame that says this.
pub(crate) fn said(message: &str) -> String {
    serde_json::json!({"type": "chatMessage", "payload": {"message": message}}).to_string()
}

/// The text frames that say these numbers.
pub(crate) fn numbers(range: std::ops::Range<usize>) -> Vec<u8> {
    range.flat_map(|number| masked(FIN | TEXT, said(&number.to_string()))).collect()
}
