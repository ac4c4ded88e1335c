//! What who joins receives, and where it is then.

mod common;

use std::io::Write;

use common::{Client, MS, Reply, Server, chat, count, exchange, handshake, in_time, joined, left};
use futures_util::{SinkExt, StreamExt};
use hallway_core::{Event, Hub, Member, RoomName};
use tokio::net::TcpStream;
use tokio_tungstenite::{client_async, tungstenite::Message};

async fn join_in_process(hub: &Hub, room: &str, name: &str) -> Member {
    let room: RoomName = room.parse().expect("a room name");
    in_time(hub.join(&room, name)).await.expect("joined")
}

#[tokio::test]
async fn the_frames_of_version_1_are_as_the_protocol_has_them_byte_for_byte() {
    let server = Server::with(|hub, _| hub.count_interval = 100 * MS).await;
    let mut alice = Client::open(&server, "/chat?username=alice&room=quiet").await;
    alice.send_text(r#"{"type":"chatMessage","payload":{"message":"Hello!"}}"#).await;
    assert_eq!(alice.text().await, r#"{"type":"userCount","payload":{"count":1}}"#);
    assert_eq!(alice.text().await, r#"{"type":"system","payload":{"text":"alice joined"}}"#);
    assert_eq!(
        alice.text().await,
        r#"{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}"#
    );
}

#[tokio::test]
async fn an_ordinary_client_library_gets_in_and_talks() {
    let server = Server::start().await;
    let stream = in_time(TcpStream::connect(server.address)).await.unwrap();
    let url = format!("ws://{}/chat?username=alice", server.address);
    let (mut alice, _) = in_time(client_async(url, stream)).await.unwrap();
    alice.send(Message::text(r#"{"type":"chatMessage","payload":{"message":"Hello!"}}"#)).await.unwrap();
    for expected in [count(1), joined("alice"), chat("alice", "Hello!")] {
        assert_eq!(in_time(alice.next()).await.unwrap().unwrap(), Message::text(expected));
    }
    in_time(alice.close(None)).await.unwrap();
    assert_eq!(in_time(alice.next()).await.unwrap().unwrap(), Message::Close(None));
    assert!(in_time(alice.next()).await.is_none());
}

#[tokio::test]
async fn a_joiner_gets_the_history_then_the_count_then_its_joining_then_what_is_said() {
    // With the interval of production, in which the second join does not make the room say its count at once.
    let server = Server::with(|hub, _| hub.count_interval = 100 * MS).await;
    let mut alice = Client::join(&server, "alice").await;
    for message in ["one", "two"] {
        alice.say(message).await;
        alice.hears(&[chat("alice", message)]).await;
    }
    let mut bob = Client::open(&server, "/chat?username=bob").await;
    bob.say("three").await;
    bob.hears(&[chat("alice", "one"), chat("alice", "two"), count(2), joined("bob")]).await;
    bob.until(&chat("bob", "three")).await;
}

#[tokio::test]
async fn a_joining_is_told_to_everybody_in_the_room_the_count_before_the_name() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    let mut bob = Client::join(&server, "bob").await;
    let _carol = Client::join(&server, "carol").await;
    alice.hears(&[count(2), joined("bob"), count(3), joined("carol")]).await;
    bob.hears(&[count(3), joined("carol")]).await;
}

#[tokio::test]
async fn the_last_100_messages_are_replayed_oldest_first() {
    let server = Server::start().await;
    for said in [0, 7, 100, 101, 257] {
        let room = format!("room-{said}");
        let alice = join_in_process(&server.hub, &room, "alice").await;
        for number in 1..=said {
            alice.post(number.to_string()).await.unwrap();
        }
        let mut bob = Client::open(&server, &format!("/chat?username=bob&room={room}")).await;
        for number in (1..=said).skip(usize::saturating_sub(said, 100)) {
            assert_eq!(bob.text().await, chat("alice", &number.to_string()));
        }
        bob.hears(&[count(2), joined("bob")]).await;
    }
}

#[tokio::test]
async fn what_was_said_is_replayed_to_who_comes_when_everybody_has_gone() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    alice.say("anybody?").await;
    alice.hears(&[chat("alice", "anybody?")]).await;
    alice.send(common::close(1000)).await;
    alice.closed_with(1000).await;
    let mut bob = Client::open(&server, "/chat?username=bob").await;
    bob.hears(&[chat("alice", "anybody?"), count(1), joined("bob")]).await;
}

#[tokio::test]
async fn members_in_the_servers_own_process_share_the_room() {
    let server = Server::start().await;
    let mut bot = join_in_process(&server.hub, "lobby", "bot").await;
    let mut alice = Client::join(&server, "alice").await;
    bot.post("at your service").await.unwrap();
    alice.hears(&[chat("bot", "at your service")]).await;
    alice.say("thanks").await;
    loop {
        if let Event::Chat(chat) = in_time(bot.recv()).await.unwrap()
            && &*chat.username == "alice"
        {
            assert_eq!(&*chat.text, "thanks");
            break;
        }
    }
}

#[tokio::test]
async fn who_names_no_room_is_in_the_lobby() {
    let server = Server::start().await;
    let mut alice = Client::open(&server, "/chat?username=alice").await;
    alice.hears(&[count(1)]).await;
    let mut bob = Client::open(&server, "/chat?username=bob&room=lobby").await;
    bob.hears(&[count(2)]).await;
    let mut carol = Client::open(&server, "/chat?username=carol&room=%zz").await;
    carol.hears(&[count(3)]).await;
    assert_eq!(server.member_count("lobby").await, 3);
}

#[tokio::test]
async fn rooms_hear_and_count_nothing_of_each_other() {
    let server = Server::start().await;
    let mut alice = Client::open(&server, "/chat?username=alice&room=a").await;
    alice.hears(&[count(1), joined("alice")]).await;
    let mut bob = Client::open(&server, "/chat?username=bob&room=b").await;
    bob.hears(&[count(1), joined("bob")]).await;
    // Names of rooms have their case.
    let mut carol = Client::open(&server, "/chat?username=carol&room=A").await;
    carol.hears(&[count(1), joined("carol")]).await;
    bob.say("in b").await;
    bob.hears(&[chat("bob", "in b")]).await;
    drop(bob);
    common::eventually("bob is out", async || server.member_count("b").await == 0).await;
    alice.say("in a").await;
    alice.hears(&[chat("alice", "in a")]).await;
}

#[tokio::test]
async fn a_name_that_no_room_can_have_is_refused_with_400_and_the_reason() {
    let server = Server::start().await;
    let too_long = "r".repeat(65);
    for (name, reason) in [
        ("", "at least 1 character"),
        (&*too_long, "65 characters exceeds the limit of 64"),
        ("no+spaces", "number 3"),
        ("caf%C3%A9", "number 4"),
        ("a%2Fb", "number 2"),
        ("a%00", "number 2"),
        ("a%0d%0aSet-Cookie:%20x", "number 2"),
    ] {
        let reply = exchange(server.address, handshake(&format!("/chat?room={name}"), "")).await;
        assert_eq!(reply.status, "400 Bad Request", "{name}");
        assert!(reply.body.starts_with("room: ") && reply.body.contains(reason), "{name}: {}", reply.body);
    }
    assert_eq!(server.member_count("lobby").await, 0);
}

#[tokio::test]
async fn a_room_name_may_have_64_characters_of_its_alphabet() {
    let server = Server::start().await;
    let name = format!("azAZ09._-{}", "r".repeat(55));
    let mut alice = Client::open(&server, &format!("/chat?room={name}")).await;
    alice.hears(&[count(1)]).await;
    assert_eq!(server.member_count(&name).await, 1);
}

#[tokio::test]
async fn who_finds_the_room_full_is_closed_with_1013_and_nobody_hears_of_it() {
    let server = Server::with(|hub, _| hub.max_members_per_room = 1).await;
    let mut alice = Client::join(&server, "alice").await;
    Client::open(&server, "/chat?username=bob").await.closed_with(1013).await;
    alice.say("alone").await;
    alice.hears(&[chat("alice", "alone")]).await;
}

#[tokio::test]
async fn who_finds_no_place_for_a_new_room_is_closed_with_1013() {
    let server = Server::with(|hub, _| hub.max_rooms = 1).await;
    let _alice = Client::join(&server, "alice").await;
    Client::open(&server, "/chat?username=bob&room=other").await.closed_with(1013).await;
    assert_eq!(Client::open(&server, "/chat?username=bob").await.text().await, count(2));
}

// On one thread, which the client does not give away before it is gone: the server finds its request and its end.
#[tokio::test(flavor = "current_thread")]
async fn who_is_gone_before_the_handshake_is_answered_was_never_in_the_room() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    for _ in 0..3 {
        let mut hasty = std::net::TcpStream::connect(server.address).unwrap();
        hasty.write_all(handshake("/chat?username=hasty", "").as_bytes()).unwrap();
        TcpStream::from_std(non_blocking(hasty)).unwrap().set_zero_linger().unwrap();
    }
    let bob = Client::join(&server, "bob").await;
    drop(bob);
    alice.hears(&[count(2), joined("bob"), count(1), left("bob")]).await;
}

fn non_blocking(stream: std::net::TcpStream) -> std::net::TcpStream {
    stream.set_nonblocking(true).expect("a socket");
    stream
}

#[tokio::test]
async fn a_handshake_that_is_refused_makes_no_member() {
    let server = Server::start().await;
    let mut alice = Client::join(&server, "alice").await;
    let mut foreign = common::open(server.address).await;
    let request = handshake("/chat?username=mallory", "Origin: http://evil.example\r\n");
    in_time(tokio::io::AsyncWriteExt::write_all(&mut foreign, request.as_bytes())).await.unwrap();
    assert_eq!(Reply::read(&mut foreign).await.status, "403 Forbidden");
    alice.say("alone").await;
    alice.hears(&[chat("alice", "alone")]).await;
}
