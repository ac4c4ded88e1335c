//! What is served where.

use hallway_core::{Epoch, Position, RoomName};

use crate::{
    config::Config,
    dialect::{Dialect, whole_number},
    page, query,
    transport::{Answer, Handshake, RequestHead, readable},
};

/// A request to join a room, checked.
#[derive(Debug)]
pub(crate) struct JoinRequest {
    pub(crate) handshake: Handshake,
    pub(crate) dialect: Dialect,
    pub(crate) room: RoomName,
    pub(crate) asked_name: String,
    /// Where it was, if it comes back.
    pub(crate) position: Option<Position>,
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
        "/healthz" => Err(readable(head).map_or_else(|answer| answer, |()| Answer::Text("ok"))),
        path if config.page => Err(page::file(path).map_or(Answer::NotFound, |file| file.answer(head))),
        _ => Err(Answer::NotFound),
    }
}

fn join_request(head: &RequestHead, config: &Config) -> Result<JoinRequest, Answer> {
    let mut handshake = Handshake::check(head)?;
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
    let dialect = Dialect::of(handshake.agree(head, &[Dialect::V2_PROTOCOL]));
    let position = match dialect {
        Dialect::V1 => None,
        Dialect::V2 => position(head.query())?,
    };
    Ok(JoinRequest { handshake, dialect, room, asked_name, position })
}

/// Where a client was that comes back. An empty value is as if absent.
fn position(query: &str) -> Result<Option<Position>, Answer> {
    let bad = |text: String| Answer::BadRequest(text);
    let value = |key| query::value(query, key).filter(|value| !value.is_empty());
    let (epoch, after) = match (value("epoch"), value("after")) {
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(bad("epoch is there without after: allowed are both, or neither".into()));
        }
        (None, Some(_)) => {
            return Err(bad("after is there without epoch: allowed are both, or neither".into()));
        }
        (Some(epoch), Some(after)) => (epoch, after),
    };
    let epoch: Epoch = epoch.parse().map_err(|error| bad(format!("epoch: {error}")))?;
    let after = whole_number(&after).ok_or_else(|| {
        bad("after is no whole number: allowed is the seq of the newest message received, 0 for none".into())
    })?;
    Ok(Some(Position { epoch, after }))
}
