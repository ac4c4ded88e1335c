//! When a room tells its members who came and went, and how many they are.
//!
//! A storm of joins in a room of N must not cost N² frames. Two rules keep it from that: the count is sent at most
//! once an interval, and the announcements of a second share a budget of frames, beyond which they are summed up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::event::Event;

/// A second: the budget's and the sums' window.
const WINDOW: Duration = Duration::from_secs(1);

/// A member who came or went.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Joined(Arc<str>),
    Left(Arc<str>),
}

/// The rules for one room, as plain data: told what happened and what time it is, it answers with what to say.
#[derive(Debug)]
pub(crate) struct Announcer {
    count_interval: Duration,
    frames_per_second: u64,

    count_sent: Option<Instant>,
    count_is_owed: bool,

    window: Option<Window>,
}

/// What was spent and what was held back since the first announcement of a second.
#[derive(Debug)]
struct Window {
    start: Instant,
    frames: u64,
    others_joined: u64,
    others_left: u64,
}

impl Announcer {
    pub(crate) fn new(count_interval: Duration, frames_per_second: u64) -> Self {
        Self { count_interval, frames_per_second, count_sent: None, count_is_owed: false, window: None }
    }

    /// Says what is to be said now of a change that left the room with `members`.
    pub(crate) fn changed(&mut self, change: Change, members: usize, now: Instant, say: &mut Vec<Event>) {
        self.count_is_owed = true;
        self.tick(members, now, say);

        let window = self.window.get_or_insert_with(|| Window::starting(now));
        let frames = window.frames.saturating_add(members as u64);
        // Once one was held back the rest of the second is, too: otherwise a later one, made cheaper by those who
        // left, would be told before an earlier one.
        if frames > self.frames_per_second || window.holds_back() {
            match change {
                Change::Joined(_) => window.others_joined += 1,
                Change::Left(_) => window.others_left += 1,
            }
        } else {
            window.frames = frames;
            say.push(match change {
                Change::Joined(name) => Event::Joined(name),
                Change::Left(name) => Event::Left(name),
            });
        }
    }

    /// Says what has become due by `now`.
    pub(crate) fn tick(&mut self, members: usize, now: Instant, say: &mut Vec<Event>) {
        if self.count_is_owed && self.count_due().is_none_or(|due| due <= now) {
            say.push(Event::Count(members));
            self.count_sent = Some(now);
            self.count_is_owed = false;
        }
        if let Some(window) = self.window.take_if(|window| window.start + WINDOW <= now) {
            let mut next = Window::starting(now);
            if window.others_joined > 0 {
                say.push(Event::OthersJoined(window.others_joined));
                next.frames += members as u64;
            }
            if window.others_left > 0 {
                say.push(Event::OthersLeft(window.others_left));
                next.frames += members as u64;
            }
            // The sums are frames of the second in which they are sent.
            self.window = window.holds_back().then_some(next);
        }
    }

    /// Nobody is left to be told what was held back; who comes later was not there.
    pub(crate) fn forget_sums(&mut self) {
        self.window = None;
    }

    /// When [`tick`](Self::tick) will have something to say, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let count = if self.count_is_owed { self.count_due() } else { None };
        let sums =
            self.window.as_ref().filter(|window| window.holds_back()).map(|window| window.start + WINDOW);
        count.into_iter().chain(sums).min()
    }

    /// Whether the members do not know the present count yet.
    pub(crate) fn owes_count(&self) -> bool {
        self.count_is_owed
    }

    fn count_due(&self) -> Option<Instant> {
        self.count_sent.map(|sent| sent + self.count_interval)
    }
}

impl Window {
    fn starting(now: Instant) -> Self {
        Self { start: now, frames: 0, others_joined: 0, others_left: 0 }
    }

    fn holds_back(&self) -> bool {
        self.others_joined > 0 || self.others_left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    struct Room {
        announcer: Announcer,
        now: Instant,
        said: Vec<Event>,
    }

    impl Room {
        fn new(frames_per_second: u64) -> Self {
            let announcer = Announcer::new(100 * MS, frames_per_second);
            Self { announcer, now: Instant::now(), said: Vec::new() }
        }

        fn join(&mut self, name: &str, members: usize) -> Vec<Event> {
            self.announcer.changed(Change::Joined(name.into()), members, self.now, &mut self.said);
            std::mem::take(&mut self.said)
        }

        fn leave(&mut self, name: &str, members: usize) -> Vec<Event> {
            self.announcer.changed(Change::Left(name.into()), members, self.now, &mut self.said);
            std::mem::take(&mut self.said)
        }

        fn after(&mut self, time: Duration, members: usize) -> Vec<Event> {
            self.now += time;
            self.announcer.tick(members, self.now, &mut self.said);
            std::mem::take(&mut self.said)
        }
    }

    fn joined(name: &str) -> Event {
        Event::Joined(name.into())
    }

    #[test]
    fn in_a_quiet_room_the_count_goes_before_the_announcement_at_once() {
        let mut room = Room::new(1_000);
        assert_eq!(room.join("a", 1), [Event::Count(1), joined("a")]);
        room.now += 100 * MS;
        assert_eq!(room.leave("a", 0), [Event::Count(0), Event::Left("a".into())]);
        assert_eq!(room.announcer.deadline(), None);
    }

    #[test]
    fn a_busy_room_counts_at_most_once_an_interval_and_the_newest_value_is_the_last() {
        let mut room = Room::new(1_000);
        room.join("a", 1);
        assert_eq!(room.join("b", 2), [joined("b")]);
        room.now += 50 * MS;
        assert_eq!(room.join("c", 3), [joined("c")]);
        assert_eq!(room.announcer.deadline(), Some(room.now + 50 * MS));
        assert_eq!(room.after(49 * MS, 3), []);
        assert_eq!(room.after(MS, 3), [Event::Count(3)]);
        assert_eq!(room.announcer.deadline(), None);
    }

    #[test]
    fn announcements_beyond_the_budget_are_summed_up_when_the_second_ends() {
        let mut room = Room::new(10);
        for members in 1..=4 {
            assert!(room.join("x", members).contains(&joined("x")), "1 + 2 + 3 + 4 frames are within 10");
        }
        assert_eq!(room.join("y", 5), []);
        assert_eq!(room.leave("y", 4), []);
        assert_eq!(room.join("z", 5), []);
        assert_eq!(room.after(999 * MS, 5), [Event::Count(5)]);
        assert_eq!(room.after(MS, 5), [Event::OthersJoined(2), Event::OthersLeft(1)]);
    }

    #[test]
    fn the_sums_are_paid_from_the_second_in_which_they_are_sent() {
        let mut room = Room::new(10);
        room.join("a", 10);
        room.join("b", 10);
        room.after(WINDOW, 8);
        assert_eq!(room.leave("c", 2), [Event::Left("c".into())]);
        assert_eq!(room.leave("d", 1), []);
    }

    #[test]
    fn what_follows_one_held_back_is_held_back_too() {
        let mut room = Room::new(10);
        room.join("a", 9);
        assert_eq!(room.join("b", 10), []);
        assert_eq!(room.leave("c", 1), []);
    }

    #[test]
    fn a_new_second_has_a_new_budget() {
        let mut room = Room::new(10);
        room.join("a", 10);
        room.now += WINDOW;
        assert_eq!(room.join("b", 10), [Event::Count(10), joined("b")]);
    }
}
