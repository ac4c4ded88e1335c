//! Who says something with a reference, and says it again until it is acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::{io::AsyncWriteExt, sync::watch};

use super::{
    ROOM,
    life::{Life, Progress},
    verdict::{Acked, text},
};
use crate::client::{Ack, Client, Event, say_into};

/// Messages that a writer has on the way at the same time.
const WINDOW: usize = 8;

/// Of those that were acknowledged, so many of the newest are sent once more over each new connection.
const AGAIN: usize = 2;

pub(super) struct Writer {
    number: usize,
    name: String,
    progress: Arc<Progress>,
    /// Of the message with this place among those it has said.
    acks: Vec<Option<Ack>>,
    on_the_way: BTreeSet<usize>,
    /// Of those, the ones that were so when the last connection broke, and in which life that was.
    left: BTreeSet<usize>,
    /// Whether it has sent something over its last connection.
    has_sent: bool,
    /// What became of what was on the way at each kill.
    pub(super) broken: BTreeMap<usize, Broken>,
    /// Acks that came again, and as they were; and that differed.
    pub(super) same: usize,
    pub(super) others: usize,
    pub(super) first_other: Option<String>,
    pub(super) faults: Vec<String>,
}

/// Messages that were on the way when the server was killed.
#[derive(Clone, Copy, Default)]
pub(super) struct Broken {
    pub(super) on_the_way: usize,
    /// Sent again, they had their place already.
    pub(super) stored: usize,
    /// Sent again, they were taken as new.
    pub(super) anew: usize,
}

impl Writer {
    pub(super) fn new(number: usize, progress: Arc<Progress>) -> Self {
        Self {
            number,
            name: format!("writer{number}"),
            progress,
            acks: Vec::new(),
            on_the_way: BTreeSet::new(),
            left: BTreeSet::new(),
            has_sent: false,
            broken: BTreeMap::new(),
            same: 0,
            others: 0,
            first_other: None,
            faults: Vec::new(),
        }
    }

    /// Writes through all lives, until there will be no other.
    pub(super) async fn run(mut self, mut lives: watch::Receiver<Option<Life>>) -> Self {
        let mut next = 0;
        loop {
            let is_next = |life: &Option<Life>| life.is_some_and(|life| life.number >= next);
            let Ok(Some(life)) = lives.wait_for(is_next).await.map(|life| *life) else { return self };
            next = life.number + 1;
            let mut told = lives.clone();
            let error = tokio::select! {
                outcome = self.live(life) => outcome.err(),
                // Nothing is sent through it any more: all is over.
                () = async { while told.changed().await.is_ok() {} } => return self,
            };
            let is_killed = lives.borrow().is_none_or(|now| now.number != life.number);
            if let Some(error) = error
                && (!is_killed || error.kind() == io::ErrorKind::InvalidData)
            {
                self.faults.push(format!("{}: {error}", self.name));
            }
            self.left.clone_from(&self.on_the_way);
            let on_the_way = if self.has_sent { self.left.len() } else { 0 };
            let broken = Broken { on_the_way, ..Broken::default() };
            self.broken.insert(life.number, broken);
        }
    }

    /// What it has said in all.
    pub(super) fn said(&self) -> usize {
        self.acks.len()
    }

    pub(super) fn unacked(&self) -> usize {
        self.on_the_way.len()
    }

    /// What was acknowledged.
    pub(super) fn acked(&self) -> Acked {
        let seqs = self.acks.iter().map(|ack| ack.as_ref().map(|ack| ack.seq)).collect();
        Acked { writer: self.number, seqs }
    }

    /// One connection, until it breaks.
    async fn live(&mut self, life: Life) -> io::Result<()> {
        self.has_sent = false;
        let (mut client, _) = Client::join(life.address, ROOM, &self.name, None).await?;
        let mut out = Vec::new();
        let acked = (0..self.acks.len()).rev().filter(|place| self.acks[*place].is_some());
        let again: Vec<_> = acked.take(AGAIN).collect();
        for place in again.into_iter().rev().chain(self.on_the_way.iter().copied()) {
            say_into(&mut out, &text(self.number, place), &reference(place));
        }
        loop {
            while self.on_the_way.len() < WINDOW && !self.progress.is_ending.load(Relaxed) {
                let place = self.acks.len();
                self.acks.push(None);
                self.on_the_way.insert(place);
                self.progress.on_the_way.fetch_add(1, Relaxed);
                say_into(&mut out, &text(self.number, place), &reference(place));
            }
            if !out.is_empty() {
                client.writer.write_all(&out).await?;
                out.clear();
                self.has_sent = true;
            }
            match client.reader.event().await? {
                Event::Ack(ack) => self.acknowledged(ack, life),
                Event::Error(error) => self.faults.push(format!("{}: {error:?}", self.name)),
                _ => {}
            }
        }
    }

    fn acknowledged(&mut self, ack: Ack, life: Life) {
        let place = ack.reference.parse::<usize>().ok().filter(|place| *place < self.acks.len());
        let Some(place) = place else {
            self.faults.push(format!("{}: {ack:?} for what was never said", self.name));
            return;
        };
        if let Some(first) = &self.acks[place] {
            if *first == ack {
                self.same += 1;
            } else {
                self.others += 1;
                self.first_other.get_or_insert(format!("{ack:?} after {first:?}"));
            }
            return;
        }
        if self.left.remove(&place)
            && let Some(broken) = life.number.checked_sub(1).and_then(|last| self.broken.get_mut(&last))
        {
            if ack.seq <= life.stood_at {
                broken.stored += 1;
            } else {
                broken.anew += 1;
            }
        }
        self.same += usize::from(ack.seq <= life.stood_at);
        self.acks[place] = Some(ack);
        self.on_the_way.remove(&place);
        self.progress.on_the_way.fetch_sub(1, Relaxed);
    }
}

/// What a writer calls its message with this place.
fn reference(place: usize) -> String {
    place.to_string()
}
