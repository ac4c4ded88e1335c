//! Choices that follow from a number, so that what they broke can be repeated.

use std::{collections::HashMap, ops::Range, time::Duration};

use tokio::{task::JoinSet, time::timeout};

/// A sequence of numbers that looks random and is the same for the same seed (`SplitMix64`).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of a range that is not empty.
    pub(crate) fn within(&mut self, range: Range<usize>) -> usize {
        range.start + usize::try_from(self.number() % range.len() as u64).expect("below a usize")
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.within(0..times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.within(0..things.len())]
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.number().to_be_bytes()[0]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// These bytes in pieces of up to `largest`.
    pub(crate) fn pieces<'b>(&mut self, mut bytes: &'b [u8], largest: usize) -> Vec<&'b [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.within(1..largest + 1).min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// The numbers of the cases to go through: `0..usual`, unless the environment variable says how many, or as `7..8` which.
pub(crate) fn cases(variable: &str, usual: u64) -> Range<u64> {
    let Ok(asked) = std::env::var(variable) else { return 0..usual };
    let (first, end) = asked.split_once("..").unwrap_or(("0", &asked));
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{variable} is {asked}"));
    number(first)..number(end)
}

/// What comes of each of the cases, 32 of them at the same time; one that fails, or is not over within `limit`, fails the
/// test, which names its number.
pub(crate) async fn each<T, F>(mut cases: Range<u64>, limit: Duration, case: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    let mut numbers = HashMap::new();
    let mut results = Vec::new();
    loop {
        while under_way.len() < 32
            && let Some(number) = cases.next()
        {
            numbers.insert(under_way.spawn(timeout(limit, case(number))).id(), number);
        }
        match under_way.join_next_with_id().await {
            None => return results,
            Some(Ok((_, Ok(result)))) => results.push(result),
            Some(Ok((id, Err(_)))) => panic!("number {} is not over after {limit:?}", numbers[&id]),
            Some(Err(error)) => panic!("number {}: {error}", numbers[&error.id()]),
        }
    }
}
