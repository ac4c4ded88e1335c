//! A server with a bot in it: `cargo run --example bot [ADDRESS]`, then say `!time` in the lobby.
//!
//! The bot is a member like any other; it has no socket because it lives in the server's own process.

use hallway_core::{Config, Event, Hub, Member, RecvError, RoomName, SystemClock};
use hallway_server::serve;
use time::OffsetDateTime;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let hub = Hub::spawn(Config::default(), SystemClock)?;

    let clock = hub.join(&RoomName::default(), "clock").await?;
    let bot = tokio::spawn(answer_time(clock));

    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}/chat?username=NAME", listener.local_addr()?);
    let ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, hub, hallway_server::Config::default(), ctrl_c).await?;

    // The hub has ended with its server, and so has the bot.
    bot.await?;
    Ok(())
}

async fn answer_time(mut me: Member) {
    // What was asked before it came is not for it to answer.
    me.take_history();
    loop {
        match me.recv().await {
            Ok(Event::Chat(chat)) if &*chat.text == "!time" => {
                let now = OffsetDateTime::now_utc().time();
                let answer = format!("{}: it is {:02}:{:02} UTC", chat.username, now.hour(), now.minute());
                // A hub that shut down is told of by the next receive.
                let _ = me.post(answer).await;
            }
            // What it missed it leaves unanswered.
            Ok(_) | Err(RecvError::Missed(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
