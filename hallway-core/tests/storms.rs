//! A storm of members who come and go does not cost N² frames, and what it says adds up.

mod common;

use std::collections::HashSet;

use common::{MS, SECOND, hub, join, member_count, pass};
use hallway_core::{Event, Hub, Member, TryRecvError};

#[tokio::test(start_paused = true)]
async fn ten_thousand_joins_in_one_second_cost_far_fewer_frames_than_one_for_each_pair() {
    let (hub, mut members) = storm(10_000).await;
    pass(2 * SECOND).await;
    member_count(&hub).await;

    let mut frames = 0;
    for member in &mut members {
        let events = events(member);
        frames += events.len();
        assert!(matches!(last_count(&events), Some(10_000)), "the newest count is the last");
    }
    // Two sums of a second's announcements, and of counts: its own, and one in 100 ms while it was there.
    assert!(frames < 350_000, "{frames} frames; one for each pair would be 100,000,000");
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_joins_and_leaves_every_one_is_told_by_name_or_counted_among_the_others() {
    let (hub, mut members) = storm(10_000).await;
    let mut first = members.swap_remove(0);
    pass(2 * SECOND).await;
    member_count(&hub).await;
    let told = events(&mut first);
    assert_eq!(by_name(&told) + others(&told), 10_000);
    assert!(by_name(&told) >= 400, "a room this large still hears {} names", by_name(&told));

    drop(members);
    pass(2 * SECOND).await;
    let told = events(&mut first);
    assert_eq!(by_name(&told) + others(&told), 9_999);
    assert_eq!(last_count(&told), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_room_of_100_hears_about_1000_announcements_a_second_by_name() {
    let (hub, mut members) = storm(100).await;
    let mut first = members.swap_remove(0);
    pass(2 * SECOND).await;
    events(&mut first);

    for _ in 0..1_000 {
        drop(members.pop());
        members.push(join(&hub, "guest").await);
    }
    member_count(&hub).await;
    let named = by_name(&events(&mut first));
    assert!((1_000..=1_010).contains(&named), "{named} of 2,000");
    pass(SECOND).await;
    member_count(&hub).await;
    assert_eq!(others(&events(&mut first)), 2_000 - named);
}

#[tokio::test(start_paused = true)]
async fn a_room_of_10_000_hears_10_announcements_a_second_by_name() {
    let (hub, mut members) = storm(9_990).await;
    let mut first = members.swap_remove(0);
    pass(3 * SECOND).await;
    events(&mut first);

    for _ in 0..10 {
        members.push(join(&hub, "guest").await);
    }
    assert_eq!(by_name(&events(&mut first)), 10);
    for _ in 0..10 {
        members.push(join(&hub, "guest").await);
    }
    pass(2 * SECOND).await;
    let told = events(&mut first);
    assert_eq!((by_name(&told), others(&told)), (0, 10));
}

/// A lobby into which `count` members come in the course of one second.
async fn storm(count: usize) -> (Hub, Vec<Member>) {
    let hub = hub(|_| {});
    let mut members = Vec::new();
    for number in 0..count {
        members.push(join(&hub, &format!("member {number}")).await);
        if number % count.div_ceil(999) == 0 {
            pass(MS).await;
        }
    }
    (hub, members)
}

/// Everything that is there; a loss fails the test.
fn events(member: &mut Member) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        assert!(events.len() < 100_000, "no end of it");
        match member.try_recv() {
            Ok(event) => events.push(event),
            Err(error) => {
                assert_eq!(error, TryRecvError::Empty);
                return events;
            }
        }
    }
}

fn last_count(events: &[Event]) -> Option<usize> {
    events.iter().rev().find_map(|event| if let Event::Count(count) = event { Some(*count) } else { None })
}

/// How many came or went by name: those who were there only once are told of only once.
fn by_name(events: &[Event]) -> usize {
    let named: Vec<_> =
        events.iter().filter(|event| matches!(event, Event::Joined(_) | Event::Left(_))).collect();
    let members: HashSet<_> = named
        .iter()
        .filter_map(|event| match event {
            Event::Joined(name) if name.starts_with("member ") => Some((true, name)),
            Event::Left(name) if name.starts_with("member ") => Some((false, name)),
            _ => None,
        })
        .collect();
    let guests = named
        .iter()
        .filter(|event| matches!(event, Event::Joined(name) | Event::Left(name) if &**name == "guest"))
        .count();
    assert_eq!(members.len() + guests, named.len(), "nobody is told twice");
    named.len()
}

fn others(events: &[Event]) -> usize {
    events
        .iter()
        .map(|event| match event {
            Event::OthersJoined(count) | Event::OthersLeft(count) => usize::try_from(*count).expect("few"),
            _ => 0,
        })
        .sum()
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_storm_of_leavers_is_told_nothing_of_it() {
    let (hub, members) = storm(1_000).await;
    members[0].post("what keeps the room").await.expect("the hub runs");
    drop(members);
    pass(3_600 * SECOND).await;
    let mut late = join(&hub, "late").await;
    member_count(&hub).await;
    assert_eq!(events(&mut late)[1..], [Event::Count(1), Event::Joined("late".into())]);
}
