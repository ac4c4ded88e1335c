//! Names of rooms.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use crate::error::RoomNameError;

/// The name of a room: 1 to 64 characters of `a-z A-Z 0-9 . _ -`. Cloning it copies no text.
///
/// Anything else cannot be made into one, so whoever holds a `RoomName` may show it, log it or put it in a URL as
/// it is. The default is `lobby`.
///
/// ```
/// use hallway_core::RoomName;
///
/// let room: RoomName = "rust.general".parse()?;
/// assert_eq!(room.as_str(), "rust.general");
/// assert!("no spaces".parse::<RoomName>().is_err());
/// # Ok::<(), hallway_core::RoomNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// The longest name there is, in characters.
    pub const MAX_CHARS: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RoomName {
    fn default() -> Self {
        Self("lobby".into())
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let chars = text.chars().count();
        if chars == 0 {
            return Err(RoomNameError::Empty);
        }
        if chars > Self::MAX_CHARS {
            return Err(RoomNameError::TooLong { chars, max: Self::MAX_CHARS });
        }
        match text.chars().position(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
            Some(index) => Err(RoomNameError::BadCharacter { position: index + 1 }),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_name_has_1_to_64_characters() {
        assert_eq!("".parse::<RoomName>(), Err(RoomNameError::Empty));
        assert!("r".parse::<RoomName>().is_ok());
        assert!("r".repeat(64).parse::<RoomName>().is_ok());
        assert_eq!("r".repeat(65).parse::<RoomName>(), Err(RoomNameError::TooLong { chars: 65, max: 64 }));
    }

    #[test]
    fn a_room_name_holds_ascii_letters_digits_dot_underscore_and_hyphen_only() {
        for character in '\0'..=char::MAX {
            let allowed = matches!(character, 'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-');
            let parsed = format!("ab{character}").parse::<RoomName>();
            let expected = if allowed { Ok(()) } else { Err(RoomNameError::BadCharacter { position: 3 }) };
            assert_eq!(parsed.map(drop), expected, "{character:?}");
        }
    }
}
