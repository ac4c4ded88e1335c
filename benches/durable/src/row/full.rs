//! A disk that is full, and then is not.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hallway_harness::{Sheet, within};
use tokio::{io::AsyncWriteExt, net::tcp::OwnedWriteHalf, task::JoinHandle, time::sleep};

use super::{Bench, NO_RATE};
use crate::{
    client::{Ack, Client, Event, Reader, Refusal, say},
    figures::grouped,
    server::Server,
    tool::{export, verify},
};

const ROOM: &str = "full";

/// No file of the server may become longer, as if the disk ended there; bytes of a message; and how many are tried to
/// fill it: three times what it can hold.
const FILE_BYTES: u64 = 8 << 20;
const MESSAGE_BYTES: usize = 16 << 10;
const MOST: usize = 1_500;

/// Messages that are said while the disk is full.
const REFUSED: usize = 20;

/// What the server logs then, as an error.
const EXPECTED: &str = "messages are not stored";

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let data = bench.folder.fresh("full")?;
    let server = Server::start_limitable(bench, sheet, &data, &NO_RATE, EXPECTED).await?;
    server.limit_files(Some(FILE_BYTES))?;
    let mut listener = Listener::join(&server).await?;
    let mut sender = Sender::join(&server).await?;
    while sender.acked.len() < MOST && sender.refused.is_empty() {
        sender.say_next().await?;
    }
    let what = format!("messages of 16 KiB until a file has {} MiB", FILE_BYTES >> 20);
    let figure = format!("{}, then {}", grouped(sender.acked.len() as u64), sender.last_refusal());
    sheet.judge(what, figure, "unavailable", sender.is_unavailable(1));
    for _ in 1..REFUSED {
        sender.say_next().await?;
    }
    let figure = format!("{} of {REFUSED} refused", sender.refused.len());
    sheet.judge("said while it is full", figure, "all, as unavailable", sender.is_unavailable(REFUSED));
    let before = listener.settled(&sender).await;
    sheet.judge("heard by another: off from what was acknowledged by", before.to_string(), "0", before == 0);
    let page = sender.client.history(None, 100).await?;
    let newest = page.messages.last().map_or(0, |chat| chat.seq);
    let (_, welcome) = Client::join(server.address, ROOM, "late", None).await?;
    let acked = sender.acked.len() as u64;
    let figure = format!("the newest is {newest}, {} to a joiner, of {acked}", welcome.seq);
    sheet.judge("history meanwhile", figure, "goes on", newest == acked && welcome.seq == acked);

    server.limit_files(None)?;
    let again = sender.say_refused().await?;
    sheet.judge(
        "said again when there is space",
        format!("{again} acknowledged"),
        REFUSED.to_string(),
        again == REFUSED,
    );
    server.limit_files(Some(FILE_BYTES))?;
    while sender.acked.len() < 2 * MOST && sender.refused.is_empty() {
        sender.say_next().await?;
    }
    let heard_early = listener.settled(&sender).await;
    server.end().await?;
    let server = Server::start(bench, sheet, Some(&data), &NO_RATE).await?;
    sender.client = Client::join(server.address, ROOM, "sender", None).await?.0;
    let refused = sender.refused.len();
    let again = sender.say_refused().await?;
    let what = "full again, ended, started with space, said again";
    let is_met = again == refused && refused > 0 && heard_early == 0;
    sheet.judge(what, format!("{again} acknowledged"), refused.to_string(), is_met);
    server.end().await?;

    let exported = export(bench, &data).await?;
    let pairs = (1..).zip(exported.iter().zip(&sender.acked));
    let wrong = pairs.filter(|(seq, (line, (number, ack)))| {
        line.seq != *seq || ack.seq != *seq || text(*number) != line.message
    });
    let wrong = wrong.count() + exported.len().abs_diff(sender.acked.len());
    sheet.none("messages of the export that are not as acknowledged", wrong, None);
    let (is_sound, said) = verify(bench, &data).await?;
    sheet.judge("verify", said, "sound", is_sound);
    Ok(())
}

fn text(number: usize) -> String {
    format!("{:-<MESSAGE_BYTES$}", format!("message {number} "))
}

/// Says one thing after the other, each with a reference.
struct Sender {
    client: Client,
    next: usize,
    /// Which message, and its ack; in the order in which they came.
    acked: Vec<(usize, Ack)>,
    refused: Vec<(usize, Refusal)>,
}

impl Sender {
    async fn join(server: &Server) -> io::Result<Self> {
        let (client, _) = Client::join(server.address, ROOM, "sender", None).await?;
        Ok(Self { client, next: 0, acked: Vec::new(), refused: Vec::new() })
    }

    async fn say_next(&mut self) -> io::Result<()> {
        self.next += 1;
        self.say(self.next).await
    }

    /// Says again what was refused; how much of it is taken now.
    async fn say_refused(&mut self) -> io::Result<usize> {
        let before = self.acked.len();
        for (number, _) in std::mem::take(&mut self.refused) {
            self.say(number).await?;
        }
        Ok(self.acked.len() - before)
    }

    async fn say(&mut self, number: usize) -> io::Result<()> {
        let reference = number.to_string();
        within(LIMIT, "an answer", async {
            self.client.writer.write_all(&say(&text(number), &reference)).await?;
            loop {
                match self.client.reader.event().await? {
                    Event::Ack(ack) if ack.reference == reference => {
                        self.acked.push((number, ack));
                        return Ok(());
                    }
                    Event::Error(error) => {
                        self.refused.push((number, error));
                        return Ok(());
                    }
                    Event::Ack(ack) => return Err(io::Error::other(format!("{ack:?} for {number}"))),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Whether so many were refused, each by its reference, and as the protocol has it.
    fn is_unavailable(&self, count: usize) -> bool {
        let is_so = |(number, refusal): &(usize, Refusal)| {
            refusal.code == "unavailable" && refusal.reference.as_ref() == Some(&number.to_string())
        };
        self.refused.len() == count && self.refused.iter().all(is_so)
    }

    fn last_refusal(&self) -> String {
        let said = |(_, refusal): &(usize, Refusal)| format!("{}: {}", refusal.code, refusal.text);
        self.refused.last().map_or_else(|| "no refusal".to_owned(), said)
    }
}

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Another member: what it hears.
struct Listener {
    /// Dropped, it would tell the server that this member has nothing more to say.
    _writer: OwnedWriteHalf,
    heard: Arc<Mutex<u64>>,
    task: JoinHandle<()>,
}

impl Listener {
    async fn join(server: &Server) -> io::Result<Self> {
        let (client, _) = Client::join(server.address, ROOM, "listener", None).await?;
        let heard = Arc::default();
        let task = tokio::spawn(listen(client.reader, Arc::clone(&heard)));
        Ok(Self { _writer: client.writer, heard, task })
    }

    /// Waits until it has heard everything that was acknowledged, and a while longer; how much more it heard, or how much
    /// less.
    async fn settled(&mut self, sender: &Sender) -> u64 {
        let all = sender.acked.len() as u64;
        let begin = Instant::now();
        while *lock(&self.heard) < all && begin.elapsed() < LIMIT && !self.task.is_finished() {
            sleep(Duration::from_millis(10)).await;
        }
        sleep(Duration::from_millis(300)).await;
        lock(&self.heard).abs_diff(all)
    }
}

/// Counts messages, as long as each is the next.
async fn listen(mut reader: Reader, heard: Arc<Mutex<u64>>) {
    while let Ok(event) = reader.event().await {
        let mut heard = lock(&heard);
        match event {
            Event::ChatMessage(chat) if chat.seq == *heard + 1 => *heard += 1,
            Event::ChatMessage(_) | Event::Gap(_) | Event::Error(_) => return,
            _ => {}
        }
    }
}

fn lock(heard: &Mutex<u64>) -> MutexGuard<'_, u64> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
