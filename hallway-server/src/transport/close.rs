//! How a connection ends: every way there is, the close code of each, and the steps that bring it to the client.

use std::time::Duration;

use futures_util::SinkExt;
use hallway_core::JoinError;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error, Message, Utf8Bytes,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::frames::Fault;

/// Why a connection is over. The text is for the log; it holds nothing that a client sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum End {
    /// The client sent Close. Its code has been answered by the socket already.
    #[error("the client closed")]
    ClientClosed,
    /// The connection broke: no Close can reach the client.
    #[error("the connection broke")]
    Vanished,
    /// The client broke RFC 6455.
    #[error("the client broke the WebSocket protocol")]
    ProtocolViolation,
    /// A binary message, where only text is spoken.
    #[error("the client sent a binary message")]
    Binary,
    /// Text that is not UTF-8.
    #[error("the client sent text that is not UTF-8")]
    NotUtf8,
    /// A message longer than the limit.
    #[error("the client sent a message over the limit")]
    TooLarge,
    /// A message in more frames than it may have.
    #[error("the client sent a message in too many fragments")]
    TooManyFragments,
    /// The client took no byte for too long.
    #[error("the client took no byte for too long")]
    Stalled,
    /// The client said nothing for too long, not even an answer to pings.
    #[error("the client was silent for too long")]
    Silent,
    /// The hub would not take the client in.
    #[error("not let in: {0}")]
    NotLetIn(JoinError),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// A fault of the server's own.
    #[error("an internal fault")]
    Internal,
}

impl End {
    /// All that [`name`](Self::name) may be.
    pub(crate) const NAMES: &[&str] = &[
        "client_closed",
        "vanished",
        "protocol_violation",
        "binary",
        "not_utf8",
        "too_large",
        "too_many_fragments",
        "stalled",
        "silent",
        "room_full",
        "too_many_rooms",
        "room_unavailable",
        "shutting_down",
        "internal",
    ];

    /// All that [`code`](Self::code) may be.
    pub(crate) const CODES: &[&str] = &["1001", "1002", "1003", "1007", "1008", "1009", "1011", "1013"];

    /// The close code that it is told to the client with, where it is.
    pub(crate) fn code(&self) -> Option<&'static str> {
        let code = u16::from(self.close_frame()?.code).to_string();
        Self::CODES.iter().find(|known| **known == code).copied()
    }

    /// A name for it, for counters: one word, the same for ever.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::Vanished => "vanished",
            Self::ProtocolViolation => "protocol_violation",
            Self::Binary => "binary",
            Self::NotUtf8 => "not_utf8",
            Self::TooLarge => "too_large",
            Self::TooManyFragments => "too_many_fragments",
            Self::Stalled => "stalled",
            Self::Silent => "silent",
            Self::NotLetIn(JoinError::RoomFull { .. }) => "room_full",
            Self::NotLetIn(JoinError::TooManyRooms { .. }) => "too_many_rooms",
            Self::NotLetIn(JoinError::Unavailable(_)) => "room_unavailable",
            Self::NotLetIn(JoinError::Closed) | Self::ShuttingDown => "shutting_down",
            Self::Internal => "internal",
        }
    }

    /// The one place where close codes are chosen; nothing where no Close is to be sent.
    fn close_frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::ClientClosed | Self::Vanished => return None,
            Self::ShuttingDown | Self::NotLetIn(JoinError::Closed) => {
                (CloseCode::Away, "the server is shutting down")
            }
            Self::ProtocolViolation => (CloseCode::Protocol, "a violation of RFC 6455"),
            Self::Binary => (CloseCode::Unsupported, "binary messages are not understood here"),
            Self::NotUtf8 => (CloseCode::Invalid, "a text is not UTF-8"),
            Self::TooLarge => (CloseCode::Size, "a message is over the size limit"),
            Self::TooManyFragments => (CloseCode::Policy, "a message is in too many fragments"),
            Self::Stalled => (CloseCode::Again, "no byte was taken for too long"),
            Self::Silent => (CloseCode::Again, "nothing was heard for too long"),
            Self::NotLetIn(JoinError::RoomFull { .. }) => (CloseCode::Again, "the room is full"),
            Self::NotLetIn(JoinError::TooManyRooms { .. }) => {
                (CloseCode::Again, "there is no place for a new room")
            }
            Self::NotLetIn(JoinError::Unavailable(_)) => (CloseCode::Error, "the room cannot be read now"),
            Self::Internal => (CloseCode::Error, "an internal fault"),
        };
        Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
    }
}

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A text message, whole.
    Text(Utf8Bytes),
    /// A binary message, whole.
    Binary(Bytes),
    /// A ping, which the socket answers by itself, or a pong.
    Control(Bytes),
}

/// Reads what a WebSocket yielded: a frame, or why there will be no further one.
pub fn received(item: Option<Result<Message, Error>>) -> Result<Incoming, End> {
    match item {
        Some(Ok(Message::Text(text))) => Ok(Incoming::Text(text)),
        Some(Ok(Message::Binary(bytes))) => Ok(Incoming::Binary(bytes)),
        Some(Ok(Message::Ping(payload) | Message::Pong(payload))) => Ok(Incoming::Control(payload)),
        Some(Ok(Message::Close(_))) | None => Err(End::ClientClosed),
        // Only made by whoever writes frames by hand.
        Some(Ok(Message::Frame(_))) => Err(End::Internal),
        Some(Err(error)) => Err(End::from(error)),
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLong => Self::TooLarge,
            Fault::TooManyFrames => Self::TooManyFragments,
            Fault::Violation => Self::ProtocolViolation,
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Self::ClientClosed,
            // A stream may know more than the WebSocket over it.
            Error::Io(error) => error.downcast().unwrap_or(Self::Vanished),
            Error::Protocol(ResetWithoutClosingHandshake) => Self::Vanished,
            Error::Protocol(_) | Error::AttackAttempt => Self::ProtocolViolation,
            Error::Utf8(_) => Self::NotUtf8,
            Error::Capacity(_) => Self::TooLarge,
            Error::WriteBufferFull(_) => Self::Stalled,
            // Of a client's side of the handshake, which is not ours.
            Error::Tls(_) | Error::Url(_) | Error::Http(_) | Error::HttpFormat(_) => Self::Internal,
        }
    }
}

/// Closes a socket as its end demands, each of the two steps within `limit`: the Close is sent behind what is left to
/// send, then this side is shut and what still comes is read, until the client shuts its own.
pub async fn finish<S>(mut socket: WebSocketStream<S>, end: &End, limit: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let sent = timeout(limit, async {
        match end.close_frame() {
            Some(frame) => socket.close(Some(frame)).await?,
            // Sends the answer to a Close; nothing where the connection broke.
            None => socket.flush().await?,
        }
        socket.get_mut().shutdown().await.map_err(Error::Io)
    });
    if matches!(sent.await, Ok(Ok(()))) && *end != End::Vanished {
        drain(socket.get_mut(), limit).await;
    }
}

/// Reads and forgets what still comes, until the other side shuts or `limit` is over. A socket that is dropped with
/// unread bytes is reset, and the reset can overtake what was sent last.
pub(super) async fn drain(stream: &mut (impl AsyncRead + Unpin), limit: Duration) {
    let read = async {
        let read = tokio::io::copy(&mut stream.take(DRAINED_BYTES), &mut tokio::io::sink()).await;
        if matches!(read, Ok(DRAINED_BYTES)) {
            // One that goes on sending is read no further, and not reset either: it may still read what it was sent.
            std::future::pending::<()>().await;
        }
    };
    // However it ended, it is over.
    let _ = timeout(limit, read).await;
}

/// Read after the end, so that nobody can keep the server reading for long.
const DRAINED_BYTES: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_and_every_code_is_in_its_list() {
        let ends = [
            End::ClientClosed,
            End::Vanished,
            End::ProtocolViolation,
            End::Binary,
            End::NotUtf8,
            End::TooLarge,
            End::TooManyFragments,
            End::Stalled,
            End::Silent,
            End::NotLetIn(JoinError::RoomFull { max: 1 }),
            End::NotLetIn(JoinError::TooManyRooms { max: 1 }),
            End::NotLetIn(JoinError::Unavailable(hallway_core::StoreError::Full)),
            End::ShuttingDown,
            End::Internal,
        ];
        assert_eq!(ends.each_ref().map(End::name), End::NAMES);
        let codes: BTreeSet<_> = ends.iter().filter_map(End::code).collect();
        assert_eq!(codes, End::CODES.iter().copied().collect());
        assert!(ends.iter().all(|end| end.code().is_some() == end.close_frame().is_some()));
    }
}
