//! Anything a hub may do, in any order, beside the model: both say the same.

use std::time::Duration;

use hallway_core::{
    Durability, Retention, RoomName, Store,
    store::{Entry, PageLimit, Side},
};
use hallway_sqlite::verify;
use proptest::prelude::*;

use crate::{
    common::{Scratch, at, epoch, from, messages, open, room, with_reference},
    facts::tidy,
    model::Model,
};

#[derive(Clone, Debug)]
enum Step {
    /// So many messages to each of some rooms, of so many bytes; with a wrong number among them or not.
    Append {
        rooms: Vec<(u8, u8)>,
        bytes: u16,
        has_references: bool,
        is_bad: bool,
    },
    Tidy {
        messages: Option<u64>,
        age: Option<u64>,
        bytes: Option<u64>,
    },
    Page {
        room: u8,
        is_before: bool,
        seq: u64,
        limit: (usize, usize),
    },
    /// Closed or not, and by which hub.
    Reopen {
        is_closed: bool,
        is_relaxed: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let append = (
        prop::collection::vec((0..5_u8, 1..30_u8), 1..5),
        0..2_000_u16,
        any::<bool>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(rooms, bytes, has_references, is_bad)| Step::Append {
            rooms,
            bytes,
            has_references,
            is_bad,
        });
    let option = |most| prop::option::of(0..most);
    let tidy = (option(60_u64), option(400_u64), option(50_000_u64))
        .prop_map(|(messages, age, bytes)| Step::Tidy { messages, age, bytes });
    let page = (0..6_u8, any::<bool>(), 0..150_u64, (0..40_usize, 0..20_000_usize))
        .prop_map(|(room, is_before, seq, limit)| Step::Page { room, is_before, seq, limit });
    let reopen = (any::<bool>(), any::<bool>())
        .prop_map(|(is_closed, is_relaxed)| Step::Reopen { is_closed, is_relaxed });
    prop_oneof![6 => append, 3 => tidy, 3 => page, 1 => reopen]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_hub_does_the_file_keeps_what_the_model_keeps(steps in prop::collection::vec(step(), 1..40)) {
        let scratch = Scratch::new();
        let mut store = open(&scratch.file());
        let model = Model::default();
        let mut now = 0;
        for step in steps {
            now += 7;
            match step {
                Step::Append { rooms, bytes, has_references, is_bad } => {
                    let batch = batch(&model, &rooms, bytes.into(), has_references, is_bad, now);
                    prop_assert_eq!(store.append(&batch).is_ok(), model.append(&batch).is_ok());
                }
                Step::Tidy { messages, age, bytes } => {
                    let mut keep = Retention::default();
                    (keep.messages, keep.age, keep.bytes) = (messages, age.map(Duration::from_millis), bytes);
                    let both = [tidy(&store, &keep, at(now), at(now - 100)), tidy(&model, &keep, at(now), at(now - 100))];
                    prop_assert_eq!(&both[0], &both[1]);
                }
                Step::Page { room, is_before, seq, limit: (messages, bytes) } => {
                    let side = if is_before { Side::Before(seq) } else { Side::After(seq) };
                    let (name, limit) = (name(room), PageLimit { messages, bytes });
                    prop_assert_eq!(store.page(&name, side, limit), model.page(&name, side, limit));
                    prop_assert_eq!(store.room(&name, limit), model.room(&name, limit));
                }
                Step::Reopen { is_closed, is_relaxed } => {
                    if is_closed {
                        store.close().unwrap();
                        model.close().unwrap();
                    }
                    drop(store);
                    store = open(&scratch.file());
                    let durability = if is_relaxed { Durability::Relaxed } else { Durability::Full };
                    store.begin(durability, at(now)).unwrap();
                    model.begin(durability, at(now)).unwrap();
                }
            }
        }
        for number in 0..6 {
            let name = name(number);
            prop_assert_eq!(store.room(&name, messages(999_999)), model.room(&name, messages(999_999)));
        }
        prop_assert_eq!(store.references(at(0), 999_999), model.references(at(0), 999_999));
        prop_assert_eq!(verify(scratch.file()).unwrap(), Vec::<String>::new());
    }
}

fn name(number: u8) -> RoomName {
    room(&format!("room-{number}"))
}

/// A batch that continues what the model keeps.
fn batch(
    model: &Model,
    rooms: &[(u8, u8)],
    bytes: usize,
    has_references: bool,
    is_bad: bool,
    now: i64,
) -> Vec<Entry> {
    let mut batch: Vec<Entry> = Vec::new();
    for (number, count) in rooms {
        let name = name(*number);
        let found = model.room(&name, messages(0)).unwrap();
        for _ in 0..*count {
            let in_batch = batch.iter().filter(|entry| entry.room == name).count() as u64;
            let seq = found.as_ref().map_or(0, |room| room.seq) + 1 + in_batch;
            let mut entry =
                from("bo", name.as_str(), seq, &"x".repeat(1 + bytes % (1 + usize::from(*number) * 400)));
            let chat = std::sync::Arc::make_mut(&mut entry.chat);
            chat.sent_at = at(now);
            entry.epoch = found.as_ref().map_or_else(|| epoch("e1"), |room| room.epoch.clone());
            batch.push(if has_references { with_reference(entry, &format!("r{seq}")) } else { entry });
        }
    }
    if is_bad && let Some(last) = batch.last_mut() {
        std::sync::Arc::make_mut(&mut last.chat).seq += 1;
    }
    batch
}
