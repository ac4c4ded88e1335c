//! The history buffer of a room, full at its default of 100 messages.
//!
//! Measured, as time per call: adding a message, the oldest one's being freed included; the snapshot that a
//! joiner is given, made anew and as it was before, its being dropped included. Not measured: making the message, and
//! the hub and the feed around the buffer.

use std::{sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hallway_core::{Chat, History};

const BOUND: usize = 100;

/// A text of its own and a name that all messages share, as in a hub.
fn message(username: &Arc<str>) -> Arc<Chat> {
    Arc::new(Chat::new(
        1,
        time::OffsetDateTime::UNIX_EPOCH,
        Arc::clone(username),
        "What was said, in about as many bytes as people use.".into(),
    ))
}

fn history(c: &mut Criterion) {
    let username = "alice".into();
    let mut history = History::new(BOUND);
    for _ in 0..BOUND {
        history.push(message(&username));
    }

    let mut group = c.benchmark_group("history");
    group.bench_function("append to a full ring of 100", |b| {
        b.iter_batched(|| message(&username), |chat| history.push(chat), BatchSize::SmallInput);
    });
    assert_eq!(history.len(), BOUND);
    group.bench_function("snapshot of 100 after a message", |b| {
        b.iter_batched(
            || message(&username),
            |chat| {
                history.push(chat);
                history.snapshot()
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("the same snapshot again", |b| b.iter(|| history.snapshot()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1));
    targets = history
}
criterion_main!(benches);
