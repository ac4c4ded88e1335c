//! What is served where.

use hallway_core::RoomName;

use crate::{
    config::Config,
    query,
    transport::{Answer, Handshake, RequestHead},
};

/// A request to join a room, checked.
#[derive(Debug)]
pub(crate) struct JoinRequest {
    pub(crate) handshake: Handshake,
    pub(crate) room: RoomName,
    pub(crate) asked_name: String,
}

/// What is asked for that takes more than an answer.
#[derive(Debug)]
pub(crate) enum Route {
    Join(JoinRequest),
    Metrics,
}

/// Who may join what; everyone else gets an answer.
pub(crate) fn route(head: &RequestHead, config: &Config) -> Result<Route, Answer> {
    match head.path() {
        "/chat" => join_request(head, config).map(Route::Join),
        "/metrics" => readable(head).map(|()| Route::Metrics),
        "/" => {
            Err(page(head, "Hallway, a chat server. Connect a WebSocket to /chat?username=NAME&room=ROOM"))
        }
        "/healthz" => Err(page(head, "ok")),
        _ => Err(Answer::NotFound),
    }
}

fn join_request(head: &RequestHead, config: &Config) -> Result<JoinRequest, Answer> {
    let handshake = Handshake::check(head)?;
    if head.count("Origin") > 1 {
        return Err(Answer::ForeignOrigin);
    }
    if !config.origins.allow(head.header("Origin"), head.header("Host").unwrap_or_default()) {
        return Err(Answer::ForeignOrigin);
    }
    let room = match query::value(head.query(), "room") {
        Some(name) => name.parse().map_err(|error| Answer::BadRequest(format!("room: {error}")))?,
        None => RoomName::default(),
    };
    let asked_name = query::value(head.query(), "username").unwrap_or_default().into_owned();
    Ok(JoinRequest { handshake, room, asked_name })
}

fn page(head: &RequestHead, text: &'static str) -> Answer {
    readable(head).map_or_else(|answer| answer, |()| Answer::Text(text))
}

fn readable(head: &RequestHead) -> Result<(), Answer> {
    match head.method() {
        "GET" | "HEAD" => Ok(()),
        _ => Err(Answer::MethodNotAllowed("GET, HEAD")),
    }
}
