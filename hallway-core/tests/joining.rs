//! What a joiner receives, and in which order.

mod common;

use std::sync::Arc;

use common::{MS, SECOND, at_once, heard, hub, in_time, join, lobby, member_count, pass};

#[tokio::test(start_paused = true)]
async fn a_joiner_is_shown_the_last_100_messages_oldest_first() {
    for said in [0_usize, 7, 100, 101, 257] {
        let hub = hub(|_| {});
        let alice = join(&hub, "alice").await;
        for number in 1..=said {
            alice.post(number.to_string()).await.unwrap();
        }
        let mut bob = join(&hub, "bob").await;

        let shown = (1..=said).skip(said.saturating_sub(100)).map(|number| format!("alice: {number}"));
        let and_then = ["2 members", "bob joined"].map(String::from);
        assert_eq!(heard(&hub, &mut bob).await, shown.chain(and_then).collect::<Vec<_>>(), "of {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn how_many_messages_a_joiner_is_shown_can_be_configured() {
    for (history, shown) in [(0, vec![]), (1, vec!["alice: 3"]), (2, vec!["alice: 2", "alice: 3"])] {
        let hub = hub(|config| config.history = history);
        let alice = join(&hub, "alice").await;
        for text in ["1", "2", "3"] {
            alice.post(text).await.unwrap();
        }
        let mut bob = join(&hub, "bob").await;
        assert_eq!(heard(&hub, &mut bob).await, [shown, vec!["2 members", "bob joined"]].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_where_nothing_was_said_replays_nothing() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined"]);
}

#[tokio::test(start_paused = true)]
async fn a_joiner_receives_the_history_then_the_count_then_its_own_announcement_then_what_is_live() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    alice.post("before").await.unwrap();
    pass(SECOND).await;
    let mut bob = join(&hub, "bob").await;
    alice.post("after").await.unwrap();
    assert_eq!(heard(&hub, &mut bob).await, ["alice: before", "2 members", "bob joined", "alice: after"]);
}

#[tokio::test(start_paused = true)]
async fn everybody_in_the_room_is_told_the_count_and_then_who_joined() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    pass(SECOND).await;
    let mut bob = join(&hub, "bob").await;
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined", "2 members", "bob joined"]);
    assert_eq!(heard(&hub, &mut bob).await, ["2 members", "bob joined"]);
}

#[tokio::test(start_paused = true)]
async fn a_joiner_of_a_busy_room_is_told_the_count_before_its_own_announcement() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    // Within the interval of the first count: the room itself is told later.
    let mut bob = join(&hub, "bob").await;
    let mut carol = join(&hub, "carol").await;
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined", "bob joined", "carol joined"]);
    assert_eq!(heard(&hub, &mut bob).await, ["2 members", "bob joined", "carol joined"]);
    assert_eq!(heard(&hub, &mut carol).await, ["3 members", "carol joined"]);
    pass(100 * MS).await;
    for member in [&mut alice, &mut bob, &mut carol] {
        assert_eq!(heard(&hub, member).await, ["3 members"]);
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_flood_no_message_is_missing_behind_the_history_and_none_comes_twice() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    let flood = tokio::spawn(async move {
        for number in 1..=1_000 {
            alice.post(number.to_string()).await.unwrap();
            if number % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
        alice
    });
    let mut joiners = Vec::new();
    while !flood.is_finished() {
        joiners.push(join(&hub, "bob").await);
        tokio::task::yield_now().await;
    }
    assert!(joiners.len() > 100, "{} joined during the flood", joiners.len());

    for joiner in &mut joiners {
        let heard = heard(&hub, joiner).await;
        let numbers: Vec<usize> =
            heard.iter().filter_map(|words| words.strip_prefix("alice: ")?.parse().ok()).collect();
        let first = numbers.first().copied().unwrap_or(1_001);
        assert_eq!(numbers, (first..=1_000).collect::<Vec<_>>());
        let shown = heard.iter().position(|words| words.ends_with(" members")).unwrap();
        assert!(shown == 100 || first == 1, "{shown} messages were replayed before {first}");
    }
    drop(flood.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_takes_its_history_out_receives_only_what_is_new() {
    let hub = hub(|_| {});
    let alice = join(&hub, "alice").await;
    for text in ["1", "2", "3"] {
        alice.post(text).await.unwrap();
    }
    let mut bot = join(&hub, "bot").await;
    let mut half_read = join(&hub, "half_read").await;
    alice.post("4").await.unwrap();

    let taken: Vec<Arc<str>> = bot.take_history().iter().map(|chat| Arc::clone(&chat.text)).collect();
    assert_eq!(taken, ["1".into(), "2".into(), "3".into()]);
    assert_eq!(heard(&hub, &mut bot).await, ["2 members", "bot joined", "half_read joined", "alice: 4"]);
    assert!(bot.take_history().is_empty());

    half_read.recv().await.unwrap();
    assert_eq!(half_read.take_history().len(), 2);
    assert_eq!(heard(&hub, &mut half_read).await, ["3 members", "half_read joined", "alice: 4"]);
}

#[tokio::test(start_paused = true)]
async fn a_join_given_up_before_the_hub_saw_it_was_never_made() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    let room = lobby();
    let mut joining = Box::pin(hub.join(&room, "bob"));
    assert!(at_once(&mut joining).await.is_none());
    drop(joining);
    assert_eq!(member_count(&hub).await, 1);
    pass(SECOND).await;
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined"], "nobody hears of it");
}

#[tokio::test(start_paused = true)]
async fn a_join_given_up_after_the_hub_answered_leaves_no_member_behind() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    let room = lobby();
    let mut joining = Box::pin(hub.join(&room, "bob"));
    assert!(at_once(&mut joining).await.is_none());
    assert_eq!(member_count(&hub).await, 2);
    drop(joining);
    assert_eq!(member_count(&hub).await, 1);
    assert_joins_equal_leaves(&heard(&hub, &mut alice).await, "bob");
    pass(SECOND).await;
    assert_eq!(heard(&hub, &mut alice).await, ["1 members"]);
}

#[tokio::test(start_paused = true)]
async fn a_join_that_was_never_begun_is_none() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    drop(hub.join(&lobby(), "bob"));
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined"]);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_given_up_can_be_taken() {
    let hub = hub(|config| config.max_members_per_room = 1);
    let room = lobby();
    let mut joining = Box::pin(hub.join(&room, "bob"));
    assert!(at_once(&mut joining).await.is_none());
    member_count(&hub).await;
    drop(joining);
    assert!(in_time(hub.join(&room, "carol")).await.is_ok());
}

/// Whether or not the room heard of it, it heard of both or of neither, once at most.
fn assert_joins_equal_leaves(heard: &[String], name: &str) {
    let told = |what| heard.iter().filter(|words| **words == format!("{name} {what}")).count();
    assert_eq!(told("joined"), told("left"), "{heard:?}");
    assert!(told("left") <= 1, "{heard:?}");
}
