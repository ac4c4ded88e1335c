//! The floor: what the kernel alone allows for this protocol. One thread, epoll, no framework.
//!
//! All that is read in one wake-up becomes one byte string for each room, and each member gets it in one `send`. The
//! floor trusts its clients (no JSON, UTF-8 or origin is checked, fragments are not put together), shapes nobody's rate
//! and cuts off who is far behind: a yardstick, not a server to deploy.

mod connection;
mod room;

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
};

use rustix::{
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, accept_with, bind, listen, recv, socket_with, sockopt},
};

use self::{
    connection::{Connection, Heard},
    room::Rooms,
};

/// Bytes of the one read buffer; also how much of a connection is taken in at once.
const INPUT: usize = 256 << 10;

/// Connections the kernel keeps until they are accepted: as many as it allows by default.
const BACKLOG: i32 = 4096;

/// Events taken in one wake-up: the batch is formed of what they bring.
const EVENTS: usize = 2048;

/// The token of the listener; connections have their index.
const LISTENER: u64 = u64::MAX;

/// Every connection, by its index; an index is used again after a connection's end.
type Connections = Vec<Option<Box<Connection>>>;

struct Floor {
    epoll: OwnedFd,
    listener: OwnedFd,
    connections: Connections,
    free: Vec<usize>,
    rooms: Rooms,
    /// Those that have bytes of their own to send (a pong, an answer to a handshake) which no batch may carry along.
    owed: Vec<usize>,
    /// Those that ended and have not left their room yet.
    dead: Vec<usize>,
    input: Box<[u8]>,
}

/// Serves on `port` of the loopback until the process is ended. `quiet` leaves out who joined and left.
pub(crate) fn serve(port: u16, quiet: bool) -> io::Result<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    listen(&listener, BACKLOG)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut floor = Floor {
        epoll,
        listener,
        connections: Vec::new(),
        free: Vec::new(),
        rooms: Rooms::new(quiet),
        owed: Vec::new(),
        dead: Vec::new(),
        input: vec![0; INPUT].into(),
    };
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        events.clear();
        match epoll::wait(&floor.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) => floor.wake(&events)?,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Floor {
    /// Takes in all that a wake-up brought, then writes: at most one `send` for each member.
    fn wake(&mut self, events: &[Event]) -> io::Result<()> {
        for event in events {
            let (token, flags) = (event.data.u64(), event.flags);
            let Ok(index) = usize::try_from(token) else { continue };
            if token == LISTENER {
                self.accept()?;
                continue;
            }
            let ended = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            if ended || flags.contains(EventFlags::IN) {
                self.read(index, ended);
            }
            if flags.contains(EventFlags::OUT) {
                self.writable(index);
            }
        }
        for index in std::mem::take(&mut self.owed) {
            if let Some(connection) = &mut self.connections[index]
                && self.rooms.is_silent(connection)
                && connection.flush().is_err()
            {
                self.dead.push(index);
            }
        }
        while self.rooms.have_news() || !self.dead.is_empty() {
            while let Some(index) = self.dead.pop() {
                // It may have been found dead twice.
                if let Some(connection) = self.connections[index].take() {
                    self.free.push(index);
                    self.rooms.leave(index, &connection);
                }
            }
            self.rooms.flush(&mut self.connections, &mut self.dead);
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        // Any error, "nothing left" before all others, ends the turn: the listener reports again.
        while let Ok(socket) = accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            sockopt::set_tcp_nodelay(&socket, true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), interest)?;
            self.connections[index] = Some(Box::new(Connection::new(socket)));
        }
        Ok(())
    }

    fn read(&mut self, index: usize, ended: bool) {
        // Taken out while its room is spoken to.
        let Some(mut connection) = self.connections[index].take() else { return };
        let alive = loop {
            let left = connection.unfinished.len();
            self.input[..left].copy_from_slice(&connection.unfinished);
            let space = self.input.len() - left;
            let read =
                match recv(&connection.socket, &mut self.input[left..], rustix::net::RecvFlags::empty()) {
                    Ok((0, _)) => break false,
                    Ok((read, _)) => read,
                    Err(error) => break error == Errno::AGAIN,
                };
            let heard = connection.take_in(index, &mut self.input[..left + read], &mut self.rooms);
            let Ok(Heard { used, owes }) = heard else { break false };
            if owes {
                self.owed.push(index);
            }
            connection.keep(&self.input[used..left + read]);
            if read < space && !ended {
                break true;
            }
        };
        self.connections[index] = Some(connection);
        if !alive {
            self.dead.push(index);
        }
    }

    fn writable(&mut self, index: usize) {
        // A joiner's own bytes wait for the flush, so that one `send` carries all.
        if let Some(connection) = &mut self.connections[index]
            && connection.from == 0
            && connection.flush().is_err()
        {
            self.dead.push(index);
        }
    }
}
