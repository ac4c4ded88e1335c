//! The hub behind a route of an axum service: `cargo run --example embed_axum [ADDRESS]`.
//!
//! The service's other routes stay what they are. Clients see the same frames as with `hallway-server`; its limits,
//! notices of bad frames and close codes are left to a service of this kind.

use std::time::Duration;

use axum::{
    Router,
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{self, WebSocket},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use hallway_core::{Config, Hub, Member, Message, RecvError, RoomName, SystemClock};
use serde::Deserialize;
use tokio::{net::TcpListener, time::timeout};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let hub = Hub::spawn(Config::default(), SystemClock)?;
    let app = Router::new()
        .route("/", get(|| async { "A service of its own, with a chat at /chat\n" }))
        .route("/chat", any(chat))
        .with_state(hub.clone());

    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}/chat?username=NAME", listener.local_addr()?);
    let shutdown = async move {
        // Without a handler for it ctrl-c ends the process, which will do, too.
        let _ = tokio::signal::ctrl_c().await;
        hub.shutdown();
    };
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    username: String,
    room: Option<String>,
}

async fn chat(State(hub): State<Hub>, Query(asked): Query<Asked>, upgrade: WebSocketUpgrade) -> Response {
    let room: RoomName = match asked.room.as_deref().unwrap_or("lobby").parse() {
        Ok(room) => room,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    let upgrade = upgrade.max_message_size(hub.config().max_message_bytes);
    upgrade.on_upgrade(async move |socket| {
        if let Ok(member) = hub.join(&room, &asked.username).await {
            serve(socket, member).await;
        }
    })
}

/// The lines that matter. Returning drops the member, and so leaves the room.
async fn serve(mut socket: WebSocket, mut member: Member) {
    loop {
        tokio::select! {
            event = member.recv() => {
                let message = match event {
                    Ok(event) => Message::from(&event),
                    Err(RecvError::Missed(count)) => {
                        Message::System { text: format!("you missed {count} messages").into() }
                    }
                    Err(RecvError::Closed) => return,
                };
                let json = serde_json::to_string(&message).expect("a message always has a JSON form");
                // Only this client's task waits for it, and not for ever.
                let sent = timeout(Duration::from_secs(30), socket.send(ws::Message::text(json))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
            frame = socket.recv() => match frame {
                Some(Ok(ws::Message::Text(json))) => {
                    if let Ok(Said::ChatMessage { message }) = serde_json::from_str(&json) {
                        // An empty message is nobody's loss; a hub that shut down ends the loop above.
                        let _ = member.post(message).await;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}

/// What a client sends.
#[derive(Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "camelCase")]
enum Said {
    ChatMessage { message: String },
}
