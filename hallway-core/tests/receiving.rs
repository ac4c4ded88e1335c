//! A receiver waits, takes one event or many, and may give up waiting without losing any.

mod common;

use common::{
    SECOND, at_once, drained, heard, hub, in_time, join, member_count, next, pass, quiet_members, words,
};
use hallway_core::{Chat, Event, Member, MemberReceiver, RecvError};

#[tokio::test(start_paused = true)]
async fn a_member_that_waits_is_woken_by_a_message() {
    let hub = hub(|_| {});
    let [alice, mut bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let waiting = tokio::spawn(async move { next(&mut bob).await });
    tokio::task::yield_now().await;
    alice.post("Hello!").await.unwrap();
    let said = Chat::new(1, common::begun() + SECOND, "alice".into(), "Hello!".into());
    assert_eq!(waiting.await.unwrap(), Ok(Event::Chat(said.into())));
}

#[tokio::test(start_paused = true)]
async fn all_members_that_wait_are_woken_by_one_message() {
    let hub = hub(|_| {});
    let members = quiet_members(&hub, ["alice", "bob", "carol", "dave"]).await;
    let [(alice, own), others @ ..] = members.map(Member::split);
    let mut waiting = vec![tokio::spawn(wait_for_one(own))];
    waiting.extend(others.map(|(_, receiver)| tokio::spawn(wait_for_one(receiver))));
    pass(SECOND).await;
    alice.post("Hello!").await.unwrap();
    for task in waiting {
        assert_eq!(task.await.unwrap(), "alice: Hello!");
    }
}

async fn wait_for_one(mut receiver: MemberReceiver) -> String {
    words(&in_time(receiver.recv()).await.expect("an event"))
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_when_the_wait_for_it_was_given_up_is_not_lost() {
    let hub = hub(|_| {});
    let [alice, mut bob] = quiet_members(&hub, ["alice", "bob"]).await;
    for number in 0..10 {
        assert!(at_once(&mut Box::pin(bob.recv())).await.is_none());
        alice.post(number.to_string()).await.unwrap();
        assert_eq!(words(&next(&mut bob).await.unwrap()), format!("alice: {number}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_came_before_the_wait_for_it_was_given_up_is_not_lost() {
    let hub = hub(|_| {});
    let [alice, mut bob] = quiet_members(&hub, ["alice", "bob"]).await;
    for number in 0..10 {
        let mut waiting = Box::pin(bob.recv());
        assert!(at_once(&mut waiting).await.is_none());
        alice.post(number.to_string()).await.unwrap();
        member_count(&hub).await;
        drop(waiting);
        assert_eq!(heard(&hub, &mut bob).await, [format!("alice: {number}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_are_there_are_received_at_the_first_look() {
    let hub = hub(|_| {});
    let [alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let (_sender, mut bob) = bob.split();
    for number in 0..10 {
        let mut waiting = Box::pin(bob.recv());
        assert!(number % 2 == 0 || at_once(&mut waiting).await.is_none());
        alice.post(number.to_string()).await.unwrap();
        member_count(&hub).await;
        // There is no step between taking the event and returning it in which it could be lost.
        let received = at_once(&mut waiting).await.unwrap();
        assert_eq!(words(&received.unwrap()), format!("alice: {number}"));
    }
    alice.post("last").await.unwrap();
    member_count(&hub).await;
    let mut batch = Vec::new();
    assert_eq!(at_once(&mut Box::pin(bob.recv_many(&mut batch, 10))).await, Some(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn events_that_came_before_the_wait_for_many_was_given_up_are_not_lost() {
    let hub = hub(|_| {});
    let [alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let (_sender, mut bob) = bob.split();
    for number in 0..10 {
        let mut batch = Vec::new();
        let mut waiting = Box::pin(bob.recv_many(&mut batch, 10));
        assert!(at_once(&mut waiting).await.is_none());
        for text in [number, number + 1] {
            alice.post(text.to_string()).await.unwrap();
        }
        member_count(&hub).await;
        drop(waiting);
        assert_eq!(batch, []);
        let expected = [number, number + 1].map(|number| format!("alice: {number}"));
        assert_eq!(drained(|| bob.try_recv()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn many_events_are_received_at_once_as_many_as_there_are_up_to_the_limit() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    for text in ["1", "2", "3"] {
        alice.post(text).await.unwrap();
    }
    let (_sender, mut bob) = join(&hub, "bob").await.split();
    let mut batch = Vec::new();
    assert_eq!(in_time(bob.recv_many(&mut batch, 0)).await, Ok(0));
    assert_eq!(in_time(bob.recv_many(&mut batch, 2)).await, Ok(2));
    // The rest of the replay; the live events behind it are for the next call.
    assert_eq!(in_time(bob.recv_many(&mut batch, 10)).await, Ok(2));
    alice.post("4").await.unwrap();
    member_count(&hub).await;
    assert_eq!(in_time(bob.recv_many(&mut batch, 1)).await, Ok(1));
    assert_eq!(in_time(bob.recv_many(&mut batch, usize::MAX)).await, Ok(1));
    assert_eq!(in_time(bob.recv_many(&mut batch, 0)).await, Ok(0));
    let received: Vec<_> = batch.iter().map(words).collect();
    assert_eq!(received, ["alice: 1", "alice: 2", "alice: 3", "2 members", "bob joined", "alice: 4"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_many_is_woken_by_the_first() {
    let hub = hub(|_| {});
    let [_alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let (_sender, mut bob) = bob.split();
    let waiting = tokio::spawn(async move {
        let mut batch = Vec::new();
        (in_time(bob.recv_many(&mut batch, 10)).await, batch)
    });
    pass(SECOND).await;
    let _carol = join(&hub, "carol").await;
    let told = vec![Event::Count(3), Event::Joined("carol".into())];
    assert_eq!(waiting.await.unwrap(), (Ok(2), told), "what was said in one step comes at once");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_many_is_woken_by_the_end() {
    let hub = hub(|_| {});
    let [bob] = quiet_members(&hub, ["bob"]).await;
    let (_sender, mut bob) = bob.split();
    let mut batch = Vec::new();
    let mut waiting = Box::pin(bob.recv_many(&mut batch, 10));
    assert!(at_once(&mut waiting).await.is_none());
    hub.shutdown();
    assert_eq!(in_time(waiting).await, Err(RecvError::Closed));
    assert_eq!(batch, []);
}
