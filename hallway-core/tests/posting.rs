//! What is said reaches everybody, unchanged and in one order.

mod common;

use common::{drained, heard, hub, in_time, join, quiet_members};
use hallway_core::{Member, PostError, TryPostError};

#[tokio::test(start_paused = true)]
async fn a_message_reaches_every_member_of_the_room_its_sender_included() {
    let hub = hub(|_| {});
    let mut members = quiet_members(&hub, ["alice", "bob", "carol"]).await;
    members[0].post("Hello!").await.unwrap();
    for member in &mut members {
        assert_eq!(heard(&hub, member).await, ["alice: Hello!"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_passed_on_unchanged() {
    let hub = hub(|_| {});
    let [mut alice] = quiet_members(&hub, ["alice"]).await;
    for text in [
        "  leading and trailing \t",
        "two\nlines\r\n",
        "<b>&amp;</b>",
        r#"{"type":"system"}"#,
        "\u{0}\u{1b}\u{202e}\u{200b}",
        "e\u{301} 👩‍👩‍👧 \u{2028}",
    ] {
        alice.post(text).await.unwrap();
        assert_eq!(heard(&hub, &mut alice).await, [format!("alice: {text}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_message_is_refused_and_the_room_hears_nothing() {
    let hub = hub(|_| {});
    let [mut alice, mut bob] = quiet_members(&hub, ["alice", "bob"]).await;
    for text in ["", " ", "\t\r\n", "\u{2003}\u{a0}\u{2028}"] {
        assert_eq!(in_time(alice.post(text)).await, Err(PostError::Empty), "{text:?}");
    }
    assert_eq!(PostError::Empty.to_string(), "a message must not be empty");
    for member in [&mut alice, &mut bob] {
        assert_eq!(heard(&hub, member).await, [""; 0]);
    }
    alice.post("not empty").await.unwrap();
    assert_eq!(heard(&hub, &mut bob).await, ["alice: not empty"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_may_have_as_many_bytes_as_the_limit_and_one_more_is_refused_with_both_figures() {
    for max in [64 << 10, 1_000] {
        let hub = hub(|config| config.max_message_bytes = max);
        let mut alice = join(&hub, "alice").await;
        heard(&hub, &mut alice).await;

        // Two bytes each: it is bytes that count.
        let longest = "é".repeat(max / 2);
        alice.post(&*longest).await.unwrap();
        let too_long = longest.clone() + "x";
        let refused = in_time(alice.post(&*too_long)).await.unwrap_err();
        assert_eq!(refused, PostError::TooLong { len: max + 1, max });
        assert_eq!(
            refused.to_string(),
            format!("a message of {} bytes exceeds the limit of {max} bytes", max + 1)
        );
        assert_eq!(heard(&hub, &mut alice).await, [format!("alice: {longest}")]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_one_member_keep_their_order_from_whichever_clone_they_come() {
    let hub = hub(|_| {});
    let [alice, mut bob] = quiet_members(&hub, ["alice", "bob"]).await;
    let (alice, _receiver) = alice.split();
    let clone = alice.clone();
    for number in 0..500 {
        let sender = if number % 3 == 0 { &clone } else { &alice };
        sender.post(number.to_string()).await.unwrap();
    }
    let expected: Vec<_> = (0..500).map(|number| format!("alice: {number}")).collect();
    assert_eq!(heard(&hub, &mut bob).await, expected);
}

#[tokio::test(start_paused = true)]
async fn five_senders_are_seen_in_one_order_by_all_members_and_by_the_replay() {
    let names = ["alice", "bob", "carol", "dave", "erin"];
    let hub = hub(|_| {});
    let members = quiet_members(&hub, names).await;
    let (senders, mut receivers): (Vec<_>, Vec<_>) = members.into_iter().map(Member::split).unzip();
    let mut tasks = Vec::new();
    for (position, sender) in senders.into_iter().enumerate() {
        tasks.push(tokio::spawn(async move {
            for number in 0..200 {
                sender.post(number.to_string()).await.unwrap();
                if number % (position + 1) == 0 {
                    tokio::task::yield_now().await;
                }
            }
            sender
        }));
    }
    let mut senders = Vec::new();
    for task in tasks {
        senders.push(in_time(task).await.unwrap());
    }
    let mut late = join(&hub, "late").await;
    let replayed = heard(&hub, &mut late).await;

    let mut order = drained(|| receivers[0].try_recv());
    for receiver in &mut receivers[1..] {
        assert_eq!(drained(|| receiver.try_recv()), order);
    }
    assert_eq!(order.split_off(1_000), ["6 members", "late joined"]);
    assert_eq!(replayed[..100], order[900..]);
    for name in names {
        let own = order.iter().filter(|words| words.starts_with(name));
        assert!(own.eq((0..200).map(|number| format!("{name}: {number}")).collect::<Vec<_>>().iter()));
    }
}

#[tokio::test(start_paused = true)]
async fn try_post_says_it_at_once_or_not_at_all() {
    let hub = hub(|config| {
        config.max_message_bytes = 1_000;
        config.mailbox_bytes = 10_000;
    });
    let [alice, mut bob] = quiet_members(&hub, ["alice", "bob"]).await;
    assert_eq!(alice.try_post(" "), Err(TryPostError::Refused(PostError::Empty)));
    let too_long = PostError::TooLong { len: 1_001, max: 1_000 };
    assert_eq!(alice.try_post("x".repeat(1_001)), Err(too_long.into()));

    // The hub has no turn in between.
    let mut accepted = 0;
    while alice.try_post(format!("{accepted} {}", "x".repeat(900))).is_ok() {
        accepted += 1;
    }
    assert!((8..=10).contains(&accepted), "{accepted}");
    assert_eq!(alice.try_post("x".repeat(900)), Err(TryPostError::Full));
    let heard = heard(&hub, &mut bob).await;
    let numbers: Vec<_> = heard.iter().map(|said| said.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(numbers, (0..accepted).map(|number| number.to_string()).collect::<Vec<_>>());

    alice.try_post("now there is room").unwrap();
    hub.shutdown();
    assert_eq!(alice.try_post("too late"), Err(TryPostError::Refused(PostError::Closed)));
}
