//! What every store keeps to, a fact each. `store` is empty and not begun.

use std::{collections::BTreeMap, thread, time::Duration};

use hallway_core::{
    Durability, Retention, RoomName, Store, StoreError,
    store::{Entry, PageLimit, Side},
};
use time::OffsetDateTime;

use crate::common::{at, entry, epoch, from, kept, messages, room, seqs, with_reference};

pub(crate) fn a_room_without_a_message_is_not_there(store: &impl Store) {
    begin(store);
    assert_eq!(store.room(&room("lobby"), messages(9)), Ok(None));
    assert_eq!(store.page(&room("lobby"), Side::After(0), messages(9)), Ok(Vec::new()));
    assert_eq!(store.append(&[]), Ok(()));
}

pub(crate) fn a_room_is_its_epoch_its_numbers_and_its_newest_messages(store: &impl Store) {
    begin(store);
    append(store, "lobby", 1..=5);
    let found = store.room(&room("lobby"), messages(2)).unwrap().unwrap();
    assert_eq!((found.epoch, found.first_seq, found.seq), (epoch("e1"), 1, 5));
    assert_eq!(found.sent_at, at(5));
    assert_eq!(found.newest[0], entry("lobby", 4, "message 4").chat);
    assert_eq!(seqs(&found.newest), [4, 5]);
}

pub(crate) fn a_page_is_next_to_its_place_and_oldest_first(store: &impl Store) {
    begin(store);
    append(store, "lobby", 1..=9);
    append(store, "den", 1..=9);
    let page = |side, count| seqs(&store.page(&room("lobby"), side, messages(count)).unwrap());
    assert_eq!(page(Side::Before(5), 3), [2, 3, 4]);
    assert_eq!(page(Side::After(5), 3), [6, 7, 8]);
    assert_eq!(page(Side::Before(u64::MAX), 2), [8, 9]);
    assert_eq!(page(Side::Before(3), 9), [1, 2]);
    assert!(page(Side::Before(1), 9).is_empty());
    assert!(page(Side::After(9), 9).is_empty());
    assert!(page(Side::After(u64::MAX), 9).is_empty());
    assert!(page(Side::After(0), 0).is_empty());
}

pub(crate) fn a_page_ends_before_it_has_too_many_bytes_but_is_not_empty(store: &impl Store) {
    begin(store);
    let texts = ["1234", "12345", "123", "1"];
    let batch: Vec<_> = (1..).zip(texts).map(|(seq, text)| from("bo", "lobby", seq, text)).collect();
    store.append(&batch).unwrap();
    let page = |side, bytes| {
        let limit = PageLimit { messages: 9, bytes };
        seqs(&store.page(&room("lobby"), side, limit).unwrap())
    };
    assert_eq!(page(Side::After(0), 6), [1]);
    assert_eq!(page(Side::After(0), 12), [1]);
    assert_eq!(page(Side::After(0), 13), [1, 2]);
    assert_eq!(page(Side::Before(5), 8), [3, 4]);
    assert_eq!(page(Side::Before(3), 1), [2]);
}

pub(crate) fn what_a_message_says_is_kept_byte_for_byte(store: &impl Store) {
    begin(store);
    for (seq, text) in
        (1..).zip(["\0nul\0", "'; DROP TABLE messages --", " é\u{1f600}\n\t\\ ", &"x".repeat(70_000)])
    {
        store.append(&[from("a\0b", "lobby", seq, text)]).unwrap();
        let page = store.page(&room("lobby"), Side::After(seq - 1), messages(1)).unwrap();
        assert_eq!((&*page[0].text, &*page[0].username), (text, "a\0b"));
    }
}

pub(crate) fn a_batch_that_does_not_fit_is_refused_whole(store: &impl Store) {
    begin(store);
    append(store, "lobby", 1..=3);
    let mut other = entry("lobby", 4, "x");
    other.epoch = epoch("e2");
    let hole = entry("lobby", 5, "x");
    let again = entry("lobby", 3, "x");
    let no_beginning = entry("attic", 2, "x");
    for bad in [other, hole, again, no_beginning] {
        let batch = [entry("den", 1, "good"), bad, entry("den", 2, "good")];
        assert!(matches!(store.append(&batch), Err(StoreError::Conflict(_))));
        assert_eq!(store.room(&room("den"), messages(1)), Ok(None));
        assert_eq!(store.room(&room("attic"), messages(1)), Ok(None));
    }
    append(store, "lobby", 4..=4);
    assert_eq!(kept(store, "lobby").len(), 4);
}

pub(crate) fn a_batch_goes_to_many_rooms(store: &impl Store) {
    begin(store);
    let batch: Vec<_> = (1..=3).flat_map(|seq| ["a", "b"].map(|room| entry(room, seq, room))).collect();
    store.append(&batch).unwrap();
    assert_eq!(kept(store, "a"), [1, 2, 3].map(|seq| (seq, "a".to_owned())));
    assert_eq!(kept(store, "b"), [1, 2, 3].map(|seq| (seq, "b".to_owned())));
}

pub(crate) fn references_are_the_newest_since_a_time_and_oldest_first(store: &impl Store) {
    begin(store);
    for seq in 1..=5 {
        let entry = entry("lobby", seq, "x");
        store.append(&[if seq == 4 { entry } else { with_reference(entry, &format!("r{seq}")) }]).unwrap();
    }
    let references = |since, limit| {
        let found = store.references(since, limit).unwrap();
        found.iter().map(|it| (it.reference.as_str().to_owned(), it.seq)).collect::<Vec<_>>()
    };
    assert_eq!(references(at(3), 9), [("r3".to_owned(), 3), ("r5".to_owned(), 5)]);
    assert_eq!(references(at(0), 2), [("r3".to_owned(), 3), ("r5".to_owned(), 5)]);
    assert_eq!(references(at(5) + time::Duration::MICROSECOND, 9), []);
    let first = &store.references(at(0), 9).unwrap()[0];
    assert_eq!((&first.room, &*first.username, first.sent_at), (&room("lobby"), "alice", at(1)));
    let tidied = tidy(store, &Retention::default(), at(0), at(3));
    assert_eq!(tidied, []);
    assert_eq!(references(at(0), 9), [("r3".to_owned(), 3), ("r5".to_owned(), 5)]);
}

pub(crate) fn the_newest_so_many_messages_of_each_room_are_kept(store: &impl Store) {
    begin(store);
    append(store, "a", 1..=1_300);
    append(store, "b", 1..=2);
    let mut keep = Retention::default();
    assert_eq!(tidy(store, &keep, at(0), at(0)), []);
    keep.messages = Some(2);
    assert_eq!(tidy(store, &keep, at(0), at(0)), [(room("a"), 1_299)]);
    append(store, "b", 3..=3);
    assert_eq!(tidy(store, &keep, at(0), at(0)), [(room("b"), 2)]);
    assert_eq!(store.room(&room("a"), messages(0)).unwrap().unwrap().first_seq, 1_299);
    assert_eq!(kept(store, "a").len(), 2);
    keep.messages = Some(0);
    assert_eq!(tidy(store, &keep, at(0), at(0)), [(room("a"), 1_301), (room("b"), 4)]);
}

pub(crate) fn messages_that_are_too_old_go(store: &impl Store) {
    begin(store);
    append(store, "a", 1..=1_300);
    append(store, "b", 1..=40);
    let mut keep = Retention::default();
    keep.age = Some(Duration::from_millis(30));
    assert_eq!(tidy(store, &keep, at(30), at(0)), []);
    assert_eq!(tidy(store, &keep, at(41), at(0)), [(room("a"), 11), (room("b"), 11)]);
    assert_eq!(tidy(store, &keep, at(1_325), at(0)), [(room("a"), 1_295), (room("b"), 41)]);
    keep.age = Some(Duration::MAX);
    assert_eq!(tidy(store, &keep, at(9_999), at(0)), []);
}

pub(crate) fn the_room_that_holds_the_most_loses_its_oldest_first(store: &impl Store) {
    begin(store);
    for (name, count) in [("small", 10), ("large", 30), ("other", 25)] {
        let batch: Vec<_> = (1..=count).map(|seq| from("bo", name, seq, "12345678")).collect();
        store.append(&batch).unwrap();
    }
    let mut keep = Retention::default();
    keep.bytes = Some(640);
    assert_eq!(tidy(store, &keep, at(0), at(0)), [(room("large"), 2)]);
    keep.bytes = Some(500);
    assert_eq!(tidy(store, &keep, at(0), at(0)), [(room("large"), 11), (room("other"), 6)]);
    keep.bytes = Some(0);
    let all = [(room("large"), 31), (room("other"), 26), (room("small"), 11)];
    assert_eq!(tidy(store, &keep, at(0), at(0)), all);
}

pub(crate) fn of_many_equal_rooms_all_lose_about_as_much(store: &impl Store) {
    begin(store);
    let names: Vec<_> = (0..200).map(|number| format!("room-{number}")).collect();
    for seq in 1..=20 {
        let batch: Vec<_> = names.iter().map(|name| from("bo", name, seq, "12345678")).collect();
        store.append(&batch).unwrap();
    }
    let mut keep = Retention::default();
    keep.bytes = Some(20_000);
    assert_eq!(tidy(store, &keep, at(0), at(0)).len(), 200);
    let left: Vec<_> = names.iter().map(|name| kept(store, name).len()).collect();
    assert_eq!(left.iter().sum::<usize>(), 2_000);
    assert!(left.iter().all(|count| (9..=11).contains(count)), "{left:?}");
}

pub(crate) fn however_many_rooms_there_are_each_keeps_its_newest(store: &impl Store) {
    begin(store);
    let names: Vec<_> = (0..2_300).map(|number| format!("room-{number}")).collect();
    let mut keep = Retention::default();
    keep.messages = Some(2);
    for seq in 1..=5 {
        let batch: Vec<_> = names.iter().map(|name| entry(name, seq, "x")).collect();
        store.append(&batch).unwrap();
        if seq == 4 {
            // Not to its end, before there is more.
            store.tidy(&keep, at(0), at(0)).unwrap();
        } else {
            tidy(store, &keep, at(0), at(0));
        }
    }
    assert!(names.iter().all(|name| kept(store, name).len() == 2));
}

pub(crate) fn a_room_that_has_lost_all_its_messages_goes_on_counting(store: &impl Store) {
    begin(store);
    append(store, "lobby", 1..=3);
    let mut keep = Retention::default();
    keep.messages = Some(0);
    tidy(store, &keep, at(0), at(0));
    let found = store.room(&room("lobby"), messages(9)).unwrap().unwrap();
    assert_eq!((found.first_seq, found.seq, found.sent_at), (4, 3, at(3)));
    assert_eq!(found.newest, []);
    assert!(matches!(store.append(&[entry("lobby", 1, "x")]), Err(StoreError::Conflict(_))));
    append(store, "lobby", 4..=5);
    let found = store.room(&room("lobby"), messages(9)).unwrap().unwrap();
    assert_eq!((found.first_seq, found.seq, seqs(&found.newest)), (4, 5, vec![4, 5]));
}

pub(crate) fn a_step_of_tidying_is_small(store: &impl Store) {
    begin(store);
    append(store, "lobby", 1..=5_000);
    let mut keep = Retention::default();
    keep.messages = Some(0);
    let step = store.tidy(&keep, at(0), at(0)).unwrap();
    assert!(step.is_unfinished && step.first_seqs[0].1 < 2_000, "{step:?}");
}

pub(crate) fn epochs_are_new_where_a_relaxed_hub_was_not_closed(store: &impl Store) {
    let epochs = || ["a", "b"].map(|name| store.room(&room(name), messages(0)).unwrap().unwrap().epoch);
    begin(store);
    append(store, "a", 1..=2);
    append(store, "b", 1..=2);
    // A full hub was gone without a word.
    store.begin(Durability::Relaxed, at(1)).unwrap();
    assert_eq!(epochs(), [epoch("e1"), epoch("e1")]);
    store.close().unwrap();
    store.begin(Durability::Relaxed, at(2)).unwrap();
    assert_eq!(epochs(), [epoch("e1"), epoch("e1")]);
    // A relaxed one was.
    store.begin(Durability::Full, at(3)).unwrap();
    let renewed = epochs();
    assert!(renewed[0] != renewed[1] && !renewed.contains(&epoch("e1")), "{renewed:?}");
    assert_eq!(kept(store, "a").len(), 2);
    store.begin(Durability::Full, at(4)).unwrap();
    assert_eq!(epochs(), renewed);
}

pub(crate) fn readers_see_whole_batches_while_others_are_appended(store: &impl Store) {
    begin(store);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < 400 {
                    if let Some(found) = store.room(&room("lobby"), messages(3)).unwrap() {
                        seen = found.seq;
                        assert_eq!(seen % 8, 0);
                        assert_eq!(seqs(&found.newest), [seen - 2, seen - 1, seen]);
                    }
                }
            });
        }
        for batch in 0..50 {
            append(store, "lobby", batch * 8 + 1..=batch * 8 + 8);
        }
    });
    assert_eq!(kept(store, "lobby").len(), 400);
}

fn begin(store: &impl Store) {
    store.begin(Durability::Full, at(0)).unwrap();
}

fn append(store: &impl Store, name: &str, seqs: std::ops::RangeInclusive<u64>) {
    let batch: Vec<Entry> = seqs.map(|seq| entry(name, seq, &format!("message {seq}"))).collect();
    store.append(&batch).unwrap();
}

/// Tidies until it is finished; what each room has first.
pub(crate) fn tidy(
    store: &impl Store,
    keep: &Retention,
    now: OffsetDateTime,
    references_since: OffsetDateTime,
) -> Vec<(RoomName, u64)> {
    let mut first_seqs = BTreeMap::new();
    loop {
        let tidied = store.tidy(keep, now, references_since).unwrap();
        first_seqs.extend(tidied.first_seqs);
        if !tidied.is_unfinished {
            return first_seqs.into_iter().collect();
        }
    }
}
