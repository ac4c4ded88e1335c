//! Who hears everything, and goes on where it was.

use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::sync::watch;

use super::{
    ROOM,
    life::{Life, Progress},
    verdict::Placed,
};
use crate::client::{Client, Event, Position};

pub(super) struct Reader {
    progress: Arc<Progress>,
    position: Option<Position>,
    pub(super) heard: Vec<Placed>,
    /// How often it came back.
    pub(super) resumes: usize,
    pub(super) faults: Vec<String>,
}

impl Reader {
    pub(super) fn new(progress: Arc<Progress>) -> Self {
        Self { progress, position: None, heard: Vec::new(), resumes: 0, faults: Vec::new() }
    }

    /// Reads through all lives, until there will be no other.
    pub(super) async fn run(mut self, mut lives: watch::Receiver<Option<Life>>) -> Self {
        let mut next = 0;
        loop {
            let is_next = |life: &Option<Life>| life.is_some_and(|life| life.number >= next);
            let Ok(Some(life)) = lives.wait_for(is_next).await.map(|life| *life) else { return self };
            next = life.number + 1;
            let mut told = lives.clone();
            let error = tokio::select! {
                outcome = self.live(life) => outcome.err(),
                () = async { while told.changed().await.is_ok() {} } => return self,
            };
            let is_killed = lives.borrow().is_none_or(|now| now.number != life.number);
            if let Some(error) = error
                && (!is_killed || error.kind() == io::ErrorKind::InvalidData)
            {
                self.faults.push(format!("life {}: {error}", life.number));
            }
        }
    }

    /// One connection, until it breaks.
    async fn live(&mut self, life: Life) -> io::Result<()> {
        let joined = Client::join(life.address, ROOM, "reader", self.position.as_ref()).await;
        let (mut client, welcome) = joined?;
        let life = life.number;
        match &mut self.position {
            None => self.position = Some(Position { epoch: welcome.epoch, after: 0 }),
            Some(position) => {
                self.resumes += 1;
                if !welcome.resumed || welcome.epoch != position.epoch || welcome.seq < position.after {
                    self.faults.push(format!("life {life}: {welcome:?} to one at {position:?}"));
                }
                // It goes on with what it is told, as a client would.
                position.epoch = welcome.epoch;
            }
        }
        loop {
            match client.reader.event().await? {
                Event::ChatMessage(chat) => {
                    let after = self.position.as_ref().map_or(0, |position| position.after);
                    if chat.seq != after + 1 {
                        self.faults.push(format!("life {life}: {} after {after}", chat.seq));
                    }
                    if let Some(position) = &mut self.position {
                        position.after = chat.seq;
                    }
                    self.progress.heard.store(chat.seq, Relaxed);
                    self.heard.push(Placed::new(chat.seq, &chat.message));
                }
                Event::Gap(gap) => self.faults.push(format!("life {life}: {}", gap.text())),
                Event::Error(error) => self.faults.push(format!("life {life}: {error:?}")),
                _ => {}
            }
        }
    }
}
