//! Which characters a reader cannot see.

/// Whether `character` is a control character, an invisible format character or otherwise ignored when shown:
/// the Unicode categories Cc and Cf and the property `Default_Ignorable_Code_Point`, without the format characters
/// that are drawn (the prepended concatenation marks, such as the Arabic number sign).
pub(crate) fn is_invisible(character: char) -> bool {
    // Most names are ASCII: there it is a comparison, without a search.
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let code = u32::from(character);
    let after = INVISIBLE.partition_point(|&(first, _)| first <= code);
    after > 0 && code <= INVISIBLE[after - 1].1
}

/// First and last code point of each range, ascending. A test compares it with the Unicode tables of the `regex` crate.
const INVISIBLE: [(u32, u32); 19] = [
    (0x0080, 0x009f),     // C1 controls
    (0x00ad, 0x00ad),     // soft hyphen
    (0x034f, 0x034f),     // combining grapheme joiner
    (0x061c, 0x061c),     // Arabic letter mark
    (0x115f, 0x1160),     // Hangul fillers
    (0x17b4, 0x17b5),     // Khmer inherent vowels
    (0x180b, 0x180f),     // Mongolian variation selectors and vowel separator
    (0x200b, 0x200f),     // zero width space and joiners, direction marks
    (0x202a, 0x202e),     // bidi embeddings and overrides
    (0x2060, 0x206f),     // word joiner, invisible operators, bidi isolates
    (0x3164, 0x3164),     // Hangul filler
    (0xfe00, 0xfe0f),     // variation selectors
    (0xfeff, 0xfeff),     // zero width no-break space
    (0xffa0, 0xffa0),     // half-width Hangul filler
    (0xfff0, 0xfffb),     // reserved; interlinear annotation
    (0x1_3430, 0x1_343f), // Egyptian hieroglyph format controls
    (0x1_bca0, 0x1_bca3), // shorthand format controls
    (0x1_d173, 0x1_d17a), // musical format controls
    (0xe_0000, 0xe_0fff), // tags, variation selectors supplement, reserved
];

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn the_table_equals_what_unicode_says_of_every_character() {
        let unicode =
            Regex::new(r"^[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}--\p{Prepended_Concatenation_Mark}]$")
                .unwrap();
        for character in '\0'..=char::MAX {
            let expected = unicode.is_match(character.encode_utf8(&mut [0; 4]));
            assert_eq!(is_invisible(character), expected, "U+{:04X}", u32::from(character));
        }
    }
}
