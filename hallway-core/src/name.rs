//! Names of members: what is kept of the one asked for, and what those are called who asked for none.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use time::Time;

use crate::invisible::is_invisible;

/// What is kept of the name asked for: trimmed, without control and invisible characters, each run of white space
/// as one space, cut to `max_chars` characters. Empty where nothing is left.
///
/// White space is decided first: a tab between two words separates them, although it is a control character.
pub(crate) fn clean(asked: &str, max_chars: usize) -> String {
    let mut name = String::new();
    let mut chars = 0;
    let mut space_is_due = false;
    for character in asked.chars() {
        if character.is_whitespace() {
            space_is_due = chars > 0;
        } else if !is_invisible(character) {
            // The space is written with what follows it, so that neither end of the name is ever one.
            if chars + usize::from(space_is_due) >= max_chars {
                break;
            }
            if space_is_due {
                name.push(' ');
                chars += 1;
                space_is_due = false;
            }
            name.push(character);
            chars += 1;
        }
    }
    name
}

/// The resolved name of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: Arc<str>,
    /// For a member who asked for no name: the second it joined in, and which of that second's it is.
    anonymous: Option<(Time, u32)>,
}

/// The names of one room: hands out those of anonymous members so that no two have the same at one time.
#[derive(Debug)]
pub(crate) struct Names {
    anonymous: HashSet<Arc<str>>,
    /// The newest second in which somebody joined anonymously. Numbers are looked for in this one alone: among ten
    /// thousand who come in one second, trying 2, 3, … for each would be fifty million attempts.
    second: Time,
    /// Numbers of that second from here on were never used.
    unused: u32,
    /// Numbers of that second below `unused` whose members have left.
    freed: BTreeSet<u32>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { anonymous: HashSet::new(), second: Time::MIDNIGHT, unused: 1, freed: BTreeSet::new() }
    }

    /// The name for a joiner: `cleaned` as it is, or one made of the time of day where that is empty.
    pub(crate) fn resolve(&mut self, cleaned: &str, time: Time) -> Name {
        if cleaned.is_empty() {
            self.next_anonymous(time)
        } else {
            Name { text: cleaned.into(), anonymous: None }
        }
    }

    /// Takes a name back whose member left.
    pub(crate) fn release(&mut self, name: &Name) {
        if let Some((second, number)) = name.anonymous {
            self.anonymous.remove(&name.text);
            if second == self.second {
                self.freed.insert(number);
            }
        }
    }

    fn next_anonymous(&mut self, time: Time) -> Name {
        let second = time.truncate_to_second();
        if second != self.second {
            self.second = second;
            self.unused = 1;
            self.freed.clear();
        }
        loop {
            let number = self.freed.pop_first().unwrap_or_else(|| {
                self.unused += 1;
                self.unused - 1
            });
            let text: Arc<str> = anonymous_text(second, number).into();
            // It can be taken although its number is not: by somebody who has been here since this second of
            // another day, or since before the clock was set back.
            if self.anonymous.insert(Arc::clone(&text)) {
                return Name { text, anonymous: Some((second, number)) };
            }
        }
    }
}

fn anonymous_text(second: Time, number: u32) -> String {
    let (hour, minute, second) = second.as_hms();
    let first = format!("Anon_{hour:02}{minute:02}{second:02}");
    if number == 1 { first } else { format!("{first}_{number}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u8, minute: u8, second: u8) -> Time {
        Time::from_hms_milli(hour, minute, second, 987).unwrap()
    }

    #[test]
    fn a_name_is_trimmed_and_its_runs_of_white_space_become_one_space() {
        assert_eq!(clean("  alice \t\r\n  smith\u{2003} ", 64), "alice smith");
    }

    #[test]
    fn a_name_loses_its_control_and_invisible_characters() {
        assert_eq!(clean("a\u{0}l\u{202e}i\u{200b}c\u{feff}e\u{e0041}", 64), "alice");
        assert_eq!(clean("\u{200b}\u{202e}\u{7}", 64), "");
    }

    #[test]
    fn a_name_is_cut_to_its_limit_in_characters_and_does_not_end_in_a_space() {
        assert_eq!(clean(&"é".repeat(65), 64), "é".repeat(64));
        assert_eq!(clean("abc def", 4), "abc");
        assert_eq!(clean("abc def", 5), "abc d");
    }

    #[test]
    fn anonymous_members_of_one_second_are_numbered_from_the_second_on() {
        let mut names = Names::new();
        let texts: Vec<_> = (0..3).map(|_| names.resolve("", at(9, 5, 7)).text.to_string()).collect();
        assert_eq!(texts, ["Anon_090507", "Anon_090507_2", "Anon_090507_3"]);
        assert_eq!(&*names.resolve("", at(9, 5, 8)).text, "Anon_090508");
    }

    #[test]
    fn the_number_of_an_anonymous_member_who_left_is_given_again() {
        let mut names = Names::new();
        let first = names.resolve("", at(23, 59, 59));
        names.resolve("", at(23, 59, 59));
        names.release(&first);
        assert_eq!(names.resolve("", at(23, 59, 59)), first);
        assert_eq!(&*names.resolve("", at(23, 59, 59)).text, "Anon_235959_3");
    }

    #[test]
    fn an_anonymous_member_of_yesterday_keeps_its_name_to_itself() {
        let mut names = Names::new();
        let yesterday = names.resolve("", at(12, 0, 0));
        names.resolve("", at(13, 0, 0));
        assert_eq!(&*names.resolve("", at(12, 0, 0)).text, "Anon_120000_2");
        names.release(&yesterday);
        assert_eq!(&*names.resolve("", at(12, 0, 0)).text, "Anon_120000");
    }

    #[test]
    fn members_who_ask_for_the_same_name_share_it() {
        let mut names = Names::new();
        assert_eq!(names.resolve("alice", at(1, 2, 3)), names.resolve("alice", at(1, 2, 3)));
    }
}
