//! The program's messages in a file: they are there after a restart, and what an operator does with them.
#![cfg(unix)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use common::{Running, chat, count, hallway, joined, one_line, output};
use tokio::{io::AsyncWriteExt, process::Command};

/// A folder of its own for a test, that goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("storage-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it the next run removes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn serving(data: &str) -> Command {
    hallway(&["--listen", "127.0.0.1:0", "--data", data])
}

/// Says these as alice, to a server that then ends in order.
async fn say(data: &str, messages: &[&str]) {
    let server = Running::start(serving(data)).await;
    let mut alice = server.connect("alice").await;
    alice.until(&joined("alice")).await;
    for message in messages {
        alice.say(message).await;
        alice.until(&chat("alice", message)).await;
    }
    server.signal("TERM").await;
    assert_eq!(server.ended().await.0, Some(0));
}

/// What who joins is shown of what was said before.
async fn history(data: &str) -> Vec<String> {
    let server = Running::start(serving(data)).await;
    let mut bob = server.connect("bob").await;
    let mut history = Vec::new();
    loop {
        let text = bob.text().await;
        if text == count(1) {
            return history;
        }
        history.push(text);
    }
}

/// What a command printed that did what it was asked.
async fn done(arguments: &[&str]) -> String {
    let output = output(hallway(arguments)).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The line of a command that could not.
async fn refused(arguments: &[&str]) -> String {
    let output = output(hallway(arguments)).await;
    assert_eq!(output.status.code(), Some(1));
    one_line(&output)
}

#[tokio::test]
async fn without_a_word_messages_are_kept_in_the_working_directory_and_the_log_says_where() {
    let folder = Folder::new("default");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallway-server"));
        command.args(["--listen", "127.0.0.1:0"]).env_clear().current_dir(&folder.0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Running::start(command)
    };
    let server = start().await;
    let mut alice = server.connect("alice").await;
    alice.until(&joined("alice")).await;
    alice.say("Hello!").await;
    alice.until(&chat("alice", "Hello!")).await;
    server.signal("TERM").await;
    let (code, log) = server.ended_with_log().await;
    assert_eq!(code, Some(0));
    let place = folder.0.canonicalize().expect("a path").join("hallway.db");
    let said = format!("messages are kept file={}", place.display());
    assert!(log.iter().any(|line| line.contains(&said)), "{log:?}");

    let server = start().await;
    assert_eq!(server.connect("bob").await.text().await, chat("alice", "Hello!"));
}

#[tokio::test]
async fn a_server_that_is_to_keep_nothing_says_so_and_makes_no_file() {
    let folder = Folder::new("none");
    let mut command = serving("none");
    command.current_dir(&folder.0);
    let server = Running::start(command).await;
    server.signal("TERM").await;
    let (_, log) = server.ended_with_log().await;
    assert!(log.iter().any(|line| line.contains("messages are in memory alone")), "{log:?}");
    assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0);
}

#[tokio::test]
async fn what_was_heard_is_there_after_a_kill() {
    let folder = Folder::new("kill");
    let data = folder.file("chat.db");
    let server = Running::start(serving(&data)).await;
    let mut alice = server.connect("alice").await;
    alice.until(&joined("alice")).await;
    for message in ["a", "b"] {
        alice.say(message).await;
        alice.until(&chat("alice", message)).await;
    }
    server.signal("KILL").await;
    assert_eq!(server.ended().await.0, None);
    assert_eq!(history(&data).await, [chat("alice", "a"), chat("alice", "b")]);
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_and_the_first_goes_on() {
    let folder = Folder::new("twice");
    let data = folder.file("chat.db");
    let server = Running::start(serving(&data)).await;
    let line = refused(&["--listen", "127.0.0.1:0", "--data", &data, "--log-level", "off"]).await;
    assert_eq!(line, format!("error: {data} is in use\n"));
    server.connect("alice").await.until(&joined("alice")).await;
}

#[tokio::test]
async fn what_is_no_file_of_messages_is_refused_in_a_line_and_left_as_it_is() {
    let folder = Folder::new("refused");
    let text = folder.file("text");
    fs::write(&text, "not a database, but longer than the header of one would be: ".repeat(100))
        .expect("a file");
    let directory = folder.file("directory");
    fs::create_dir(&directory).expect("a directory");
    let missing = folder.file("nowhere/chat.db");
    for (data, expected) in [
        (&text, "is no SQLite database"),
        (&directory, "is no file"),
        (&missing, "no such file or directory"),
    ] {
        let line = refused(&["--listen", "127.0.0.1:0", "--data", data, "--log-level", "off"]).await;
        assert!(line.contains(data.as_str()) && line.contains(expected), "{line}");
    }
    assert!(fs::read_to_string(&text).expect("a file").starts_with("not a database"));
}

#[tokio::test]
async fn messages_go_from_one_file_to_another_and_twice_is_once() {
    let folder = Folder::new("export");
    let (from, to) = (folder.file("from.db"), folder.file("to.db"));
    say(&from, &["a", "b"]).await;
    let exported = done(&["export", "--data", &from]).await;
    assert_eq!(exported.lines().count(), 2);
    assert_eq!(done(&["export", "--room", "lobby", "--data", &from]).await, exported);
    assert_eq!(
        refused(&["export", "--room", "den", "--data", &from]).await,
        "error: room den has no messages\n"
    );
    let lines = folder.file("lines");
    fs::write(&lines, &exported).expect("a file");
    assert!(done(&["import", &lines, "--data", &to]).await.starts_with("2 messages added, 0 were there"));
    let mut again = hallway(&["import", "--data", &to]);
    let mut again = again.stdin(Stdio::piped()).spawn().expect("started");
    again.stdin.take().expect("a pipe").write_all(exported.as_bytes()).await.expect("written");
    let again = again.wait_with_output().await.expect("ended");
    assert!(again.stdout.starts_with(b"0 messages added, 2 were there"), "{again:?}");
    assert_eq!(history(&to).await, [chat("alice", "a"), chat("alice", "b")]);
}

#[tokio::test]
async fn a_copy_is_made_while_the_server_runs_and_is_sound() {
    let folder = Folder::new("backup");
    let (data, copy) = (folder.file("chat.db"), folder.file("copy.db"));
    say(&data, &["a"]).await;
    let _server = Running::start(serving(&data)).await;
    done(&["backup", &copy, "--data", &data]).await;
    assert_eq!(done(&["verify", "--data", &copy]).await, format!("{copy} is sound\n"));
    assert_eq!(done(&["verify", "--data", &data]).await, format!("{data} is sound\n"));
    assert_eq!(history(&copy).await, [chat("alice", "a")]);
    assert!(refused(&["backup", &copy, "--data", &data]).await.contains(&copy), "it is not overwritten");
}

#[tokio::test]
async fn what_somebody_said_is_erased_on_request_and_shown_to_nobody() {
    let folder = Folder::new("forget");
    let data = folder.file("chat.db");
    say(&data, &["a", "b"]).await;
    let server = Running::start(serving(&data)).await;
    let mut bob = server.connect("bob").await;
    bob.until(&joined("bob")).await;
    bob.say("c").await;
    bob.until(&chat("bob", "c")).await;
    assert_eq!(refused(&["forget", "alice", "--data", &data]).await, format!("error: {data} is in use\n"));
    server.signal("TERM").await;
    assert_eq!(server.ended().await.0, Some(0));
    assert_eq!(done(&["forget", "alice", "--data", &data]).await, "2 messages of \"alice\" erased\n");
    assert_eq!(done(&["verify", "--data", &data]).await, format!("{data} is sound\n"));
    assert_eq!(history(&data).await, [chat("bob", "c")]);
}

#[tokio::test]
async fn what_is_damaged_is_found() {
    let folder = Folder::new("verify");
    let data = folder.file("chat.db");
    say(&data, &["a"]).await;
    let mut bytes = fs::read(&data).expect("a file");
    let end = bytes.len();
    bytes[end - 64..].fill(0xff);
    fs::write(&data, bytes).expect("a file");
    let output = output(hallway(&["verify", "--data", &data])).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "));
}

#[tokio::test]
async fn a_command_about_a_file_needs_one() {
    assert_eq!(
        refused(&["verify", "--data", "none"]).await,
        "error: --data is none, and this is about a file\n"
    );
}

#[tokio::test]
async fn a_file_that_may_not_grow_further_refuses_messages_and_ends_nothing() {
    let folder = Folder::new("limit");
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -f 600; exec \"$0\" --listen 127.0.0.1:0 --rate 100000 --burst 100000 --data \"$1\"",
        env!("CARGO_BIN_EXE_hallway-server"),
        &folder.file("chat.db"),
    ]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let server = Running::start(command).await;
    let mut alice = server.connect("alice").await;
    alice.until(&joined("alice")).await;
    let message = "x".repeat(20_000);
    let mut said = 0;
    loop {
        alice.say(&message).await;
        let text = alice.text().await;
        if text.contains("not sent: the message cannot be stored") {
            break;
        }
        said += 1;
        assert!(said < 1_000, "{text}");
    }
    assert!(said > 0);
    assert_eq!(server.metrics().await["hallway_store_failing"], 1);
}
