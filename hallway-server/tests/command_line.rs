//! The program as its user starts it: what it prints, what it takes and how it ends.
#![cfg(unix)]

mod common;

use std::{
    net::{SocketAddr, TcpListener},
    process::Stdio,
};

use common::{
    Client, FIN, Running, TEXT, chat, exchange, hallway, handshake, header, one_line, open, output,
};
use tokio::process::Command;

#[tokio::test]
async fn its_first_line_is_the_url_and_that_works() {
    let server = Running::start(hallway(&["--listen", "127.0.0.1:0"])).await;
    assert_eq!(server.url, format!("ws://{}/chat?username=NAME", server.address));
    let mut alice = server.connect("alice").await;
    alice.say("Hello!").await;
    alice.until(&chat("alice", "Hello!")).await;
}

#[tokio::test]
async fn its_second_line_is_the_address_of_the_page_for_a_browser_on_this_machine() {
    for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
        let server = Running::start(hallway(&["--listen", listen])).await;
        let port = server.address.port();
        let reply = exchange(([127, 0, 0, 1], port).into(), "GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(reply.header("Content-Type"), Some("text/html; charset=utf-8"));
        server.signal("TERM").await;
        assert_eq!(server.ended().await, (Some(0), vec![format!("open http://127.0.0.1:{port}/ to chat")]));
    }
}

#[tokio::test]
async fn without_the_page_there_is_nothing_to_open() {
    let server = Running::start(hallway(&["--listen", "127.0.0.1:0", "--no-page"])).await;
    let reply = exchange(server.address, "GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(reply.status, "404 Not Found");
    server.signal("TERM").await;
    assert_eq!(server.ended().await, (Some(0), vec![]));
}

#[tokio::test]
async fn who_gives_no_name_is_called_after_the_time_of_day() {
    let server = Running::start(hallway(&["--listen", "127.0.0.1:0"])).await;
    let mut client = server.connect("").await;
    client.text().await;
    let text = client.text().await;
    let time = text.strip_prefix(r#"{"type":"system","payload":{"text":"Anon_"#).expect("the name");
    let time = time.strip_suffix(r#" joined"}}"#).expect("the announcement");
    assert!(time.len() == 6 && time.bytes().all(|byte| byte.is_ascii_digit()), "{time}");
    assert!(&time[..2] < "24" && &time[2..4] < "60" && &time[4..] < "60", "{time}");
}

#[tokio::test]
async fn the_port_is_that_of_port_or_of_the_environment_and_the_option_wins() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (first, second) = (free(), free());
    let port = first.to_string();

    let mut command = hallway(&["--listen", "127.0.0.1:1"]);
    command.env("PORT", &port);
    assert_eq!(Running::start(command).await.address, SocketAddr::from(([127, 0, 0, 1], first)));

    let mut command = hallway(&["--port", &second.to_string()]);
    command.env("PORT", "1");
    assert_eq!(Running::start(command).await.address, SocketAddr::from(([127, 0, 0, 1], second)));
}

#[tokio::test]
async fn a_port_in_use_is_said_in_one_line_and_the_exit_code_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = output(hallway(&["--listen", &address])).await;
    assert_eq!(output.status.code(), Some(1));
    let line = one_line(&output);
    assert!(line.starts_with(&format!("error: cannot listen on {address}: ")), "{line}");
}

#[tokio::test]
async fn an_option_that_cannot_be_is_named_in_one_line_with_its_value_and_what_is_allowed() {
    for (arguments, words) in [
        (&["--port", "65536"][..], &["--port", "65536", "0 to 65535"][..]),
        (&["--port", "http"], &["--port", "http", "0 to 65535"]),
        (&["--port=-1"], &["--port", "-1", "0 to 65535"]),
        (&["--port", "-1"], &["--port", "-1", "0 to 65535"]),
        (&["--rate", "-5"], &["--rate", "-5", "a whole number"]),
        (&["--listen", "localhost"], &["--listen", "localhost", "127.0.0.1:8080"]),
        (&["--listen", "127.0.0.1"], &["--listen", "127.0.0.1", "an IP address and a port"]),
        (&["--history", "many"], &["--history", "many", "a whole number"]),
        (&["--history", "1000001"], &["--history", "1000001", "0 to 1000000"]),
        (&["--max-rooms", "0"], &["--max-rooms", "0 rooms", "1 to 10000000"]),
        (&["--max-members-per-room", "0"], &["--max-members-per-room", "0 members", "1 to"]),
        (&["--max-message-bytes", "0"], &["--max-message-bytes", "0 bytes", "1 to 16777216"]),
        (&["--max-message-bytes", "16777217"], &["--max-message-bytes", "16777217", "1 to 16777216"]),
        (&["--max-connections", "0"], &["--max-connections", "0 connections", "1 to"]),
        (&["--rate", "0"], &["--rate", "0 messages a second", "1 to 1000000"]),
        (&["--rate", "4294967296"], &["--rate", "4294967296", "at most 4294967295"]),
        (&["--burst", "0"], &["--burst", "0 messages", "1 to 1000000"]),
        (&["--allow-origin", "chat.example"], &["--allow-origin", "chat.example", "a scheme and a host"]),
        (&["--allow-origin", "https://a.example/x"], &["--allow-origin", "https://a.example/x", "a scheme"]),
        (&["--no-such-option"], &["--no-such-option"]),
        (&["stray"], &["stray"]),
    ] {
        let output = output(hallway(arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let line = one_line(&output);
        assert!(words.iter().all(|word| line.contains(word)), "{arguments:?}: {line}");
    }
}

#[tokio::test]
async fn a_port_in_the_environment_that_cannot_be_is_named_likewise() {
    for value in ["http", "65536", "8080 "] {
        let mut command = hallway(&[]);
        command.env("PORT", value);
        let output = output(command).await;
        assert_eq!(output.status.code(), Some(2), "{value:?}");
        let line = one_line(&output);
        assert!(line.contains(value) && line.contains("0 to 65535"), "{line}");
    }
}

#[tokio::test]
async fn help_and_version_are_printed_with_exit_code_0() {
    for (argument, words) in [
        (
            "--help",
            &["--listen", "--port", "PORT", "--history", "--max-message-bytes", "--rate", "--allow-origin"][..],
        ),
        ("--version", &[env!("CARGO_PKG_VERSION")]),
    ] {
        let output = output(hallway(&[argument])).await;
        assert_eq!(output.status.code(), Some(0), "{argument}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[tokio::test]
async fn its_options_reach_the_server() {
    let options = [
        ["--listen", "127.0.0.1:0"],
        ["--history", "1"],
        ["--max-rooms", "1"],
        ["--max-members-per-room", "2"],
        ["--max-message-bytes", "1000"],
        ["--max-connections", "20"],
        ["--allow-origin", "https://chat.example"],
    ];
    let server = Running::start(hallway(options.as_flattened())).await;
    let mut alice = server.connect("alice").await;
    for message in ["one", "two"] {
        alice.say(message).await;
        alice.until(&chat("alice", message)).await;
    }
    let mut bob = server.connect("bob").await;
    assert_eq!(bob.text().await, chat("alice", "two"));

    server.connect("carol").await.closed_with(1013).await;
    server.connect("carol&room=other").await.closed_with(1013).await;
    let refused = handshake("/chat", "Origin: https://hallway.example\r\n");
    assert_eq!(exchange(server.address, refused).await.status, "403 Forbidden");
    // Connections that are just being closed have a place yet: so it is filled until there is none.
    let mut idle = Vec::new();
    let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    while exchange(server.address, request).await.status != "503 Service Unavailable" {
        idle.push(open(server.address).await);
        assert!(idle.len() < 100, "the limit is 20");
    }

    alice.send(header(FIN | TEXT, 1_001)).await;
    alice.until_closed_with(1009).await;
}

#[tokio::test]
async fn too_many_open_files_are_waited_out() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -n 40; exec \"$0\" --listen 127.0.0.1:0 --data none --max-connections 1000",
        env!("CARGO_BIN_EXE_hallway-server"),
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let server = Running::start(command).await;
    let mut alice = server.connect("alice").await;
    let mut idle = Vec::new();
    for _ in 0..60 {
        idle.push(open(server.address).await);
    }
    // The system takes one more on the server's behalf, but nobody is there to answer yet.
    let mut bob = Client::over(open(server.address).await);
    bob.send(handshake("/chat?username=bob", "")).await;
    alice.say("those who are in are served").await;
    alice.until(&chat("alice", "those who are in are served")).await;
    drop(idle);
    bob.upgraded().await;
    bob.until(&chat("alice", "those who are in are served")).await;
}

#[tokio::test]
async fn sigterm_sigint_and_sighup_close_every_client_with_1001_and_the_exit_code_is_0() {
    for signal in ["TERM", "INT", "HUP"] {
        let server = Running::start(hallway(&["--listen", "127.0.0.1:0"])).await;
        let mut alice = server.connect("alice").await;
        alice.say("heard?").await;
        alice.until(&chat("alice", "heard?")).await;
        server.signal(signal).await;
        alice.closed_with(1001).await;
        drop(alice);
        let page = format!("open http://{}/ to chat", server.address);
        assert_eq!(server.ended().await, (Some(0), vec![page]), "{signal}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_cannot_keep_it_from_ending() {
    let server = Running::start(hallway(&["--listen", "127.0.0.1:0"])).await;
    let mut alice = server.connect("alice").await;
    server.signal("TERM").await;
    alice.until_closed_with(1001).await;
    assert_eq!(server.ended().await.0, Some(0));
    drop(alice);
}

#[tokio::test]
async fn a_log_filter_that_is_none_is_named_in_one_line() {
    let mut command = hallway(&["--listen", "127.0.0.1:0"]);
    command.env("RUST_LOG", "a=b=c");
    let output = output(command).await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(2), 1), "{text}");
    for words in ["a=b=c", "allowed is a level or a filter", "(in the environment: RUST_LOG)"] {
        assert!(text.contains(words), "{text}");
    }
}
