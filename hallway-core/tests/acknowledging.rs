//! Places, receipts and references: what a sender is told, and that sending again is not saying twice.

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use common::{SECOND, at_once, disk::Disk, heard, hub, in_time, join, lobby, pass, room};
use hallway_core::{Clock, Hub, Member, PostError, Receipt, Reference, StoreError};

async fn send(member: &Member, text: &str, reference: &str) -> Result<Receipt, PostError> {
    let reference = Reference::new(reference).expect("a reference");
    in_time(in_time(member.submit(text, Some(reference))).await?).await
}

/// How often a text was said, for who joins now.
async fn times_said(hub: &Hub, text: &str) -> usize {
    let mut reader = join(hub, "reader").await;
    heard(hub, &mut reader).await.iter().filter(|heard| heard.ends_with(text)).count()
}

#[tokio::test(start_paused = true)]
async fn a_post_returns_with_its_place_and_its_time_and_so_do_the_members_see_it() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    pass(333 * common::MS).await;
    let receipt = in_time(alice.post("a")).await.unwrap();
    assert_eq!(receipt.seq, 1);
    assert_eq!(receipt.sent_at, common::begun() + 333 * common::MS);
    assert_eq!(in_time(alice.post("b")).await.unwrap().seq, 2);
    let chats: Vec<_> = alice.take_history();
    assert!(chats.is_empty());
    let page = in_time(hub.history(&lobby(), None, 10)).await.unwrap().messages;
    assert_eq!((page[0].seq, page[0].sent_at, &*page[0].text), (1, receipt.sent_at, "a"));
}

#[tokio::test(start_paused = true)]
async fn every_room_has_a_sequence_and_an_epoch_of_its_own() {
    let hub = hub(|_| {});
    let (lobby, den) = (join(&hub, "alice").await, in_time(hub.join(&room("den"), "alice")).await.unwrap());
    for member in [&lobby, &den] {
        assert_eq!(in_time(member.post("a")).await.unwrap().seq, 1);
    }
    assert_ne!(lobby.welcome().epoch, den.welcome().epoch);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_was_forgotten_without_a_store_begins_another_epoch() {
    let hub = hub(|config| config.idle_history_bytes = 0);
    let alice = join(&hub, "alice").await;
    let epoch = alice.welcome().epoch.clone();
    in_time(alice.post("a")).await.unwrap();
    drop(alice);
    pass(SECOND).await;
    let alice = join(&hub, "alice").await;
    assert_ne!(alice.welcome().epoch, epoch);
    assert_eq!(in_time(alice.post("a")).await.unwrap().seq, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_with_its_reference_is_answered_as_before_and_said_once() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    let receipt = send(&alice, "hello", "r1").await.unwrap();
    assert_eq!(send(&alice, "hello", "r1").await.unwrap(), receipt);
    // Over a new membership of the same name as well.
    drop(alice);
    let alice = join(&hub, "alice").await;
    assert_eq!(send(&alice, "hello", "r1").await.unwrap(), receipt);
    assert_eq!(times_said(&hub, "hello").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reference_is_one_of_a_name_in_a_room() {
    let hub = hub(|_| {});
    let (alice, bob) = (join(&hub, "alice").await, join(&hub, "bob").await);
    let den = in_time(hub.join(&room("den"), "alice")).await.unwrap();
    assert_eq!(send(&alice, "hello", "r1").await.unwrap().seq, 1);
    assert_eq!(send(&bob, "hello", "r1").await.unwrap().seq, 2);
    assert_eq!(send(&den, "hello", "r1").await.unwrap().seq, 1);
    assert_eq!(send(&alice, "hello", "r2").await.unwrap().seq, 3);
}

#[tokio::test(start_paused = true)]
async fn a_reference_is_remembered_for_ten_minutes() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    assert_eq!(send(&alice, "hello", "r1").await.unwrap().seq, 1);
    pass(600 * SECOND).await;
    assert_eq!(send(&alice, "hello", "r1").await.unwrap().seq, 1);
    pass(SECOND).await;
    assert_eq!(send(&alice, "hello", "r1").await.unwrap().seq, 2);
}

/// A clock whose time of day a test sets.
#[derive(Clone, Default)]
struct Wall(Arc<AtomicI64>);

impl Clock for Wall {
    fn monotonic(&self) -> std::time::Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> time::OffsetDateTime {
        common::begun() + time::Duration::hours(self.0.load(SeqCst))
    }
}

#[tokio::test(start_paused = true)]
async fn how_long_a_reference_is_remembered_does_not_hang_on_the_time_of_day() {
    let wall = Wall::default();
    let hub = Hub::spawn(common::config(|_| {}), wall.clone()).unwrap();
    let den = in_time(hub.join(&room("den"), "eve")).await.unwrap();
    let alice = join(&hub, "alice").await;
    wall.0.store(9_000, SeqCst);
    send(&den, "from the future", "r1").await.unwrap();
    wall.0.store(0, SeqCst);
    assert_eq!(send(&alice, "first", "r1").await.unwrap().seq, 1);
    pass(601 * SECOND).await;
    assert_eq!(send(&alice, "second", "r1").await.unwrap().seq, 2);
    assert_eq!(send(&den, "again", "r1").await.unwrap().seq, 2);
}

#[tokio::test(start_paused = true)]
async fn a_reference_is_remembered_over_a_restart() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    let receipt = send(&alice, "hello", "r1").await.unwrap();
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();

    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    assert_eq!(send(&alice, "hello", "r1").await.unwrap(), receipt);
    assert_eq!(times_said(&hub, "hello").await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_while_it_is_being_stored_is_answered_with_it() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    disk.get_stuck();
    let mut sent: Vec<_> = (0..3).map(|_| Box::pin(send(&alice, "hello", "r1"))).collect();
    for send in &mut sent {
        assert!(at_once(send).await.is_none());
    }
    tokio::task::yield_now().await;
    disk.go_on();
    for send in sent {
        assert_eq!(send.await.unwrap().seq, 1);
    }
    assert_eq!(disk.texts(&lobby()), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_may_be_sent_again_and_everybody_who_waits_for_it_is_told() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    disk.get_stuck();
    let mut first = Box::pin(send(&alice, "hello", "r1"));
    let mut again = Box::pin(send(&alice, "hello", "r1"));
    assert!(at_once(&mut first).await.is_none() && at_once(&mut again).await.is_none());
    tokio::task::yield_now().await;
    disk.fail(Some(StoreError::Full));
    disk.go_on();
    for sent in [first, again] {
        assert_eq!(sent.await, Err(PostError::Unavailable(StoreError::Full)));
    }
    disk.fail(None);
    assert_eq!(send(&alice, "hello", "r1").await.unwrap().seq, 1);
}

#[tokio::test(start_paused = true)]
async fn who_posts_to_a_hub_that_was_shut_down_is_told_so() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    hub.shutdown();
    assert_eq!(send(&alice, "hello", "r1").await, Err(PostError::Closed));
}
