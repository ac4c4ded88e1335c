//! The history buffer: what a message costs a room whose ring is full, and what a joiner's replay costs.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use hallway_core::{Chat, History};

fn full(bound: usize) -> History {
    let mut history = History::new(bound);
    for number in 0..bound {
        history.push(Arc::new(Chat::new("alice".into(), format!("message {number}").into())));
    }
    history
}

fn append(c: &mut Criterion) {
    let mut history = full(100);
    let chat = Arc::new(Chat::new("alice".into(), "Hello!".into()));
    c.bench_function("history/append to a full ring of 100", |b| {
        b.iter(|| history.push(Arc::clone(black_box(&chat))));
    });
    assert_eq!(history.len(), 100);
}

fn snapshot(c: &mut Criterion) {
    let history = full(100);
    c.bench_function("history/snapshot of 100", |b| b.iter(|| black_box(history.snapshot())));
}

criterion_group!(benches, append, snapshot);
criterion_main!(benches);
