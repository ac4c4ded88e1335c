//! How long a hub lives.

mod common;

use std::sync::{Arc, Weak};

use common::{SECOND, TestClock, at_once, drained, in_time, join, lobby, next, pass, submitted};
use hallway_core::{Clock, Closed, Config, Event, Hub, HubFailed, JoinError, PostError, RecvError};
use tokio::runtime::Builder;

#[tokio::test(start_paused = true)]
async fn a_hub_lives_while_it_has_a_member_and_ends_when_the_last_is_dropped() {
    let (hub, task) = hub_with_a_trace();
    let mut alice = join(&hub, "alice").await;
    let bob = join(&hub, "bob").await;
    drop(hub);
    pass(SECOND).await;
    bob.post("still here").await.unwrap();
    let events = [next(&mut alice).await, next(&mut alice).await, next(&mut alice).await];
    assert!(events.contains(&Ok(Event::Joined("bob".into()))), "{events:?}");

    drop(bob);
    pass(SECOND).await;
    assert_eq!(drained(|| alice.try_recv()).last().unwrap(), "bob left");
    assert!(task.upgrade().is_some());
    drop(alice);
    pass(SECOND).await;
    assert!(task.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hub_lives_while_it_has_a_handle_and_ends_when_the_last_is_dropped() {
    let (hub, task) = hub_with_a_trace();
    let clone = hub.clone();
    drop(join(&hub, "alice").await);
    drop(hub);
    pass(SECOND).await;
    assert!(task.upgrade().is_some());
    assert_eq!(in_time(clone.member_count(&lobby())).await, Ok(0));
    drop(clone);
    pass(SECOND).await;
    assert!(task.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_was_shut_down_ends_although_handles_and_members_are_left() {
    let (hub, task) = hub_with_a_trace();
    let _alice = join(&hub, "alice").await;
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();
    assert!(task.upgrade().is_none());
}

#[test]
fn when_the_runtime_of_a_hub_is_dropped_whoever_waits_for_it_is_refused() {
    let runtime = || Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (its_own, another) = (runtime(), runtime());
    let (hub, mut alice) = its_own.block_on(async {
        let hub = common::hub(|config| {
            config.max_message_bytes = 1;
            config.mailbox_bytes = 1 + (8 << 10);
        });
        let alice = join(&hub, "alice").await;
        (hub, alice)
    });
    drained(|| alice.try_recv());
    let (sender, mut receiver) = alice.split();
    let room = lobby();
    let (mut post, mut joining) = another.block_on(async {
        while at_once(&mut Box::pin(submitted(&sender, "x"))).await.is_some() {}
        let (mut post, mut joining) = (Box::pin(submitted(&sender, "y")), Box::pin(hub.join(&room, "bob")));
        assert!(at_once(&mut post).await.is_none() && at_once(&mut joining).await.is_none());
        (post, joining)
    });
    drop(its_own);
    another.block_on(async {
        assert_eq!(in_time(&mut post).await, Err(PostError::Closed));
        assert_eq!(in_time(&mut joining).await.unwrap_err(), JoinError::Closed);
        assert_eq!(in_time(hub.member_count(&room)).await, Err(Closed));
        assert_eq!(in_time(hub.closed()).await, Err(HubFailed));
        assert_eq!(in_time(receiver.recv()).await, Err(RecvError::Closed));
    });
}

/// A clock that belongs to the hub's task: while the trace of it can be upgraded, the task is there.
struct TracedClock {
    clock: TestClock,
    _trace: Arc<()>,
}

impl Clock for TracedClock {
    fn monotonic(&self) -> std::time::Instant {
        self.clock.monotonic()
    }

    fn wall(&self) -> time::OffsetDateTime {
        self.clock.wall()
    }
}

fn hub_with_a_trace() -> (Hub, Weak<()>) {
    let trace = Arc::new(());
    let weak = Arc::downgrade(&trace);
    let clock = TracedClock { clock: TestClock::new(), _trace: trace };
    (Hub::spawn(Config::default(), clock).expect("the default limits are valid"), weak)
}

#[test]
#[should_panic(expected = "timers are disabled")]
fn a_runtime_without_timers_is_refused_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async { drop(common::hub(|_| {})) });
}
