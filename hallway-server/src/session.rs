//! One connection, from its acceptance to its end. It leaves its room once, by one path.

use std::sync::Arc;

use hallway_core::Hub;
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tracing::debug;

use crate::{
    chat,
    config::Config,
    route::{JoinRequest, route},
    transport::{Answer, End, RequestHead, finish, upgrade},
};

/// What every session of a server is given.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) config: Arc<Config>,
    /// Becomes true when the server shuts down.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Serves the connection. Returns when it is closed.
pub(crate) async fn run(mut stream: TcpStream, shared: Shared) {
    let Shared { hub, config, stopping } = shared;
    let close_timeout = config.close_timeout;

    // A socket that delays small writes would hold back each message for an acknowledgement of the one before. That it
    // cannot be set is no reason to serve nobody.
    let _ = stream.set_nodelay(true);

    let (request, rest) = match read_request(&mut stream, &config, stopping.clone()).await {
        Ok(request) => request,
        Err(Some(refusal)) => return refusal.answer.send(stream, refusal.head_only, close_timeout).await,
        Err(None) => return,
    };
    let JoinRequest { handshake, room, asked_name } = request;
    let max_message_bytes = hub.config().max_message_bytes;
    let upgraded = timeout(close_timeout, upgrade(stream, handshake, rest, max_message_bytes)).await;
    let Ok(Ok(socket)) = upgraded else { return };

    // Not before the client can be told what happens in the room: one that vanishes in its handshake was never in it.
    let (socket, end) = match hub.join(&room, &asked_name).await {
        Ok(member) => chat::run(socket, member, &config, stopping).await,
        Err(error) => (socket, End::NotLetIn(error)),
    };
    debug!(%room, %end, "session ended");
    finish(socket, &end, close_timeout).await;
}

struct Refusal {
    answer: Answer,
    head_only: bool,
}

/// Reads a request to join, and the bytes behind it; or says what to answer, if anything.
async fn read_request(
    stream: &mut TcpStream,
    config: &Config,
    mut stopping: watch::Receiver<bool>,
) -> Result<(JoinRequest, Vec<u8>), Option<Refusal>> {
    let refuse = |answer| Some(Refusal { answer, head_only: false });
    let read = tokio::select! {
        read = timeout(config.handshake_timeout, RequestHead::read(stream)) => read,
        // Whoever has not asked for anything yet is not waited for.
        _ = stopping.wait_for(|stopping| *stopping) => return Err(refuse(Answer::ShuttingDown)),
    };
    let mut head = match read {
        Ok(Ok(head)) => head,
        Ok(Err(error)) => return Err(Answer::to_head_error(&error).and_then(refuse)),
        Err(_) => return Err(refuse(Answer::Timeout)),
    };
    match route(&head, config) {
        Ok(request) => Ok((request, head.take_rest())),
        Err(answer) => Err(Some(Refusal { answer, head_only: head.method() == "HEAD" })),
    }
}
