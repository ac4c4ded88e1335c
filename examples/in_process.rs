//! Two members of a room, without a socket: `cargo run --example in_process`.

use hallway_core::{Config, Event, Hub, Message, RecvError, RoomName, SystemClock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::spawn(Config::default(), SystemClock)?;
    let room: RoomName = "kitchen".parse()?;

    let alice = hub.join(&room, "alice").await?;
    alice.post("Is anybody there?").await?;

    // Whoever comes later is shown what was said before, then what is said from there on.
    let mut bob = hub.join(&room, "bob").await?;
    bob.post("I am.").await?;

    // Dropping a member is leaving.
    drop(alice);
    hub.shutdown();

    loop {
        match bob.recv().await {
            Ok(Event::Chat(chat)) => println!("{}: {}", chat.username, chat.text),
            // Everything else in the words and the form of the wire protocol.
            Ok(event) => println!("{}", serde_json::to_string(&Message::from(&event))?),
            Err(RecvError::Missed(count)) => println!("({count} messages were missed)"),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}
