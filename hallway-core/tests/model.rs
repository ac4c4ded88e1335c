//! Random comings, goings, posts and pauses, against a plain model of a room: a list of what was done in it.

mod common;

use std::cell::Cell;

use common::{MS, SECOND, TestClock, at_once, in_time, pass, room, words};
use hallway_core::{Event, Hub, Member, TryRecvError};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Builder;

const CASES: u32 = 256;
const ROOMS: usize = 3;
const NAMES: [&str; 4] = ["alice", "bob", "carol", ""];
const MAX_MESSAGE_BYTES: usize = 2_000;

#[test]
fn every_member_sees_what_was_done_since_its_join_or_is_told_how_much_it_missed() {
    let overtaken = Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let result = runner.run(&case(), |case| {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        if runtime.block_on(run(&case)) {
            overtaken.set(overtaken.get() + 1);
        }
        Ok(())
    });
    result.unwrap();
    // About half of the cases have a feed that can be overrun.
    assert!(overtaken.get() >= CASES / 4, "somebody was overtaken in {} cases of {CASES}", overtaken.get());
}

#[derive(Clone, Debug)]
struct Case {
    history: usize,
    /// Whether every announcement is made by name.
    generous: bool,
    /// Whether nobody can be overtaken.
    roomy: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Join { room: usize, name: &'static str },
    GiveUpJoin { room: usize },
    Leave { guest: Index },
    Post { guest: Index, bytes: usize, times: usize },
    Read { guest: Index, events: usize },
    Pass { millis: u32 },
}

fn case() -> impl Strategy<Value = Case> {
    let step = prop_oneof![
        4 => (0..ROOMS, prop::sample::select(&NAMES)).prop_map(|(room, name)| Step::Join { room, name }),
        1 => (0..ROOMS).prop_map(|room| Step::GiveUpJoin { room }),
        2 => any::<Index>().prop_map(|guest| Step::Leave { guest }),
        8 => (any::<Index>(), prop_oneof![0..40_usize, 0..=MAX_MESSAGE_BYTES], 1..8_usize)
            .prop_map(|(guest, bytes, times)| Step::Post { guest, bytes, times }),
        4 => (any::<Index>(), 0..30_usize).prop_map(|(guest, events)| Step::Read { guest, events }),
        3 => (0..700_u32).prop_map(|millis| Step::Pass { millis }),
    ];
    (0..8_usize, any::<bool>(), any::<bool>(), prop::collection::vec(step, 1..150))
        .prop_map(|(history, generous, roomy, steps)| Case { history, generous, roomy, steps })
}

/// What was done in a room, in its order.
#[derive(Default)]
struct Room {
    done: Vec<Done>,
    members: usize,
}

struct Done {
    words: String,
    is_chat: bool,
    /// Members after it.
    members: usize,
}

struct Guest {
    member: Member,
    room: usize,
    /// Where in its room's list its own join stands.
    joined_at: usize,
    /// Events, and how many messages were missed where they are an error.
    heard: Vec<Result<Event, u64>>,
}

/// Takes the steps, checks every member when it leaves or at the end, and says whether one was overtaken.
async fn run(case: &Case) -> bool {
    let config = common::config(|config| {
        config.history = case.history;
        config.announcement_frames_per_second = if case.generous { u64::MAX } else { 12 };
        config.max_message_bytes = MAX_MESSAGE_BYTES;
        if !case.roomy {
            config.feed_bytes = MAX_MESSAGE_BYTES + (8 << 10);
        }
    });
    let hub = Hub::spawn(config, TestClock::new()).expect("limits a hub can run with");
    let mut rooms: [Room; ROOMS] = Default::default();
    let mut guests: Vec<Guest> = Vec::new();
    let mut posts = 0;
    let mut overtaken = false;

    for step in &case.steps {
        match *step {
            Step::Join { room, name } => {
                let member = in_time(hub.join(&name_of(room), name)).await.expect("joined");
                let name = member.username();
                let mut twins =
                    guests.iter().filter(|guest| guest.room == room && guest.member.username() == name);
                assert!(NAMES.contains(&&**name) || twins.next().is_none(), "two are called {name}");
                let joined_at = rooms[room].joined(name);
                guests.push(Guest { member, room, joined_at, heard: Vec::new() });
            }
            Step::GiveUpJoin { room } => {
                let name = name_of(room);
                assert!(at_once(&mut Box::pin(hub.join(&name, "ghost"))).await.is_none());
                // By its answer the hub has found out that nobody waits.
                in_time(hub.member_count(&name)).await.expect("answered");
            }
            Step::Pass { millis } => {
                pass(millis * MS).await;
                for (number, room) in rooms.iter().enumerate() {
                    assert_eq!(in_time(hub.member_count(&name_of(number))).await, Ok(room.members));
                }
            }
            // The others need somebody who is there.
            _ if guests.is_empty() => {}
            Step::Leave { guest } => {
                let guest = guests.swap_remove(guest.index(guests.len()));
                overtaken |= guest.check(&rooms[guest.room], case, false);
                rooms[guest.room].left(guest.member.username());
            }
            Step::Post { guest, bytes, times } => {
                let guest = &guests[guest.index(guests.len())];
                for _ in 0..times {
                    posts += 1;
                    let text = format!("{posts:<bytes$}");
                    in_time(guest.member.post(&*text)).await.expect("accepted");
                    rooms[guest.room].said(guest.member.username(), &text);
                }
            }
            Step::Read { guest, events } => {
                let guest = guest.index(guests.len());
                guests[guest].read(events);
            }
        }
    }
    // Longer than anything that a room puts off.
    pass(3 * SECOND).await;
    for mut guest in guests {
        guest.read(100_000);
        overtaken |= guest.check(&rooms[guest.room], case, true);
    }
    overtaken
}

fn name_of(number: usize) -> hallway_core::RoomName {
    room(&number.to_string())
}

impl Room {
    fn joined(&mut self, name: &str) -> usize {
        self.members += 1;
        self.push(format!("{name} joined"), false);
        self.done.len() - 1
    }

    fn left(&mut self, name: &str) {
        self.members -= 1;
        self.push(format!("{name} left"), false);
    }

    fn said(&mut self, name: &str, text: &str) {
        self.push(format!("{name}: {text}"), true);
    }

    fn push(&mut self, words: String, is_chat: bool) {
        self.done.push(Done { words, is_chat, members: self.members });
    }
}

impl Guest {
    fn read(&mut self, events: usize) {
        for _ in 0..events {
            match self.member.try_recv() {
                Ok(event) => self.heard.push(Ok(event)),
                Err(TryRecvError::Missed(count)) => self.heard.push(Err(count)),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Closed) => panic!("the hub has ended"),
            }
        }
    }

    /// Compares what it heard with what was done; `settled` where it has heard all there is. Says whether it was
    /// overtaken.
    fn check(&self, room: &Room, case: &Case, settled: bool) -> bool {
        let chats: Vec<_> = room.done.iter().filter(|done| done.is_chat).map(|done| &done.words).collect();
        let said_before = room.done[..self.joined_at].iter().filter(|done| done.is_chat).count();
        let since = &room.done[self.joined_at..];

        let mut next_chat = said_before.saturating_sub(case.history);
        let mut named = since.iter();
        let mut last_count = None;
        let (mut others_joined, mut others_left, mut named_joined, mut named_left) = (0, 0, 0, 0);
        for heard in &self.heard {
            if !matches!(heard, Ok(Event::Chat(_))) {
                assert!(next_chat >= said_before, "the history comes first and is whole");
            }
            match heard {
                Err(missed) => {
                    assert!(*missed > 0 && !case.roomy, "{missed} are said to be missed");
                    next_chat += usize::try_from(*missed).expect("few");
                }
                Ok(event @ Event::Chat(_)) => {
                    assert_eq!(Some(&&words(event)), chats.get(next_chat), "the order, or a loss untold");
                    next_chat += 1;
                    // What is announced stands in its place among the messages.
                    assert!(next_chat <= said_before || named.any(|done| done.words == words(event)));
                }
                Ok(Event::Count(count)) => {
                    assert!(since.iter().any(|done| done.members == *count), "there were never {count}");
                    last_count = Some(*count);
                }
                Ok(event @ (Event::Joined(_) | Event::Left(_))) => {
                    assert!(last_count.is_some(), "a count comes before any announcement");
                    assert!(named.any(|done| done.words == words(event)), "{event:?} is not next");
                    match event {
                        Event::Joined(_) => named_joined += 1,
                        _ => named_left += 1,
                    }
                }
                Ok(Event::OthersJoined(count)) => others_joined += count,
                Ok(Event::OthersLeft(count)) => others_left += count,
            }
        }

        if settled {
            assert_eq!(next_chat, chats.len(), "all messages, or a word of their loss");
            assert_eq!(last_count, Some(room.members), "the newest count is the last");
        }
        if settled && case.roomy {
            let ending =
                |what| since.iter().filter(|done| !done.is_chat && done.words.ends_with(what)).count() as u64;
            let (joined, left) = (ending(" joined"), ending(" left"));
            if case.generous {
                assert_eq!((named_joined, named_left, others_joined, others_left), (joined, left, 0, 0));
            } else {
                // Who joins while some are held back is told of them, too; the first of all has heard everything.
                assert!(named_joined + others_joined >= joined && named_left + others_left >= left);
                let all = (named_joined + others_joined, named_left + others_left);
                assert!(self.joined_at > 0 || all == (joined, left), "{all:?} of {joined} and {left}");
            }
        }
        self.heard.iter().any(Result::is_err)
    }
}
