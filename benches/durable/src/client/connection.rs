//! A member of a room, over one connection.
//!
//! It answers no ping: the server gives a silent client 60 s, and no row keeps one for as long.

use std::{io, net::SocketAddr, ops::Range, time::Duration};

use hallway_harness::within;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{
    event::{Event, Page, Welcome},
    frame::{CLOSE, FIN, Head, TEXT, put},
};

/// How long a page, or the end of a connection, may be waited for.
const LIMIT: Duration = Duration::from_secs(10);

/// A place in a room's sequence, from which a member goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: String,
    pub(crate) after: u64,
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

impl Client {
    /// Joins, or comes back; fails where the answer is not 101, or the dialect is not v2.
    pub(crate) async fn join(
        address: SocketAddr,
        room: &str,
        name: &str,
        position: Option<&Position>,
    ) -> io::Result<(Self, Welcome)> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request(address, room, name, position).as_bytes()).await?;
        let mut buffer = Vec::with_capacity(READ_BYTES);
        let next = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..next]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 101 ") || !head.contains("\r\nsec-websocket-protocol: hallway.v2\r\n")
        {
            let line = head.lines().next().unwrap_or_default();
            return Err(io::Error::other(format!("not let in as one that speaks v2: {line}")));
        }
        let (stream, writer) = stream.into_split();
        let mut client = Self { reader: Reader { stream, buffer, next }, writer };
        match client.reader.event().await? {
            Event::Welcome(welcome) => Ok((client, welcome)),
            other => Err(io::Error::other(format!("the first frame is no welcome: {other:?}"))),
        }
    }

    /// A page of what is older than `before`, or of the newest; frames that come before it are passed over.
    pub(crate) async fn history(&mut self, before: Option<u64>, limit: u64) -> io::Result<Page> {
        within(LIMIT, "a page of history", async {
            self.writer.write_all(&page(before, limit)).await?;
            loop {
                match self.reader.event().await? {
                    Event::History(page) => return Ok(page),
                    Event::Error(error) => return Err(io::Error::other(format!("{error:?}"))),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Ends as RFC 6455 section 7 has it.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        let mut close = Vec::new();
        put(&mut close, FIN | CLOSE, &1000_u16.to_be_bytes());
        self.writer.write_all(&close).await?;
        within(LIMIT, "a Close answered", async {
            while self.reader.text().await.is_ok() {}
            Ok(())
        })
        .await
    }
}

impl Reader {
    /// The next frame, understood. Cancel safe.
    pub(crate) async fn event(&mut self) -> io::Result<Event> {
        let text = self.text().await?;
        serde_json::from_slice(text).map_err(|error| {
            let text = String::from_utf8_lossy(text);
            io::Error::new(io::ErrorKind::InvalidData, format!("{error}: {text:.200}"))
        })
    }

    /// The next text frame; an error at a Close, and at the end of the connection. Cancel safe.
    pub(crate) async fn text(&mut self) -> io::Result<&[u8]> {
        loop {
            if let Some(text) = self.take()? {
                return Ok(&self.buffer[text]);
            }
            self.fill().await?;
        }
    }

    /// Reads what there is. Cancel safe.
    pub(crate) async fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.next);
        self.next = 0;
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next whole text frame that was read.
    pub(crate) fn taken(&mut self) -> io::Result<Option<&[u8]>> {
        Ok(self.take()?.map(|text| &self.buffer[text]))
    }

    fn take(&mut self) -> io::Result<Option<Range<usize>>> {
        loop {
            let bytes = &self.buffer[self.next..];
            let Some(head) = Head::read(bytes) else { return Ok(None) };
            let Some(payload) = bytes.get(head.len..head.len + head.payload) else { return Ok(None) };
            let start = self.next + head.len;
            self.next = start + head.payload;
            match head.first {
                first if first == FIN | TEXT => return Ok(Some(start..self.next)),
                first if first == FIN | CLOSE => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Err(io::Error::other(format!("closed with {code:?}")));
                }
                // A ping or a pong.
                first if first & 0xf8 == FIN | CLOSE => {}
                first => return Err(io::Error::other(format!("a frame that begins with {first:#04x}"))),
            }
        }
    }
}

/// Space for one read.
const READ_BYTES: usize = 32 << 10;

/// A frame that says `text`, which needs no escape, and asks for an answer to `reference`.
pub(crate) fn say(text: &str, reference: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    say_into(&mut frame, text, reference);
    frame
}

/// The same, behind what there is.
pub(crate) fn say_into(out: &mut Vec<u8>, text: &str, reference: &str) {
    let say = format!(r#"{{"type":"chatMessage","payload":{{"message":"{text}","ref":"{reference}"}}}}"#);
    put(out, FIN | TEXT, say.as_bytes());
}

/// A frame that asks for a page of history.
fn page(before: Option<u64>, limit: u64) -> Vec<u8> {
    let before = before.map(|before| format!(r#""before":{before},"#)).unwrap_or_default();
    let ask = format!(r#"{{"type":"history","payload":{{{before}"limit":{limit},"ref":"page"}}}}"#);
    let mut frame = Vec::new();
    put(&mut frame, FIN | TEXT, ask.as_bytes());
    frame
}

/// The request with which a client joins, or comes back.
fn request(address: SocketAddr, room: &str, name: &str, position: Option<&Position>) -> String {
    let position =
        position.map(|Position { epoch, after }| format!("&epoch={epoch}&after={after}")).unwrap_or_default();
    // The key is the example of RFC 6455 section 1.3.
    format!(
        "GET /chat?username={name}&room={room}{position} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: hallway.v2\r\n\r\n"
    )
}
