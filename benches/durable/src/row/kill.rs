//! SIGKILL under load, again and again, on the same file.

mod life;
mod reader;
mod verdict;
mod writer;

use std::{
    io,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use hallway_harness::{Random, Sheet};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use self::{
    life::{Life, Progress},
    reader::Reader,
    verdict::{Placed, Verdict},
    writer::Writer,
};
use super::{Bench, NO_RATE};
use crate::{
    client::Client,
    figures::grouped,
    server::Server,
    tool::{export, verify},
};

const ROOM: &str = "kill";
const WRITERS: usize = 4;

/// A server lives for a random time below this from when the clients are told of it, so that it is killed while they
/// come back, too.
const LIFE_MILLIS: usize = 250;

/// How long what was said may take to be acknowledged, and heard, at the end.
const LAST: Duration = Duration::from_secs(10);

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let data = bench.folder.fresh("kill")?;
    let rounds = bench.load(100, 10);
    let mut random = Random::new(bench.seed);
    let progress = Arc::new(Progress::default());
    let (lives, told) = watch::channel(None);
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        writers.spawn(Writer::new(number, Arc::clone(&progress)).run(told.clone()));
    }
    let reader = tokio::spawn(Reader::new(Arc::clone(&progress)).run(told));

    let mut began_at = Vec::new();
    for round in 0..rounds {
        let server = begin(bench, sheet, &data, round, &mut began_at, &lives).await?;
        sleep(Duration::from_millis(random.below(LIFE_MILLIS) as u64)).await;
        // Whose connection breaks before this is told has a fault to report.
        lives.send_replace(None);
        server.kill().await?;
    }
    let server = begin(bench, sheet, &data, rounds, &mut began_at, &lives).await?;
    sleep(Duration::from_millis(LIFE_MILLIS as u64)).await;
    progress.is_ending.store(true, Relaxed);
    settle(&server, &progress).await?;
    drop(lives);
    let writers = writers.join_all().await;
    let reader = reader.await.map_err(io::Error::other)?;

    let history = whole_history(&server).await?;
    server.end().await?;
    let (is_sound, said) = verify(bench, &data).await?;
    let exported: Vec<_> =
        (export(bench, &data).await?.into_iter()).map(|line| Placed::new(line.seq, &line.message)).collect();
    report(sheet, rounds, &writers, &reader);
    let acked: Vec<_> = writers.iter().map(Writer::acked).collect();
    Verdict::of(&acked, &exported).report(sheet, "in the export");
    sheet.none("differences: history and export", verdict::differences(&history, &exported), None);
    sheet.none(
        "differences: what the reader heard and export",
        verdict::differences(&reader.heard, &exported),
        None,
    );
    sheet.judge("verify", said, "sound", is_sound);
    Ok(())
}

/// Starts a server, looks where it stands, and tells the clients of it.
async fn begin(
    bench: &Bench,
    sheet: &mut Sheet,
    data: &Path,
    number: usize,
    began_at: &mut Vec<u64>,
    lives: &watch::Sender<Option<Life>>,
) -> io::Result<Server> {
    let server = Server::start(bench, sheet, Some(data), &NO_RATE).await?;
    let (probe, welcome) = Client::join(server.address, ROOM, "probe", None).await?;
    drop(probe);
    began_at.push(welcome.seq);
    lives.send_replace(Some(Life { number, address: server.address, stood_at: welcome.seq }));
    Ok(server)
}

/// Waits until nothing is on the way to the server, nor from it to the reader; or does no longer.
async fn settle(server: &Server, progress: &Progress) -> io::Result<()> {
    let begin = Instant::now();
    while progress.on_the_way.load(Relaxed) > 0 && begin.elapsed() < LAST {
        sleep(Duration::from_millis(10)).await;
    }
    let (probe, welcome) = Client::join(server.address, ROOM, "probe", None).await?;
    drop(probe);
    let begin = Instant::now();
    while progress.heard.load(Relaxed) < welcome.seq && begin.elapsed() < LAST {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Everything, page by page, as a member sees it.
async fn whole_history(server: &Server) -> io::Result<Vec<Placed>> {
    let (mut client, _) = Client::join(server.address, ROOM, "historian", None).await?;
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = client.history(before, 200).await?;
        before = page.messages.first().map(|oldest| oldest.seq);
        let is_empty = page.messages.is_empty();
        all.extend(page.messages.into_iter().rev().map(|chat| Placed::new(chat.seq, &chat.message)));
        if !page.more || is_empty {
            break;
        }
    }
    all.reverse();
    client.close().await?;
    Ok(all)
}

fn report(sheet: &mut Sheet, rounds: usize, writers: &[Writer], reader: &Reader) {
    let sum = |count: fn(&Writer) -> usize| writers.iter().map(count).sum::<usize>();
    let said = sum(Writer::said);
    let what = format!("{rounds} kills, {WRITERS} writers: messages said, in all");
    sheet.figure(what, grouped(said as u64));
    sheet.figure("resends answered with the ack of before", grouped(sum(|writer| writer.same) as u64));
    let kills = |hit: fn(&writer::Broken) -> bool| {
        (0..rounds)
            .filter(|round| writers.iter().any(|writer| writer.broken.get(round).is_some_and(hit)))
            .count()
    };
    let with_load = kills(|broken| broken.on_the_way > 0);
    let stored = kills(|broken| broken.stored > 0);
    let lost = kills(|broken| broken.anew > 0);
    sheet.judge(
        "kills with messages on the way",
        format!("{with_load}: in {stored} some were stored already, in {lost} some were not"),
        "> half",
        2 * with_load > rounds,
    );
    sheet.none("left unacknowledged at the end", sum(Writer::unacked), None);
    let other = writers.iter().find_map(|writer| writer.first_other.as_deref());
    sheet.none("acks that differ from the first for their ref", sum(|writer| writer.others), other);
    let faults: Vec<_> = writers.iter().flat_map(|writer| &writer.faults).collect();
    sheet.none("writers: other faults", faults.len(), faults.first().map(|fault| &***fault));
    sheet.figure("reader: resumes", grouped(reader.resumes as u64));
    let faults = &reader.faults;
    let what = "reader: gaps, changes of epoch, steps that are not +1";
    sheet.none(what, faults.len(), faults.first().map(String::as_str));
}
