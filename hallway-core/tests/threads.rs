//! A hub on a thread of its own and members on others: what is promised of order and of joins, under true concurrency.
//! The one file that runs in real time, because a paused clock belongs to one thread.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use common::{config, in_time, words};
use hallway_core::{Event, Hub, Member, RecvError, RoomName, SystemClock};
use tokio::runtime::{Builder, Runtime};

#[test]
fn members_on_many_threads_see_one_order_and_joiners_miss_nothing_of_it() {
    let (hub, hub_thread) = hub_on_its_own_thread();
    let listeners = [0, 1].map(|_| {
        let mut member = runtime().block_on(join(&hub, "listener"));
        thread::spawn(move || {
            runtime().block_on(async {
                let mut order = Vec::new();
                while let Some(words) = next_chat(&mut member).await {
                    order.push(words);
                }
                order
            })
        })
    });
    let enough = Arc::new(AtomicBool::new(false));
    let senders = ["alice", "bob", "carol"].map(|name| {
        let (hub, enough) = (hub.clone(), Arc::clone(&enough));
        thread::spawn(move || {
            runtime().block_on(async {
                let (sender, _receiver) = join(&hub, name).await.split();
                let mut sent = Vec::new();
                while !enough.load(Ordering::Relaxed) {
                    sender.post(sent.len().to_string()).await.expect("accepted");
                    sent.push(format!("{name}: {}", sent.len()));
                }
                sent
            })
        })
    });
    // Each reads on for a while behind what it was shown, in the middle of the flood.
    let glimpses: Vec<Vec<String>> = (0..50)
        .map(|_| {
            runtime().block_on(async {
                let mut member = join(&hub, "joiner").await;
                let mut seen = Vec::new();
                while seen.len() < 200 {
                    seen.extend(next_chat(&mut member).await);
                }
                seen
            })
        })
        .collect();
    enough.store(true, Ordering::Relaxed);
    let sent = senders.map(|sender| sender.join().expect("no panic"));
    hub.shutdown();
    hub_thread.join().expect("no panic");
    let [order, other] = listeners.map(|listener| listener.join().expect("no panic"));

    assert!(order == other, "two listeners hear one order");
    assert_eq!(order.len(), sent.iter().map(Vec::len).sum::<usize>(), "all that was accepted");
    for sent in sent {
        let name = sent[0].split(':').next().expect("a name");
        assert!(order.iter().filter(|words| words.starts_with(name)).eq(&sent), "{name}'s own order");
    }
    for glimpse in glimpses {
        let from = order.iter().position(|words| *words == glimpse[0]).expect("said");
        assert_eq!(glimpse, order[from..from + 200]);
    }
}

#[test]
fn a_receiver_that_is_about_to_wait_misses_nothing_that_is_said_at_that_moment() {
    let (hub, hub_thread) = hub_on_its_own_thread();
    let mut bob = runtime().block_on(join(&hub, "bob"));
    let (received, acknowledged) = std::sync::mpsc::channel();
    let listener = thread::spawn(move || {
        runtime().block_on(async {
            while let Some(words) = next_chat(&mut bob).await {
                received.send(words).expect("alice waits for it");
            }
        });
    });
    runtime().block_on(async {
        let alice = join(&hub, "alice").await;
        for round in 0..10_000 {
            // The second is said when bob turns from the first to his wait, up to 50 µs earlier or later. With the
            // wait begun behind the look, one of two runs of this many rounds loses a message.
            alice.post("first").await.expect("accepted");
            let first = Instant::now();
            while first.elapsed() < round % 200 * Duration::from_nanos(250) {
                std::hint::spin_loop();
            }
            alice.post("second").await.expect("accepted");
            for text in ["alice: first", "alice: second"] {
                assert_eq!(acknowledged.recv().as_deref(), Ok(text));
            }
        }
    });
    hub.shutdown();
    listener.join().expect("no panic");
    hub_thread.join().expect("no panic");
}

async fn join(hub: &Hub, name: &str) -> Member {
    in_time(hub.join(&RoomName::default(), name)).await.expect("joined")
}

/// The next chat message in words, `None` at the end.
async fn next_chat(member: &mut Member) -> Option<String> {
    loop {
        match in_time(member.recv()).await {
            Ok(event @ Event::Chat(_)) => return Some(words(&event)),
            Ok(_) => {}
            Err(RecvError::Closed) => return None,
            Err(error) => panic!("{error}"),
        }
    }
}

fn hub_on_its_own_thread() -> (Hub, thread::JoinHandle<()>) {
    let (started, hub) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        runtime().block_on(async {
            // So much that a listener does not fall behind when the machine is busy.
            let config = config(|config| config.feed_bytes = 1 << 30);
            let hub = Hub::spawn(config, SystemClock).expect("limits a hub can run with");
            started.send(hub.clone()).expect("the test waits for it");
            hub.closed().await.expect("an orderly end");
        });
    });
    (hub.recv().expect("started"), thread)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}
