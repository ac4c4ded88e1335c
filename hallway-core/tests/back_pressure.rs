//! A full mailbox makes its senders wait, and nobody else.

mod common;

use common::{
    SECOND, at_once, drained, heard, hub, in_time, join, lobby, member_count, pass, quiet_members, submitted,
};
use hallway_core::{Hub, Member, MemberSender};

#[tokio::test(start_paused = true)]
async fn who_posts_into_a_full_mailbox_waits_until_the_hub_has_made_space() {
    let (hub, mut alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    let accepted = fill_mailbox(&sender).await;

    let mut post = Box::pin(submitted(&sender, "y"));
    assert_eq!(at_once(&mut post).await, None);
    // The hub's turn: it waits for nobody.
    tokio::task::yield_now().await;
    assert_eq!(at_once(&mut post).await, Some(Ok(())));

    let heard = heard(&hub, &mut alice).await;
    assert_eq!(heard.len(), accepted + 1);
    assert_eq!(heard.last().unwrap(), "bob: y");
}

#[tokio::test(start_paused = true)]
async fn a_post_that_is_given_up_while_it_waits_says_nothing_and_takes_no_space() {
    let (hub, mut alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    let accepted = fill_mailbox(&sender).await;
    let mut post = Box::pin(submitted(&sender, "y"));
    assert_eq!(at_once(&mut post).await, None);
    drop(post);
    assert_eq!(heard(&hub, &mut alice).await, vec!["bob: x"; accepted]);
    assert_eq!(fill_mailbox(&sender).await, accepted, "all of the space is free again");
}

#[tokio::test(start_paused = true)]
async fn a_post_that_is_given_up_when_its_turn_has_come_says_nothing_and_takes_no_space() {
    let (hub, mut alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    let accepted = fill_mailbox(&sender).await;
    let mut post = Box::pin(submitted(&sender, "y"));
    assert_eq!(at_once(&mut post).await, None);
    tokio::task::yield_now().await;
    drop(post);
    assert_eq!(heard(&hub, &mut alice).await, vec!["bob: x"; accepted]);
    assert_eq!(fill_mailbox(&sender).await, accepted, "all of the space is free again");
}

#[tokio::test(start_paused = true)]
async fn a_join_that_is_given_up_while_it_waits_for_space_was_never_made() {
    let (hub, mut alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    let accepted = fill_mailbox(&sender).await;
    let room = lobby();
    let mut joining = Box::pin(hub.join(&room, "carol"));
    assert!(at_once(&mut joining).await.is_none());
    drop(joining);
    assert_eq!(heard(&hub, &mut alice).await, vec!["bob: x"; accepted]);
}

#[tokio::test(start_paused = true)]
async fn the_space_of_a_refused_message_is_not_taken() {
    let (_hub, _alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    for _ in 0..1_000 {
        assert!(matches!(at_once(&mut Box::pin(submitted(&sender, ""))).await, Some(Err(_))));
        assert!(matches!(at_once(&mut Box::pin(submitted(&sender, "xx"))).await, Some(Err(_))));
    }
    assert!(fill_mailbox(&sender).await > 0);
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_is_full_by_bytes_and_not_by_messages() {
    let hub = hub(|config| {
        config.max_message_bytes = 1_000;
        config.mailbox_bytes = 10_000;
    });
    let alice = join(&hub, "alice").await;
    let mut accepted = 0;
    while at_once(&mut Box::pin(alice.submit("x".repeat(1_000), None))).await.is_some() {
        accepted += 1;
    }
    assert!((5..10).contains(&accepted), "{accepted} messages of 1,000 bytes and a little more in 10,000");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_space_is_served_in_the_order_of_asking() {
    let (hub, mut alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    let accepted = fill_mailbox(&sender).await;
    let mut tasks = Vec::new();
    for digit in 0..10 {
        let sender = sender.clone();
        tasks.push(tokio::spawn(async move { sender.post(digit.to_string()).await }));
    }
    for task in tasks {
        in_time(task).await.unwrap().unwrap();
    }
    let waited: Vec<_> = (0..10).map(|digit| format!("bob: {digit}")).collect();
    assert_eq!(heard(&hub, &mut alice).await[accepted..], waited);
}

#[tokio::test(start_paused = true)]
async fn a_flood_through_a_small_mailbox_arrives_whole_and_in_order() {
    let (hub, mut alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    let flood = tokio::spawn(async move {
        for number in 0..5_000 {
            sender.post((number % 10).to_string()).await.unwrap();
        }
        sender
    });
    let mut received = Vec::new();
    while received.len() < 5_000 {
        in_time(tokio::task::yield_now()).await;
        received.extend(drained(|| alice.try_recv()));
        if flood.is_finished() {
            received.extend(heard(&hub, &mut alice).await);
            break;
        }
    }
    assert_eq!(received, (0..5_000).map(|number| format!("bob: {}", number % 10)).collect::<Vec<_>>());
    in_time(flood).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_members_who_leave_at_once_do_not_stand_still_at_a_small_mailbox() {
    let (hub, mut alice, sender) = alice_in_a_hub_with_a_small_mailbox().await;
    let mut leavers = Vec::new();
    for _ in 0..10_000 {
        leavers.push(join(&hub, "leaver").await);
    }
    assert_eq!(member_count(&hub).await, 10_002);
    let accepted = fill_mailbox(&sender).await;
    // All of them in one step in which the hub has no turn, and with the mailbox full.
    drop(leavers);
    assert_eq!(member_count(&hub).await, 2);
    assert_eq!(fill_mailbox(&sender).await, accepted, "the mailbox is as large as it was");

    pass(2 * SECOND).await;
    let heard = heard(&hub, &mut alice).await;
    let last_count = heard.iter().rfind(|words| words.ends_with(" members"));
    assert_eq!(last_count.unwrap(), "2 members");
}

/// A hub whose mailbox is as small as can be, and messages of at most 1 byte; bob's receiver is gone, his sender not.
async fn alice_in_a_hub_with_a_small_mailbox() -> (Hub, Member, MemberSender) {
    let hub = hub(|config| {
        config.max_message_bytes = 1;
        config.mailbox_bytes = 1 + (8 << 10);
    });
    let [alice, bob] = quiet_members(&hub, ["alice", "bob"]).await;
    (hub, alice, bob.split().0)
}

/// Posts "x" until one would have to wait, and gives that one up; says how many were accepted.
async fn fill_mailbox(sender: &MemberSender) -> usize {
    let mut accepted = 0;
    while let Some(posted) = at_once(&mut Box::pin(submitted(sender, "x"))).await {
        posted.expect("accepted");
        accepted += 1;
        assert!(accepted < 10_000, "a mailbox without a bound");
    }
    accepted
}
