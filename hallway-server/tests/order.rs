//! Many who talk at once are heard in one order, by those who are there and by those who come.

mod common;

use common::{Client, Server, all_talk, chat, count, in_time, joined, numbers};

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
    let (mut orders, _members): (Vec<_>, Vec<_>) = all_talk(members, 100).await.into_iter().unzip();
    let mut late = Client::open(&server, "/chat?username=late").await;
    orders.push(late.chats(500).await);
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
            alice.chats(1).await;
            alice.say(&number.to_string()).await;
        }
    });
    let mut joiners = Vec::new();
    for joiner in 0..50 {
        let mut client = Client::open(&server, &format!("/chat?username=joiner-{joiner}")).await;
        joiners.push(tokio::spawn(async move {
            let seen = client.chats(300).await;
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
