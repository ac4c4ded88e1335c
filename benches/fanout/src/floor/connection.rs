//! One connection of the floor: its handshake, the frames that come in, and what its socket had no space for.

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{SendFlags, send},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::room::Rooms;
use crate::wire::{self, Head};

/// Bytes of a request head, of a message: more ends the connection.
const MAX_REQUEST: usize = 16 << 10;
const MAX_MESSAGE: usize = 64 << 10;

pub(super) struct Connection {
    pub(super) socket: OwnedFd,
    pub(super) name: String,
    /// The room, once the handshake is over.
    pub(super) room: Option<usize>,
    /// Where in its room's batch its share begins: a joiner gets what follows its joining.
    pub(super) from: usize,
    /// The begin of a frame whose end has not come yet.
    pub(super) unfinished: Vec<u8>,
    /// What is to be sent before anything else, and how much of it is sent.
    unsent: Vec<u8>,
    sent: usize,
}

/// What came of some input.
pub(super) struct Heard {
    /// Bytes that need not be seen again.
    pub(super) used: usize,
    /// The connection has something to send that is no one else's.
    pub(super) owes: bool,
}

/// The connection is to end; why is nobody's concern here.
pub(super) struct Ended;

impl Connection {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            name: String::new(),
            room: None,
            from: 0,
            unfinished: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
        }
    }

    /// Keeps what was not used of an input; holds no memory while there is nothing to keep.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            if self.unfinished.capacity() > 0 {
                self.unfinished = Vec::new();
            }
        } else {
            self.unfinished.clear();
            self.unfinished.extend_from_slice(rest);
        }
    }

    pub(super) fn take_in(
        &mut self,
        index: usize,
        input: &mut [u8],
        rooms: &mut Rooms,
    ) -> Result<Heard, Ended> {
        let mut heard = Heard { used: 0, owes: false };
        let room = if let Some(room) = self.room {
            room
        } else {
            let Some(end) = wire::find(input, b"\r\n\r\n") else {
                return if input.len() > MAX_REQUEST { Err(Ended) } else { Ok(heard) };
            };
            let room = self.handshake(index, &input[..end], rooms).ok_or(Ended)?;
            heard = Heard { used: end + 4, owes: true };
            room
        };
        loop {
            let input = &mut input[heard.used..];
            let Some(frame) = Head::read(input) else { return Ok(heard) };
            if !frame.masked || frame.payload > MAX_MESSAGE {
                return Err(Ended);
            }
            if input.len() < frame.frame() {
                return Ok(heard);
            }
            heard.used += frame.frame();
            let (key, payload) = input[frame.len - 4..frame.frame()].split_at_mut(4);
            wire::mask(payload, [key[0], key[1], key[2], key[3]]);
            match frame.opcode {
                wire::TEXT | wire::BINARY => rooms.chat(room, &self.name, payload),
                wire::CLOSE => {
                    let mut reply = Vec::new();
                    let code = &payload[..payload.len().min(2)];
                    wire::put_head(&mut reply, wire::CLOSE, code.len());
                    reply.extend_from_slice(code);
                    // Where it does not fit, the end of the connection says as much.
                    let _ = send(&self.socket, &reply, SendFlags::NOSIGNAL);
                    return Err(Ended);
                }
                wire::PING => {
                    wire::put_head(&mut self.unsent, wire::PONG, payload.len());
                    self.unsent.extend_from_slice(payload);
                    heard.owes = true;
                }
                _ => {}
            }
        }
    }

    /// Answers the request and joins the room it names.
    fn handshake(&mut self, index: usize, head: &[u8], rooms: &mut Rooms) -> Option<usize> {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let target = lines.next()?.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter =
            |name| query.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name);
        let (_, key) = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))?;
        if path != "/chat" {
            return None;
        }
        parameter("username").map_or("anon", |(_, name)| name).clone_into(&mut self.name);
        let accept = derive_accept_key(key.trim().as_bytes());
        self.unsent.extend_from_slice(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        let room = rooms.named(parameter("room").map_or("lobby", |(_, room)| room));
        self.from = rooms.join(room, index, &self.name, &mut self.unsent);
        self.room = Some(room);
        Some(room)
    }

    /// Sends `share`, after what is still unsent; what does not fit waits.
    pub(super) fn send(&mut self, share: &[u8]) -> Result<(), Ended> {
        if self.unsent.is_empty() {
            let sent = match send(&self.socket, share, SendFlags::NOSIGNAL) {
                Ok(sent) => sent,
                Err(Errno::AGAIN) => 0,
                Err(_) => return Err(Ended),
            };
            self.unsent.extend_from_slice(&share[sent..]);
            return Ok(());
        }
        self.unsent.extend_from_slice(share);
        self.flush()
    }

    /// Sends what is unsent as far as the socket takes it.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        while self.sent < self.unsent.len() {
            match send(&self.socket, &self.unsent[self.sent..], SendFlags::NOSIGNAL) {
                Ok(sent) => self.sent += sent,
                Err(Errno::AGAIN) => return Ok(()),
                Err(_) => return Err(Ended),
            }
        }
        self.unsent = Vec::new();
        self.sent = 0;
        Ok(())
    }

    /// Bytes it is behind.
    pub(super) fn behind(&self) -> usize {
        self.unsent.len() - self.sent
    }
}
