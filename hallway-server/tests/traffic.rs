//! Many who talk at once, and one who talks too much.

mod common;

use common::{
    Client, FIN, MS, SECOND, Server, TEXT, chat, close, count, in_time, joined, left, masked, said,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, interval, timeout},
};

/// Frames that say these numbers.
fn numbers(range: std::ops::Range<usize>) -> Vec<u8> {
    range.flat_map(|number| masked(FIN | TEXT, said(&number.to_string()))).collect()
}

/// The next chat messages, which must be so many; what else is said is left out.
async fn chats(client: &mut Client, messages: usize) -> Vec<String> {
    let mut chats = Vec::with_capacity(messages);
    while chats.len() < messages {
        let text = client.text().await;
        if text.contains("chatMessage") {
            chats.push(text);
        }
    }
    chats
}

#[tokio::test]
async fn all_members_see_what_five_say_at_once_in_one_order_and_so_does_who_comes_later() {
    let server = Server::with(|hub, server| {
        hub.history = 500;
        server.burst = 1_000;
    })
    .await;
    let mut members = Vec::new();
    for sender in 0..5 {
        members.push(Client::join(&server, &format!("sender-{sender}")).await);
    }
    let mut tasks = Vec::new();
    for mut member in members {
        tasks.push(tokio::spawn(async move {
            for number in 0..100 {
                member.say(&number.to_string()).await;
            }
            (chats(&mut member, 500).await, member)
        }));
    }
    let mut orders = Vec::new();
    let mut members = Vec::new();
    for task in tasks {
        let (order, member) = in_time(task).await.unwrap();
        orders.push(order);
        members.push(member);
    }
    let mut late = Client::open(&server, "/chat?username=late").await;
    orders.push(chats(&mut late, 500).await);
    late.hears(&[count(6), joined("late")]).await;

    for order in &orders {
        assert_eq!(order, &orders[0]);
    }
    for sender in 0..5 {
        let own = format!("sender-{sender}");
        let said: Vec<_> = orders[0].iter().filter(|text| text.contains(&own)).collect();
        let expected: Vec<_> = (0..100).map(|number| chat(&own, &number.to_string())).collect();
        assert_eq!(said, expected.iter().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn fifty_who_join_amid_traffic_have_neither_a_gap_nor_a_double() {
    let server = Server::with(|_, server| {
        server.rate = 100_000;
        server.burst = 100_000;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let talk = tokio::spawn(async move {
        // Closed loop, a few ahead: so fast as the server goes, until it is told to stop by being dropped.
        alice.send(numbers(0..16)).await;
        for number in 16.. {
            chats(&mut alice, 1).await;
            alice.say(&number.to_string()).await;
        }
    });
    let mut joiners = Vec::new();
    for joiner in 0..50 {
        let mut client = Client::open(&server, &format!("/chat?username=joiner-{joiner}")).await;
        joiners.push(tokio::spawn(async move {
            let seen = chats(&mut client, 300).await;
            let number = |text: &String| {
                text.split('"')
                    .rev()
                    .nth(1)
                    .and_then(|number| number.parse::<usize>().ok())
                    .expect("a number")
            };
            let numbers: Vec<_> = seen.iter().map(number).collect();
            let first = numbers[0];
            assert_eq!(numbers, (first..first + 300).collect::<Vec<_>>());
        }));
        // The sixteen who talk and join are on one thread: they go forward together.
        tokio::task::yield_now().await;
    }
    for joiner in joiners {
        in_time(joiner).await.unwrap();
    }
    talk.abort();
}

#[tokio::test]
async fn what_exceeds_the_rate_is_slowed_down_but_neither_lost_nor_out_of_order() {
    let server = Server::with(|_, server| {
        server.rate = 100;
        server.burst = 20;
    })
    .await;
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::join(&server, "alice").await;
    bob.until(&joined("alice")).await;
    let start = Instant::now();
    alice.send(numbers(0..80)).await;
    for number in 0..20 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
    }
    for number in 20..80 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
        // The first twenty are a burst, each one further has its hundredth of a second.
        let due = u32::try_from(number - 19).unwrap() * 10 * MS;
        assert!(start.elapsed() >= due, "number {number} after {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_burst_within_the_limit_is_not_slowed_down() {
    // One a second: whatever exceeded the burst would come too late for this test.
    let server = Server::with(|_, server| {
        server.rate = 1;
        server.burst = 200;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let start = Instant::now();
    alice.send(numbers(0..200)).await;
    chats(&mut alice, 200).await;
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
}

#[tokio::test]
async fn faults_and_frames_of_unknown_types_count_against_the_rate_too() {
    let server = Server::with(|_, server| {
        server.rate = 50;
        server.burst = 1;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let start = Instant::now();
    for _ in 0..10 {
        alice.send_text("{}").await;
        alice.send_text(r#"{"type":"typing"}"#).await;
    }
    alice.say("at last").await;
    alice.until(&chat("alice", "at last")).await;
    assert!(start.elapsed() >= 20 * 20 * MS, "{:?}", start.elapsed());
}

#[tokio::test]
async fn who_exceeds_its_rate_is_slowed_down_by_tcp_and_slows_nobody_else_down() {
    let server = Server::with(|_, server| {
        server.rate = 1;
        server.burst = 1;
    })
    .await;
    let mut flood = Client::join(&server, "flood").await;
    let mut alice = Client::join(&server, "alice").await;
    let frame = masked(FIN | TEXT, said(&"x".repeat(60_000)));
    let mut frames = 0;
    while timeout(SECOND / 4, flood.stream.write_all(&frame)).await.is_ok() {
        frames += 1;
        // 64 MB are more than any socket's buffers hold.
        assert!(frames < 1_000, "the server reads on");
    }
    let start = Instant::now();
    alice.say("not held up").await;
    alice.until(&chat("alice", "not held up")).await;
    assert!(start.elapsed() < SECOND / 2, "{:?}", start.elapsed());
}

#[tokio::test]
async fn each_connection_has_a_rate_of_its_own() {
    let server = Server::with(|_, server| {
        server.rate = 1;
        server.burst = 1;
    })
    .await;
    let start = Instant::now();
    for number in 0..5 {
        let mut alice = Client::join(&server, "alice").await;
        alice.say(&number.to_string()).await;
        alice.until(&chat("alice", &number.to_string())).await;
    }
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_close_is_answered_while_the_rate_is_used_up() {
    let server = Server::with(|_, server| {
        server.rate = 10;
        server.burst = 1;
    })
    .await;
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::join(&server, "alice").await;
    bob.until(&joined("alice")).await;
    alice.send([numbers(0..3), close(1000)].concat()).await;
    bob.hears(&[chat("alice", "0"), chat("alice", "1"), chat("alice", "2"), count(1), left("alice")]).await;
    alice.until_closed_with(1000).await;
}

#[tokio::test]
async fn a_rate_that_was_used_up_is_earned_again_by_waiting() {
    let server = Server::with(|_, server| {
        server.rate = 20;
        server.burst = 10;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let mut ticks = interval(SECOND);
    ticks.tick().await;
    for _ in 0..2 {
        let start = Instant::now();
        alice.send(numbers(0..10)).await;
        chats(&mut alice, 10).await;
        assert!(start.elapsed() < 400 * MS, "{:?}", start.elapsed());
        ticks.tick().await;
    }
}
