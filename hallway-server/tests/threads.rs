//! One server on several threads.

mod common;

use common::{Client, Server, all_talk, chat, exchange, handshake, joined};

#[tokio::test]
async fn who_is_served_by_different_threads_hears_one_order() {
    let [one, other] = Server::on_two_threads(|_, server| server.burst = 1_000);
    let mut members = Vec::new();
    for number in 0..6 {
        let server = if number % 2 == 0 { &one } else { &other };
        members.push(Client::join(server, &format!("sender-{number}")).await);
    }
    let heard = all_talk(members, 100).await;
    assert!(heard.iter().all(|(order, _)| *order == heard[0].0));
}

#[tokio::test]
async fn the_limit_of_connections_is_for_all_threads_together() {
    let [one, other] = Server::on_two_threads(|_, server| server.max_connections = 2);
    let _alice = Client::join(&one, "alice").await;
    let _bob = Client::join(&other, "bob").await;
    for server in [&one, &other] {
        let reply = exchange(server.address, handshake("/chat", "")).await;
        assert_eq!(reply.status, "503 Service Unavailable");
    }
}

#[tokio::test]
async fn a_shutdown_of_one_thread_is_one_of_all_and_everybody_is_told() {
    let [mut one, mut other] = Server::on_two_threads(|_, _| {});
    let mut alice = Client::join(&one, "alice").await;
    let mut bob = Client::join(&other, "bob").await;
    alice.until(&joined("bob")).await;
    bob.say("before").await;
    alice.until(&chat("bob", "before")).await;
    other.shut_down();
    for client in [&mut alice, &mut bob] {
        client.until_closed_with(1001).await;
    }
    drop((alice, bob));
    one.ended().await;
    other.ended().await;
}
