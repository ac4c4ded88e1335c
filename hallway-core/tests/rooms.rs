//! Which rooms exist, who may come in, and what is kept of a room that nobody is in.

mod common;

use common::{heard, hub, in_time, member_count, room, try_join};
use hallway_core::{Closed, Config, ConfigError, Hub, JoinError, RoomName, RoomNameError, SystemClock};

#[tokio::test(start_paused = true)]
async fn members_of_two_rooms_do_not_hear_of_each_other() {
    let hub = hub(|_| {});
    let mut alice = try_join(&hub, "one", "alice").await.unwrap();
    let mut bob = try_join(&hub, "two", "bob").await.unwrap();
    alice.post("in one").await.unwrap();
    bob.post("in two").await.unwrap();
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined", "alice: in one"]);
    assert_eq!(heard(&hub, &mut bob).await, ["1 members", "bob joined", "bob: in two"]);
    let mut carol = try_join(&hub, "one", "carol").await.unwrap();
    assert_eq!(heard(&hub, &mut carol).await, ["alice: in one", "2 members", "carol joined"]);
    assert_eq!((alice.room(), bob.room()), (&room("one"), &room("two")));
}

#[tokio::test(start_paused = true)]
async fn upper_and_lower_case_are_two_rooms() {
    let hub = hub(|_| {});
    let _alice = try_join(&hub, "Lobby", "alice").await.unwrap();
    assert_eq!(in_time(hub.member_count(&room("Lobby"))).await, Ok(1));
    assert_eq!(in_time(hub.member_count(&RoomName::default())).await, Ok(0));
}

#[test]
fn a_room_name_has_1_to_64_characters_of_its_alphabet_and_the_default_is_the_lobby() {
    assert_eq!(RoomName::default().as_str(), "lobby");
    assert_eq!(room("azAZ09._-").to_string(), "azAZ09._-");
    assert!("x".repeat(64).parse::<RoomName>().is_ok());
    let refused = |name: &str| name.parse::<RoomName>().unwrap_err();
    assert_eq!(refused(""), RoomNameError::Empty);
    assert_eq!(refused(&"x".repeat(65)), RoomNameError::TooLong { chars: 65, max: 64 });
    for name in ["a b", "a/b", "aé", "a\0"] {
        assert_eq!(refused(name), RoomNameError::BadCharacter { position: 2 }, "{name:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_room_are_counted_and_of_one_that_does_not_exist_there_are_none() {
    let hub = hub(|_| {});
    let count = async |name| in_time(hub.member_count(&room(name))).await.unwrap();
    assert_eq!(count("a").await, 0);
    let one = try_join(&hub, "a", "alice").await.unwrap();
    let _two = try_join(&hub, "a", "alice").await.unwrap();
    assert_eq!((count("a").await, count("b").await), (2, 0));
    drop(one);
    assert_eq!(count("a").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_room_lets_nobody_in_until_somebody_leaves() {
    let hub = hub(|config| config.max_members_per_room = 2);
    let mut alice = try_join(&hub, "a", "alice").await.unwrap();
    let bob = try_join(&hub, "a", "bob").await.unwrap();
    let refused = try_join(&hub, "a", "carol").await.unwrap_err();
    assert_eq!(refused, JoinError::RoomFull { max: 2 });
    assert_eq!(refused.to_string(), "the room is full: it has its 2 members");
    assert_eq!(heard(&hub, &mut alice).await, ["1 members", "alice joined", "bob joined"]);

    assert!(try_join(&hub, "b", "carol").await.is_ok());
    drop(bob);
    let _carol = try_join(&hub, "a", "carol").await.unwrap();
    assert_eq!(try_join(&hub, "a", "dave").await.unwrap_err(), JoinError::RoomFull { max: 2 });
}

#[tokio::test(start_paused = true)]
async fn a_new_room_beyond_the_limit_is_refused_while_all_others_have_members() {
    let hub = hub(|config| config.max_rooms = 2);
    let _alice = try_join(&hub, "a", "alice").await.unwrap();
    let bob = try_join(&hub, "b", "bob").await.unwrap();
    let refused = try_join(&hub, "c", "carol").await.unwrap_err();
    assert_eq!(refused, JoinError::TooManyRooms { max: 2 });
    assert_eq!(refused.to_string(), "no new room can be made: there are 2 rooms with members");
    assert_eq!(in_time(hub.member_count(&room("c"))).await, Ok(0));

    assert!(try_join(&hub, "a", "carol").await.is_ok(), "one that exists can still be joined");
    drop(bob);
    assert!(try_join(&hub, "c", "carol").await.is_ok(), "nobody is in b any longer");
}

#[tokio::test(start_paused = true)]
async fn asking_for_the_members_of_a_room_does_not_make_it() {
    let hub = hub(|config| config.max_rooms = 1);
    assert_eq!(in_time(hub.member_count(&room("a"))).await, Ok(0));
    assert!(try_join(&hub, "b", "alice").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_history_of_a_room_that_nobody_is_in_is_kept_for_who_comes_back() {
    let hub = hub(|_| {});
    say_something_in(&hub, "a", 2).await;
    assert!(replays(&hub, "a").await);
    assert!(replays(&hub, "a").await, "also for the next one");
}

#[tokio::test(start_paused = true)]
async fn of_rooms_that_nobody_is_in_the_longest_empty_one_makes_place_for_a_new_one() {
    let hub = hub(|config| config.max_rooms = 3);
    for name in ["a", "b", "c"] {
        say_something_in(&hub, name, 2).await;
    }
    // Who looks in ends the emptiness: now b has been empty the longest.
    assert!(replays(&hub, "a").await);
    let _dave = try_join(&hub, "d", "dave").await.unwrap();
    assert!(replays(&hub, "a").await);
    assert!(replays(&hub, "c").await);
    assert!(!replays(&hub, "b").await);
}

#[tokio::test(start_paused = true)]
async fn a_room_where_nothing_was_said_takes_no_place_from_one_with_history() {
    let hub = hub(|config| config.max_rooms = 2);
    say_something_in(&hub, "a", 2).await;
    drop(try_join(&hub, "b", "bob").await.unwrap());
    drop(try_join(&hub, "c", "bob").await.unwrap());
    let _bob = try_join(&hub, "d", "bob").await.unwrap();
    assert!(replays(&hub, "a").await);
}

#[tokio::test(start_paused = true)]
async fn rooms_that_nobody_is_in_are_forgotten_the_longest_empty_first_when_they_hold_too_much() {
    let hub = hub(|config| config.idle_history_bytes = 3_000);
    for name in ["a", "b", "c"] {
        say_something_in(&hub, name, 1_000).await;
    }
    assert!(replays(&hub, "c").await);
    assert!(replays(&hub, "b").await);
    assert!(!replays(&hub, "a").await);
}

#[tokio::test(start_paused = true)]
async fn a_room_with_members_is_not_forgotten_however_much_it_holds() {
    let hub = hub(|config| {
        config.idle_history_bytes = 0;
        config.max_rooms = 2;
    });
    let alice = try_join(&hub, "a", "alice").await.unwrap();
    alice.post("hi").await.unwrap();
    say_something_in(&hub, "b", 2).await;
    assert!(!replays(&hub, "b").await);
    assert!(replays(&hub, "a").await);
}

#[tokio::test(start_paused = true)]
async fn limits_that_no_hub_can_run_with_are_refused_by_name() {
    let refused = |change: fn(&mut Config)| {
        let ConfigError::OutOfRange { option, value, .. } =
            Hub::spawn(common::config(change), SystemClock).unwrap_err()
        else {
            panic!("a limit out of range")
        };
        (option, value)
    };
    assert_eq!(refused(|config| config.history = 1_000_001), ("history", 1_000_001));
    assert_eq!(refused(|config| config.max_rooms = 0), ("max_rooms", 0));
    assert_eq!(refused(|config| config.max_members_per_room = 0), ("max_members_per_room", 0));
    assert_eq!(refused(|config| config.max_name_chars = 0), ("max_name_chars", 0));
    assert_eq!(refused(|config| config.max_message_bytes = 0), ("max_message_bytes", 0));
    assert_eq!(refused(|config| config.count_interval = 61 * common::SECOND), ("count_interval", 61_000));
    assert_eq!(refused(|config| config.feed_bytes = 65_536), ("feed_bytes", 65_536));
    assert_eq!(refused(|config| config.mailbox_bytes = 65_536), ("mailbox_bytes", 65_536));
}

#[tokio::test(start_paused = true)]
async fn a_hub_says_which_limits_it_runs_with() {
    assert_eq!(hub(|config| config.history = 7).config(), &common::config(|config| config.history = 7));
}

/// Leaves a room behind in which one message was said, of as many bytes as are given.
async fn say_something_in(hub: &Hub, name: &str, bytes: usize) {
    let member = try_join(hub, name, "alice").await.expect("joined");
    member.post("x".repeat(bytes)).await.expect("accepted");
    drop(member);
    member_count(hub).await;
}

/// Whether a joiner is shown something. It leaves again.
async fn replays(hub: &Hub, name: &str) -> bool {
    let shown = try_join(hub, name, "visitor").await.expect("joined").take_history();
    member_count(hub).await;
    !shown.is_empty()
}

#[tokio::test(start_paused = true)]
async fn the_totals_are_of_all_rooms_and_members_those_included_whose_history_alone_is_kept() {
    let hub = hub(|_| {});
    let totals = async || {
        let totals = in_time(hub.totals()).await.unwrap();
        (totals.rooms, totals.members)
    };
    assert_eq!(totals().await, (0, 0));
    let alice = try_join(&hub, "a", "alice").await.unwrap();
    let _bob = try_join(&hub, "b", "bob").await.unwrap();
    let _carol = try_join(&hub, "b", "carol").await.unwrap();
    alice.post("kept").await.unwrap();
    assert_eq!(totals().await, (2, 3));
    drop(alice);
    assert_eq!(totals().await, (2, 2));
    hub.shutdown();
    assert_eq!(in_time(hub.totals()).await, Err(Closed));
}
