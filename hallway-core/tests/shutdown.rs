//! A hub that ends delivers what it had accepted, and nobody waits for it in vain.

mod common;

use common::{
    SECOND, at_once, drained, heard, hub, in_time, join, lobby, next, pass, quiet_members, submitted,
};
use hallway_core::{Clock, Closed, Config, Hub, HubFailed, JoinError, PostError, RecvError};

#[tokio::test(start_paused = true)]
async fn what_was_accepted_before_a_shutdown_is_delivered_to_everybody_and_then_comes_the_end() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    let mut bob = common::try_join(&hub, "elsewhere", "bob").await.unwrap();
    pass(SECOND).await;
    heard(&hub, &mut alice).await;
    heard(&hub, &mut bob).await;
    // More than the hub takes out of its mailbox in one turn.
    for number in 0..1_000 {
        alice.post(number.to_string()).await.unwrap();
        bob.post(number.to_string()).await.unwrap();
    }
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();
    for (name, member) in [("alice", &mut alice), ("bob", &mut bob)] {
        let said = (0..1_000).map(|number| format!("{name}: {number}"));
        let expected: Vec<_> = said.chain(["closed".to_owned()]).collect();
        assert_eq!(drained(|| member.try_recv()), expected);
        assert_eq!(next(member).await, Err(RecvError::Closed), "also when asked again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_that_was_accepted_before_a_shutdown_still_brings_the_history_and_then_the_end() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    alice.post("hi").await.unwrap();
    let room = lobby();
    let mut joining = Box::pin(hub.join(&room, "bob"));
    assert!(at_once(&mut joining).await.is_none());
    hub.shutdown();
    let mut bob = in_time(joining).await.unwrap();
    in_time(hub.closed()).await.unwrap();
    assert_eq!(drained(|| bob.try_recv()), ["alice: hi", "2 members", "bob joined", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_every_call_is_refused_and_none_waits() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();
    assert_eq!(in_time(hub.join(&lobby(), "bob")).await.unwrap_err(), JoinError::Closed);
    assert_eq!(in_time(hub.member_count(&lobby())).await, Err(Closed));
    assert_eq!(in_time(alice.post("hi")).await, Err(PostError::Closed));
    assert_eq!(drained(|| alice.try_recv()), ["1 members", "alice joined", "closed"]);
    assert_eq!(next(&mut alice).await, Err(RecvError::Closed));
    assert_eq!(PostError::Closed.to_string(), "the hub has shut down");
}

#[tokio::test(start_paused = true)]
async fn a_second_shutdown_changes_nothing() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    alice.post("hi").await.unwrap();
    hub.shutdown();
    hub.clone().shutdown();
    in_time(hub.closed()).await.unwrap();
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();
    assert_eq!(drained(|| alice.try_recv()), ["1 members", "alice joined", "alice: hi", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_event_is_woken_by_the_end() {
    let hub = hub(|_| {});
    let mut waiting = Vec::new();
    for name in ["alice", "bob"] {
        let mut member = join(&hub, name).await;
        waiting.push(tokio::spawn(async move { while next(&mut member).await != Err(RecvError::Closed) {} }));
    }
    // All that is owed has been said, and both wait. Less than they would wait in vain.
    pass(SECOND).await;
    hub.shutdown();
    for task in waiting {
        in_time(task).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_for_the_end_is_told() {
    let hub = hub(|_| {});
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let hub = hub.clone();
            tokio::spawn(async move { in_time(hub.closed()).await })
        })
        .collect();
    let mut given_up = Box::pin(hub.closed());
    assert!(at_once(&mut given_up).await.is_none());
    drop(given_up);
    tokio::task::yield_now().await;
    assert!(waiting.iter().all(|task| !task.is_finished()), "it has not ended yet");
    hub.shutdown();
    for task in waiting {
        in_time(task).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_space_are_refused_by_a_shutdown() {
    let hub = hub(|config| {
        config.max_message_bytes = 1;
        config.mailbox_bytes = 1 + (8 << 10);
    });
    let mut alice = join(&hub, "alice").await;
    heard(&hub, &mut alice).await;
    let (sender, mut receiver) = alice.split();
    let mut accepted = 0;
    while at_once(&mut Box::pin(submitted(&sender, "x"))).await.is_some() {
        accepted += 1;
    }
    let room = lobby();
    // Questions fill their own part of the mailbox, and joins theirs.
    for _ in 0..64 {
        assert!(at_once(&mut Box::pin(hub.member_count(&room))).await.is_none());
        assert!(at_once(&mut Box::pin(hub.join(&room, ""))).await.is_none());
    }
    let mut post = Box::pin(submitted(&sender, "y"));
    let mut joining = Box::pin(hub.join(&room, "bob"));
    let mut counting = Box::pin(hub.member_count(&room));
    assert!(at_once(&mut post).await.is_none());
    assert!(at_once(&mut joining).await.is_none());
    assert!(at_once(&mut counting).await.is_none());

    hub.shutdown();
    assert_eq!(in_time(post).await, Err(PostError::Closed));
    assert_eq!(in_time(joining).await.unwrap_err(), JoinError::Closed);
    assert_eq!(in_time(counting).await, Err(Closed));
    in_time(hub.closed()).await.unwrap();
    let mut expected = vec!["alice: x"; accepted];
    expected.push("closed");
    assert_eq!(drained(|| receiver.try_recv()), expected);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_delivered_if_and_only_if_it_was_accepted_however_a_shutdown_falls() {
    for turns in 0..12 {
        shutdown_in_a_flood(turns).await;
    }
}

async fn shutdown_in_a_flood(turns: usize) {
    let hub = hub(|config| {
        config.max_message_bytes = 1_000;
        config.mailbox_bytes = 10 << 10;
    });
    let mut bob = join(&hub, "bob").await;
    let mut senders = Vec::new();
    for name in ["alice", "carol", "dave"] {
        let (sender, _receiver) = join(&hub, name).await.split();
        senders.push(tokio::spawn(async move {
            let mut accepted = Vec::new();
            while sender.post(accepted.len().to_string()).await.is_ok() {
                accepted.push(format!("{name}: {}", accepted.len()));
            }
            (format!("{name}: "), accepted)
        }));
    }
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
    hub.shutdown();
    in_time(hub.closed()).await.expect("an orderly end");
    let received = drained(|| bob.try_recv());
    for sender in senders {
        let (whose, accepted) = in_time(sender).await.expect("no panic");
        let own = received.iter().filter(|words| words.starts_with(&whose));
        assert!(own.eq(&accepted), "{whose}after {turns} turns");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_still_accepted_before_the_hub_has_heard_of_its_shutdown_is_delivered() {
    let hub = hub(|_| {});
    let [mut alice] = quiet_members(&hub, ["alice"]).await;
    hub.shutdown();
    // Without a turn for the hub, and more than it takes out of its mailbox in one turn.
    let mut accepted = Vec::new();
    for number in 0..1_000 {
        if at_once(&mut Box::pin(alice.submit(number.to_string(), None)))
            .await
            .is_some_and(|accepted| accepted.is_ok())
        {
            accepted.push(format!("alice: {number}"));
        }
    }
    in_time(hub.closed()).await.unwrap();
    accepted.push("closed".to_owned());
    assert_eq!(drained(|| alice.try_recv()), accepted);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_after_the_end_is_not_announced() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    let bob = join(&hub, "bob").await;
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();
    drop(bob);
    assert_eq!(drained(|| alice.try_recv()), ["1 members", "alice joined", "bob joined", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_call_is_refused_although_the_hub_has_not_ended_yet() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    hub.shutdown();
    assert_eq!(alice.post("too late").await, Err(PostError::Closed));
    assert_eq!(hub.join(&lobby(), "bob").await.map(drop), Err(JoinError::Closed));
}

/// A clock that fails when the hub's task asks it.
#[derive(Default)]
struct Broken(std::sync::atomic::AtomicBool);

impl Clock for Broken {
    fn monotonic(&self) -> std::time::Instant {
        assert!(!self.0.swap(true, std::sync::atomic::Ordering::Relaxed), "the clock has stopped");
        std::time::Instant::now()
    }

    fn wall(&self) -> time::OffsetDateTime {
        unreachable!("the other is asked first")
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_end_of_a_hub_that_fails_is_told_that_it_failed() {
    let hub = Hub::spawn(Config::default(), Broken::default()).unwrap();
    assert_eq!(in_time(hub.join(&lobby(), "alice")).await.unwrap_err(), JoinError::Closed);
    assert_eq!(in_time(hub.closed()).await, Err(HubFailed));
}
