//! The places of a room's members, and whose turn it is.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Numbered places, and a round that comes to each of them in turn. A member keeps its place for as long as it stays.
///
/// One array, in the order of the places: a round over a large room reads it from one end to the other.
#[derive(Debug)]
pub(super) struct Places<T> {
    /// Its last place is taken: it shrinks with the room.
    seats: Vec<Option<T>>,
    /// Places that were left, the lowest first, so that the array stays short. Some may be taken again, or be gone.
    vacant: BinaryHeap<Reverse<usize>>,
    taken: usize,
    /// The place that the round came to last, and how many it has still to come to.
    last: usize,
    remaining: usize,
}

impl<T> Places<T> {
    pub(super) fn new() -> Self {
        Self { seats: Vec::new(), vacant: BinaryHeap::new(), taken: 0, last: 0, remaining: 0 }
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Gives a member a place. A round under way comes to everybody who was there when it began all the same.
    pub(super) fn insert(&mut self, member: T) -> usize {
        self.taken += 1;
        if let Some(place) = self.lowest_vacant() {
            self.seats[place] = Some(member);
            return place;
        }
        let place = self.seats.len();
        // By an eighth at a time: doubled, a large room would keep nearly as many empty places as it has members.
        if place == self.seats.capacity() {
            self.seats.reserve_exact(place / 8 + 8);
        }
        self.seats.push(Some(member));
        // The round may come to the new place before those that it has still to come to.
        if self.remaining > 0 {
            self.remaining += 1;
        }
        place
    }

    /// Empties a place.
    pub(super) fn remove(&mut self, place: usize) -> Option<T> {
        let member = self.seats.get_mut(place)?.take()?;
        self.taken -= 1;
        self.vacant.push(Reverse(place));
        while self.seats.last().is_some_and(Option::is_none) {
            self.seats.pop();
        }
        let length = self.seats.len();
        if length < self.seats.capacity() / 2 {
            self.seats.shrink_to(length + length / 8);
        }
        if self.vacant.len() > 2 * length {
            self.vacant.retain(|Reverse(vacant)| self.seats.get(*vacant).is_some_and(Option::is_none));
            self.vacant.shrink_to(2 * self.vacant.len());
        }
        Some(member)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.seats.get_mut(place)?.as_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.seats.iter_mut().flatten()
    }

    /// The members in up to `count` places from `place` on, and where to go on, if there are more.
    pub(super) fn piece(
        &mut self,
        place: usize,
        count: usize,
    ) -> (impl Iterator<Item = &mut T>, Option<usize>) {
        let start = place.min(self.seats.len());
        let end = start.saturating_add(count).min(self.seats.len());
        let more = (end < self.seats.len()).then_some(end);
        (self.seats[start..end].iter_mut().flatten(), more)
    }

    /// Begins a round.
    pub(super) fn begin_round(&mut self) {
        self.remaining = self.seats.len();
    }

    /// Begins rounds so many places further on: not always the same are to be last.
    pub(super) fn rotate(&mut self, places: usize) {
        self.last = (self.last + places) % self.seats.len().max(1);
    }

    pub(super) fn is_round_over(&self) -> bool {
        self.remaining == 0
    }

    /// The next place of the round, if it is not over. It may be vacant.
    pub(super) fn next_of_round(&mut self) -> Option<usize> {
        self.remaining = self.remaining.checked_sub(1)?;
        self.last = if self.last + 1 < self.seats.len() { self.last + 1 } else { 0 };
        Some(self.last)
    }

    fn lowest_vacant(&mut self) -> Option<usize> {
        while let Some(Reverse(place)) = self.vacant.pop() {
            match self.seats.get(place) {
                Some(None) => return Some(place),
                // Taken again after the array had shrunk and grown.
                Some(Some(_)) => {}
                // Beyond the end, as are all that are higher.
                None => self.vacant.clear(),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert,
        Remove(usize),
        Rotate(usize),
        /// Goes so many places on in the round, or begins one.
        Go(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Insert),
            3 => any::<usize>().prop_map(Step::Remove),
            1 => any::<usize>().prop_map(Step::Rotate),
            3 => (0..20usize).prop_map(Step::Go),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_round_comes_to_everybody_who_was_there_when_it_began_whoever_comes_and_goes(
            steps in vec(step(), 0..300),
        ) {
            let mut places = Places::new();
            // Who sits where, by number, and whether the round has still to come to them.
            let mut members = BTreeMap::<usize, (usize, bool)>::new();
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Insert => {
                        let place = places.insert(number);
                        prop_assert_eq!(members.insert(place, (number, false)), None);
                        number += 1;
                    }
                    Step::Remove(any) => {
                        if let Some(place) = members.keys().nth(any % members.len().max(1)).copied() {
                            prop_assert_eq!(places.remove(place), members.remove(&place).map(|member| member.0));
                        }
                    }
                    Step::Rotate(count) => {
                        if places.is_round_over() {
                            places.rotate(count % 1_000);
                        }
                    }
                    Step::Go(count) => {
                        if places.is_round_over() {
                            prop_assert!(members.values().all(|(_, is_due)| !is_due), "{:?}", members);
                            places.begin_round();
                            for member in members.values_mut() {
                                member.1 = true;
                            }
                        }
                        for _ in 0..count {
                            let Some(place) = places.next_of_round() else { break };
                            if let Some(member) = members.get_mut(&place) {
                                member.1 = false;
                            }
                        }
                    }
                }
                prop_assert_eq!(places.len(), members.len());
                let seated: Vec<_> = places.iter_mut().map(|number| *number).collect();
                prop_assert_eq!(seated, members.values().map(|member| member.0).collect::<Vec<_>>());
                prop_assert_eq!(places.seats.len(), members.keys().next_back().map_or(0, |last| last + 1));
                prop_assert!(places.vacant.len() <= 2 * places.seats.len() + 1);
            }
        }
    }

    #[test]
    fn a_room_that_was_large_gives_its_memory_back() {
        let mut places = Places::new();
        for number in 0..10_000 {
            places.insert(number);
        }
        for place in 3..10_000 {
            places.remove(place);
        }
        assert_eq!((places.len(), places.seats.len()), (3, 3));
        assert!(places.seats.capacity() < 16, "{}", places.seats.capacity());
        assert!(places.vacant.capacity() < 64, "{}", places.vacant.capacity());
    }

    #[test]
    fn rounds_that_are_rotated_begin_with_others() {
        let mut places = Places::new();
        for number in 0..300 {
            places.insert(number);
        }
        let mut first = || {
            places.begin_round();
            let first = places.next_of_round();
            while places.next_of_round().is_some() {}
            places.rotate(128);
            first
        };
        assert_ne!(first(), first());
    }
}
