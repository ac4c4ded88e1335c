//! A hub that keeps its messages in a file: `cargo run --example stored -- FILE`.
//!
//! Each run says three things, goes away for the last two of them, and comes back to what it missed; run it again, and the
//! numbers go on where they were.

use hallway_core::{Config, Event, Hub, Member, Position, RecvError, Reference, RoomName, SystemClock};
use hallway_sqlite::{Options, SqliteStore};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).unwrap_or_else(|| "stored.db".into());
    let room: RoomName = "kitchen".parse()?;

    let hub = start(&path)?;
    let alice = hub.join(&room, "alice").await?;
    // When this has returned the message is on the disk.
    let first = alice.post("Is anybody there?").await?;
    println!("message {} is stored", first.seq);
    let position = Position { epoch: alice.welcome().epoch.clone(), after: first.seq };

    // Whoever does not know what became of a message sends it again under the same reference: it is said once. One whose
    // run was ended in between would do the same after the restart.
    let reference = Reference::new(&format!("hello-{}", first.seq))?;
    let sent = alice.submit("Hello?", Some(reference.clone())).await?.await?;
    let again = alice.submit("Hello?", Some(reference)).await?.await?;
    assert_eq!(sent, again);
    drop(alice);
    hub.join(&room, "bob").await?.post("I was on the phone.").await?;
    hub.shutdown();
    hub.closed().await?;

    // Another hub on the same file: as after a restart of the program.
    let hub = start(&path)?;
    let mut alice: Member = hub.resume(&room, "alice", position).await?;
    assert!(alice.welcome().resumed, "nothing that she missed is gone");
    hub.shutdown();
    loop {
        match alice.recv().await {
            Ok(Event::Chat(chat)) => println!("{} {}: {}", chat.seq, chat.username, chat.text),
            Ok(_) => {} // who came and went, and how many there are
            Err(RecvError::Missed(count)) => println!("({count} messages were missed)"),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

fn start(path: &std::ffi::OsStr) -> Result<Hub, Box<dyn std::error::Error>> {
    let store = SqliteStore::open(path, &Options::default())?;
    Ok(Hub::spawn_with_store(Config::default(), SystemClock, store)?)
}
