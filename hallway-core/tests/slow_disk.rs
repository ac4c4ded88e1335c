//! A disk that is slow, or hangs: who waits for it, and who does not.

mod common;

use common::{
    SECOND, at_once, disk::Disk, heard, in_time, join, lobby, member_count, next, pass, quiet_members, room,
    words,
};
use hallway_core::{Hub, Member, Reference};

#[tokio::test(start_paused = true)]
async fn a_slow_disk_slows_those_who_post_and_nobody_else() {
    let disk = Disk::new();
    let hub = disk.hub(|config| {
        config.max_message_bytes = 1_000;
        config.mailbox_bytes = 20_000;
    });
    let alice = join(&hub, "alice").await;
    in_time(alice.post("a")).await.unwrap();
    disk.get_stuck();
    let mut accepted = Vec::new();
    let waiting = loop {
        let mut post = Box::pin(alice.submit("x".repeat(1_000), None));
        match at_once(&mut post).await {
            Some(acknowledgement) => accepted.push(acknowledgement.unwrap()),
            None => break post,
        }
        // The hub takes out what it can.
        tokio::task::yield_now().await;
    };
    assert!((10..20).contains(&accepted.len()), "{} messages in 20,000 bytes", accepted.len());

    // Joins, leaves, questions and history do not wait for the disk.
    for number in 0..500 {
        let bob = join(&hub, &number.to_string()).await;
        assert_eq!(bob.welcome().seq, 1);
    }
    assert_eq!(in_time(hub.history(&lobby(), None, 10)).await.unwrap().messages.len(), 1);
    disk.go_on();
    let mut seqs = Vec::new();
    for acknowledgement in accepted {
        seqs.push(in_time(acknowledgement).await.unwrap().seq);
    }
    assert_eq!(seqs, (2..2 + seqs.len() as u64).collect::<Vec<_>>());
    assert!(in_time(in_time(waiting).await.unwrap()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_right_behind_its_message_is_heard_to_leave_behind_it() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let (alice, mut bob) = (join(&hub, "alice").await, join(&hub, "bob").await);
    pass(SECOND).await;
    heard(&hub, &mut bob).await;
    disk.get_stuck();
    drop(alice.submit("bye", None).await.unwrap());
    drop(alice);
    assert_eq!(heard(&hub, &mut bob).await, [""; 0]);
    disk.go_on();
    assert_eq!(words(&next(&mut bob).await.unwrap()), "alice: bye");
    assert_eq!(words(&next(&mut bob).await.unwrap()), "1 members");
    assert_eq!(words(&next(&mut bob).await.unwrap()), "alice left");
}

/// Who is heard to come and go, of these.
async fn comings_and_goings(hub: &Hub, member: &mut Member, name: &str) -> Vec<String> {
    heard(hub, member).await.into_iter().filter(|heard| heard.starts_with(name)).collect()
}

#[tokio::test(start_paused = true)]
async fn who_has_said_nothing_leaves_at_once_whatever_the_disk_does() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let [alice, bob, mut carol] = quiet_members(&hub, ["alice", "bob", "carol"]).await;
    disk.get_stuck();
    let _sent = alice.submit("0", None).await.unwrap();
    tokio::task::yield_now().await;
    disk.wait_for_append();
    drop(bob);
    let bob = join(&hub, "bob").await;
    assert_eq!(comings_and_goings(&hub, &mut carol, "bob").await, ["bob left", "bob joined"]);
    assert_eq!(member_count(&hub).await, 3);
    disk.go_on();
    drop(bob);
}

#[tokio::test(start_paused = true)]
async fn a_leave_waits_for_what_was_said_before_it_and_not_for_what_comes_after() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let [alice, bob, mut carol] = quiet_members(&hub, ["alice", "bob", "carol"]).await;
    disk.get_stuck();
    let mut sent = vec![bob.submit("bye", None).await.unwrap()];
    tokio::task::yield_now().await;
    disk.wait_for_append();
    drop(bob);
    sent.push(alice.submit("so long", None).await.unwrap());
    assert_eq!(comings_and_goings(&hub, &mut carol, "bob").await, [""; 0]);
    disk.let_one_through();
    in_time(sent.remove(0)).await.unwrap();
    assert_eq!(comings_and_goings(&hub, &mut carol, "bob").await, ["bob: bye", "bob left"]);
    disk.go_on();
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_before_its_leave_was_heard_is_not_heard_to_leave_after_it_came() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    let [bob, mut carol] = quiet_members(&hub, ["bob", "carol"]).await;
    disk.get_stuck();
    drop(bob.submit("one moment", None).await.unwrap());
    drop(bob);
    let _bob = join(&hub, "bob").await;
    assert_eq!(comings_and_goings(&hub, &mut carol, "bob").await, ["bob left", "bob joined"]);
    disk.go_on();
    assert_eq!(words(&next(&mut carol).await.unwrap()), "bob: one moment");
    assert_eq!(member_count(&hub).await, 2);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_to_be_heard_to_leave_take_nobodys_place() {
    let disk = Disk::new();
    let hub = disk.hub(|config| config.max_members_per_room = 2);
    let _alice = join(&hub, "alice").await;
    disk.get_stuck();
    for name in 0..10 {
        let guest = join(&hub, &name.to_string()).await;
        drop(guest.submit("x", None).await.unwrap());
    }
    disk.go_on();
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_again_and_again_while_it_waits_is_bounded_as_everything_is() {
    let disk = Disk::new();
    let hub = disk.hub(|config| {
        config.max_message_bytes = 1_000;
        config.mailbox_bytes = 20_000;
    });
    let alice = join(&hub, "alice").await;
    disk.get_stuck();
    let mut accepted = 0;
    let again = || Some(Reference::new("again").unwrap());
    while at_once(&mut Box::pin(alice.submit("x".repeat(1_000), again()))).await.is_some() {
        accepted += 1;
        assert!(accepted < 20, "{accepted} messages in 20,000 bytes");
        tokio::task::yield_now().await;
    }
    disk.go_on();
    assert_eq!(in_time(in_time(alice.submit("x", again())).await.unwrap()).await.unwrap().seq, 1);
}

#[tokio::test(start_paused = true)]
async fn joins_that_wait_for_their_room_are_bounded_also_where_they_were_given_up() {
    let disk = Disk::new();
    let hub = disk.hub(|config| {
        config.max_message_bytes = 1_000;
        config.mailbox_bytes = 20_000;
    });
    let den = room("den");
    let alice = join(&hub, "alice").await;
    disk.hold_reads(true);
    for _ in 0..1_000 {
        // Accepted, or waiting for a place.
        assert!(at_once(&mut Box::pin(hub.join(&den, "bob"))).await.is_none());
        tokio::task::yield_now().await;
    }
    // Those who do not wait for that room's kind of place go on.
    assert_eq!(in_time(alice.post("a")).await.unwrap().seq, 1);
    assert_eq!(member_count(&hub).await, 1);
    let mut last = Box::pin(hub.join(&den, "bob"));
    assert!(at_once(&mut last).await.is_none());
    disk.hold_reads(false);
    let bob = in_time(last).await.unwrap();
    assert_eq!(in_time(hub.member_count(&den)).await.unwrap(), 1);
    drop(bob);
}

#[tokio::test(start_paused = true)]
async fn every_room_gets_its_turn_to_be_read() {
    let disk = Disk::new();
    let hub = disk.hub(|_| {});
    disk.hold_reads(true);
    let rooms: Vec<_> = (0..10).map(|number| room(&number.to_string())).collect();
    let mut joins: Vec<_> = rooms.iter().map(|room| Box::pin(hub.join(room, "alice"))).collect();
    for join in &mut joins {
        assert!(at_once(join).await.is_none());
    }
    tokio::task::yield_now().await;
    disk.wait_for_reads(3);
    disk.hold_reads(false);
    for join in joins {
        in_time(join).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_let_go_of_while_a_room_was_read_is_not_shown() {
    let disk = Disk::new();
    let hub = disk.hub(|config| {
        config.retention.messages = Some(5);
        config.idle_history_bytes = 0;
    });
    let alice = join(&hub, "alice").await;
    let epoch = alice.welcome().epoch.clone();
    for number in 1..=10 {
        in_time(alice.post(number.to_string())).await.unwrap();
    }
    drop(alice);
    in_time(hub.totals()).await.unwrap();
    disk.hold_reads(true);
    let (lobby, tidied) = (lobby(), disk.times_tidied());
    let mut joining = Box::pin(hub.join(&lobby, "bob"));
    assert!(at_once(&mut joining).await.is_none());
    tokio::task::yield_now().await;
    disk.wait_for_reads(1);
    tokio::time::advance(11 * SECOND).await;
    tokio::task::yield_now().await;
    disk.wait_for_tidying(tidied + 1);
    for _ in 0..10 {
        in_time(hub.totals()).await.unwrap();
    }
    disk.hold_reads(false);
    let mut bob = in_time(joining).await.unwrap();
    assert_eq!(words(&next(&mut bob).await.unwrap()), "alice: 6");
    let position = hallway_core::Position { epoch, after: 3 };
    let carol = in_time(hub.resume(&lobby, "carol", position)).await.unwrap();
    assert_eq!(carol.welcome().gap, Some(4..=5));
}
