//! How many members a room has is told at once, or soon, and the newest value always last.

mod common;

use std::time::Duration;

use common::{MS, SECOND, heard, hub, join, next, pass};
use hallway_core::Event;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn in_a_quiet_room_the_count_is_sent_at_once() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined"]);
    pass(100 * MS).await;
    let _bob = join(&hub, "bob").await;
    assert_eq!(heard(&hub, &mut alice).await, ["2 members", "bob joined"]);
}

#[tokio::test(start_paused = true)]
async fn in_a_busy_room_the_count_is_sent_every_100_ms_at_most_and_the_newest_value_is_the_last() {
    let hub = hub(|_| {});
    let mut alice = join(&hub, "alice").await;
    let mut others = Vec::new();
    let mut told = Vec::new();
    // 25 joins, 10 ms apart: the last comes 240 ms after the first.
    for number in 0..25 {
        others.push(join(&hub, "bob").await);
        told.extend(counts(&heard(&hub, &mut alice).await).into_iter().map(|count| (number * 10, count)));
        pass(10 * MS).await;
    }
    told.extend(counts(&heard(&hub, &mut alice).await).into_iter().map(|count| (250, count)));
    pass(49 * MS).await;
    assert_eq!(counts(&heard(&hub, &mut alice).await), []);
    pass(MS).await;
    told.extend(counts(&heard(&hub, &mut alice).await).into_iter().map(|count| (300, count)));
    pass(SECOND).await;
    assert_eq!(counts(&heard(&hub, &mut alice).await), []);

    assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 100, 200, 300]);
    assert_eq!(told.last(), Some(&(300, 26)));
}

#[tokio::test(start_paused = true)]
async fn a_count_that_was_put_off_comes_by_itself_when_it_is_due() {
    // Bob's announcement is held back: what is due for it at the end of the second does not put off the count.
    let hub = hub(|config| config.announcement_frames_per_second = 1);
    let mut alice = join(&hub, "alice").await;
    let start = Instant::now();
    let _bob = join(&hub, "bob").await;
    // Nobody asks the hub for anything meanwhile.
    while next(&mut alice).await != Ok(Event::Count(2)) {}
    // The runtime's timer goes by whole milliseconds.
    assert!((100..=101).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn how_often_the_count_is_sent_can_be_configured() {
    let slow = hub(|config| config.count_interval = 7 * SECOND);
    let mut alice = join(&slow, "alice").await;
    let _bob = join(&slow, "bob").await;
    pass(6_999 * MS).await;
    assert_eq!(counts(&heard(&slow, &mut alice).await), [1]);
    pass(MS).await;
    assert_eq!(counts(&heard(&slow, &mut alice).await), [2]);

    let always = hub(|config| config.count_interval = Duration::ZERO);
    let mut alice = join(&always, "alice").await;
    let _bob = join(&always, "bob").await;
    let _carol = join(&always, "carol").await;
    assert_eq!(counts(&heard(&always, &mut alice).await), [1, 2, 3]);
}

fn counts(heard: &[String]) -> Vec<usize> {
    heard.iter().filter_map(|words| words.strip_suffix(" members")?.parse().ok()).collect()
}
