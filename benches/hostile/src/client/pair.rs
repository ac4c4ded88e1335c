//! Two who chat with each other while others attack.

use std::{
    cell::Cell,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hallway_harness::within;
use tokio::{
    io::AsyncWriteExt,
    net::tcp::OwnedWriteHalf,
    sync::oneshot,
    time::{interval, timeout},
    try_join,
};

use super::{Client, Reader, aside, chat::say, joined};
use crate::figures::{Latencies, since, stamp, text};

/// Each of the two says something so often: 40 messages a second, below the default rate of 50.
const EVERY: Duration = Duration::from_millis(25);

/// How long they wait at the end for what they have not heard.
const LAST: Duration = Duration::from_secs(5);

/// Two members of a room, in a thread of their own, who chat until they are told to end. Both hear both.
pub(crate) struct Pair {
    is_over: Arc<AtomicBool>,
    outcome: oneshot::Receiver<io::Result<Chatted>>,
}

/// What became of their chat.
pub(crate) struct Chatted {
    pub(crate) latencies: Latencies,
    /// Deliveries that should have come.
    pub(crate) expected: u64,
    /// Those that came, each the next of its sender.
    heard: u64,
}

impl Chatted {
    /// Whether everything came, and 99 % of it within `limit`.
    /// Whether all was heard but for so many, in this time.
    pub(crate) fn is_undisturbed(&self, limit: Duration, missed: u64) -> bool {
        let heard = (self.expected - missed.min(self.expected))..=self.expected;
        heard.contains(&self.heard) && self.heard > 0 && self.latencies.p99() < limit
    }

    pub(crate) fn text(&self) -> String {
        format!("{}, {} of {} heard", text(&self.latencies), self.heard, self.expected)
    }
}

impl Pair {
    /// Both join; returns when they have begun to chat.
    pub(crate) async fn begin(address: SocketAddr, room: &str) -> io::Result<Self> {
        let (has_begun, begun) = oneshot::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let outcome = aside({
            let (room, is_over) = (room.to_owned(), Arc::clone(&is_over));
            move || async move {
                let names = ["left", "right"];
                let mut left = Client::join(address, &room, names[0]).await?;
                let mut right = Client::join(address, &room, names[1]).await?;
                // Each has joined when it hears itself; and then both are there for all that follows.
                for client in [&mut left, &mut right] {
                    client.writer.write_all(&say("here")).await?;
                    client.reader.message().await?;
                }
                // The row may have been given up.
                let _ = has_begun.send(());
                chat([left, right], &is_over).await
            }
        });
        if begun.await.is_err() {
            joined(outcome).await?;
            return Err(io::Error::other("a pair could not join"));
        }
        Ok(Self { is_over, outcome })
    }

    pub(crate) async fn end(self) -> io::Result<Chatted> {
        self.is_over.store(true, Relaxed);
        joined(self.outcome).await
    }
}

async fn chat([left, right]: [Client; 2], is_over: &AtomicBool) -> io::Result<Chatted> {
    let said = [Cell::new(0), Cell::new(0)];
    let speaking = Cell::new(2);
    let (mut left_hears, mut right_hears) = (Latencies::default(), Latencies::default());
    let (mut to_left, mut to_right) = (left.writer, right.writer);
    let (mut from_left, mut from_right) = (left.reader, right.reader);
    let ((), (), at_left, at_right) = try_join!(
        speak(0, &mut to_left, &said, is_over, &speaking),
        speak(1, &mut to_right, &said, is_over, &speaking),
        listen(&mut from_left, &said, &speaking, &mut left_hears),
        listen(&mut from_right, &said, &speaking, &mut right_hears),
    )?;
    left_hears.add(right_hears);
    let expected = 2 * (said[0].get() + said[1].get());
    Ok(Chatted { latencies: left_hears, expected, heard: at_left + at_right })
}

async fn speak(
    who: usize,
    writer: &mut OwnedWriteHalf,
    said: &[Cell<u64>; 2],
    is_over: &AtomicBool,
    speaking: &Cell<u32>,
) -> io::Result<()> {
    let mut ticks = interval(EVERY);
    while !is_over.load(Relaxed) {
        ticks.tick().await;
        let seq = said[who].get();
        said[who].set(seq + 1);
        // The time until the socket takes it is in the figure as well.
        let message = say(&format!("pair {who} {seq} {}", stamp()));
        within(LAST, "a message of the pair taken", writer.write_all(&message)).await?;
    }
    speaking.set(speaking.get() - 1);
    Ok(())
}

/// Hears both, each in its order, until everything has come or has had its time; how many came.
async fn listen(
    reader: &mut Reader,
    said: &[Cell<u64>; 2],
    speaking: &Cell<u32>,
    latencies: &mut Latencies,
) -> io::Result<u64> {
    let mut next = [0; 2];
    let mut heard = 0;
    let mut last_said = None;
    loop {
        if speaking.get() == 0 {
            let last_said = last_said.get_or_insert_with(Instant::now);
            let is_complete = next.iter().zip(said).all(|(next, said)| *next >= said.get());
            if is_complete || last_said.elapsed() > LAST {
                return Ok(heard);
            }
        }
        // Looks up now and then, for the end.
        let Ok(text) = timeout(EVERY, reader.message()).await else { continue };
        let text = text?;
        let mut words = text.split(' ');
        if words.next() != Some("pair") {
            continue;
        }
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(who), Some(seq), Some(sent)) = (number(), number(), number()) else { continue };
        latencies.record(since(sent));
        let next = &mut next[usize::from(who == 1)];
        heard += u64::from(seq == *next);
        *next = seq + 1;
    }
}
