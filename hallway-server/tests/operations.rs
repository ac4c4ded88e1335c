//! What whoever runs the program has of it: its health, its metrics, its log and its end.
#![cfg(unix)]

mod common;

use std::{collections::HashMap, net::TcpListener};

use common::{
    Client, FIN, Running, TEXT, chat, count, eventually, exchange, hallway, handshake, header, joined,
    masked, one_line, open, output,
};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

async fn start(options: &[&str]) -> Running {
    Running::start(hallway(&[&["--listen", "127.0.0.1:0"], options].concat())).await
}

#[tokio::test]
async fn health_says_whether_a_server_serves() {
    let server = start(&[]).await;
    let address = server.address.to_string();
    let asked = output(hallway(&["health", "--listen", &address])).await;
    assert_eq!((asked.status.code(), asked.stdout, asked.stderr), (Some(0), vec![], vec![]));
    let everywhere = format!("0.0.0.0:{}", server.address.port());
    assert_eq!(output(hallway(&["health", "--listen", &everywhere])).await.status.code(), Some(0));

    // Nobody is there, or somebody who does not speak HTTP.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [free, deaf.local_addr().unwrap().to_string()] {
        let asked = output(hallway(&["health", "--listen", &address])).await;
        assert_eq!(asked.status.code(), Some(1));
        assert!(one_line(&asked).starts_with(&format!("error: {address} does not answer")));
    }
}

/// How the series have changed that have.
fn changes(before: &HashMap<String, i64>, after: &HashMap<String, i64>) -> HashMap<String, i64> {
    let old = |name| before.get(name).copied().unwrap_or_default();
    after
        .iter()
        .map(|(name, value)| (name.clone(), value - old(name)))
        .filter(|(_, change)| *change != 0)
        .collect()
}

#[tokio::test]
async fn metrics_count_what_comes_in_and_what_goes_out() {
    let server = start(&["--rate", "1000", "--threads", "2"]).await;
    let mut alice = server.connect("alice").await;
    alice.until(&joined("alice")).await;
    let mut bob = server.connect("bob").await;
    bob.until(&joined("bob")).await;
    alice.until(&joined("bob")).await;
    let before = server.metrics().await;
    for number in 0..10 {
        alice.say(&number.to_string()).await;
        for client in [&mut alice, &mut bob] {
            client.until(&chat("alice", &number.to_string())).await;
        }
    }
    alice.send(masked(FIN | TEXT, "no JSON")).await;
    alice.text().await;

    let sent = |now: &HashMap<String, i64>| changes(&before, now)["hallway_messages_sent_total"];
    eventually("all is reported", async || sent(&server.metrics().await) >= 20).await;
    let now = server.metrics().await;
    let changes = changes(&before, &now);
    assert_eq!(changes["hallway_messages_received_total"], 10);
    assert_eq!(changes["hallway_messages_sent_total"], 20);
    assert_eq!(changes["hallway_messages_refused_total"], 1);
    let frame = i64::try_from(2 + chat("alice", "0").len()).unwrap();
    assert!(changes["hallway_sent_bytes_total"] >= 20 * frame, "{changes:?}");
    assert!(changes["hallway_received_bytes_total"] > 0);
    assert!(now["hallway_fanout_pass_seconds_count"] > 0);
    assert_eq!((now["hallway_members"], now["hallway_rooms"]), (2, 1));
    // The two, and the one that asks.
    assert!(now["hallway_connections"] >= 3);
    assert_eq!(now["hallway_panics_total"], 0);
    assert!(now["process_open_fds"] > 0 && now["process_max_fds"] > 0);
}

#[tokio::test]
async fn metrics_count_who_is_refused_and_how_sessions_end() {
    let server = start(&[]).await;
    let before = server.metrics().await;
    let mut client = server.connect("alice").await;
    client.send(header(FIN | TEXT, 1 << 20)).await;
    client.until_closed_with(1009).await;
    exchange(server.address, handshake("/chat", "Origin: https://evil.example\r\n")).await;
    exchange(server.address, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n").await;
    exchange(server.address, "\x16\x03\x01").await;
    let mut half = open(server.address).await;
    half.write_all(b"GET /chat HTTP/1.1\r\n").await.unwrap();
    drop(half);

    for series in [
        "hallway_sessions_ended_total{reason=\"too_large\"}",
        "hallway_closes_sent_total{code=\"1009\"}",
        "hallway_http_answers_total{answer=\"foreign_origin\"}",
        "hallway_http_answers_total{answer=\"not_found\"}",
        "hallway_http_answers_total{answer=\"bad_request\"}",
        "hallway_handshakes_abandoned_total",
    ] {
        eventually(series, async || changes(&before, &server.metrics().await).get(series) == Some(&1)).await;
    }
}

#[tokio::test]
async fn every_line_of_a_json_log_is_an_object_with_its_fields() {
    let server = start(&["--log", "json", "--allow-origin", "any", "--log-level", "debug"]).await;
    let mut alice = server.connect("al%22%0D%0A%1b%5B31mice").await;
    alice.say("a secret").await;
    alice.until(&chat("al\\\" [31mice", "a secret")).await;
    exchange(server.address, "GET /x\x1b[31m HTTP/1.1\r\nHost: h\r\n\r\n").await;
    server.signal("TERM").await;
    alice.until_closed_with(1001).await;
    drop(alice);
    let (code, log) = server.ended_with_log().await;
    assert_eq!(code, Some(0));
    let events: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    let event = |message: &str| {
        let found =
            events.iter().find(|event| event["message"].as_str().is_some_and(|text| text.contains(message)));
        found.unwrap_or_else(|| panic!("no {message:?} in {log:#?}")).clone()
    };
    assert_eq!(event("listening")["level"], "INFO");
    assert!(event("listening")["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(event("every web page may connect")["level"], "WARN");
    assert_eq!(event("joined")["client"], "127.0.0.1");
    assert_eq!(event("session ended")["reason"], "shutting_down");
    event("shutting down");
    assert!(log.iter().all(|line| !line.contains("secret") && !line.contains('\u{1b}')), "{log:#?}");
}

/// A server, alice, and one that does not read, before which alice has put more than the kernel keeps for it: so that a
/// shutdown waits.
async fn beside_a_deaf_member(options: &[&str]) -> (Running, Client, Client) {
    let server = start(options).await;
    let mut alice = server.connect("alice").await;
    alice.until(&joined("alice")).await;
    let deaf = server.connect("deaf").await;
    let text = "x".repeat(60_000);
    for _ in 0..150 {
        alice.say(&text).await;
        alice.until(&chat("alice", &text)).await;
    }
    (server, alice, deaf)
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (server, mut alice, deaf) = beside_a_deaf_member(&["--shutdown-grace", "60"]).await;
    server.signal("TERM").await;
    alice.until_closed_with(1001).await;
    server.signal("INT").await;
    let (code, log) = server.ended_with_log().await;
    assert_eq!(code, Some(128 + 2), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("second signal")), "{log:#?}");
    drop(deaf);
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nobody() {
    let server = start(&["--log-level", "trace"]).await;
    let mut alice = server.connect("alice").await;
    alice.until(&count(1)).await;
    // Each of them is more than one line, and the pipe holds 64 KiB.
    for _ in 0..1_000 {
        exchange(server.address, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n").await;
    }
    alice.say("still there?").await;
    alice.until(&chat("alice", "still there?")).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_although_nobody_reads_its_log() {
    let options = ["--log-level", "trace", "--shutdown-grace", "60"];
    let (server, mut alice, deaf) = beside_a_deaf_member(&options).await;
    for _ in 0..1_000 {
        exchange(server.address, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n").await;
    }
    server.signal("TERM").await;
    alice.until_closed_with(1001).await;
    server.signal("TERM").await;
    assert_eq!(server.ended().await.0, Some(128 + 15));
    drop(deaf);
}

#[tokio::test]
async fn what_was_sent_to_a_room_is_counted_although_its_last_member_has_gone() {
    let server = start(&["--rate", "1000"]).await;
    let sent = async || server.metrics().await["hallway_sent_bytes_total"];
    let mut alice = server.connect("alice").await;
    alice.until(&joined("alice")).await;
    let ping = masked(FIN | common::PING, "x".repeat(125));
    alice.send(ping.repeat(100)).await;
    for _ in 0..100 {
        assert!(matches!(alice.next().await, common::Frame::Pong(_)));
    }
    drop(alice);
    eventually("all pongs are counted", async || sent().await >= 100 * 127).await;
}
