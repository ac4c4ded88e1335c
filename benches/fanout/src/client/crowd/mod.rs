//! All clients of one server: they join, are listened to, and talk in slices.

mod slice;

use std::{
    io,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use rustix::{
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventFlags},
    },
    fd::OwnedFd,
    io::Errno,
};

use super::{
    connection::{Connection, Stage},
    faults::Faults,
    histogram::Histogram,
    laggards::Laggards,
    record::Record,
};

pub(crate) use self::slice::{Load, Slice};

/// Bytes of the one read buffer.
const INPUT: usize = 256 << 10;
/// Events taken at once.
const EVENTS: usize = 1024;
/// Joins under way at the same time: less than what listeners let wait for their accepting.
const JOINING: usize = 256;
/// How long all joins may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Population {
    pub(crate) rooms: usize,
    pub(crate) per_room: usize,
    /// Of each room, how many talk; evenly spread over the order in which they join.
    pub(crate) senders: usize,
    /// Clients of the first room that are not there from the beginning.
    pub(crate) later: usize,
    /// Bytes of a chat frame as it is received, head included; at least 138.
    pub(crate) frame: usize,
    /// Whether one who never reads and one who reads little are in the first room.
    pub(crate) laggards: bool,
}

/// All clients of one server.
pub(crate) struct Crowd {
    address: SocketAddr,
    epoll: OwnedFd,
    /// Time is counted in nanoseconds from here.
    epoch: Instant,
    connections: Vec<Connection>,
    senders: Vec<usize>,
    population: Population,
    laggards: Option<Laggards>,
    record: Record,
    /// Connections that wait for their answer.
    joining: usize,
    /// The slice's number, and when it began.
    slice: u32,
    began: u64,
    /// What happens at the moment; `None` between slices and while a slice drains.
    load: Option<Load>,
    /// Messages sent at a fixed rate so far.
    paced: u64,
    /// Wait in the kernel for what comes, in place of asking again and again.
    patient: bool,
    input: Box<[u8]>,
    events: Vec<Event>,
    /// Messages about to be sent.
    outgoing: Vec<u8>,
}

impl Crowd {
    pub(crate) fn new(address: SocketAddr, population: Population, patient: bool) -> io::Result<Self> {
        let Population { rooms, per_room, senders, later, frame, laggards } = population;
        let members: Vec<_> =
            (0..rooms * per_room).map(|client| client / per_room).chain(vec![0; later]).collect();
        let in_room = |talker: usize| (2 * talker + 1) * per_room / (2 * senders);
        Ok(Self {
            address,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            epoch: Instant::now(),
            connections: (0..).zip(&members).map(|(id, room)| Connection::new(id, *room)).collect(),
            senders: (0..rooms * senders).map(|k| k / senders * per_room + in_room(k % senders)).collect(),
            population,
            laggards: if laggards { Some(Laggards::join(address)?) } else { None },
            record: Record::new(frame, &members),
            joining: 0,
            slice: 0,
            began: 0,
            load: None,
            paced: 0,
            patient,
            input: vec![0; INPUT].into(),
            events: Vec::with_capacity(EVENTS),
            outgoing: Vec::new(),
        })
    }

    /// Lets everybody in who is there from the beginning, and returns when all are answered.
    pub(crate) fn join(&mut self) -> io::Result<()> {
        let present = self.population.rooms * self.population.per_room;
        let mut waiting = 0..present;
        let begin = Instant::now();
        while !self.join_some(&mut waiting)? {
            if begin.elapsed() > PATIENCE {
                return Err(io::Error::other("the clients could not all join"));
            }
            self.step()?;
        }
        Ok(())
    }

    /// Begins as many of the `waiting` joins as may be under way; says whether all are answered.
    pub(crate) fn join_some(&mut self, waiting: &mut Range<usize>) -> io::Result<bool> {
        for client in waiting.by_ref().take(JOINING - self.joining.min(JOINING)) {
            self.open(client)?;
        }
        Ok(Range::is_empty(waiting) && self.joining == 0)
    }

    pub(crate) fn open(&mut self, client: usize) -> io::Result<()> {
        let now = self.now();
        self.joining += 1;
        Ok(self.connections[client].open(self.address, &self.epoll, now)?)
    }

    pub(crate) fn leave(&mut self, client: usize) {
        self.connections[client].leave(&mut self.record);
    }

    pub(crate) fn stage(&self, client: usize) -> Stage {
        self.connections[client].stage
    }

    /// Listens for a while, without anything being measured.
    pub(crate) fn settle(&mut self, time: Duration) -> io::Result<()> {
        let begin = Instant::now();
        loop {
            self.poll(Duration::from_millis(1).min(time))?;
            if self.events.is_empty() && begin.elapsed() >= time {
                return Ok(());
            }
        }
    }

    /// Takes in what has come; waits for it as long as `wait`.
    fn poll(&mut self, wait: Duration) -> io::Result<()> {
        self.events.clear();
        let wait = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in 0..self.events.len() {
            let Event { flags, data, .. } = self.events[event];
            let Ok(client) = usize::try_from(data.u64()) else { continue };
            let connection = &mut self.connections[client];
            let joining = connection.stage == Stage::Asked;
            if flags.contains(EventFlags::OUT) {
                connection.flush(&mut self.record);
            }
            let ended = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            if ended || flags.contains(EventFlags::IN) {
                let epoch = self.epoch;
                let own = connection.read(&mut self.input, &mut self.record, || nanos(epoch), ended);
                self.joining -= usize::from(joining && connection.stage != Stage::Asked);
                if own > 0 && matches!(self.load, Some(Load::Closed { .. })) {
                    self.say(client, own);
                }
            }
        }
        Ok(())
    }

    /// The newest count that each client of the first room who is there was told.
    pub(crate) fn counts(&self) -> impl Iterator<Item = Option<usize>> {
        let present = self.connections.iter().filter(|connection| connection.stage == Stage::Open);
        present.map(|connection| connection.count)
    }

    /// Whether each of `clients` has been sent a frame.
    pub(crate) fn have_heard(&self, mut clients: Range<usize>) -> bool {
        clients.all(|client| self.connections[client].heard)
    }

    pub(crate) fn faults(&mut self) -> &mut Faults {
        &mut self.record.faults
    }

    /// How long all joins since the last call took, from connecting to the answer.
    pub(crate) fn take_joins(&mut self) -> Histogram {
        std::mem::replace(&mut self.record.joins, Histogram::new())
    }

    fn now(&self) -> u64 {
        nanos(self.epoch)
    }
}

fn nanos(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).expect("584 years fit")
}
