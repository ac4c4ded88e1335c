//! An echo server on this project's own accept, handshake, limits and close codes, for WebSocket conformance suites:
//! `cargo run --example echo -- --listen 127.0.0.1:9001`.

use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use hallway_server::transport::{Answer, End, Handshake, Incoming, RequestHead, finish, received, upgrade};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

/// Sends every message back as it came
#[derive(Parser)]
struct Args {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001")]
    listen: SocketAddr,

    /// Bytes of one message, all its fragments together; a longer one is closed with 1009
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    max_message_bytes: usize,
}

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let listener = TcpListener::bind(args.listen).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, args.max_message_bytes));
    }
}

async fn serve(mut stream: TcpStream, max_message_bytes: usize) {
    let Ok(read) = timeout(HANDSHAKE_LIMIT, RequestHead::read(&mut stream)).await else {
        return Answer::Timeout.send(stream, false, CLOSE_LIMIT).await;
    };
    let checked = match read {
        Ok(mut head) => Handshake::check(&head).map(|handshake| (handshake, head.take_rest())),
        Err(error) => match Answer::to_head_error(&error) {
            Some(answer) => Err(answer),
            None => return,
        },
    };
    let (handshake, rest) = match checked {
        Ok(handshake) => handshake,
        Err(answer) => return answer.send(stream, false, CLOSE_LIMIT).await,
    };
    if let Ok(mut socket) = upgrade(stream, handshake, rest, max_message_bytes).await {
        let end = echo(&mut socket).await;
        finish(socket, &end, CLOSE_LIMIT).await;
    }
}

async fn echo(socket: &mut WebSocketStream<TcpStream>) -> End {
    loop {
        let message = match received(socket.next().await) {
            Ok(Incoming::Text(text)) => Message::Text(text),
            Ok(Incoming::Binary(bytes)) => Message::Binary(bytes),
            Ok(Incoming::Control(_)) => continue,
            Err(end) => return end,
        };
        if let Err(error) = socket.send(message).await {
            return error.into();
        }
    }
}
