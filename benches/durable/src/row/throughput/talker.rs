//! A member that says the next thing as soon as the last is stored, and does little else.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{io::AsyncWriteExt, time::timeout};

use crate::client::{Client, Event, say_into};

/// Messages that each has on the way at the same time.
const WINDOW: usize = 8;

/// Whoever hears nothing looks up so often whether all is over.
const LOOKS_UP: Duration = Duration::from_millis(50);

/// What all talkers know of each other.
#[derive(Default)]
pub(super) struct Talk {
    pub(super) acked: AtomicU64,
    /// Messages that are not acknowledged.
    on_the_way: AtomicUsize,
    /// From when on nothing new is said.
    pub(super) is_ending: AtomicBool,
}

pub(super) struct Talker {
    number: usize,
    client: Client,
    talk: Arc<Talk>,
    said: u64,
    on_the_way: usize,
    heard: Heard,
    out: Vec<u8>,
}

/// What came to one talker.
#[derive(Clone, Copy, Default)]
pub(super) struct Heard {
    pub(super) messages: u64,
    /// Those that it was told it will not hear.
    pub(super) missed: u64,
}

impl Heard {
    pub(super) fn all(self) -> u64 {
        self.messages + self.missed
    }
}

impl Talker {
    pub(super) fn new(number: usize, client: Client, talk: Arc<Talk>) -> Self {
        Self { number, client, talk, said: 0, on_the_way: 0, heard: Heard::default(), out: Vec::new() }
    }

    /// Talks until the end, and listens until it has heard everything that was acknowledged to anybody, or was told
    /// that it will not.
    pub(super) async fn run(mut self) -> io::Result<Heard> {
        loop {
            if !self.talk.is_ending.load(Relaxed) {
                self.say();
                self.client.writer.write_all(&self.out).await?;
                self.out.clear();
            } else if self.talk.on_the_way.load(Relaxed) == 0
                && self.heard.all() >= self.talk.acked.load(Relaxed)
            {
                return Ok(self.heard);
            }
            match timeout(LOOKS_UP, self.client.reader.fill()).await {
                Ok(filled) => filled?,
                // Others may have been acknowledged meanwhile, which nobody tells this one.
                Err(_) => continue,
            }
            self.listen()?;
        }
    }

    /// As much as it may have on the way.
    fn say(&mut self) {
        let more = WINDOW - self.on_the_way;
        for _ in 0..more {
            // 60 bytes, of a person in a hurry.
            let text = format!("{:-<60}", format!("{} says {} ", self.number, self.said));
            say_into(&mut self.out, &text, &format!("{}-{}", self.number, self.said));
            self.said += 1;
        }
        self.on_the_way += more;
        self.talk.on_the_way.fetch_add(more, Relaxed);
    }

    /// Counts frames by the first letter of their type, without a look at the rest: reading them would cost more than
    /// the server does.
    fn listen(&mut self) -> io::Result<()> {
        const TYPE: &[u8] = b"{\"type\":\"";
        let mut acks = 0;
        while let Some(frame) = self.client.reader.taken()? {
            match frame.strip_prefix(TYPE).and_then(|rest| rest.first()) {
                Some(b'c') => self.heard.messages += 1,
                Some(b'a') => acks += 1,
                Some(b's' | b'u') => {}
                Some(b'g') => {
                    let Event::Gap(gap) = serde_json::from_slice(frame)? else { continue };
                    self.heard.missed += gap.count();
                }
                _ => return Err(io::Error::other(String::from_utf8_lossy(frame).into_owned())),
            }
        }
        self.on_the_way =
            self.on_the_way.checked_sub(acks).ok_or_else(|| io::Error::other("acks unasked for"))?;
        self.talk.acked.fetch_add(acks as u64, Relaxed);
        self.talk.on_the_way.fetch_sub(acks, Relaxed);
        Ok(())
    }
}
