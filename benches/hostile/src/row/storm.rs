//! Clients that end in every way there is.

mod ending;

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use hallway_harness::{Process, Sheet};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use self::ending::Ending;
use super::{Bench, judge_pair};
use crate::{
    client::{Client, Heard, Pair},
    figures::seconds,
    server::Server,
};

/// Under way at the same time.
const AT_ONCE: usize = 128;

/// In which the server has forgotten all of them: twice its close time-out, and as much again.
const SETTLED: Duration = Duration::from_secs(4);

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let server = Server::start(bench, sheet, &[]).await?;
    let pair = Pair::begin(server.address, ending::ROOM).await?;
    // The first client's connection may still be on its way out.
    sleep(Duration::from_millis(200)).await;
    let before = server.process.descriptors()?;
    let clients = bench.load(2_000, 240);
    let begin = Instant::now();
    let (mut tasks, mut failed) = (JoinSet::new(), Vec::new());
    for number in 0..clients {
        if tasks.len() == AT_ONCE {
            failed.extend(failure(tasks.join_next().await));
        }
        tasks.spawn(Ending::of(number).run(server.address));
    }
    while let Some(ended) = tasks.join_next().await {
        failed.extend(failure(Some(ended)));
    }
    let took = begin.elapsed();
    let (after, settled) = settle(server.process, before).await?;
    // The pair, and who asks.
    let expected = 3;
    let count = count(server.address).await?;
    let chatted = pair.end().await?;

    let each = clients / Ending::ALL.len();
    sheet.figure(format!("{clients} clients, {each} end in each of 8 ways"), format!("in {}", seconds(took)));
    let first = failed.first().map(|first| format!(", first: {first}")).unwrap_or_default();
    sheet.judge(
        "that were not served up to their end",
        format!("{}{first}", failed.len()),
        "0",
        failed.is_empty(),
    );
    let figure = format!("{after}, {before} before; {} later", seconds(settled));
    sheet.judge("open files afterwards", figure, "as before", after == before);
    sheet.judge(
        "members that a fresh client is told",
        count.to_string(),
        expected.to_string(),
        count == expected,
    );
    judge_pair(bench, sheet, "a pair in their room", &chatted);
    server.end().await
}

fn failure(ended: Option<Result<io::Result<()>, tokio::task::JoinError>>) -> Option<String> {
    match ended? {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

/// Waits until as many files are open as before, or until they should be; how many there are then, and how long it took.
async fn settle(process: Process, before: usize) -> io::Result<(usize, Duration)> {
    let begin = Instant::now();
    loop {
        let open = process.descriptors()?;
        if open == before || begin.elapsed() > SETTLED {
            return Ok((open, begin.elapsed()));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// The newest count that a fresh member of the room is told within half a second.
async fn count(address: SocketAddr) -> io::Result<usize> {
    let mut client = Client::join(address, ending::ROOM, "fresh").await?;
    let mut newest = 0;
    let _ = timeout(Duration::from_millis(500), async {
        while let Ok(heard) = client.reader.next().await {
            let Heard::Text(frame) = heard else { continue };
            let count = frame.strip_prefix(r#"{"type":"userCount","payload":{"count":"#);
            let count = count.and_then(|count| count.strip_suffix("}}")?.parse().ok());
            newest = count.unwrap_or(newest);
        }
    })
    .await;
    Ok(newest)
}
