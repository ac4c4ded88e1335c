//! Chat from a terminal: `cargo run --example terminal_client -- 'ws://127.0.0.1:8080/chat?username=alice'`.
//!
//! Each line of the input is a message; the end of the input closes the connection.

use std::io::{BufRead, stdin};

use futures_util::{SinkExt, StreamExt};
use hallway_core::Message;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_tungstenite::{connect_async, tungstenite};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:8080/chat".to_owned());
    let (socket, _) =
        connect_async(&url).await.map_err(|error| format!("cannot connect to {url}: {error}"))?;
    let (mut sink, mut frames) = socket.split();
    let mut lines = input();
    let mut is_open = true;
    loop {
        tokio::select! {
            line = lines.recv(), if is_open => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    let frame = json!({"type": "chatMessage", "payload": {"message": line}});
                    sink.send(tungstenite::Message::text(frame.to_string())).await?;
                }
                None => {
                    is_open = false;
                    sink.send(tungstenite::Message::Close(None)).await?;
                }
            },
            frame = frames.next() => match frame {
                Some(Ok(tungstenite::Message::Text(json))) => println!("{}", shown(&json)),
                Some(Ok(tungstenite::Message::Close(Some(close)))) if is_open => {
                    eprintln!("closed by the server: {} {}", close.code, printable(&close.reason));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            }
        }
    }
}

/// The lines of the standard input, from a thread of their own: reading them cannot be given up half-way.
fn input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn shown(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(Message::ChatMessage { username, message }) => {
            format!("{}: {}", printable(&username), printable(&message))
        }
        Ok(Message::System { text }) => format!("* {}", printable(&text)),
        Ok(Message::UserCount { count }) => format!("* {count} here"),
        // From a server newer than this client.
        Err(_) => printable(json),
    }
}

/// What others wrote, without the power to move the cursor or to recolour the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
