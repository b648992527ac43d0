//! People's text: which characters of it are seen as themselves. By Unicode's own properties (UAX #44) and no list of ours
//! (spec/policy.md).

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    BidiControl, BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
};

/// Tells whether a character is seen as itself, and changes nothing around it: none that controls a terminal, turns the
/// direction of the text, ends a line, or has no width.
#[must_use]
pub fn is_plain(character: char) -> bool {
    let category = GeneralCategory::for_char(character);
    let is_followed = matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !is_followed
        && !BidiControl::for_char(character)
        && !DefaultIgnorableCodePoint::for_char(character)
}

/// Tells whether a text can be somebody's name, or something's: it is all plain, its accents are written in the one form
/// (NFC, UAX #15), and it has no white space at its ends or beside white space. So two such names that differ are seen to
/// differ, but for letters of two scripts that are drawn alike.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_spaced = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        text == words.join(" ")
    };
    !text.is_empty()
        && text.chars().all(is_plain)
        && ComposingNormalizerBorrowed::new_nfc().is_normalized(text)
        && is_spaced(text)
}

/// Writes a text's accents in the one form (NFC), whatever keyboard it was typed on.
#[must_use]
pub fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(text)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_followed_or_not_seen_is_not_plain() {
        let followed = [
            // C0, DEL and C1; the soft hyphen; the Arabic letter mark.
            '\0',
            '\n',
            '\r',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            // Joiners and spaces of no width, marks and overrides of direction, separators, isolates.
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            // Fillers, variation selectors, the byte order mark, tags.
            '\u{34f}',
            '\u{115f}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e0061}',
        ];
        for character in followed {
            assert!(!is_plain(character), "{}", character.escape_unicode());
        }
        for character in "aZ0 .-_/é漢ابक🙂\u{301}\u{a0}\u{ff21}".chars() {
            assert!(is_plain(character), "{}", character.escape_unicode());
        }
    }

    #[test]
    fn a_name_is_written_in_one_way() {
        for name in [
            "ada",
            "two officers",
            "José",
            "漢字",
            "a-b_c/d",
            "O'Neil & sons",
        ] {
            assert!(is_name(name), "{name}");
        }
        let refused = [
            "",
            " ",
            " ada",
            "ada ",
            "two  officers",
            "two\u{a0}officers",
            "two\nofficers",
            "Jose\u{301}",
            "a\u{200b}da",
            "ada\u{202e}",
            "\u{feff}ada",
        ];
        for name in refused {
            assert!(!is_name(name), "{}", name.escape_unicode());
        }
    }
}
