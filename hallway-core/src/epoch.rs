//! Which life of a room's sequence a place in it belongs to.

use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;
use time::OffsetDateTime;

/// Names one life of a room's sequence: the same epoch and the same number are the same message for ever.
///
/// It changes only where the sequence could not be continued. A text of 1 to 64 characters of `a-z A-Z 0-9 . _ -`, to be
/// compared and not to be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(Arc<str>);

/// A place in a room's sequence, as a member remembers it that comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Of the sequence that the number belongs to.
    pub epoch: Epoch,
    /// The newest message that was received, 0 for none.
    pub after: u64,
}

/// A text that is no epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an epoch has 1 to {} characters of a-z A-Z 0-9 . _ -", Epoch::MAX_CHARS)]
pub struct EpochError;

impl Epoch {
    /// Characters it may have.
    pub const MAX_CHARS: usize = 64;

    /// A new one, which no other is equal to: of all those that begin at the same nanosecond each has another number.
    #[must_use]
    pub fn beginning(now: OffsetDateTime, number: u64) -> Self {
        Self(format!("{:x}-{number:x}", now.unix_timestamp_nanos()).into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Epoch {
    type Err = EpochError;

    fn from_str(text: &str) -> Result<Self, EpochError> {
        let is_epoch = (1..=Self::MAX_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if is_epoch { Ok(Self(text.into())) } else { Err(EpochError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_that_begin_at_different_times_or_with_different_numbers_differ_and_can_be_read() {
        let early = OffsetDateTime::UNIX_EPOCH;
        let late = early + time::Duration::NANOSECOND;
        let all = [(early, 1), (early, 2), (late, 1)].map(|(now, number)| Epoch::beginning(now, number));
        for (index, epoch) in all.iter().enumerate() {
            assert_eq!(epoch.as_str().parse().as_ref(), Ok(epoch));
            assert!(!all[..index].contains(epoch));
        }
        // A clock that stands before 1970 is a clock all the same.
        let before = Epoch::beginning(early - time::Duration::DAY, 1);
        assert_eq!(before.as_str().parse(), Ok(before));
    }

    #[test]
    fn a_text_that_is_empty_too_long_or_of_other_characters_is_no_epoch() {
        for text in ["", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(text.parse::<Epoch>(), Err(EpochError));
        }
        assert!("a".repeat(64).parse::<Epoch>().is_ok());
    }
}
