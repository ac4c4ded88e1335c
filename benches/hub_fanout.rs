//! The hub without sockets: what it costs to bring a message to one of a room's members, each in a task of its own, on
//! one thread. One iteration is a burst of messages received by all; the throughput is in deliveries.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hallway_core::{Config, Event, Hub, Member, RoomName, SystemClock};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::JoinHandle,
};

/// Messages of one iteration.
const BURST: usize = 100;

struct Room {
    runtime: Runtime,
    sender: Member,
    listeners: usize,
    /// A listener says so here when it has received a burst.
    finished: mpsc::Receiver<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Room {
    fn with(listeners: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (done, finished) = mpsc::channel(listeners);
        let (sender, tasks) = runtime.block_on(async {
            let hub = Hub::spawn(Config::default(), SystemClock).expect("the default limits are valid");
            let room = RoomName::default();
            let mut tasks = Vec::new();
            for _ in 0..listeners {
                let member = hub.join(&room, "listener").await.expect("the room has place");
                tasks.push(tokio::spawn(listen(member, done.clone())));
            }
            (hub.join(&room, "sender").await.expect("the room has place"), tasks)
        });
        Self { runtime, sender, listeners, finished, tasks }
    }

    /// Says a burst, and waits until every listener has received all of it.
    fn burst(&mut self) {
        self.runtime.block_on(async {
            for number in 0..BURST {
                self.sender.post(number.to_string()).await.expect("the hub runs");
            }
            for _ in 0..self.listeners {
                self.finished.recv().await.expect("every listener receives every message in order");
            }
        });
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Receives bursts, and panics where a message is lost, doubled or out of order.
async fn listen(mut member: Member, done: mpsc::Sender<()>) {
    let mut expected = 0;
    loop {
        if let Event::Chat(chat) = member.recv().await.expect("nothing is missed") {
            assert_eq!(chat.text.parse(), Ok(expected));
            expected = (expected + 1) % BURST;
            if expected == 0 {
                done.send(()).await.expect("somebody waits for the burst");
            }
        }
    }
}

fn fanout(c: &mut Criterion) {
    let mut group = c.benchmark_group("hub_fanout");
    group.sample_size(20);
    for listeners in [10, 100, 1_000] {
        let mut room = Room::with(listeners);
        group.throughput(Throughput::Elements((BURST * listeners) as u64));
        group.bench_function(BenchmarkId::new("members", listeners), |b| b.iter(|| room.burst()));
    }
    group.finish();
}

criterion_group!(benches, fanout);
criterion_main!(benches);
