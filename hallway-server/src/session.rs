//! One connection, from its acceptance to its end. It leaves its room once, by one path.

use std::sync::Arc;

use hallway_core::{Hub, JoinError, MemberSender};
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_tungstenite::WebSocketStream;
use tracing::{debug, warn};

use crate::{
    admission::{Admission, Place},
    chat,
    config::Config,
    counters,
    dialect::Dialect,
    exposition::Exposition,
    fanout::{FanOut, Seat},
    joining, proxy,
    route::{JoinRequest, Route, route},
    transport::{Answer, End, RequestHead, finish, upgrade},
    wire::Wire,
};

/// What every session of a server is given.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    /// Whether what is accepted may still not be stored.
    pub(crate) has_store: bool,
    pub(crate) config: Arc<Config>,
    pub(crate) fan_out: Arc<FanOut>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) exposition: Option<Exposition>,
    /// Becomes true when the server shuts down.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Serves the connection. Returns when it is closed, and then gives its place back.
pub(crate) async fn run(stream: TcpStream, shared: Arc<Shared>, mut place: Box<Place>) {
    // What is done once is boxed: its state would otherwise be carried for as long as the connection lives.
    let Some((seated, mut socket)) = Box::pin(enter(stream, &mut place, &shared)).await else { return };
    let end = match seated {
        Ok(Seated { sender, seat, dialect }) => {
            let end = chat::run(&mut socket, &sender, &seat, dialect, &shared).await;
            if socket.get_ref().is_in_message() {
                counters::message_unfinished();
            }
            // Before it leaves the hub's room, with its sender.
            socket.get_mut().detach();
            end
        }
        Err(end) => {
            socket.get_mut().detach();
            end
        }
    };
    Box::pin(close(socket, end, place, &shared)).await;
}

async fn close(socket: Socket, mut end: End, place: Box<Place>, shared: &Shared) {
    // What a room says ends with the hub, also where that failed. One that waits for its store may not have ended.
    if end == End::ShuttingDown {
        let ended = timeout(shared.config.close_timeout, shared.hub.closed()).await;
        if matches!(ended, Ok(Err(_))) {
            end = End::Internal;
        }
    }
    if let End::NotLetIn(JoinError::Unavailable(error)) = &end {
        warn!(%error, "a room cannot be read: who asked to join it was closed");
    }
    counters::session_ended(&end);
    debug!(client = %place.client(), reason = end.name(), "session ended");
    finish(socket, &end, shared.config.close_timeout).await;
}

/// Answers a connection that is not served. Whoever looks after the server is heard all the same: one that is full is
/// not sick, and then its metrics are wanted.
pub(crate) async fn refuse(mut stream: TcpStream, answer: Answer, shared: Arc<Shared>) {
    let limit = shared.config.close_timeout;
    let mut head_only = false;
    let answer = match answer {
        Answer::TooManyConnections => match timeout(limit, RequestHead::read(&mut stream)).await {
            Ok(Ok(head)) if matches!(head.path(), "/healthz" | "/metrics") => {
                head_only = head.method() == "HEAD";
                answer_to(&head, &shared).await.err().unwrap_or(answer)
            }
            _ => answer,
        },
        answer => answer,
    };
    counters::answered(&answer);
    answer.send(stream, head_only, limit).await;
}

pub(crate) type Socket = WebSocketStream<Wire>;

/// A member whom the fan-out writes to.
pub(crate) struct Seated {
    pub(crate) sender: MemberSender,
    pub(crate) seat: Seat,
    pub(crate) dialect: Dialect,
}

/// From a connection to a member of a room, whom the fan-out writes to; nothing where the connection was answered
/// otherwise, or broke.
async fn enter(
    mut stream: TcpStream,
    place: &mut Place,
    shared: &Shared,
) -> Option<(Result<Seated, End>, Socket)> {
    let limit = shared.config.close_timeout;
    // A socket that delays small writes would hold back each message for an acknowledgement of the one before. That it
    // cannot be set is no reason to serve nobody.
    let _ = stream.set_nodelay(true);

    let (request, early) = match read_request(&mut stream, place, shared).await {
        Ok(request) => request,
        Err(Some(Refusal { answer, head_only })) => {
            counters::answered(&answer);
            debug!(client = %place.client(), answer = answer.name(), "request answered");
            answer.send(stream, head_only, limit).await;
            return None;
        }
        Err(None) => {
            counters::handshake_abandoned();
            return None;
        }
    };
    let JoinRequest { handshake, dialect, room, asked_name, position } = request;
    let max_message_bytes = shared.hub.config().max_message_bytes;
    let wire = Wire::new(stream, early, max_message_bytes);
    let mut socket =
        timeout(limit, upgrade(wire, handshake, Vec::new(), max_message_bytes)).await.ok()?.ok()?;
    counters::handshake_accepted();
    // Not before the client can be told what happens in the room: one that vanishes in its handshake was never in it.
    let joined = match position {
        Some(position) => shared.hub.resume(&room, &asked_name, position.clone()).await.map(|member| {
            counters::came_back(member.welcome().resumed);
            (member, position.after)
        }),
        None => shared.hub.join(&room, &asked_name).await.map(|member| (member, 0)),
    };
    let seated = match joined {
        Ok((member, after)) => {
            debug!(client = %place.client(), room = %room, name = ?member.username(), "joined");
            joining::seat(socket.get_mut(), member, after, dialect, shared).await
        }
        Err(error) => Err(End::NotLetIn(error)),
    };
    Some((seated, socket))
}

struct Refusal {
    answer: Answer,
    head_only: bool,
}

/// Reads a request to join, and the bytes behind it; or says what to answer, if anything.
async fn read_request(
    stream: &mut TcpStream,
    place: &mut Place,
    shared: &Shared,
) -> Result<(JoinRequest, Vec<u8>), Option<Refusal>> {
    let refuse = |answer| Some(Refusal { answer, head_only: false });
    let config = &*shared.config;
    let handshaking = shared.admission.begin_handshake();
    let mut stopping = shared.stopping.clone();
    let read = tokio::select! {
        biased;
        read = timeout(config.handshake_timeout, RequestHead::read(stream)) => read,
        // Whoever has not asked for anything yet is not waited for.
        _ = stopping.wait_for(|stopping| *stopping) => return Err(refuse(Answer::ShuttingDown)),
        () = handshaking.given_up() => return Err(refuse(Answer::TooManyHandshakes)),
    };
    drop(handshaking);
    let mut head = match read {
        Ok(Ok(head)) => head,
        Ok(Err(error)) => return Err(Answer::to_head_error(&error).and_then(refuse)),
        Err(_) => return Err(refuse(Answer::Timeout)),
    };
    let peer = place.client();
    let counted = if proxy::is_trusted(peer, config) {
        place.belongs_to(proxy::client(&head, peer, config))
    } else {
        Ok(())
    };
    let routed = match counted {
        Ok(()) => answer_to(&head, shared).await,
        Err(answer) => Err(answer),
    };
    routed
        .map(|request| (request, head.take_rest()))
        .map_err(|answer| Some(Refusal { answer, head_only: head.method() == "HEAD" }))
}

/// Whom it asks to join, or what it is answered.
async fn answer_to(head: &RequestHead, shared: &Shared) -> Result<JoinRequest, Answer> {
    match (route(head, &shared.config)?, &shared.exposition) {
        (Route::Join(request), _) => Ok(request),
        (Route::Metrics, Some(exposition)) => {
            Err(Answer::Metrics(exposition.page(&shared.hub, &shared.admission).await))
        }
        (Route::Metrics, None) => Err(Answer::NotFound),
    }
}
