//! A storm of members who come and go does not cost N² frames, and what it says adds up.

mod common;

use std::collections::HashSet;

use common::{MS, SECOND, heard, hub, join, member_count, pass};
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
async fn what_exceeds_the_budget_is_summed_up_in_one_frame_when_the_second_ends() {
    // 1 + 2 + 3 + 4 frames for four joins; the fifth is one too many.
    let hub = hub(|config| config.announcement_frames_per_second = 10);
    let mut alice = join(&hub, "alice").await;
    let mut guests = Vec::new();
    for name in ["b", "c", "d", "e", "f"] {
        guests.push(join(&hub, name).await);
    }
    guests.truncate(2);
    assert_eq!(
        announcements(&heard(&hub, &mut alice).await),
        ["alice joined", "b joined", "c joined", "d joined"]
    );
    pass(999 * MS).await;
    assert_eq!(announcements(&heard(&hub, &mut alice).await), [""; 0]);
    pass(MS).await;
    assert_eq!(announcements(&heard(&hub, &mut alice).await), ["2 others joined", "3 others left"]);
    pass(5 * SECOND).await;
    assert_eq!(announcements(&heard(&hub, &mut alice).await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn no_announcement_is_made_before_an_earlier_one_that_is_held_back() {
    // 1 + 2 + 3 + 4 frames for four joins. The fifth would cost 5; the leave that comes later only 2.
    let hub = hub(|config| config.announcement_frames_per_second = 12);
    let mut alice = join(&hub, "alice").await;
    let mut guests = Vec::new();
    for name in ["b", "c", "d", "e"] {
        guests.push(join(&hub, name).await);
    }
    guests.truncate(1);
    assert_eq!(
        announcements(&heard(&hub, &mut alice).await),
        ["alice joined", "b joined", "c joined", "d joined"]
    );
    pass(SECOND).await;
    assert_eq!(announcements(&heard(&hub, &mut alice).await), ["1 others joined", "3 others left"]);
}

#[tokio::test(start_paused = true)]
async fn a_sum_is_paid_from_the_budget_of_the_second_in_which_it_is_sent() {
    let hub = hub(|config| config.announcement_frames_per_second = 10);
    let mut alice = join(&hub, "alice").await;
    let mut guests = Vec::new();
    for name in ["b", "c", "d", "e", "f"] {
        guests.push(join(&hub, name).await);
    }
    pass(SECOND).await;
    heard(&hub, &mut alice).await;
    // 6 frames for the sum, and 5 for this.
    drop(guests.pop());
    assert_eq!(announcements(&heard(&hub, &mut alice).await), [""; 0]);
    pass(SECOND).await;
    assert_eq!(announcements(&heard(&hub, &mut alice).await), ["1 others left"]);
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
    assert_eq!(announcements(&heard(&hub, &mut first).await), ["10 others joined"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_quiet_second_every_name_is_told_again() {
    let hub = hub(|config| config.announcement_frames_per_second = 3);
    let mut alice = join(&hub, "alice").await;
    let _bob = join(&hub, "bob").await;
    let carol = join(&hub, "carol").await;
    pass(2 * SECOND).await;
    assert_eq!(
        announcements(&heard(&hub, &mut alice).await),
        ["alice joined", "bob joined", "1 others joined"]
    );
    drop(carol);
    assert_eq!(announcements(&heard(&hub, &mut alice).await), ["carol left"]);
}

#[tokio::test(start_paused = true)]
async fn messages_are_not_held_back_in_a_storm() {
    let hub = hub(|config| config.announcement_frames_per_second = 0);
    let mut alice = join(&hub, "alice").await;
    let bob = join(&hub, "bob").await;
    bob.post("hi").await.unwrap();
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "bob: hi"]);
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

fn announcements(heard: &[String]) -> Vec<&str> {
    heard
        .iter()
        .map(String::as_str)
        .filter(|words| words.ends_with(" joined") || words.ends_with(" left"))
        .collect()
}
