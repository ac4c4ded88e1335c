//! Each example does what its first lines say, started as its reader would start it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// More than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The examples stand beside this test's own folder, built with it.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let folder: PathBuf = test.ancestors().nth(2).unwrap().join("examples");
    let mut command = Command::new(folder.join(name));
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Starts one that serves; returns it with the URL it prints first.
async fn serving(mut command: Command) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let url = line.strip_prefix("listening on ").unwrap().replace("?username=NAME", "");
    (child, url)
}

async fn connect(url: &str) -> Client {
    timeout(PATIENCE, connect_async(url)).await.unwrap().unwrap().0
}

async fn say(client: &mut Client, text: &str) {
    let frame = format!(r#"{{"type":"chatMessage","payload":{{"message":"{text}"}}}}"#);
    client.send(Message::text(frame)).await.unwrap();
}

async fn frame_of(client: &mut Client) -> String {
    timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap().to_string()
}

/// Reads on until this frame has come.
async fn until(client: &mut Client, expected: &str) {
    while frame_of(client).await != expected {}
}

async fn output(command: &mut Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn in_process_shows_a_replay_an_order_and_an_end() {
    let output = output(&mut example("in_process")).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.starts_with("alice: Is anybody there?\n"), "{text}");
    assert!(text.contains("bob: I am.\n") && text.contains("alice left"), "{text}");
}

#[tokio::test]
async fn stored_comes_back_to_what_it_missed_and_goes_on_with_the_numbers_of_its_last_run() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("stored-{}.db", std::process::id()));
    for first in [1, 4] {
        let output = output(example("stored").arg(&file)).await;
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let missed = format!("{} alice: Hello?\n{} bob: I was on the phone.\n", first + 1, first + 2);
        assert_eq!(text, format!("message {first} is stored\n{missed}"));
    }
    for beside in ["", "-lock"] {
        std::fs::remove_file(format!("{}{beside}", file.display())).unwrap();
    }
}

#[tokio::test]
async fn embed_axum_serves_the_protocol_beside_its_other_routes() {
    let mut command = example("embed_axum");
    command.arg("127.0.0.1:0");
    let (_service, url) = serving(command).await;
    let mut alice = connect(&format!("{url}?username=alice")).await;
    assert_eq!(frame_of(&mut alice).await, r#"{"type":"userCount","payload":{"count":1}}"#);
    assert_eq!(frame_of(&mut alice).await, r#"{"type":"system","payload":{"text":"alice joined"}}"#);
    say(&mut alice, "Hello!").await;
    until(&mut alice, r#"{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}"#).await;

    let mut bob = connect(&format!("{url}?username=bob")).await;
    let replayed = frame_of(&mut bob).await;
    assert_eq!(replayed, r#"{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}"#);
    alice.close(None).await.unwrap();
    until(&mut bob, r#"{"type":"system","payload":{"text":"alice left"}}"#).await;
}

#[tokio::test]
async fn the_bot_answers_in_a_running_server() {
    let mut command = example("bot");
    command.arg("127.0.0.1:0");
    let (_server, url) = serving(command).await;
    let mut alice = connect(&format!("{url}?username=alice")).await;
    say(&mut alice, "!time").await;
    loop {
        let frame = frame_of(&mut alice).await;
        if frame.contains(r#""username":"clock""#) {
            assert!(frame.contains("alice: it is ") && frame.contains(" UTC"), "{frame}");
            return;
        }
    }
}

#[tokio::test]
async fn the_terminal_client_chats_and_shows_nobody_the_power_over_the_terminal() {
    let mut command = example("bot");
    command.arg("127.0.0.1:0");
    let (_server, url) = serving(command).await;
    let mut bob = connect(&format!("{url}?username=bob")).await;
    say(&mut bob, "\\u001b[2Jcleared?").await;
    until(&mut bob, r#"{"type":"chatMessage","payload":{"username":"bob","message":"\u001b[2Jcleared?"}}"#)
        .await;

    let mut client = example("terminal_client")
        .arg(format!("{url}?username=alice"))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut input = client.stdin.take().unwrap();
    let first = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert_eq!(first, "bob: \u{fffd}[2Jcleared?");

    input.write_all(b"say \"hi\"\n").await.unwrap();
    until(&mut bob, r#"{"type":"chatMessage","payload":{"username":"alice","message":"say \"hi\""}}"#).await;
    drop(input);
    assert!(timeout(PATIENCE, client.wait()).await.unwrap().unwrap().success());
    until(&mut bob, r#"{"type":"system","payload":{"text":"alice left"}}"#).await;
}

#[tokio::test]
async fn echo_sends_back_what_came_and_refuses_what_is_too_long() {
    let mut command = example("echo");
    command.args(["--listen", "127.0.0.1:0", "--max-message-bytes", "1000"]);
    let (_server, url) = serving(command).await;
    let mut client = connect(&url).await;
    for message in [Message::text("text"), Message::binary(vec![0, 255])] {
        client.send(message.clone()).await.unwrap();
        assert_eq!(timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap(), message);
    }
    client.send(Message::text("x".repeat(1001))).await.unwrap();
    match timeout(PATIENCE, client.next()).await.unwrap().unwrap().unwrap() {
        Message::Close(Some(close)) => assert_eq!(u16::from(close.code), 1009),
        other => panic!("{other:?}"),
    }
}
