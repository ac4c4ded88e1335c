//! Rooms so large that a pass over them goes in pieces, and bursts as large as the limits allow.

mod common;

use common::{Client, Server, chat, count, in_time, joined, left, numbers};

fn number(text: &str) -> usize {
    text.rsplit('"').nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[tokio::test]
async fn three_hundred_members_hear_everything_in_order_whoever_comes_meanwhile() {
    let server = Server::with(|_, server| server.burst = 1_000).await;
    let mut alice = Client::join(&server, "alice").await;
    let mut members = Vec::new();
    for member in 0..300 {
        let mut client = Client::open(&server, &format!("/chat?username=m{member}")).await;
        members.push(tokio::spawn(async move {
            let numbers: Vec<_> = client.chats(100).await.iter().map(|text| number(text)).collect();
            assert_eq!(numbers, (0..100).collect::<Vec<_>>());
            client
        }));
        // The first hundred are there from the start; with each of the others something is said.
        if member >= 200 {
            alice.send(numbers(member - 200..member - 199)).await;
        }
    }
    let mut clients = Vec::new();
    for member in members {
        clients.push(in_time(member).await.unwrap());
    }

    // And now that nobody comes any more the next message reaches all of them at once.
    alice.say("the last").await;
    for client in &mut clients {
        client.until(&chat("alice", "the last")).await;
    }
}

#[tokio::test]
async fn who_comes_and_goes_in_a_large_room_is_told_to_all_in_time() {
    let server = Server::start().await;
    let mut members = Vec::new();
    for member in 0..200 {
        members.push(Client::open(&server, &format!("/chat?username=m{member}")).await);
    }
    for member in &mut members {
        member.until(&joined("m199")).await;
    }
    drop(members.pop());
    for member in &mut members {
        member.until(&count(199)).await;
        member.until(&left("m199")).await;
    }
}

#[tokio::test]
async fn a_room_that_was_large_is_a_small_one_again() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    let mut members = Vec::new();
    for member in 0..200 {
        members.push(Client::open(&server, &format!("/chat?username=m{member}")).await);
    }
    alice.until(&joined("m199")).await;
    drop(members);
    alice.until(&count(1)).await;
    let mut bob = Client::join(&server, "bob").await;
    alice.until(&joined("bob")).await;
    bob.say("still here").await;
    alice.until(&chat("bob", "still here")).await;
}

#[tokio::test]
async fn a_burst_at_the_smallest_limits_is_lost_to_nobody_who_reads() {
    let server = Server::with(|hub, _| {
        hub.max_message_bytes = 1 << 10;
        hub.feed_bytes = 9 << 10;
        hub.mailbox_bytes = 9 << 10;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bob = Client::join(&server, "bob").await;
    // Twice as long when they are written.
    let frame = common::masked(common::FIN | common::TEXT, common::said(&"\"".repeat(400)));
    alice.send(frame.repeat(14)).await;
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.chats(14).await, vec![chat("alice", &r#"\""#.repeat(400)); 14]);
    }
}
