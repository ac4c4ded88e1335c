//! One connection of the client: the handshake, whole frames out of what was read, and what its socket had no space for.

use std::net::SocketAddr;

use rustix::{
    event::epoll::{self, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
        sockopt,
    },
};

use super::{
    message,
    record::{Listener, Record},
};
use crate::wire::{self, Head};

/// The example of RFC 6455 section 1.3 and its answer: servers need not be kept busy with random numbers.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Any key does for control frames; those of messages differ.
const CONTROL_KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Not there, or there no longer.
    Absent,
    /// Connecting, or waiting for the answer to its request.
    Asked,
    Open,
    /// Has sent its Close.
    Leaving,
}

pub(super) struct Connection {
    socket: Option<OwnedFd>,
    pub(super) stage: Stage,
    pub(super) listener: Listener,
    /// Messages it has sent in this slice.
    pub(super) sent: u32,
    /// When it began to connect, in nanoseconds of the client's clock.
    pub(super) asked_at: u64,
    /// Whether a frame has come since the handshake.
    pub(super) heard: bool,
    /// The newest `userCount`.
    pub(super) count: Option<usize>,
    unfinished: Vec<u8>,
    unsent: Vec<u8>,
}

impl Connection {
    pub(super) fn new(id: u32, room: usize) -> Self {
        Self {
            socket: None,
            stage: Stage::Absent,
            listener: Listener { id, room, at: None, since: 0 },
            sent: 0,
            asked_at: 0,
            heard: false,
            count: None,
            unfinished: Vec::new(),
            unsent: Vec::new(),
        }
    }

    /// Begins to connect; the request goes out when the socket becomes writable.
    pub(super) fn open(&mut self, address: SocketAddr, epoll: &OwnedFd, now: u64) -> rustix::io::Result<()> {
        let socket = dial(address, None)?;
        let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(epoll, &socket, EventData::new_u64(self.listener.id.into()), interest)?;
        self.unsent = request(address, &message::name(self.listener.id), self.listener.room);
        self.unfinished.clear();
        self.socket = Some(socket);
        self.stage = Stage::Asked;
        self.asked_at = now;
        self.heard = false;
        self.count = None;
        self.listener.at = None;
        Ok(())
    }

    /// Says goodbye as RFC 6455 has it: the server's Close ends the connection.
    pub(super) fn leave(&mut self, record: &mut Record) {
        self.stage = Stage::Leaving;
        let mut close = Vec::new();
        wire::put_masked(&mut close, wire::CLOSE, CONTROL_KEY, &1000_u16.to_be_bytes());
        self.send(&close, record);
    }

    /// Sends after what is still unsent; what does not fit waits until the socket is writable.
    pub(super) fn send(&mut self, bytes: &[u8], record: &mut Record) {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush(record);
        }
        let Some(socket) = &self.socket else { return };
        match send(socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => self.unsent.extend_from_slice(&bytes[sent..]),
            Err(Errno::AGAIN) => self.unsent.extend_from_slice(bytes),
            Err(error) => self.ended(record, &error.to_string()),
        }
    }

    pub(super) fn flush(&mut self, record: &mut Record) {
        while let (false, Some(socket)) = (self.unsent.is_empty(), &self.socket) {
            match send(socket, &self.unsent, SendFlags::NOSIGNAL) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(Errno::AGAIN) => return,
                Err(error) => return self.ended(record, &error.to_string()),
            }
        }
    }

    /// Reads all there is and holds it against the record; says how many of its own messages came back.
    pub(super) fn read(
        &mut self,
        input: &mut [u8],
        record: &mut Record,
        clock: impl Fn() -> u64,
        ended: bool,
    ) -> u32 {
        let mut own = 0;
        while let Some(socket) = &self.socket {
            let left = self.unfinished.len();
            input[..left].copy_from_slice(&self.unfinished);
            match recv(socket, &mut input[left..], RecvFlags::empty()) {
                Ok((0, _)) => self.ended(record, "no Close"),
                Ok((read, _)) => {
                    let bytes = &input[..left + read];
                    let (used, returned) = self.take(bytes, record, clock());
                    own += returned;
                    self.unfinished.clear();
                    self.unfinished.extend_from_slice(&bytes[used..]);
                    if bytes.len() < input.len() && !ended {
                        break;
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(error) => self.ended(record, &error.to_string()),
            }
        }
        own
    }

    /// Takes the whole frames out of `bytes`: how many bytes that were, and how many own messages were among them.
    fn take(&mut self, bytes: &[u8], record: &mut Record, now: u64) -> (usize, u32) {
        let (mut at, mut own) = (0, 0);
        if self.stage == Stage::Asked {
            let Some(end) = wire::find(bytes, b"\r\n\r\n") else { return (0, 0) };
            if !bytes.starts_with(b"HTTP/1.1 101 ") || wire::find(&bytes[..end], ACCEPT).is_none() {
                self.ended(record, &String::from_utf8_lossy(&bytes[..end]));
                return (bytes.len(), 0);
            }
            record.joins.record(now - self.asked_at);
            self.stage = Stage::Open;
            self.listener.since = now;
            at = end + 4;
        }
        loop {
            let known = record.known(&mut self.listener, &bytes[at..], now);
            at += known.bytes;
            own += known.own;
            let Some(head) = Head::read(&bytes[at..]).filter(|head| head.frame() <= bytes.len() - at) else {
                return (at, own);
            };
            let frame = &bytes[at..at + head.frame()];
            at += frame.len();
            own += u32::from(self.frame(head, frame, record, now));
        }
    }

    /// Takes one frame that is nothing the room is known to have said; says whether it is an own message.
    fn frame(&mut self, head: Head, frame: &[u8], record: &mut Record, now: u64) -> bool {
        let payload = &frame[head.len..];
        match head.opcode {
            wire::TEXT => {
                self.heard = true;
                if message::is_chat(payload) {
                    return record.chat(&mut self.listener, frame, payload, now);
                }
                if let Some(count) = payload.strip_prefix(br#"{"type":"userCount","payload":{"count":"#) {
                    let digits = count.iter().take_while(|byte| byte.is_ascii_digit());
                    self.count = Some(digits.fold(0, |count, digit| count * 10 + usize::from(digit - b'0')));
                }
            }
            wire::PING => {
                let mut pong = Vec::new();
                wire::put_masked(&mut pong, wire::PONG, CONTROL_KEY, payload);
                self.send(&pong, record);
            }
            wire::CLOSE => self.ended(record, &format!("Close {}", String::from_utf8_lossy(payload))),
            wire::PONG => {}
            other => record.faults.broken(|| format!("a frame of opcode {other}")),
        }
        false
    }

    /// Ends the connection: a fault, unless it was about to leave.
    fn ended(&mut self, record: &mut Record, why: &str) {
        if self.stage != Stage::Leaving {
            record.faults.broken(|| format!("the server cut off client {}: {why}", self.listener.id));
        }
        self.socket = None;
        self.stage = Stage::Absent;
        self.unsent.clear();
    }
}

/// A socket that connects without waiting for it.
pub(super) fn dial(address: SocketAddr, receive_buffer: Option<usize>) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    if let Some(bytes) = receive_buffer {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    sockopt::set_tcp_nodelay(&socket, true)?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}

/// The request with which a client joins.
pub(super) fn request(address: SocketAddr, name: &str, room: usize) -> Vec<u8> {
    format!(
        "GET /chat?username={name}&room=r{room} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}
