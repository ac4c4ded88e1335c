//! Leaving is dropping, by whatever path, and the room is told once.

mod common;

use std::future;

use common::{SECOND, drained, heard, hub, join, member_count, pass, quiet_members};
use hallway_core::{Hub, Member};

#[tokio::test(start_paused = true)]
async fn a_member_that_is_dropped_leaves_and_everybody_left_is_told_once() {
    let hub = hub(|_| {});
    let [mut alice, bob, mut carol] = quiet_members(&hub, ["alice", "bob", "carol"]).await;
    drop(bob);
    for member in [&mut alice, &mut carol] {
        assert_eq!(heard(&hub, member).await, ["2 members", "bob left"]);
    }
    pass(5 * SECOND).await;
    for member in [&mut alice, &mut carol] {
        assert_eq!(heard(&hub, member).await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_leaves_when_both_halves_are_dropped() {
    for sender_first in [true, false] {
        let hub = hub(|_| {});
        let [mut alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
        let (sender, receiver) = bob.split();
        if sender_first {
            drop(sender);
            assert_eq!(heard(&hub, &mut alice).await, [""; 0]);
            drop(receiver);
        } else {
            drop(receiver);
            assert_eq!(heard(&hub, &mut alice).await, [""; 0]);
            drop(sender);
        }
        assert_told_once(&hub, &mut alice).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_without_its_receiver_can_still_post() {
    let hub = hub(|_| {});
    let [mut alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let (sender, receiver) = bob.split();
    drop(receiver);
    sender.post("still here").await.unwrap();
    assert_eq!(heard(&hub, &mut alice).await, ["bob: still here"]);
    assert_eq!(member_count(&hub).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_member_without_its_sender_still_receives() {
    let hub = hub(|_| {});
    let [alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let (sender, mut receiver) = bob.split();
    drop(sender);
    alice.post("are you there?").await.unwrap();
    assert_eq!(member_count(&hub).await, 2);
    assert_eq!(drained(|| receiver.try_recv()), ["alice: are you there?"]);
}

#[tokio::test(start_paused = true)]
async fn a_member_stays_while_one_clone_of_its_sender_is_left() {
    let hub = hub(|_| {});
    let [mut alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let (sender, receiver) = bob.split();
    let clone = sender.clone();
    drop((sender, receiver));
    clone.post("still here").await.unwrap();
    assert_eq!(heard(&hub, &mut alice).await, ["bob: still here"]);
    drop(clone);
    assert_told_once(&hub, &mut alice).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_task_is_aborted_leaves() {
    let hub = hub(|_| {});
    let [mut alice, mut bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let task = tokio::spawn(async move {
        while bob.recv().await.is_ok() {}
        future::pending::<()>().await;
    });
    member_count(&hub).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_told_once(&hub, &mut alice).await;
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_task_panics_leaves() {
    let hub = hub(|_| {});
    let [mut alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let task = tokio::spawn(async move { panic!("{} breaks", bob.username()) });
    assert!(task.await.unwrap_err().is_panic());
    assert_told_once(&hub, &mut alice).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_member_come_before_its_leave() {
    let hub = hub(|_| {});
    let [mut alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    bob.post("bye").await.unwrap();
    drop(bob);
    assert_eq!(heard(&hub, &mut alice).await, ["bob: bye", "1 members", "bob left"]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_left_can_come_back_and_the_room_is_told_of_both() {
    let hub = hub(|_| {});
    let [mut alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    drop(bob);
    let mut bob = join(&hub, "bob").await;
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "bob left", "bob joined"]);
    assert_eq!(heard(&hub, &mut bob).await, ["2 members", "bob joined"]);
}

async fn assert_told_once(hub: &Hub, alice: &mut Member) {
    assert_eq!(heard(hub, alice).await, ["1 members", "bob left"]);
    assert_eq!(member_count(hub).await, 1);
    pass(5 * SECOND).await;
    assert_eq!(heard(hub, alice).await, [""; 0]);
}
