//! The hub without sockets, on one thread: what it costs to bring messages to the members of a room.
//!
//! Measured: one iteration is a burst of 100 posts by a sender, received with `recv` by 10, 100 or 1,000 members,
//! each in a task of its own; from the first post until the last member has the last message, the members' own work
//! included. The throughput is in deliveries: 100 × members for each iteration. Every delivery is counted and its
//! order checked.
//!
//! Not measured: joins and leaves, `recv_many` (what the server uses), threads, and a member that falls behind.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hallway_core::{Config, Event, Hub, MemberReceiver, MemberSender, RecvError, RoomName, SystemClock};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

/// Messages of one iteration.
const BURST: u64 = 100;

/// Far beyond any iteration: with it a lost message fails the bench, without it the bench would hang.
const PATIENCE: Duration = Duration::from_secs(10);

struct Room {
    runtime: Runtime,
    hub: Hub,
    sender: MemberSender,
    said: u64,
    /// Each returns how many messages it has received.
    listeners: Vec<JoinHandle<u64>>,
    /// A listener says so here when it has received a burst.
    finished: mpsc::Receiver<()>,
}

impl Room {
    fn with(members: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (done, finished) = mpsc::channel(members);
        let (hub, sender, listeners) = runtime.block_on(async {
            let hub = Hub::spawn(Config::default(), SystemClock).expect("the default limits are valid");
            let room = RoomName::default();
            let mut listeners = Vec::new();
            for _ in 0..members {
                let (_, receiver) = hub.join(&room, "listener").await.expect("the room has place").split();
                listeners.push(tokio::spawn(listen(receiver, done.clone())));
            }
            // The receiving half goes: unread, it would make the feed hold its 4 MiB, and evict for every post.
            let (sender, _) = hub.join(&room, "sender").await.expect("the room has place").split();
            (hub, sender, listeners)
        });
        Self { runtime, hub, sender, said: 0, listeners, finished }
    }

    /// Says a burst, and waits until every listener has received all of it.
    fn burst(&mut self) {
        let burst = async {
            for _ in 0..BURST {
                self.sender.post(self.said.to_string()).await.expect("the hub runs");
                self.said += 1;
            }
            for _ in 0..self.listeners.len() {
                self.finished.recv().await.expect("the listeners run");
            }
        };
        let burst = self.runtime.block_on(async { timeout(PATIENCE, burst).await });
        burst.expect("every listener receives every message");
    }

    /// Shuts the hub down; then every listener has received what was said, and nothing more.
    fn end(self) {
        self.hub.shutdown();
        self.runtime.block_on(async {
            for listener in self.listeners {
                assert_eq!(listener.await.expect("a listener that did not panic"), self.said);
            }
        });
    }
}

/// Receives until the hub ends, and panics where a message is lost, doubled or out of order.
async fn listen(mut member: MemberReceiver, done: mpsc::Sender<()>) -> u64 {
    let mut received = 0;
    loop {
        match member.recv().await {
            Ok(Event::Chat(chat)) => {
                assert_eq!(chat.text.parse(), Ok(received));
                received += 1;
                if received % BURST == 0 {
                    done.send(()).await.expect("somebody waits for the burst");
                }
            }
            // Who joined, and how many they are.
            Ok(_) => {}
            Err(RecvError::Closed) => return received,
            Err(missed @ RecvError::Missed(_)) => panic!("{missed}"),
        }
    }
}

fn hub_fanout(c: &mut Criterion) {
    let mut group = c.benchmark_group("hub_fanout");
    for members in [10, 100, 1_000] {
        let mut room = Room::with(members);
        group.throughput(Throughput::Elements(BURST * members as u64));
        group.bench_function(BenchmarkId::new("members", members), |b| b.iter(|| room.burst()));
        room.end();
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).sample_size(20);
    targets = hub_fanout
}
criterion_main!(benches);
