//! What the test files share: a hub under paused time, and reading that fails where it would wait for ever.

#![allow(dead_code, reason = "every test file is a program of its own and uses a part of this")]

pub(crate) mod disk;
pub(crate) mod store_model;

use std::{sync::Arc, time::Duration};

use hallway_core::{
    Clock, Config, Event, Hub, JoinError, Member, MemberSender, PostError, RecvError, RoomName, TryRecvError,
};
use time::OffsetDateTime;
use tokio::time::Instant;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// 2026-11-24 21:05:07 UTC, when every test begins: anonymous names must show 24 hours and both leading zeros.
const BEGINNING: i64 = 1_795_554_307;

/// Goes as tokio's clock goes, which a test pauses.
pub(crate) struct TestClock {
    start: Instant,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self::since(Instant::now())
    }

    /// One that began then.
    pub(crate) fn since(start: Instant) -> Self {
        Self { start }
    }
}

/// When every test begins.
pub(crate) fn begun() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(BEGINNING).expect("a date")
}

impl Clock for TestClock {
    fn monotonic(&self) -> std::time::Instant {
        Instant::now().into_std()
    }

    fn wall(&self) -> OffsetDateTime {
        begun() + self.start.elapsed()
    }
}

/// A hub whose default limits `change` may alter.
pub(crate) fn hub(change: impl FnOnce(&mut Config)) -> Hub {
    Hub::spawn(config(change), TestClock::new()).expect("limits a hub can run with")
}

pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

pub(crate) fn room(name: &str) -> RoomName {
    name.parse().expect("a room name")
}

/// The room where most tests take place.
pub(crate) fn lobby() -> RoomName {
    RoomName::default()
}

pub(crate) async fn join(hub: &Hub, name: &str) -> Member {
    in_time(hub.join(&lobby(), name)).await.expect("joined")
}

pub(crate) async fn try_join(hub: &Hub, room: &str, name: &str) -> Result<Member, JoinError> {
    in_time(hub.join(&room.parse().expect("a room name"), name)).await
}

pub(crate) async fn member_count(hub: &Hub) -> usize {
    in_time(hub.member_count(&lobby())).await.expect("answered")
}

/// Members of the lobby who have heard all there was to hear, in a room that has been quiet for a second.
pub(crate) async fn quiet_members<const N: usize>(hub: &Hub, names: [&str; N]) -> [Member; N] {
    let mut members = Vec::new();
    for name in names {
        members.push(join(hub, name).await);
    }
    pass(SECOND).await;
    for member in &mut members {
        heard(hub, member).await;
    }
    members.try_into().expect("as many as names")
}

/// The next event. One that does not come fails the test.
pub(crate) async fn next(member: &mut Member) -> Result<Event, RecvError> {
    in_time(member.recv()).await
}

/// Everything the room has said to a member since it was last asked, in words: see [`words`]. What was missed and the
/// end are among it.
///
/// A command's reply is the fence: all that was posted, joined or dropped before has been done by then. After
/// [`Hub::closed`] there is nothing left to do.
pub(crate) async fn heard(hub: &Hub, member: &mut Member) -> Vec<String> {
    let _ = in_time(hub.member_count(&lobby())).await;
    drained(|| member.try_recv())
}

/// As [`heard`], without a fence, for either half of a member.
pub(crate) fn drained(mut try_recv: impl FnMut() -> Result<Event, TryRecvError>) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        assert!(heard.len() < 1_000_000, "the same again and again, such as {}", heard[0]);
        match try_recv() {
            Ok(event) => heard.push(words(&event)),
            Err(TryRecvError::Missed(count)) => heard.push(format!("missed {count}")),
            Err(TryRecvError::Empty) => return heard,
            Err(TryRecvError::Closed) => {
                heard.push("closed".to_owned());
                return heard;
            }
        }
    }
}

pub(crate) fn words(event: &Event) -> String {
    match event {
        Event::Chat(chat) => format!("{}: {}", chat.username, chat.text),
        Event::Count(members) => format!("{members} members"),
        Event::Joined(name) => format!("{name} joined"),
        Event::Left(name) => format!("{name} left"),
        Event::OthersJoined(count) => format!("{count} others joined"),
        Event::OthersLeft(count) => format!("{count} others left"),
    }
}

/// Returns when the hub has accepted a message, and does not wait until it has its place.
pub(crate) async fn submitted(sender: &MemberSender, text: impl Into<Arc<str>>) -> Result<(), PostError> {
    sender.submit(text, None).await.map(drop)
}

/// Lets time go by: whatever becomes due in it is done.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// What the future brings; one that would hang fails the test.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    // Longer than anything that a room puts off.
    tokio::time::timeout(10 * SECOND, future).await.expect("in time")
}

/// What the future brings at the first look, `None` if it waits. The hub has no chance to do anything meanwhile.
pub(crate) async fn at_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        // Unconstrained, so that it never waits merely because this task had its turn.
        output = tokio::task::coop::unconstrained(future) => Some(output),
        () = std::future::ready(()) => None,
    }
}
