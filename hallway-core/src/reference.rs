//! What a sender calls a message, so that sending it again is not saying it twice.

use std::{fmt, sync::Arc};

use thiserror::Error;

/// What its sender calls a message: any text of 1 to 64 bytes.
///
/// A message sent by the same name in the same room with the same reference, within
/// [`Config::reference_window`](crate::Config::reference_window) of the first, is the same message: it is acknowledged as
/// the first was, and not said again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(Arc<str>);

/// A text that is no reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a ref has 1 to {} bytes, this one {len}", Reference::MAX_BYTES)]
pub struct ReferenceError {
    /// Bytes it has.
    pub len: usize,
}

impl Reference {
    /// Bytes it may have.
    pub const MAX_BYTES: usize = 64;

    /// Makes one of a text.
    pub fn new(text: &str) -> Result<Self, ReferenceError> {
        let len = text.len();
        if (1..=Self::MAX_BYTES).contains(&len) { Ok(Self(text.into())) } else { Err(ReferenceError { len }) }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_1_to_64_bytes() {
        assert_eq!(Reference::new(""), Err(ReferenceError { len: 0 }));
        assert_eq!(Reference::new(&"é".repeat(33)), Err(ReferenceError { len: 66 }));
        assert_eq!(Reference::new(&"é".repeat(32)).map(|it| it.as_str().len()), Ok(64));
    }
}
