//! What the store costs, on the disk that it is run on. Not run by default:
//!
//! ```sh
//! cargo test --release -p hallway-sqlite --test measure -- --ignored --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::{
    fs::{self, File},
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use common::{Scratch, at, entry, messages, open, room, with_reference};
use hallway_core::{Durability, Retention, Store as _, store::Side};
use hallway_sqlite::{backup, export, forget, verify};

/// Of a common message.
const TEXT: &str =
    "A message of a hundred bytes, which is about what people write to each other in a chat on a day.";

/// How many times a second something can be done, in two seconds of trying, and the slowest hundredth of the times.
fn rate(mut work: impl FnMut()) -> (f64, Duration) {
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < Duration::from_secs(2) {
        let begin = Instant::now();
        work();
        times.push(begin.elapsed());
    }
    times.sort();
    let count = u32::try_from(times.len()).unwrap();
    (f64::from(count) / begin.elapsed().as_secs_f64(), times[times.len() * 99 / 100])
}

#[test]
#[ignore = "measures for some seconds"]
fn appends() {
    let scratch = Scratch::new();
    let mut file = File::create(scratch.join("sync")).unwrap();
    let (syncs, slow) = rate(|| {
        file.write_all(&[0; 16 << 10]).unwrap();
        file.sync_data().unwrap();
    });
    println!("fdatasync of 16 KiB more: {syncs:.0}/s, 99 of 100 within {slow:?}");
    for (batch, has_references) in [(1, false), (64, false), (64, true), (512, true)] {
        let scratch = Scratch::new();
        let store = open(&scratch.file());
        let mut seq = 0;
        let mut next = || {
            seq += 1;
            let entry = entry("lobby", seq, TEXT);
            if has_references { with_reference(entry, &format!("client-{seq}")) } else { entry }
        };
        let (appends, slow) = rate(|| {
            let batch: Vec<_> = (0..batch).map(|_| next()).collect();
            store.append(&batch).unwrap();
        });
        let messages = appends * f64::from(batch);
        println!(
            "batches of {batch} in one room, references {has_references}: {appends:.0}/s, {messages:.0} messages/s, \
             99 of 100 within {slow:?}"
        );
    }
    let store = open(&scratch.file());
    let mut seq = 0;
    let (appends, slow) = rate(|| {
        seq += 1;
        let batch: Vec<_> = (0..64).map(|number| entry(&format!("room-{number}"), seq, TEXT)).collect();
        store.append(&batch).unwrap();
    });
    println!("batches of 64 in 64 rooms: {appends:.0}/s, 99 of 100 within {slow:?}");
}

#[test]
#[ignore = "makes a file of 1,000,000 messages"]
fn a_million_messages_in_a_thousand_rooms() {
    let scratch = Scratch::new();
    let begin = Instant::now();
    let store = open(&scratch.file());
    store.begin(Durability::Full, at(0)).unwrap();
    for part in 0..100 {
        let batch: Vec<_> = (1..=10)
            .flat_map(|seq| {
                (0..1_000).map(move |number| entry(&format!("room-{number}"), part * 10 + seq, TEXT))
            })
            .collect();
        store.append(&batch).unwrap();
    }
    let log = fs::metadata(scratch.join("hallway.db-wal")).unwrap().len() >> 20;
    println!("written, 10,000 at once over all rooms: {:?}, log {log} MiB", begin.elapsed());
    store.close().unwrap();
    drop(store);
    println!("file: {} MiB", fs::metadata(scratch.file()).unwrap().len() >> 20);

    let memory = resident_kib();
    let begin = Instant::now();
    let store = open(&scratch.file());
    println!("open: {:?}, {} KiB more", begin.elapsed(), resident_kib() - memory);
    let begin = Instant::now();
    store.begin(Durability::Full, at(0)).unwrap();
    println!("begin: {:?}", begin.elapsed());
    let mut number = 0_u64;
    let mut cold = Duration::ZERO;
    for _ in 0..500 {
        number = (number + 619) % 1_000;
        let begin = Instant::now();
        let page =
            store.page(&room(&format!("room-{number}")), Side::Before(number + 51), messages(50)).unwrap();
        cold += begin.elapsed();
        assert_eq!(page.len(), 50);
    }
    println!("a page of 50, of another room each time: {:?}", cold / 500);
    let (pages, slow) = rate(|| drop(store.room(&room("room-1"), messages(50)).unwrap()));
    println!("a room with its newest 50: {pages:.0}/s, 99 of 100 within {slow:?}");
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    rate(|| drop(store.page(&room("room-2"), Side::Before(500), messages(50)).unwrap())).0
                })
            })
            .collect();
        let mut seq = 1_000;
        let (appends, slow) = rate(|| {
            seq += 1;
            store.append(&[entry("room-1", seq, TEXT)]).unwrap();
        });
        let pages: f64 = threads.into_iter().map(|it| it.join().unwrap()).sum();
        println!(
            "together: {pages:.0} pages/s and {appends:.0} appends/s, 99 of 100 appends within {slow:?}"
        );
    });

    let mut keep = Retention::default();
    let mut tidy = |what, messages, age, bytes| {
        (keep.messages, keep.age, keep.bytes) = (messages, age, bytes);
        let begin = Instant::now();
        let (mut steps, mut slowest) = (0, Duration::ZERO);
        loop {
            let begin = Instant::now();
            let is_unfinished = store.tidy(&keep, at(1_000), at(0)).unwrap().is_unfinished;
            slowest = slowest.max(begin.elapsed());
            steps += 1;
            if !is_unfinished {
                break;
            }
        }
        println!("tidy {what}: {steps} steps, {:?}, the slowest {slowest:?}", begin.elapsed());
    };
    tidy("nothing", Some(9_999_999), Some(Duration::from_secs(9)), Some(1 << 40));
    tidy("nothing again", Some(9_999_999), Some(Duration::from_secs(9)), Some(1 << 40));
    tidy("the oldest 50 of each", None, Some(Duration::from_millis(949)), None);
    tidy("all but 900 of each", Some(900), None, None);
    tidy("a tenth of the bytes", None, None, Some(810 * 1_000 * 100));
    println!("resident at the end: {} KiB more than before it was opened", resident_kib() - memory);

    let timed = |what, work: &dyn Fn()| {
        let begin = Instant::now();
        work();
        println!("{what}: {:?}", begin.elapsed());
    };
    timed("export", &|| assert!(export(scratch.file(), None, std::io::sink()).unwrap() > 0));
    timed("backup", &|| backup(scratch.file(), scratch.join("copy.db")).unwrap());
    timed("verify", &|| assert_eq!(verify(scratch.file()).unwrap(), [""; 0]));
    drop(store);
    timed("forget, all of them", &|| assert!(forget(scratch.file(), "alice").unwrap() > 0));
    println!("resident after all: {} KiB more", resident_kib() - memory);
}

fn resident_kib() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
