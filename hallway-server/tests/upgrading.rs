//! The handshake: what is upgraded, and what is answered to whom cannot be.

mod common;

use common::{
    Client, FIN, Frame, PING, Server, TEXT, chat, code, count, exchange, handshake, joined, masked, said,
};
use hallway_server::Origins;
use tokio::io::AsyncWriteExt;

/// The usual request with one part replaced.
fn with(part: &str, other: &str) -> String {
    let request = handshake("/chat", "");
    assert!(request.contains(part), "{part}");
    request.replacen(part, other, 1)
}

#[tokio::test]
async fn the_answer_is_that_of_rfc_6455_with_no_protocol_and_no_extension() {
    let server = Server::start().await;
    let mut alice = Client::over(common::open(server.address).await);
    let offers =
        "Sec-WebSocket-Protocol: hallway.v9, chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    alice.send(handshake("/chat", offers)).await;
    let head = alice.upgraded().await.to_ascii_lowercase();
    let mut lines: Vec<_> = head.lines().skip(1).filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    // The answer to its key is in RFC 6455 section 1.3.
    assert_eq!(
        lines,
        ["connection: upgrade", "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=", "upgrade: websocket"]
    );
}

#[tokio::test]
async fn the_answer_to_the_key_has_its_case() {
    let server = Server::start().await;
    let mut alice = Client::over(common::open(server.address).await);
    alice.send(handshake("/chat", "")).await;
    assert!(alice.upgraded().await.contains(": s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
}

#[tokio::test]
async fn headers_may_be_written_as_browsers_and_proxies_write_them() {
    let server = Server::start().await;
    for request in [
        with("Upgrade: websocket", "UPGRADE: WebSocket"),
        with("Connection: Upgrade", "connection: keep-alive, upgrade"),
        with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: UPGRADE"),
        with("Upgrade: websocket", "Upgrade: h2c, websocket"),
        with("Sec-WebSocket-Version: 13", "sec-websocket-version:13"),
        with("Host: hallway.example", "host:\thallway.example:8080 "),
    ] {
        let mut client = Client::over(common::open(server.address).await);
        client.send(request).await;
        client.upgraded().await;
    }
}

#[tokio::test]
async fn a_handshake_may_come_in_single_bytes() {
    let server = Server::start().await;
    let mut alice = Client::over(common::open(server.address).await);
    for byte in handshake("/chat?username=alice", "").into_bytes() {
        alice.stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    alice.upgraded().await;
    alice.hears(&[count(1), joined("alice")]).await;
}

#[tokio::test]
async fn frames_in_the_packet_of_the_handshake_are_taken() {
    let server = Server::start().await;
    let mut alice = Client::over(common::open(server.address).await);
    let request = handshake("/chat?username=alice", "").into_bytes();
    let frames = [masked(FIN | TEXT, said("at once")), masked(FIN | PING, "and")].concat();
    // The last frame comes in two packets.
    let (now, later) = frames.split_at(frames.len() - 3);
    alice.send([&request, now].concat()).await;
    alice.upgraded().await;
    alice.hears(&[count(1), joined("alice"), chat("alice", "at once")]).await;
    alice.send(later).await;
    assert_eq!(alice.next().await, Frame::Pong(b"and".to_vec()));
}

#[tokio::test]
async fn a_request_without_an_upgrade_is_426_with_the_protocol_and_its_version() {
    let server = Server::start().await;
    for request in [
        "GET /chat?username=alice HTTP/1.1\r\nHost: hallway.example\r\n\r\n".to_owned(),
        with("Upgrade: websocket\r\n", ""),
        with("Upgrade: websocket", "Upgrade: websocketx"),
        with("Upgrade: websocket", "Upgrade: h2c"),
        with("Connection: Upgrade\r\n", ""),
        with("Connection: Upgrade", "Connection: keep-alive"),
    ] {
        is_426(&server, &request).await;
    }
}

#[tokio::test]
async fn a_version_other_than_13_is_426_with_the_one_there_is() {
    let server = Server::start().await;
    for version in ["8", "12", "14", "0", "13, 8", "\"13\"", ""] {
        is_426(&server, &with("Version: 13", &format!("Version: {version}"))).await;
    }
    is_426(&server, &with("Sec-WebSocket-Version: 13\r\n", "")).await;
    is_426(&server, &with("Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13")).await;
}

async fn is_426(server: &Server, request: &str) {
    let reply = exchange(server.address, request).await;
    assert_eq!(reply.status, "426 Upgrade Required", "{request}");
    assert_eq!(reply.header("Upgrade"), Some("websocket"), "{request}");
    assert_eq!(reply.header("Sec-WebSocket-Version"), Some("13"), "{request}");
    // RFC 9110 section 7.8: who sends Upgrade lists it in Connection.
    let connection = reply.header("Connection").expect("a word about it");
    assert!(connection.split(", ").any(|option| option.eq_ignore_ascii_case("upgrade")), "{connection}");
}

#[tokio::test]
async fn a_key_that_is_not_16_bytes_in_base64_is_400() {
    let server = Server::start().await;
    for key in [
        "",
        "dGhlIHNhbXBsZQ==",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZXo=",
        "dGhlIHNhbXBsZSBub25j*Q==",
        "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        let reply = exchange(server.address, with("dGhlIHNhbXBsZSBub25jZQ==", key)).await;
        assert_eq!(reply.status, "400 Bad Request", "{key}");
        assert!(reply.body.contains("Sec-WebSocket-Key"), "{}", reply.body);
    }
    let reply = exchange(server.address, with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")).await;
    assert_eq!(reply.status, "400 Bad Request");
}

#[tokio::test]
async fn a_handshake_has_one_host() {
    let server = Server::start().await;
    for host in ["", "Host: a\r\nHost: b\r\n"] {
        let reply = exchange(server.address, with("Host: hallway.example\r\n", host)).await;
        assert_eq!(reply.status, "400 Bad Request");
        assert!(reply.body.contains("Host"), "{}", reply.body);
    }
}

/// Whether a page of this origin, as the header lines say it, gets in.
async fn is_let_in(server: &Server, headers: &str) -> bool {
    match &*code(server.address, &handshake("/chat", headers)).await {
        "101" => true,
        "403" => false,
        other => panic!("{headers}: {other}"),
    }
}

#[tokio::test]
async fn a_page_of_the_same_host_gets_in_and_one_from_elsewhere_is_403() {
    let server = Server::start().await;
    assert!(is_let_in(&server, "").await, "no browser");
    for origin in ["http://hallway.example", "https://hallway.example", "http://HALLWAY.example:80"] {
        assert!(is_let_in(&server, &format!("Origin: {origin}\r\n")).await, "{origin}");
    }
    for origin in [
        "http://evil.example",
        "http://hallway.example.evil.example",
        "http://evil.hallway.example",
        "http://hallway.example:8080",
        "http://hallway.example@evil.example",
        "null",
        "",
        "hallway.example",
        "http://hallway.example\r\nOrigin: http://hallway.example",
    ] {
        assert!(!is_let_in(&server, &format!("Origin: {origin}\r\n")).await, "{origin}");
    }
    let reply = exchange(server.address, handshake("/chat", "Origin: http://evil.example\r\n")).await;
    assert_eq!(reply.status, "403 Forbidden");
    assert_eq!(server.member_count("lobby").await, 0);
}

#[tokio::test]
async fn with_a_list_of_origins_those_on_it_get_in_and_others_are_403() {
    let list = vec!["https://chat.example".to_owned(), "http://localhost:5173".to_owned()];
    let server = Server::with(|_, server| server.origins = Origins::Only(list)).await;
    for (origin, expected) in [
        ("https://chat.example", true),
        ("http://localhost:5173", true),
        ("http://chat.example", false),
        ("http://hallway.example", false),
        ("https://chat.example:8443", false),
    ] {
        assert_eq!(is_let_in(&server, &format!("Origin: {origin}\r\n")).await, expected, "{origin}");
    }
    assert!(is_let_in(&server, "").await, "no browser");
}

#[tokio::test]
async fn where_every_page_may_come_every_page_gets_in() {
    let server = Server::with(|_, server| server.origins = Origins::Any).await;
    assert!(is_let_in(&server, "Origin: http://evil.example\r\n").await);
    assert!(is_let_in(&server, "Origin: null\r\n").await);
}
