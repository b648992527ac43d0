//! What a file is: by its content, and by nothing else (spec/files.md#kinds). Its name only says what it should be.

use std::io::{self, Read};
use std::path::Path;

use strongroom_agefile::{MAGIC_BYTES, Magic, armor};
use strongroom_capi::file::looks_like;

/// What a file's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// It begins as an age file, armored or not; of any version.
    Age,
    /// It begins as a file of CryptoAPI's example programs.
    Capi,
    /// It begins as neither.
    Other(NotEncrypted),
}

impl FileKind {
    /// Looks at the beginning of a file.
    ///
    /// # Errors
    ///
    /// It can't be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut beginning = Vec::new();
        strongroom_files::open(path)?
            .take(MAGIC_BYTES as u64)
            .read_to_end(&mut beginning)?;
        Ok(Self::of_bytes(&beginning))
    }

    /// Looks at a file's first bytes, [`MAGIC_BYTES`] of them if it has so many.
    #[must_use]
    pub fn of_bytes(beginning: &[u8]) -> Self {
        match Magic::of_whole(beginning) {
            Magic::Armored | Magic::Binary => Self::Age,
            Magic::Other if looks_like(beginning) => Self::Capi,
            Magic::Other => Self::Other(NotEncrypted::of(beginning)),
        }
    }

    /// Tells whether it is an encrypted file of a kind that is known.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        matches!(self, Self::Age | Self::Capi)
    }
}

/// Tells whether a file is called an encrypted one: its name ends in `.age` or `.capi`, in capitals or not.
#[must_use]
pub fn is_called_encrypted(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ["age", "capi"]
            .iter()
            .any(|ours| ending.eq_ignore_ascii_case(ours))
    })
}

/// What a file is that is no encrypted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEncrypted {
    /// It has no byte.
    #[error("the file is empty")]
    Empty,
    /// It is a text of somebody's, of which no part is a header's: not a torn file, but one that never was encrypted.
    #[error("it is a text")]
    Text,
    /// It begins as no encrypted file does.
    #[error("its beginning is torn, or it never was encrypted")]
    Other,
    /// There is armor in it, and something before that.
    #[error("something stands before the armor, which begins in line {line}")]
    TextBefore {
        /// The line, counted from 1.
        line: usize,
    },
    /// It is armor, as some editors of Windows save it.
    #[error("its text is UTF-16: save it as UTF-8")]
    Utf16,
}

impl NotEncrypted {
    fn of(beginning: &[u8]) -> Self {
        if beginning.is_empty() {
            return Self::Empty;
        }
        match strongroom_text::decode(beginning) {
            Err(strongroom_text::NotText::Utf16) if has_utf_16_armor(beginning) => Self::Utf16,
            _ if is_text(beginning) && armor_line(beginning).is_none() => Self::Text,
            Ok(_) | Err(_) => {
                armor_line(beginning).map_or(Self::Other, |line| Self::TextBefore { line })
            }
        }
    }
}

/// Finds the line with the mark of armor among the first ones of a file.
fn armor_line(beginning: &[u8]) -> Option<usize> {
    let mut lines = beginning.split(|byte| *byte == b'\n');
    let place = lines.position(|line| line.trim_ascii_end().ends_with(armor::BEGIN.as_bytes()));
    place.map(|place| place + 1)
}

/// Tells whether the beginning of a file is that of a text, and of no age file that was torn, whose header is text, too.
fn is_text(beginning: &[u8]) -> bool {
    const BASE64_COLUMNS: usize = 40;
    let text = match str::from_utf8(beginning) {
        Ok(text) => text,
        // It was cut within a character.
        Err(error) if error.error_len().is_none() => {
            let whole = beginning.get(..error.valid_up_to());
            whole
                .and_then(|whole| str::from_utf8(whole).ok())
                .unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let is_of_header = |line: &str| {
        line.starts_with("-> ")
            || line.starts_with("--- ")
            || line.contains("encryption.org")
            || (line.len() >= BASE64_COLUMNS && line.chars().all(is_base64))
    };
    let is_cut_short = ["age-encryption.org/", armor::BEGIN]
        .iter()
        .any(|mark| mark.starts_with(text.trim_end()));
    !text.is_empty()
        && text.chars().all(is_plain)
        && !is_cut_short
        && !text.contains("AGE ENCRYPTED FILE")
        && !text.lines().any(is_of_header)
}

fn has_utf_16_armor(beginning: &[u8]) -> bool {
    let armor = armor::BEGIN.as_bytes();
    // Every other byte of it is zero, whichever comes first.
    let letters: Vec<u8> = beginning
        .iter()
        .copied()
        .filter(|byte| *byte != 0)
        .collect();
    letters.windows(armor.len()).any(|window| window == armor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tells_and_not_the_name() {
        let armor = format!("{}\n", armor::BEGIN);
        let utf_16: Vec<u8> = format!("\u{feff}{armor}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let capi = [
            &140_u32.to_le_bytes()[..],
            &[1, 2, 0, 0, 0x10, 0x66, 0, 0, 0, 0xa4, 0, 0],
        ]
        .concat();
        for (bytes, kind) in [
            (&b"age-encryption.org/v1\n"[..], FileKind::Age),
            (armor.as_bytes(), FileKind::Age),
            (&capi, FileKind::Capi),
            (b"", FileKind::Other(NotEncrypted::Empty)),
            (
                b"XXe-encryption.org/v1\n",
                FileKind::Other(NotEncrypted::Other),
            ),
            (b"\n\0\x01\x02", FileKind::Other(NotEncrypted::Other)),
            (b"plain", FileKind::Other(NotEncrypted::Text)),
            (
                "Käse, träge\n\tund so weiter\r\n".as_bytes(),
                FileKind::Other(NotEncrypted::Text),
            ),
            (b"age-encry", FileKind::Other(NotEncrypted::Other)),
            (b"-----BEGIN AGE ENC", FileKind::Other(NotEncrypted::Other)),
            (
                b"xx\n-> X25519 abc\ndef\n--- ghi\n",
                FileKind::Other(NotEncrypted::Other),
            ),
            (
                b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV\n",
                FileKind::Other(NotEncrypted::Other),
            ),
            (&[0; 100], FileKind::Other(NotEncrypted::Other)),
            (
                format!("Dear Bob,\r\n\r\n{armor}").as_bytes(),
                FileKind::Other(NotEncrypted::TextBefore { line: 3 }),
            ),
            (&utf_16, FileKind::Other(NotEncrypted::Utf16)),
        ] {
            assert_eq!(FileKind::of_bytes(bytes), kind, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_name_is_ours_in_capitals_too() {
        for (name, is_ours) in [
            ("a.age", true),
            ("photo.AGE", true),
            ("a.tar.Age", true),
            ("data.CAPI", true),
            ("age", false),
            (".age", false),
            ("a.aged", false),
        ] {
            assert_eq!(is_called_encrypted(Path::new(name)), is_ours, "{name}");
        }
    }
}
