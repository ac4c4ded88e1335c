//! Plain HTTP on the same port: each answer has its exact status and length, says that it is the last, and is.

mod common;

use common::{Client, MS, Reply, Server, count, exchange, handshake, in_time, open};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, interval},
};

fn get(target: &str) -> String {
    request("GET", target, "")
}

fn request(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: hallway.example\r\n{headers}\r\n")
}

#[tokio::test]
async fn the_front_page_and_the_health_check_are_there() {
    let server = Server::start().await;
    assert_eq!(exchange(server.address, get("/")).await.status, "200 OK");
    assert_eq!(exchange(server.address, get("/?utm=1")).await.status, "200 OK");
    let reply = exchange(server.address, get("/healthz")).await;
    assert_eq!((&*reply.status, reply.body.trim_end()), ("200 OK", "ok"));
    assert!(reply.header("Content-Type").unwrap().starts_with("text/plain"));
}

#[tokio::test]
async fn anything_else_is_404() {
    let server = Server::start().await;
    for target in [
        "/metrics",
        "/chat/",
        "/Chat",
        "/chats",
        "/chat%20",
        "//chat",
        "/../chat",
        "/favicon.ico",
        "*",
        "/%zz",
    ] {
        assert_eq!(exchange(server.address, get(target)).await.status, "404 Not Found", "{target}");
    }
    let reply = exchange(server.address, handshake("/other", "")).await;
    assert_eq!(reply.status, "404 Not Found");
}

#[tokio::test]
async fn a_method_that_is_not_there_is_405_with_those_that_are() {
    let server = Server::start().await;
    for (target, allowed) in [("/", "GET, HEAD"), ("/healthz", "GET, HEAD"), ("/chat", "GET")] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let reply = exchange(server.address, request(method, target, "Content-Length: 0\r\n")).await;
            assert_eq!(reply.status, "405 Method Not Allowed", "{method} {target}");
            assert_eq!(reply.header("Allow"), Some(allowed), "{method} {target}");
        }
    }
    let upgrade = handshake("/chat", "").replacen("GET", "POST", 1);
    assert_eq!(exchange(server.address, upgrade).await.status, "405 Method Not Allowed");
}

#[tokio::test]
async fn the_answer_to_head_is_that_to_get_without_its_text() {
    let server = Server::start().await;
    for target in ["/", "/healthz"] {
        let mut stream = open(server.address).await;
        stream.write_all(request("HEAD", target, "").as_bytes()).await.unwrap();
        let head = Reply::read_to_head(&mut stream).await;
        let full = exchange(server.address, get(target)).await;
        assert_eq!((&head.status, &head.headers), (&full.status, &full.headers));
        assert_eq!(head.body, "");
    }
}

#[tokio::test]
async fn what_is_no_request_is_400_and_gets_an_end() {
    let server = Server::start().await;
    for bytes in [
        // A TLS client's first words.
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET /\r\n\r\n",
        b"{\"type\":\"chatMessage\"}\r\n\r\n",
        b"\0\0\0\0",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ] {
        let reply = exchange(server.address, bytes).await;
        assert_eq!(reply.status, "400 Bad Request", "{:?}", String::from_utf8_lossy(bytes));
        assert!(reply.body.starts_with("not an HTTP/1.1 request: "), "{}", reply.body);
    }
}

#[tokio::test]
async fn http_1_0_is_answered_but_cannot_be_upgraded() {
    let server = Server::start().await;
    let reply = exchange(server.address, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(reply.status, "200 OK");
    let reply = exchange(server.address, handshake("/chat", "").replace("HTTP/1.1", "HTTP/1.0")).await;
    assert_eq!(reply.status, "400 Bad Request");
    assert!(reply.body.contains("RFC 6455 section 4.1"), "{}", reply.body);
}

#[tokio::test]
async fn a_request_of_http_1_1_names_its_host_once() {
    let server = Server::start().await;
    for hosts in ["", "Host: a\r\nHost: b\r\n"] {
        let reply = exchange(server.address, format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n")).await;
        assert_eq!(reply.status, "400 Bad Request", "{hosts}");
        assert!(reply.body.contains("Host"), "{}", reply.body);
    }
    let reply = exchange(server.address, "GET /chat HTTP/1.0\r\n\r\n").await;
    assert_eq!(reply.status, "426 Upgrade Required");
}

#[tokio::test]
async fn a_target_may_be_absolute() {
    let server = Server::start().await;
    assert_eq!(exchange(server.address, get("http://hallway.example/healthz")).await.status, "200 OK");
    assert_eq!(exchange(server.address, get("http://hallway.example")).await.status, "200 OK");
    assert_eq!(exchange(server.address, get("http://hallway.example/x")).await.status, "404 Not Found");
    let mut alice = Client::open(&server, "http://hallway.example/chat?room=absolute").await;
    alice.hears(&[count(1)]).await;
    assert_eq!(server.member_count("absolute").await, 1);
}

#[tokio::test]
async fn what_follows_an_answered_request_is_not_answered() {
    let server = Server::start().await;
    let mut stream = open(server.address).await;
    stream.write_all([get("/healthz"), get("/x"), "x".repeat(50_000)].concat().as_bytes()).await.unwrap();
    let reply = Reply::read(&mut stream).await;
    assert_eq!((&*reply.status, reply.body.trim_end()), ("200 OK", "ok"));
    // It is read and forgotten, not reset: over a real line a reset overtakes the answer.
    for _ in 0..2 {
        in_time(stream.write_all(&vec![b'x'; 20_000])).await.unwrap();
    }
}

#[tokio::test]
async fn a_head_over_8_kib_is_431() {
    let server = Server::start().await;
    let around = request("GET", "/healthz", "X: \r\n").len();
    let of_bytes =
        |bytes: usize| request("GET", "/healthz", &format!("X: {}\r\n", "x".repeat(bytes - around)));
    assert_eq!(exchange(server.address, of_bytes(8 << 10)).await.status, "200 OK");
    for bytes in [(8 << 10) + 1, 100_000] {
        let reply = exchange(server.address, of_bytes(bytes)).await;
        assert_eq!(reply.status, "431 Request Header Fields Too Large", "{bytes} bytes");
    }
    let endless = format!("GET /{}", "a".repeat(8 << 10));
    assert_eq!(exchange(server.address, endless).await.status, "431 Request Header Fields Too Large");
}

#[tokio::test]
async fn a_head_of_more_than_64_headers_is_431() {
    let server = Server::start().await;
    let of_headers = |headers: usize| request("GET", "/healthz", &"X: y\r\n".repeat(headers - 1));
    assert_eq!(exchange(server.address, of_headers(64)).await.status, "200 OK");
    let reply = exchange(server.address, of_headers(65)).await;
    assert_eq!(reply.status, "431 Request Header Fields Too Large");
}

#[tokio::test]
async fn a_head_may_come_in_single_bytes() {
    let server = Server::start().await;
    let mut stream = open(server.address).await;
    for byte in get("/healthz").into_bytes() {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(Reply::read(&mut stream).await.status, "200 OK");
}

#[tokio::test]
async fn who_says_nothing_or_half_a_head_gets_408_when_the_time_is_over() {
    let server = Server::with(|_, server| server.handshake_timeout = 200 * MS).await;
    for bytes in ["", "G", "GET /chat HTTP/1.1\r\nHost: hallway.example\r\n"] {
        let start = Instant::now();
        let reply = exchange(server.address, bytes).await;
        assert_eq!(reply.status, "408 Request Timeout", "{bytes}");
        assert!(start.elapsed() >= 200 * MS, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn bytes_that_trickle_do_not_put_off_the_408() {
    let server = Server::with(|_, server| server.handshake_timeout = 500 * MS).await;
    let mut stream = open(server.address).await;
    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        let mut ticks = interval(50 * MS);
        loop {
            ticks.tick().await;
            // It fails when the server has closed.
            if writer.write_all(b"X").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut first_line = [0; 12];
    tokio::select! {
        () = trickle => unreachable!("it never ends"),
        read = in_time(reader.read_exact(&mut first_line)) => drop(read.unwrap()),
    }
    assert_eq!(&first_line, b"HTTP/1.1 408");
}
