//! How members go: with a Close, with a FIN, with a reset or in the middle of a frame. It is told to others once.

mod common;

use common::{
    CLOSE, Client, FIN, Frame, PING, SECOND, Server, TEXT, chat, close, code, count, handshake, header,
    in_time, joined, left, masked, numbers, said,
};
use tokio::io::AsyncWriteExt;

/// Bob, who is told that alice came, what she does, and that she left: that once, and no more.
async fn leaves_once<F: Future<Output = ()>>(goes: impl Fn(Client) -> F) {
    let server = Server::start().await;
    let mut bob = Client::join(&server, "bob").await;
    for _ in 0..3 {
        let alice = Client::join(&server, "alice").await;
        bob.hears(&[count(2), joined("alice")]).await;
        goes(alice).await;
        bob.hears(&[count(1), left("alice")]).await;
    }
    bob.say("and that is all").await;
    bob.hears(&[chat("bob", "and that is all")]).await;
    assert_eq!(server.member_count("lobby").await, 1);
}

#[tokio::test]
async fn a_close_is_answered_with_the_same_code_and_then_the_server_shuts_its_side() {
    let server = Server::start().await;
    for code in [1000, 1001, 1008, 1011, 3000, 3999, 4000, 4999] {
        let mut alice = Client::join(&server, "alice").await;
        alice.send(close(code)).await;
        alice.closed_with(code).await;
    }
}

#[tokio::test]
async fn a_close_without_a_code_is_answered_without_one() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    alice.send(masked(FIN | CLOSE, "")).await;
    assert_eq!(alice.next().await, Frame::Close(None));
    assert_eq!(alice.next().await, Frame::End);
}

#[tokio::test]
async fn what_was_said_before_a_close_is_heard_and_what_comes_behind_it_is_not() {
    let server = Server::start().await;
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::join(&server, "alice").await;
    bob.hears(&[count(2), joined("alice")]).await;
    let mut frames = numbers(0..150);
    frames.extend(close(1000));
    frames.extend(masked(FIN | TEXT, said("after")));
    frames.extend(masked(FIN | PING, "after"));
    alice.send(frames).await;
    for number in 0..150 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
    }
    bob.hears(&[count(1), left("alice")]).await;
    alice.until_closed_with(1000).await;
    bob.say("and that is all").await;
    bob.hears(&[chat("bob", "and that is all")]).await;
}

#[tokio::test]
async fn a_close_within_a_fragmented_message_is_answered_and_the_message_is_not_said() {
    leaves_once(async |mut alice: Client| {
        alice.send(masked(TEXT, said("never"))).await;
        alice.send(close(1000)).await;
        alice.closed_with(1000).await;
    })
    .await;
}

#[tokio::test]
async fn who_closes_leaves_once() {
    leaves_once(async |mut alice: Client| {
        alice.send(close(1000)).await;
        alice.closed_with(1000).await;
    })
    .await;
}

#[tokio::test]
async fn who_closes_and_does_not_wait_for_the_answer_leaves_once() {
    leaves_once(async |mut alice: Client| alice.send(close(1000)).await).await;
}

#[tokio::test]
async fn who_answers_no_close_and_keeps_its_side_open_has_left_all_the_same() {
    // The server waits for the client's side longer than this test does for anything.
    let server = Server::with(|_, server| server.close_timeout = 60 * SECOND).await;
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::join(&server, "alice").await;
    bob.hears(&[count(2), joined("alice")]).await;
    alice.send(close(1000)).await;
    bob.hears(&[count(1), left("alice")]).await;
    alice.closed_with(1000).await;
}

#[tokio::test]
async fn a_client_that_does_not_close_its_side_is_closed_when_the_time_for_it_is_over() {
    let server = Server::with(|_, server| {
        server.close_timeout = SECOND / 10;
        server.max_connections = 1;
    })
    .await;
    let mut alice = Client::join(&server, "alice").await;
    alice.send(close(1000)).await;
    alice.closed_with(1000).await;
    // Its place is free only when the server has let it go.
    common::eventually("a place for bob", async || {
        code(server.address, &handshake("/chat?username=bob", "")).await == "101"
    })
    .await;
    drop(alice);
}

#[tokio::test]
async fn who_shuts_its_side_leaves_once_and_is_shut() {
    leaves_once(async |mut alice: Client| {
        in_time(alice.stream.shutdown()).await.unwrap();
        assert_eq!(alice.next().await, Frame::End);
    })
    .await;
}

#[tokio::test]
async fn what_was_said_before_a_fin_is_heard() {
    let server = Server::start().await;
    let mut bob = Client::join(&server, "bob").await;
    let mut alice = Client::join(&server, "alice").await;
    bob.hears(&[count(2), joined("alice")]).await;
    for number in 0..100 {
        alice.say(&number.to_string()).await;
    }
    in_time(alice.stream.shutdown()).await.unwrap();
    for number in 0..100 {
        bob.hears(&[chat("alice", &number.to_string())]).await;
    }
    bob.hears(&[count(1), left("alice")]).await;
}

#[tokio::test]
async fn who_resets_leaves_once() {
    leaves_once(async |alice: Client| alice.reset()).await;
}

#[tokio::test]
async fn who_vanishes_within_a_frame_leaves_once_and_the_frame_is_not_said() {
    for resets in [false, true] {
        leaves_once(async |mut alice: Client| {
            let frame = masked(FIN | TEXT, said("never"));
            alice.send(&frame[..frame.len() - 1]).await;
            if resets {
                alice.reset();
            }
        })
        .await;
        leaves_once(async |mut alice: Client| {
            alice.send(&header(FIN | TEXT, 60_000)[..3]).await;
            if resets {
                alice.reset();
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_room_whose_last_member_left_has_none() {
    let server = Server::start().await;
    Client::join(&server, "alice").await.reset();
    common::eventually("nobody is left", async || server.member_count("lobby").await == 0).await;
    assert_eq!(Client::open(&server, "/chat?username=bob").await.text().await, count(1));
}
