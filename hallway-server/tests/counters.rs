//! Who misbehaves is counted, and by what.

mod common;

use std::collections::HashMap;

use common::{Client, MS, SECOND, Server, eventually, masked, numbers};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// Counts by name and reason. A snapshot begins the recorder's counts anew.
#[derive(Default)]
struct Counts(HashMap<(String, Option<String>), u64>);

impl Counts {
    fn add(&mut self, counters: &Snapshotter) {
        for (key, _, _, value) in counters.snapshot().into_vec() {
            let DebugValue::Counter(count) = value else { continue };
            let reason = key.key().labels().next().map(|label| label.value().to_owned());
            *self.0.entry((key.key().name().to_owned(), reason)).or_default() += count;
        }
    }

    fn of(&self, name: &str, reason: Option<&str>) -> u64 {
        self.0.get(&(name.to_owned(), reason.map(str::to_owned))).copied().unwrap_or_default()
    }
}

#[tokio::test]
async fn what_clients_do_to_the_server_is_counted() {
    let recorder = DebuggingRecorder::new();
    let counters = recorder.snapshotter();
    recorder.install().expect("the only recorder");
    let server = Server::with_send_buffer(8 << 10, |hub, server| {
        hub.feed_bytes = 96 << 10;
        server.rate = 1_000;
        server.burst = 10;
        server.stall_timeout = SECOND / 2;
    });

    // One floods, one reads nothing and is overtaken, one reads nothing and pings, one sends what is not allowed.
    let mut flooder = Client::join(&server, "flooder").await;
    let _deaf = Client::join_with_small_buffer(&server, "deaf").await;
    let mut pinging = Client::join_with_small_buffer(&server, "pinging").await;
    let mut binary = Client::join(&server, "binary").await;
    binary.send(masked(common::FIN | common::BINARY, "x")).await;
    pinging.send(masked(common::FIN | common::PING, "x".repeat(125)).repeat(1_000)).await;
    flooder.send(numbers(0..100)).await;
    let alice = server.hub.join(&"lobby".parse().unwrap(), "alice").await.unwrap();
    for _ in 0..400 {
        alice.post("x".repeat(1_000)).await.unwrap();
        tokio::time::sleep(MS / 4).await;
    }

    let mut counts = Counts::default();
    for (name, reason) in [
        ("hallway_senders_paused_total", None),
        ("hallway_frames_forgotten_total", None),
        ("hallway_sessions_ended_total", Some("binary")),
        ("hallway_sessions_ended_total", Some("stalled")),
    ] {
        eventually(name, async || {
            counts.add(&counters);
            counts.of(name, reason) > 0
        })
        .await;
    }
    assert_eq!(counts.of("hallway_sessions_ended_total", Some("binary")), 1);
}
