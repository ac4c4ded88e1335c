//! Who came and went is told by name while the budget of a second lasts, and summed up beyond it.

mod common;

use common::{MS, SECOND, heard, hub, join, next, pass};
use hallway_core::Event;
use tokio::time::Instant;

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
async fn a_sum_comes_by_itself_when_the_second_ends() {
    let hub = hub(|config| config.announcement_frames_per_second = 1);
    let mut alice = join(&hub, "alice").await;
    let start = Instant::now();
    pass(300 * MS).await;
    let _bob = join(&hub, "bob").await;
    // Nobody asks the hub for anything meanwhile.
    while next(&mut alice).await != Ok(Event::OthersJoined(1)) {}
    // The runtime's timer goes by whole milliseconds.
    assert!((1_000..=1_001).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
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

fn announcements(heard: &[String]) -> Vec<&str> {
    heard
        .iter()
        .map(String::as_str)
        .filter(|words| words.ends_with(" joined") || words.ends_with(" left"))
        .collect()
}
