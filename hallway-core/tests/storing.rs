//! A hub with a store: what was acknowledged is kept, and who comes back is shown what it missed.

mod common;

use std::sync::Arc;

use common::{SECOND, at_once, disk::Disk, drained, heard, in_time, join, lobby, next, pass, room, words};
use hallway_core::{Epoch, Event, Hub, JoinError, Member, Position, PostError, StoreError, Welcome};

/// Ends a hub in order.
async fn end(hub: Hub) {
    hub.shutdown();
    in_time(hub.closed()).await.expect("an end in order");
}

async fn say(member: &Member, texts: impl IntoIterator<Item = impl ToString>) {
    for text in texts {
        in_time(member.post(text.to_string())).await.expect("accepted");
    }
}

async fn resume(hub: &Hub, epoch: &Epoch, after: u64) -> Member {
    let position = Position { epoch: epoch.clone(), after };
    in_time(hub.resume(&lobby(), "bob", position)).await.expect("joined")
}

/// The numbers of the next chat messages, up to this one.
async fn numbers_up_to(member: &mut Member, last: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        if let Event::Chat(chat) = next(member).await.expect("an event") {
            numbers.push(chat.seq);
        }
    }
    numbers
}

fn shown(welcome: &Welcome) -> (u64, bool, Option<(u64, u64)>) {
    (welcome.seq, welcome.resumed, welcome.gap.clone().map(std::ops::RangeInclusive::into_inner))
}

#[tokio::test(start_paused = true)]
async fn nobody_is_shown_a_message_before_it_is_stored_and_then_everybody_is() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let (alice, mut bob) = (join(&hub, "alice").await, join(&hub, "bob").await);
    pass(SECOND).await;
    heard(&hub, &mut bob).await;
    disk.get_stuck();

    let mut post = Box::pin(alice.post("hello"));
    assert!(at_once(&mut post).await.is_none());
    assert_eq!(heard(&hub, &mut bob).await, [""; 0]);
    disk.wait_for_append();
    assert_eq!(heard(&hub, &mut bob).await, [""; 0]);
    assert_eq!(in_time(hub.history(&lobby(), None, 10)).await.unwrap().messages, []);
    let mut carol = join(&hub, "carol").await;
    assert_eq!(carol.welcome().seq, 0);

    disk.go_on();
    assert_eq!(in_time(post).await.unwrap().seq, 1);
    assert_eq!(heard(&hub, &mut bob).await.pop(), Some("alice: hello".to_owned()));
    assert_eq!(heard(&hub, &mut carol).await.pop(), Some("alice: hello".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn messages_numbers_and_epochs_come_back_after_a_restart() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    say(&alice, ["a", "b"]).await;
    let epoch = alice.welcome().epoch.clone();
    end(hub).await;

    let hub = disk.hub(|_| {});
    let mut bob = join(&hub, "bob").await;
    assert_eq!(bob.welcome().epoch, epoch);
    assert_eq!(bob.welcome().seq, 2);
    assert_eq!(heard(&hub, &mut bob).await, ["alice: a", "alice: b", "1 members", "bob joined"]);
    assert_eq!(in_time(bob.post("c")).await.unwrap().seq, 3);
    assert_eq!(disk.texts(&lobby()), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_killed_has_everything_that_it_acknowledged() {
    let disk = Disk::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    std::thread::scope(|scope| {
        let killed = scope.spawn(|| {
            runtime.block_on(async {
                let hub = disk.hub(|_| {});
                let alice = join(&hub, "alice").await;
                say(&alice, ["a", "b"]).await;
                disk.get_stuck();
                drop(alice.submit("never acknowledged", None).await.unwrap());
                tokio::task::yield_now().await;
            });
            disk.wait_for_append();
            disk.fail(Some(StoreError::Full));
            disk.go_on();
            drop(runtime);
        });
        killed.join().unwrap();
    });
    disk.fail(None);
    let hub = disk.hub(|_| {});
    let mut bob = join(&hub, "bob").await;
    assert_eq!(heard(&hub, &mut bob).await, ["alice: a", "alice: b", "1 members", "bob joined"]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_shown_all_it_missed_however_much_of_it_is_in_the_store_alone() {
    let disk = Disk::new();
    for (history, missed) in [(100, 3), (3, 3), (3, 4), (3, 2_000), (0, 5)] {
        let hub = disk.hub(|config| {
            config.history = history;
            config.max_message_bytes = 10;
        });
        let alice = join(&hub, "alice").await;
        let Welcome { epoch, seq, .. } = alice.welcome().clone();
        say(&alice, 0..missed).await;
        let mut bob = resume(&hub, &epoch, seq).await;
        assert_eq!(shown(bob.welcome()), (seq + missed, true, None));
        say(&alice, ["live"]).await;
        let expected: Vec<_> = (seq + 1..=seq + missed + 1).collect();
        assert_eq!(numbers_up_to(&mut bob, seq + missed + 1).await, expected, "{history} and {missed}");
        drop((alice, bob));
        end(hub).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_resumes_at_the_end_is_shown_nothing_again() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    say(&alice, ["a"]).await;
    let mut bob = resume(&hub, &alice.welcome().epoch, 1).await;
    assert_eq!(shown(bob.welcome()), (1, true, None));
    assert!(!heard(&hub, &mut bob).await.contains(&"alice: a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_resumes_what_is_not_kept_is_told_what_it_will_not_be_shown() {
    let disk = Disk::new();
    let hub = disk.hub(|config| {
        config.history = 3;
        config.retention.messages = Some(5);
    });
    let alice = join(&hub, "alice").await;
    let epoch = alice.welcome().epoch.clone();
    say(&alice, 1..=10).await;
    pass(30 * SECOND).await;
    // Six to ten are kept, and of these the last three are shown.
    for (after, expected) in
        [(5, (10, true, None)), (4, (10, false, Some((5, 7)))), (0, (10, false, Some((1, 7))))]
    {
        let mut bob = resume(&hub, &epoch, after).await;
        assert_eq!(shown(bob.welcome()), expected);
        let first = expected.2.map_or(after + 1, |(_, last)| last + 1);
        assert_eq!(numbers_up_to(&mut bob, 10).await, (first..=10).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_none_of_this_room_is_not_resumed() {
    let disk = Disk::new();
    let hub = disk.hub(|config| config.history = 2);
    let alice = join(&hub, "alice").await;
    say(&alice, 1..=4).await;
    let other = in_time(hub.join(&room("den"), "alice")).await.unwrap();
    let ours = &alice.welcome().epoch;
    for (epoch, after) in [(&other.welcome().epoch, 2), (&"never-heard-of".parse().unwrap(), 2), (ours, 5)] {
        let mut bob = resume(&hub, epoch, after).await;
        assert_eq!(shown(bob.welcome()), (4, false, Some((1, 2))));
        assert_eq!(numbers_up_to(&mut bob, 4).await, [3, 4]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_for_who_comes_back_is_missed_with_a_word() {
    let disk = Disk::new();
    let hub = disk.hub(|config| config.history = 2);
    let alice = join(&hub, "alice").await;
    say(&alice, 1..=6).await;
    let mut bob = resume(&hub, &alice.welcome().epoch, 1).await;
    disk.be_unreadable(Some(StoreError::Damaged("a page".into())));
    assert_eq!(next(&mut bob).await, Err(hallway_core::RecvError::Missed(3)));
    assert_eq!(numbers_up_to(&mut bob, 6).await, [5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_messages_shows_them_to_nobody_and_leaves_no_hole() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let (alice, mut bob) = (join(&hub, "alice").await, join(&hub, "bob").await);
    let health = hub.store_health();
    say(&alice, ["a"]).await;
    disk.fail(Some(StoreError::Full));
    for _ in 0..3 {
        assert_eq!(in_time(alice.post("lost")).await, Err(PostError::Unavailable(StoreError::Full)));
    }
    assert_eq!(health.borrow().not_stored, Some(StoreError::Full));
    // Everything else goes on.
    let mut carol = join(&hub, "carol").await;
    assert_eq!(words(&next(&mut carol).await.unwrap()), "alice: a");
    assert_eq!(in_time(hub.history(&lobby(), None, 10)).await.unwrap().messages.len(), 1);

    disk.fail(None);
    assert_eq!(in_time(alice.post("b")).await.unwrap().seq, 2);
    assert_eq!(health.borrow().not_stored, None);
    let heard = heard(&hub, &mut bob).await;
    assert!(!heard.contains(&"alice: lost".to_owned()), "{heard:?}");
    assert_eq!(disk.texts(&lobby()), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_has_failed_and_is_tried_again() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    disk.panic(true);
    let refused = in_time(alice.post("lost")).await;
    assert!(matches!(refused, Err(PostError::Unavailable(StoreError::Failed(_)))), "{refused:?}");
    disk.panic(false);
    assert_eq!(in_time(alice.post("a")).await.unwrap().seq, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_while_a_batch_is_stored_is_the_next_batch() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    disk.get_stuck();
    let mut posts = Vec::new();
    for number in 0..100 {
        posts.push(alice.submit(number.to_string(), None).await.unwrap());
        if number == 0 {
            tokio::task::yield_now().await;
            disk.wait_for_append();
        }
    }
    disk.go_on();
    for (seq, post) in (1..).zip(posts) {
        assert_eq!(in_time(post).await.unwrap().seq, seq);
    }
    assert_eq!(disk.appends(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_before_a_shutdown_is_stored_and_shown() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let (alice, mut bob) = (join(&hub, "alice").await, join(&hub, "bob").await);
    pass(SECOND).await;
    heard(&hub, &mut bob).await;
    disk.get_stuck();
    let first = alice.submit("a", None).await.unwrap();
    tokio::task::yield_now().await;
    let second = alice.submit("b", None).await.unwrap();
    hub.shutdown();
    disk.go_on();
    assert_eq!([in_time(first).await.unwrap().seq, in_time(second).await.unwrap().seq], [1, 2]);
    in_time(hub.closed()).await.unwrap();
    assert_eq!(drained(|| bob.try_recv()), ["alice: a", "alice: b", "closed"]);
    assert_eq!(disk.texts(&lobby()), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_was_forgotten_is_read_again_when_somebody_comes() {
    let disk = Disk::new();
    let hub = disk.hub(|config| config.idle_history_bytes = 0);
    let alice = join(&hub, "alice").await;
    say(&alice, ["a"]).await;
    let epoch = alice.welcome().epoch.clone();
    drop(alice);
    pass(SECOND).await;
    assert_eq!(in_time(hub.totals()).await.unwrap().rooms, 0);
    let bob = join(&hub, "bob").await;
    assert_eq!(shown(bob.welcome()), (1, false, None));
    assert_eq!(bob.welcome().epoch, epoch);
    assert_eq!(in_time(bob.post("b")).await.unwrap().seq, 2);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_cannot_be_read_lets_nobody_in_until_it_can() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let fault = StoreError::Damaged("the index".into());
    disk.be_unreadable(Some(fault.clone()));
    let refused = in_time(hub.join(&lobby(), "alice")).await;
    assert_eq!(refused.map(drop), Err(JoinError::Unavailable(fault)));
    disk.be_unreadable(None);
    let _alice = join(&hub, "alice").await;
    assert_eq!(in_time(hub.totals()).await.unwrap().members, 1);
}

#[tokio::test(start_paused = true)]
async fn all_who_join_while_a_room_is_read_are_let_in_in_their_order() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let lobby = lobby();
    let mut joins: Vec<_> = ["a", "b", "c"].map(|name| Box::pin(hub.join(&lobby, name))).into();
    for join in &mut joins {
        assert!(at_once(join).await.is_none());
    }
    drop(joins.remove(1));
    let mut a = in_time(joins.remove(0)).await.unwrap();
    let _c = in_time(joins.remove(0)).await.unwrap();
    pass(SECOND).await;
    assert_eq!(heard(&hub, &mut a).await, ["1 members", "a joined", "c joined", "2 members"]);
}

#[tokio::test(start_paused = true)]
async fn no_message_is_older_than_the_one_before_it_although_the_clock_was_set_back_over_a_restart() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    pass(60 * SECOND).await;
    let alice = join(&hub, "alice").await;
    let sent_at = in_time(alice.post("a")).await.unwrap().sent_at;
    end(hub).await;
    let hub =
        Hub::spawn_with_store(common::config(|_| {}), common::TestClock::new(), Arc::clone(&disk)).unwrap();
    let alice = join(&hub, "alice").await;
    assert_eq!(in_time(alice.post("b")).await.unwrap().sent_at, sent_at);
}

#[tokio::test(start_paused = true)]
async fn that_nothing_can_be_let_go_of_is_told_and_stops_nobody() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let mut health = hub.store_health();
    disk.be_untidy(Some(StoreError::Damaged("an index".into())));
    in_time(health.changed()).await.unwrap();
    assert_eq!(health.borrow_and_update().not_tidied, Some(StoreError::Damaged("an index".into())));
    assert_eq!(in_time(join(&hub, "alice").await.post("a")).await.unwrap().seq, 1);
    disk.be_untidy(None);
    tokio::time::timeout(60 * SECOND, health.changed()).await.unwrap().unwrap();
    assert_eq!(health.borrow().not_tidied, None);
}

#[tokio::test(start_paused = true)]
async fn a_hub_whose_store_cannot_begin_is_not_started() {
    let disk = Disk::new();
    disk.be_unreadable(Some(StoreError::Full));
    let refused = Hub::spawn_with_store(common::config(|_| {}), common::TestClock::new(), Arc::clone(&disk));
    assert_eq!(refused.unwrap_err().to_string(), "the disk is full");
}

#[tokio::test(start_paused = true)]
async fn when_a_hub_has_ended_its_store_is_free_for_another_although_there_are_handles_and_members() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let alice = join(&hub, "alice").await;
    assert!(Arc::strong_count(&disk) > 1);
    hub.shutdown();
    in_time(hub.closed()).await.unwrap();
    assert_eq!(Arc::strong_count(&disk), 1);
    drop(alice);
}

#[tokio::test(start_paused = true)]
async fn who_takes_its_history_out_goes_on_with_what_is_new_although_more_is_in_the_store() {
    let disk = Disk::new();
    let hub = disk.hub(|config| config.history = 3);
    let alice = join(&hub, "alice").await;
    say(&alice, 1..=10).await;
    let mut bob = resume(&hub, &alice.welcome().epoch, 0).await;
    let taken: Vec<_> = bob.take_history().iter().map(|chat| chat.seq).collect();
    assert_eq!(taken, [8, 9, 10]);
    assert_eq!(words(&next(&mut bob).await.unwrap()), "2 members");
}
