//! What a file begins with: whole marks, and nothing less, tell an age file from another (spec/files.md#kinds).

use crate::armor::BEGIN;
use crate::header::ANY_VERSION;

/// How much white space may stand before armor, and as much after it.
pub(crate) const WHITE_SPACE_MAX: usize = 1024;

/// How many bytes at a file's beginning tell what it is.
pub const MAGIC_BYTES: usize = strongroom_text::MARK.len() + WHITE_SPACE_MAX + BEGIN.len();

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Magic {
    /// The mark of armor, behind white space or none.
    Armored,
    /// The version line of some version of age.
    Binary,
    /// Neither.
    Other,
}

impl Magic {
    /// Tells what a file begins with whose first bytes are `bytes`; nothing, where the bytes that follow decide.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if let Some(is_binary) = begins(bytes, ANY_VERSION, Self::Binary) {
            return is_binary;
        }
        let unmarked = match begins(bytes, strongroom_text::MARK, Self::Other) {
            Some(None) => return None,
            Some(Some(_)) => bytes.get(strongroom_text::MARK.len()..).unwrap_or_default(),
            None => bytes,
        };
        let text = unmarked.trim_ascii_start();
        if unmarked.len() - text.len() > WHITE_SPACE_MAX {
            return Some(Self::Other);
        }
        begins(text, BEGIN.as_bytes(), Self::Armored).unwrap_or(Some(Self::Other))
    }

    /// Tells what a file of these bytes begins with; [`MAGIC_BYTES`] of a longer one suffice.
    #[must_use]
    pub fn of_whole(bytes: &[u8]) -> Self {
        Self::of(bytes).unwrap_or(Self::Other)
    }
}

/// Tells whether bytes begin with a mark: `then`, if they do, and nothing if they end within it. None if they do not.
fn begins(bytes: &[u8], mark: &[u8], then: Magic) -> Option<Option<Magic>> {
    if bytes.starts_with(mark) {
        return Some(Some(then));
    }
    mark.starts_with(bytes).then_some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_marks_tell() {
        let armored = format!("{BEGIN}\n");
        for (bytes, beginning) in [
            (&b"age-encryption.org/v1\n"[..], Magic::Binary),
            (b"age-encryption.org/v2\n", Magic::Binary),
            (armored.as_bytes(), Magic::Armored),
            (format!("\r\n \t{armored}").as_bytes(), Magic::Armored),
            (format!("\u{feff}\n{armored}").as_bytes(), Magic::Armored),
            (b"\n\0\x01\x02", Magic::Other),
            (b"--- \ntitle: front matter\n---\n", Magic::Other),
            (b"-----BEGIN CERTIFICATE-----\n", Magic::Other),
            (b"\xef\xbb\xbfage-encryption.org/v1\n", Magic::Other),
            (b"age of empires", Magic::Other),
            (b" age-encryption.org/v1\n", Magic::Other),
            (&[b' '; MAGIC_BYTES], Magic::Other),
        ] {
            assert_eq!(
                Magic::of(bytes),
                Some(beginning),
                "{}",
                bytes.escape_ascii()
            );
            // Each byte of it alone decides nothing that the next ones change.
            for end in 0..bytes.len() {
                let of_part = Magic::of(&bytes[..end]);
                assert!(of_part.is_none_or(|part| part == beginning));
            }
        }
        for undecided in [
            &b""[..],
            b"age-encr",
            b"\n  \n",
            b"-----BEGIN AGE",
            b"\xef\xbb",
        ] {
            assert_eq!(Magic::of(undecided), None);
            assert_eq!(Magic::of_whole(undecided), Magic::Other);
        }
    }
}
