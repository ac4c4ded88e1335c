//! Relaxed durability: a message is said at once, and acknowledged when it is stored.

mod common;

use std::sync::Arc;

use common::{SECOND, at_once, disk::Disk, heard, in_time, join, lobby, next, pass, words};
use hallway_core::{Durability, Hub, Position, PostError, StoreError};

fn hub(disk: &Arc<Disk>) -> Hub {
    disk.hub(|config| {
        config.durability = Durability::Relaxed;
        config.history = 2;
    })
}

#[tokio::test(start_paused = true)]
async fn a_message_is_heard_before_it_is_stored_and_acknowledged_after() {
    let disk = Disk::new();
    let hub = hub(&disk);
    let mut alice = join(&hub, "alice").await;
    pass(SECOND).await;
    heard(&hub, &mut alice).await;
    disk.get_stuck();
    let (sender, mut receiver) = alice.split();
    let mut post = Box::pin(sender.post("a"));
    assert!(at_once(&mut post).await.is_none());
    assert_eq!(words(&in_time(receiver.recv()).await.unwrap()), "alice: a");
    assert!(at_once(&mut post).await.is_none());
    disk.go_on();
    assert_eq!(in_time(post).await.unwrap().seq, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_and_is_not_stored_yet_is_shown_to_who_comes_and_to_who_pages() {
    let disk = Disk::new();
    let hub = hub(&disk);
    let alice = join(&hub, "alice").await;
    let epoch = alice.welcome().epoch.clone();
    in_time(alice.post("1")).await.unwrap();
    disk.get_stuck();
    for number in 2..=6 {
        drop(alice.submit(number.to_string(), None).await.unwrap());
    }
    let page = in_time(hub.history(&lobby(), None, 10)).await.unwrap();
    assert_eq!(page.messages.iter().map(|chat| chat.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let mut bob = join(&hub, "bob").await;
    assert_eq!(words(&next(&mut bob).await.unwrap()), "alice: 5", "the last two are shown to who joins");
    let mut carol = in_time(hub.resume(&lobby(), "carol", Position { epoch, after: 1 })).await.unwrap();
    assert!(carol.welcome().resumed);
    for number in 2..=6 {
        assert_eq!(words(&next(&mut carol).await.unwrap()), format!("alice: {number}"));
    }
    disk.go_on();
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_not_stored_is_let_go_of_in_a_room_that_was_read_from_the_store_or_has_no_history() {
    for history in [0, 2] {
        let disk = Disk::new();
        let hub = disk.hub(|config| {
            config.durability = Durability::Relaxed;
            config.history = history;
            config.idle_history_bytes = 0;
        });
        let alice = join(&hub, "alice").await;
        let epoch = alice.welcome().epoch.clone();
        in_time(alice.post("1")).await.unwrap();
        drop(alice);
        pass(SECOND).await;
        let alice = join(&hub, "alice").await;
        disk.get_stuck();
        for number in 2..=6 {
            drop(alice.submit(number.to_string(), None).await.unwrap());
        }
        let mut bob = in_time(hub.resume(&lobby(), "bob", Position { epoch, after: 1 })).await.unwrap();
        for number in 2..=6 {
            assert_eq!(words(&next(&mut bob).await.unwrap()), format!("alice: {number}"));
        }
        disk.go_on();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_and_cannot_be_stored_is_tried_again_and_nothing_more_is_said_meanwhile() {
    let disk = Disk::new();
    let hub = hub(&disk);
    let mut alice = join(&hub, "alice").await;
    disk.fail(Some(StoreError::Full));
    let first = alice.submit("a", None).await.unwrap();
    let mut health = hub.store_health();
    in_time(health.changed()).await.unwrap();
    assert_eq!(in_time(alice.post("b")).await, Err(PostError::Unavailable(StoreError::Full)));
    disk.fail(None);
    assert_eq!(in_time(first).await.unwrap().seq, 1);
    assert_eq!(in_time(alice.post("c")).await.unwrap().seq, 2);
    let heard = heard(&hub, &mut alice).await;
    assert!(!heard.contains(&"alice: b".to_owned()), "{heard:?}");
    assert_eq!(disk.texts(&lobby()), ["a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn after_an_end_in_order_the_sequence_is_continued_and_after_any_other_it_is_not() {
    let disk = Disk::new();
    let first = hub(&disk);
    let alice = join(&first, "alice").await;
    let epoch = alice.welcome().epoch.clone();
    in_time(alice.post("a")).await.unwrap();
    first.shutdown();
    in_time(first.closed()).await.unwrap();

    let second = hub(&disk);
    let alice = join(&second, "alice").await;
    assert_eq!(alice.welcome().epoch, epoch);
    // What the members are shown now is never stored.
    disk.fail(Some(StoreError::Full));
    drop(alice.submit("b", None).await.unwrap());
    let mut health = second.store_health();
    in_time(health.changed()).await.unwrap();
    second.shutdown();
    in_time(second.closed()).await.unwrap();
    disk.fail(None);
    pass(SECOND).await;

    let third = hub(&disk);
    let alice = join(&third, "alice").await;
    assert_ne!(alice.welcome().epoch, epoch, "there was another message 2 in that one");
    assert_eq!(in_time(alice.post("c")).await.unwrap().seq, 2);
    assert_eq!(disk.texts(&lobby()), ["a", "c"]);
}
