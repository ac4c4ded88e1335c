//! Reading back: pages of a room's history.

mod common;

use common::{disk::Disk, hub, in_time, join, lobby, room};
use hallway_core::{HistoryError, Hub, Page, StoreError};

async fn hub_with(disk: Option<&std::sync::Arc<Disk>>, history: usize, messages: u64) -> Hub {
    let hub = match disk {
        Some(disk) => disk.hub(|config| config.history = history),
        None => hub(|config| config.history = history),
    };
    let alice = join(&hub, "alice").await;
    for number in 1..=messages {
        in_time(alice.post(number.to_string())).await.expect("accepted");
    }
    hub
}

async fn page(hub: &Hub, before: Option<u64>, limit: usize) -> (Vec<u64>, bool) {
    let Page { messages, more, .. } = in_time(hub.history(&lobby(), before, limit)).await.expect("a page");
    (messages.iter().map(|chat| chat.seq).collect(), more)
}

fn numbers(range: std::ops::RangeInclusive<u64>, more: bool) -> (Vec<u64>, bool) {
    (range.collect(), more)
}

#[tokio::test(start_paused = true)]
async fn a_page_has_the_newest_before_a_place_wherever_they_are_kept() {
    let disk = Disk::new();
    // All in memory; some there and some in the store; all in the store.
    for (history, disk) in [(20, None), (20, Some(&disk)), (4, Some(&Disk::new())), (0, Some(&Disk::new()))] {
        let hub = hub_with(disk, history, 10).await;
        assert_eq!(page(&hub, None, 3).await, numbers(8..=10, true), "{history}");
        assert_eq!(page(&hub, Some(8), 3).await, numbers(5..=7, true));
        assert_eq!(page(&hub, Some(9), 8).await, numbers(1..=8, false));
        assert_eq!(page(&hub, Some(4), 3).await, numbers(1..=3, false));
        assert_eq!(page(&hub, Some(3), 200).await, numbers(1..=2, false));
        assert_eq!(page(&hub, Some(1), 3).await, (vec![], false));
        assert_eq!(page(&hub, Some(0), 3).await, (vec![], false));
        assert_eq!(page(&hub, Some(u64::MAX), 2).await, numbers(9..=10, true));
        assert_eq!(page(&hub, Some(11), 2).await, numbers(9..=10, true));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_store_the_history_ends_where_the_room_s_own_does() {
    let hub = hub_with(None, 4, 10).await;
    assert_eq!(page(&hub, None, 200).await, numbers(7..=10, false));
    assert_eq!(page(&hub, Some(7), 200).await, (vec![], false));
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_where_it_would_have_too_many_bytes_but_has_a_message_at_least() {
    let disk = Disk::new();
    for disk in [None, Some(&disk)] {
        let change = |config: &mut hallway_core::Config| {
            config.page_bytes = 2_020;
            config.history = 5;
        };
        let hub = disk.map_or_else(|| hub(change), |disk| disk.hub(change));
        let alice = join(&hub, "alice").await;
        for bytes in [1_000, 1_000, 5_000, 1_000, 1_000] {
            in_time(alice.post("x".repeat(bytes))).await.unwrap();
        }
        assert_eq!(page(&hub, None, 200).await, numbers(4..=5, true));
        assert_eq!(page(&hub, Some(4), 200).await, numbers(3..=3, true));
        assert_eq!(page(&hub, Some(3), 200).await, numbers(1..=2, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_the_store_cut_short_says_that_there_are_older_ones() {
    for history in [0, 1] {
        let disk = Disk::new();
        let hub = disk.hub(|config| config.history = history);
        let alice = join(&hub, "alice").await;
        for _ in 0..3 {
            in_time(alice.post("x".repeat(40_000))).await.unwrap();
        }
        assert_eq!(page(&hub, None, 50).await, numbers(3..=3, true));
        assert_eq!(page(&hub, Some(2), 50).await, numbers(1..=1, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_there_is_not_has_no_history_and_is_not_made() {
    for hub in [hub(|_| {}), Disk::new().hub(|_| {})] {
        let page = in_time(hub.history(&room("nowhere"), None, 10)).await.unwrap();
        assert!(page.messages.is_empty() && !page.more);
        assert_eq!(in_time(hub.totals()).await.unwrap().rooms, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_history_of_a_room_that_nobody_is_in_can_be_read() {
    let disk = Disk::new();
    drop(hub_with(Some(&disk), 4, 10).await);
    let hub = disk.hub(|_| {});
    assert_eq!(page(&hub, None, 2).await, numbers(9..=10, true));
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_what_cannot_be_read_is_told_so() {
    let disk = Disk::new();
    let hub = hub_with(Some(&disk), 2, 4).await;
    disk.be_unreadable(Some(StoreError::Damaged("a page".into())));
    assert_eq!(page(&hub, None, 1).await, numbers(4..=4, true));
    let refused = in_time(hub.history(&lobby(), None, 4)).await;
    assert!(matches!(refused, Err(HistoryError::Unavailable(StoreError::Damaged(_)))));
    hub.shutdown();
    assert_eq!(in_time(hub.history(&lobby(), None, 4)).await, Err(HistoryError::Closed));
}
