//! The ways in which a client ends.

use std::{io, net::SocketAddr, time::Duration};

use hallway_harness::{get, within};
use socket2::SockRef;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

use crate::client::{Client, FIN, TEXT, dial, put, request, say};

/// Where they all are.
pub(super) const ROOM: &str = "storm";

/// How long one may wait for the server.
const LAST: Duration = Duration::from_secs(10);

/// How long one that has stopped reading stays.
const STAY: Duration = Duration::from_millis(500);

/// The close code of a protocol violation (RFC 6455 section 7.4.1).
const VIOLATION: u16 = 1002;

#[derive(Clone, Copy)]
pub(super) enum Ending {
    Close,
    Reset,
    Shut,
    HalfFrame,
    Violation,
    Unread,
    Handshake,
    Http,
}

use Ending::{Close, HalfFrame, Handshake, Http, Reset, Shut, Unread, Violation};

impl Ending {
    pub(super) const ALL: [Self; 8] = [Close, Reset, Shut, HalfFrame, Violation, Unread, Handshake, Http];

    /// One after the other.
    pub(super) fn of(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Close => "Close",
            Reset => "reset",
            Shut => "FIN without Close",
            HalfFrame => "half a frame",
            Violation => "violation",
            Unread => "stopped reading",
            Handshake => "half a handshake",
            Http => "plain HTTP",
        }
    }

    /// Comes, and ends in this way; an error where the server did not do its part.
    pub(super) async fn run(self, address: SocketAddr) -> io::Result<()> {
        within(LAST, self.name(), self.end(address)).await
    }

    async fn end(self, address: SocketAddr) -> io::Result<()> {
        match self {
            Close => {
                let code = member(address).await?.close().await?;
                expect(code == Some(1000), "a Close that answers the client's")
            }
            Reset => {
                let stream = dial(address).await?;
                // Set first: it decides what the drop at the end does.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                heard(Client::join_over(stream, ROOM, "storm").await?).await.map(drop)
            }
            Shut => shut(member(address).await?).await,
            HalfFrame => {
                let mut client = member(address).await?;
                let frame = say("half of this");
                client.writer.write_all(&frame[..frame.len() / 2]).await?;
                shut(client).await
            }
            Violation => {
                let mut client = member(address).await?;
                let mut frame = Vec::new();
                // A reserved bit, and no extension that would give it a meaning.
                put(&mut frame, FIN | 0x40 | TEXT, b"{}");
                client.writer.write_all(&frame).await?;
                expect(client.reader.close().await? == Some(VIOLATION), "Close 1002")
            }
            Unread => {
                let client = Client::join_stalled(address, ROOM, "storm").await?;
                sleep(STAY).await;
                // With bytes unread, so the kernel resets it.
                drop(client);
                Ok(())
            }
            Handshake => {
                let mut stream: TcpStream = dial(address).await?;
                let request = request(address, ROOM, "storm");
                stream.write_all(&request.as_bytes()[..request.len() / 2]).await
            }
            Http => expect(get(address, "/healthz").await?.0 == 200, "200"),
        }
    }
}

async fn member(address: SocketAddr) -> io::Result<Client> {
    heard(Client::join(address, ROOM, "storm").await?).await
}

/// A client that has heard a message, be it its own or one of the history: it is a member.
async fn heard(mut client: Client) -> io::Result<Client> {
    client.writer.write_all(&say("here")).await?;
    client.reader.message().await?;
    Ok(client)
}

/// Shuts its side without a word, and waits for the server to end.
async fn shut(mut client: Client) -> io::Result<()> {
    client.writer.shutdown().await?;
    // The end of the connection is what is waited for, with a Close or without.
    while client.reader.next().await.is_ok() {}
    Ok(())
}

fn expect(is_so: bool, what: &str) -> io::Result<()> {
    if is_so { Ok(()) } else { Err(io::Error::other(format!("expected {what}"))) }
}
