//! A member that reads too slowly is told what it lost, and costs nobody else anything.

mod common;

use std::sync::Arc;

use common::{SECOND, heard, hub, in_time, join, member_count, next, pass, quiet_members};
use hallway_core::{Config, Event, Hub, Member, RecvError, TryRecvError};

#[tokio::test(start_paused = true)]
async fn a_slow_member_is_told_how_many_messages_it_lost_and_goes_on_from_what_is_there() {
    let (hub, alice, mut slow) = alice_and_slow().await;
    post(&hub, &alice, 1..=100).await;
    // 10 KiB are held for it: of 1,000 bytes each, with the name and a little more, 9 or 10 messages.
    let missed = missed(&mut slow).await;
    assert!((90..=91).contains(&missed), "{missed} of 100 were missed");
    assert_eq!(numbers(&heard(&hub, &mut slow).await), (missed + 1..=100).collect::<Vec<_>>());

    post(&hub, &alice, 101..=103).await;
    assert_eq!(numbers(&heard(&hub, &mut slow).await), [101, 102, 103]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_is_told_of_each_loss_anew_and_where_it_lies() {
    let (hub, alice, mut slow) = alice_and_slow().await;
    post(&hub, &alice, 1..=3).await;
    assert_eq!(numbers(&[common::words(&next(&mut slow).await.unwrap())]), [1]);
    post(&hub, &alice, 4..=50).await;
    let first = missed(&mut slow).await;
    let next_number = numbers(&[common::words(&next(&mut slow).await.unwrap())])[0];
    assert_eq!(next_number, 2 + first);
    post(&hub, &alice, 51..=90).await;
    let second = missed(&mut slow).await;
    assert_eq!(numbers(&heard(&hub, &mut slow).await), (next_number + 1 + second..=90).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_one_member_is_no_other_members_loss() {
    let (hub, mut alice, mut slow) = alice_and_slow().await;
    let mut steady = join(&hub, "steady").await;
    pass(SECOND).await;
    heard(&hub, &mut alice).await;
    heard(&hub, &mut steady).await;
    for number in 1..=200 {
        post(&hub, &alice, number..=number).await;
        assert_eq!(numbers(&heard(&hub, &mut steady).await), [number]);
        if number % 5 == 0 {
            assert_eq!(numbers(&heard(&hub, &mut alice).await), (number - 4..=number).collect::<Vec<_>>());
        }
    }
    assert!(missed(&mut slow).await > 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_slow_member() {
    let (hub, alice, slow) = alice_and_slow().await;
    for number in 1..=1_000 {
        in_time(post(&hub, &alice, number..=number)).await;
    }
    assert_eq!(member_count(&hub).await, 2);
    in_time(join(&hub, "carol")).await;
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_reads_within_the_bound_loses_nothing() {
    let (hub, alice, mut slow) = alice_and_slow().await;
    for first in (1..=200).step_by(5) {
        post(&hub, &alice, first..=first + 4).await;
        assert_eq!(numbers(&heard(&hub, &mut slow).await), (first..=first + 4).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_joiner_that_reads_slowly_still_gets_its_whole_history() {
    let (hub, alice, _slow) = alice_and_slow().await;
    post(&hub, &alice, 1..=100).await;
    let mut late = join(&hub, "late").await;
    post(&hub, &alice, 101..=300).await;

    let heard = heard(&hub, &mut late).await;
    let gap = heard.iter().position(|words| words.starts_with("missed ")).unwrap();
    assert_eq!(numbers(&heard[..gap]), (1..=100).collect::<Vec<_>>());
    let missed: u64 = heard[gap]["missed ".len()..].parse().unwrap();
    assert_eq!(numbers(&heard[gap..]), (101 + missed..=300).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_newest_count_is_not_lost_to_a_slow_member() {
    let (hub, alice, mut slow) = alice_and_slow().await;
    let _carol = join(&hub, "carol").await;
    pass(SECOND).await;
    let _dave = join(&hub, "dave").await;
    post(&hub, &alice, 1..=100).await;

    assert!(missed(&mut slow).await >= 90);
    // A second loss before the count was read does not lose it either.
    post(&hub, &alice, 101..=200).await;
    assert!(missed(&mut slow).await >= 90);
    let heard = heard(&hub, &mut slow).await;
    assert_eq!(heard[0], "4 members");
    assert!(heard[1].starts_with("alice: "), "{heard:?}");
    assert!(heard.iter().skip(1).all(|words| !words.ends_with(" members")));
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_is_not_told_a_count_it_knows_already() {
    let (hub, alice, mut slow) = alice_and_slow().await;
    post(&hub, &alice, 1..=100).await;
    assert!(heard(&hub, &mut slow).await.iter().all(|words| !words.ends_with(" members")));
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_that_lost_announcements_alone_is_told_of_no_loss() {
    let (hub, _alice, mut slow) = alice_and_slow().await;
    for _ in 0..200 {
        drop(join(&hub, "guest").await);
    }
    pass(SECOND).await;
    let heard = heard(&hub, &mut slow).await;
    assert!(heard.len() < 200, "{} of 400 announcements are still there", heard.len());
    assert!(heard.iter().all(|words| !words.starts_with("missed ")));
    assert_eq!(heard.iter().rfind(|words| words.ends_with(" members")).unwrap(), "2 members");
}

#[tokio::test(start_paused = true)]
async fn the_loss_is_told_the_same_way_by_every_way_of_receiving() {
    let (hub, alice, mut one) = alice_and_slow().await;
    let mut two = join(&hub, "two").await;
    let (_sender, mut three) = join(&hub, "three").await.split();
    post(&hub, &alice, 1..=100).await;

    // Told at the join itself, because the room was busy with the one before.
    assert_eq!(in_time(three.recv()).await, Ok(Event::Count(4)));
    let Err(RecvError::Missed(missed)) = next(&mut one).await else { panic!("a loss") };
    assert_eq!(two.try_recv(), Err(TryRecvError::Missed(missed)));
    let mut batch = Vec::new();
    assert_eq!(in_time(three.recv_many(&mut batch, 10)).await, Err(RecvError::Missed(missed)));
    assert!(batch.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_still_told_after_a_shutdown() {
    let (hub, alice, mut slow) = alice_and_slow().await;
    post(&hub, &alice, 1..=100).await;
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();
    let missed = missed(&mut slow).await;
    let heard = heard(&hub, &mut slow).await;
    assert_eq!(numbers(&heard), (missed + 1..=100).collect::<Vec<_>>());
    assert_eq!(heard.last().unwrap(), "closed");
}

/// A room that holds 10 KiB for those who have not read, and two members who have read all there was.
async fn alice_and_slow() -> (Hub, Member, Member) {
    let hub = hub(|config: &mut Config| {
        config.max_message_bytes = 1_000;
        config.feed_bytes = 10 << 10;
    });
    let [alice, slow] = quiet_members(&hub, ["alice", "slow"]).await;
    (hub, alice, slow)
}

/// Messages of 1,000 bytes that begin with their number, and all of them said when it returns.
async fn post(hub: &Hub, member: &Member, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        let text: Arc<str> = format!("{number:<1000}").into();
        member.post(text).await.expect("accepted");
    }
    member_count(hub).await;
}

fn numbers(heard: &[String]) -> Vec<u64> {
    heard.iter().filter_map(|words| words.strip_prefix("alice: ")?.trim_end().parse().ok()).collect()
}

/// The loss that must come next.
async fn missed(member: &mut Member) -> u64 {
    match next(member).await {
        Err(RecvError::Missed(count)) => count,
        other => panic!("a loss was to be told, not {other:?}"),
    }
}
