//! The JSON envelope of the wire protocol, version 1.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Event;

/// A frame from the server to a client: `{"type":…,"payload":{…}}`.
///
/// Written with exactly these keys in exactly this order; read with the keys in any order, further ones ignored.
///
/// ```
/// # use hallway_core::Message;
/// let message = Message::ChatMessage { username: "alice".into(), message: "Hello!".into() };
/// let json = r#"{"type":"chatMessage","payload":{"username":"alice","message":"Hello!"}}"#;
/// assert_eq!(serde_json::to_string(&message)?, json);
/// assert_eq!(serde_json::from_str::<Message>(json)?, message);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload", rename_all = "camelCase")]
pub enum Message {
    /// Somebody said something.
    ChatMessage {
        /// The sender's name, stamped by the server.
        username: Arc<str>,
        /// What was said.
        message: Arc<str>,
    },
    /// The server has something to tell.
    System {
        /// In words, for people.
        text: Arc<str>,
    },
    /// How many members the room has.
    UserCount {
        /// Members at the moment of sending.
        count: usize,
    },
}

impl From<&Event> for Message {
    fn from(event: &Event) -> Self {
        match event {
            Event::Chat(chat) => {
                Self::ChatMessage { username: Arc::clone(&chat.username), message: Arc::clone(&chat.text) }
            }
            Event::Count(count) => Self::UserCount { count: *count },
            Event::Joined(name) => system(format!("{name} joined")),
            Event::Left(name) => system(format!("{name} left")),
            Event::OthersJoined(count) => system(format!("{count} {} joined", others(*count))),
            Event::OthersLeft(count) => system(format!("{count} {} left", others(*count))),
        }
    }
}

fn system(text: String) -> Message {
    Message::System { text: text.into() }
}

fn others(count: u64) -> &'static str {
    if count == 1 { "other" } else { "others" }
}
