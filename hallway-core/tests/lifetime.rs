//! How long a hub lives.

mod common;

use std::sync::{Arc, Weak};

use common::{SECOND, TestClock, drained, in_time, join, lobby, next, pass};
use hallway_core::{Clock, Config, Event, Hub};

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
    in_time(hub.closed()).await;
    assert!(task.upgrade().is_none());
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
