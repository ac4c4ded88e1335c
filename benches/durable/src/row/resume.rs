//! Everybody comes back at once after a restart, and is told what it missed.

mod returner;

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use hallway_harness::{Process, Sheet};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use self::returner::{Frame, Missed, Outcome, comes_back};
use super::Bench;
use crate::{
    figures::{Latencies, grouped, mib, millis, seconds, share},
    server::Server,
    tool::{epochs, import},
};

/// Clients, that all are told within this for each 100 messages that each of them has missed.
const CLIENTS: (usize, usize) = (10_000, 500);
const WITHIN: Duration = Duration::from_secs(10);

/// So many are coming back at the same moment.
const AT_ONCE: usize = 512;

/// Messages of each room, and how many of them each client has missed: as many as the server has in memory of a room,
/// and more.
const MESSAGES: u64 = 1_000;
const MISSED: [u64; 2] = [100, 300];

/// They are of one room, or of so many.
const ROOMS: [usize; 2] = [1, 100];

/// Files that each side has open besides.
const OTHER_FILES: u64 = 300;

pub(super) async fn run(bench: &Bench, sheet: &mut Sheet) -> io::Result<()> {
    let clients = bench.load(CLIENTS.0, CLIENTS.1);
    if bench.files < clients as u64 + OTHER_FILES {
        sheet
            .figure(format!("{clients} clients: skipped"), format!("{} open files are too few", bench.files));
        return Ok(());
    }
    let data = bench.folder.fresh("resume")?;
    let most = ROOMS.into_iter().max().unwrap_or_default();
    let rooms: Vec<_> = (0..most).map(|number| (name(number), MESSAGES)).collect();
    import(bench, &data, &rooms).await?;
    // After an import the rooms get new epochs, which are what the clients know.
    Server::start(bench, sheet, Some(&data), &[]).await?.end().await?;
    let epochs = epochs(bench, &data).await?;
    for missed in MISSED {
        for rooms in ROOMS {
            let server = Server::start(bench, sheet, Some(&data), &[]).await?;
            all_come_back(bench, sheet, &server, &epochs, (clients, rooms, missed)).await?;
            server.end().await?;
        }
    }
    Ok(())
}

/// Of a room.
fn name(number: usize) -> String {
    format!("room{number}")
}

async fn all_come_back(
    bench: &Bench,
    sheet: &mut Sheet,
    server: &Server,
    epochs: &BTreeMap<String, String>,
    (clients, rooms, missed): (usize, usize, u64),
) -> io::Result<()> {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let (over, is_over) = watch::channel(());
    let (done, mut told) = mpsc::channel(clients);
    let mut tasks = JoinSet::new();
    let after = MESSAGES - missed;
    let messages: Vec<Arc<[Frame]>> = (0..rooms)
        .map(|number| (after + 1..=MESSAGES).map(|seq| Frame::of(&name(number), seq)).collect())
        .collect();
    let begin = Instant::now();
    let (own, cpu) = (Process::this().cpu()?, server.process.cpu()?);
    for number in 0..clients {
        let room = name(number % rooms);
        let epoch = epochs.get(&room).cloned().ok_or_else(|| io::Error::other("a room is missing"))?;
        let messages = Arc::clone(&messages[number % rooms]);
        let missed = Missed { room, name: format!("c{number}"), epoch, after, messages };
        tasks.spawn(comes_back(server.address, missed, Arc::clone(&at_once), done.clone(), is_over.clone()));
    }
    drop(done);
    let (mut complete, mut first_fault, mut latencies) = (0, None, Latencies::default());
    for _ in 0..clients {
        match told.recv().await {
            Some(Ok(took)) => {
                complete += 1;
                latencies.record(took);
            }
            Some(Err(error)) => first_fault = first_fault.or(Some(error.to_string())),
            None => break,
        }
    }
    let took = begin.elapsed();
    let cpu = share(server.process.cpu()?.saturating_sub(cpu), took);
    let own = share(Process::this().cpu()?.saturating_sub(own), took);
    let (_, most) = server.process.resident()?;
    drop(over);
    let mut strange = 0;
    for Outcome { heard_more } in tasks.join_all().await {
        strange += usize::from(heard_more);
    }
    let place = if rooms == 1 { "one room".to_owned() } else { format!("{rooms} rooms") };
    let hundreds = u32::try_from(missed / 100).map_err(io::Error::other)?;
    let what = format!("{} of {place} that missed {missed}", grouped(clients as u64));
    let fault = first_fault.map(|fault| format!(", first fault: {fault}")).unwrap_or_default();
    sheet.judge(
        format!("{what}: exactly these, in order"),
        format!("{}{fault}", grouped(complete)),
        grouped(clients as u64),
        complete == clients as u64,
    );
    sheet.none(format!("{what}: that hear more of it later"), strange, None);
    sheet.below(format!("{what}: all of them"), seconds(took), took, bench.time(WITHIN * hundreds));
    let figure = format!("p50 {}, p99 {}", millis(latencies.p50()), millis(latencies.p99()));
    sheet.figure(format!("each, {AT_ONCE} at once, from connecting"), figure);
    let figure = format!("{cpu} of a core, {} resident; this program {own}", mib(most));
    sheet.figure("CPU, memory", figure);
    Ok(())
}
