//! A member of a room.
//!
//! It answers no ping: the server gives a silent client 60 s, and no row keeps one for as long.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hallway_harness::within;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::frame::{CLOSE, FIN, Head, TEXT, put};

/// The request with which a client joins.
pub(crate) fn request(address: SocketAddr, room: &str, name: &str) -> String {
    // The key is the example of RFC 6455 section 1.3.
    format!(
        "GET /chat?username={name}&room={room} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// Connects.
pub(crate) async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects with a small receive buffer: what is not read is the server's burden and not the kernel's.
pub(crate) async fn dial_stalled(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(STALLED_BUFFER_BYTES)?;
    socket.connect(address).await
}

const STALLED_BUFFER_BYTES: u32 = 4 << 10;

/// A frame that says `text`, which needs no escape.
pub(crate) fn say(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    put(
        &mut frame,
        FIN | TEXT,
        format!(r#"{{"type":"chatMessage","payload":{{"message":"{text}"}}}}"#).as_bytes(),
    );
    frame
}

/// The text of a chat message, where `frame` is one.
pub(crate) fn text_of(frame: &str) -> Option<&str> {
    let message = frame.strip_prefix(r#"{"type":"chatMessage","payload":{"username":""#)?;
    message.split_once(r#"","message":""#)?.1.strip_suffix(r#""}}"#)
}

pub(crate) struct Client {
    pub(crate) reader: Reader,
    pub(crate) writer: OwnedWriteHalf,
}

pub(crate) struct Reader {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    next: usize,
}

/// What the server sent.
pub(crate) enum Heard {
    /// A text frame.
    Text(String),
    /// A Close, with its code.
    Close(Option<u16>),
    /// A ping or a pong.
    Control,
}

impl Client {
    pub(crate) async fn join(address: SocketAddr, room: &str, name: &str) -> io::Result<Self> {
        Self::join_over(dial(address).await?, room, name).await
    }

    /// Joins over a connection; fails where the answer is not 101.
    pub(crate) async fn join_over(mut stream: TcpStream, room: &str, name: &str) -> io::Result<Self> {
        stream.write_all(request(stream.peer_addr()?, room, name).as_bytes()).await?;
        let mut buffer = Vec::new();
        let next = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !buffer.starts_with(b"HTTP/1.1 101 ") {
            let line = buffer.split(|byte| *byte == b'\r').next().unwrap_or_default();
            return Err(io::Error::other(format!("not let in: {}", String::from_utf8_lossy(line))));
        }
        let (stream, writer) = stream.into_split();
        Ok(Self { reader: Reader { stream, buffer, next }, writer })
    }

    /// Joins as one that will never read again, with a small receive buffer.
    pub(crate) async fn join_stalled(address: SocketAddr, room: &str, name: &str) -> io::Result<Self> {
        Self::join_over(dial_stalled(address).await?, room, name).await
    }

    /// Ends as RFC 6455 section 7 has it; the code that the server ends with.
    pub(crate) async fn close(mut self) -> io::Result<Option<u16>> {
        let mut close = Vec::new();
        put(&mut close, FIN | CLOSE, &1000_u16.to_be_bytes());
        self.writer.write_all(&close).await?;
        self.reader.close().await
    }
}

impl Reader {
    /// The next frame; an error at the end of the connection. Cancel safe.
    pub(crate) async fn next(&mut self) -> io::Result<Heard> {
        loop {
            if let Some(heard) = self.take()? {
                return Ok(heard);
            }
            self.buffer.drain(..self.next);
            self.next = 0;
            self.buffer.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The text of the next chat message; an error at a Close.
    pub(crate) async fn message(&mut self) -> io::Result<String> {
        loop {
            match self.next().await? {
                Heard::Text(frame) => {
                    if let Some(text) = text_of(&frame) {
                        return Ok(text.to_owned());
                    }
                }
                Heard::Close(code) => return Err(io::Error::other(format!("closed with {code:?}"))),
                Heard::Control => {}
            }
        }
    }

    /// Reads up to the Close; its code.
    pub(crate) async fn close(&mut self) -> io::Result<Option<u16>> {
        loop {
            if let Heard::Close(code) = self.next().await? {
                return Ok(code);
            }
        }
    }

    /// The next whole frame in the buffer.
    fn take(&mut self) -> io::Result<Option<Heard>> {
        let bytes = &self.buffer[self.next..];
        let Some(head) = Head::read(bytes) else { return Ok(None) };
        let end = head.len + head.payload;
        let Some(payload) = bytes.get(head.len..end) else { return Ok(None) };
        self.next += end;
        match head.first {
            first if first == FIN | TEXT => {
                let text = String::from_utf8(payload.to_vec()).map_err(io::Error::other)?;
                Ok(Some(Heard::Text(text)))
            }
            first if first == FIN | CLOSE => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                Ok(Some(Heard::Close(code)))
            }
            first if first & 0xf8 == FIN | CLOSE => Ok(Some(Heard::Control)),
            first => Err(io::Error::other(format!("a frame that begins with {first:#04x}"))),
        }
    }
}

/// Space for one read.
const READ_BYTES: usize = 32 << 10;

/// How long it takes a fresh client to connect, upgrade, join and hear its own message; then it closes.
pub(crate) async fn served(address: SocketAddr, room: &str) -> io::Result<Duration> {
    within(SERVED_WITHIN, "a fresh client served", async {
        let begin = Instant::now();
        let mut client = Client::join(address, room, "fresh").await?;
        client.writer.write_all(&say("is anybody there")).await?;
        while client.reader.message().await? != "is anybody there" {}
        let took = begin.elapsed();
        // It was served; how it ends is not what is measured here.
        let _ = client.close().await;
        Ok(took)
    })
    .await
}

/// After that a client is not served.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
