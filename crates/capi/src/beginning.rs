//! How a plaintext begins, for a person to judge: nothing else shows that what was assumed of a ciphertext was so. It is
//! looked at, and no decision rests on it.

use std::io::{self, Write};

use zeroize::ZeroizeOnDrop;

/// The first bytes of a plaintext.
#[derive(Clone, Default, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Beginning {
    bytes: Vec<u8>,
}

/// What a beginning looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// As nothing that is known, with bytes that no text has.
    Binary,
    /// There is nothing.
    Empty,
    /// As a file of a kind that is told by its first bytes.
    Known(&'static str),
    /// As text.
    Text,
}

/// How much is looked at: four of the longest blocks.
const BYTES: usize = 64;

/// Kinds of files by their first bytes, those that people encrypt.
const KINDS: [(&[u8], &str); 22] = [
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "zip, or a document of newer office programs"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a document of older office programs",
    ),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"RIFF", "RIFF (WAV, AVI, WebP)"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"MSCF", "a cabinet"),
    (b"MZ", "a Windows program"),
    (b"SQLite format 3\0", "SQLite"),
    (b"ID3", "MP3"),
    (b"-----BEGIN ", "PEM"),
    (b"\x07\x02\0\0", "a key pair as PRIVATEKEYBLOB"),
    (b"age-encryption.org/", "age"),
];

impl Beginning {
    /// Takes what a plaintext begins with, or all of it.
    #[must_use]
    pub fn of(plaintext: &[u8]) -> Self {
        let bytes = plaintext.split_at(plaintext.len().min(BYTES)).0.to_vec();
        Self { bytes }
    }

    /// Tells what it looks like.
    #[must_use]
    pub fn looks(&self) -> Looks {
        let known = KINDS
            .iter()
            .find(|(start, _)| self.bytes.starts_with(start));
        match known {
            _ if self.bytes.is_empty() => Looks::Empty,
            Some((_, kind)) => Looks::Known(kind),
            None if is_text(&self.bytes) => Looks::Text,
            None => Looks::Binary,
        }
    }

    /// Returns it as text, with a mark for each byte that is none. Whoever shows it takes care of what a terminal would
    /// follow.
    #[must_use]
    pub fn to_text(&self) -> String {
        match utf16(&self.bytes) {
            Some(text) => text,
            None => {
                let text = String::from_utf8_lossy(&self.bytes);
                // A character that is cut off at the end is not the text's fault.
                let whole = self.bytes.len() == BYTES;
                let text = if whole {
                    text.trim_end_matches('\u{fffd}')
                } else {
                    &text
                };
                text.to_owned()
            }
        }
    }

    /// Returns its first bytes in hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        let shown = self.bytes.iter().take(16);
        shown.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Tells whether the first block is no text and what follows is: then the program began its chain of blocks with an IV
    /// that was not the one it was decrypted with.
    #[must_use]
    pub fn is_garbled_at_first(&self, block_bytes: usize) -> bool {
        let Some((first, rest)) = self.bytes.split_at_checked(block_bytes) else {
            return false;
        };
        let letters = |bytes: &[u8]| {
            let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace();
            bytes.iter().filter(is_letter).count()
        };
        // Where the IV was text itself, what it garbled may have no other bytes than text has: but hardly a letter.
        let is_garbled = !is_text(first)
            || 2 * letters(first) < first.len() && 4 * letters(rest) >= 3 * rest.len();
        rest.len() >= block_bytes && is_text(rest) && is_garbled
    }
}

/// Printed, a plaintext's beginning is in every log: it says how much there is, and no more.
impl std::fmt::Debug for Beginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Beginning({} bytes)", self.bytes.len())
    }
}

/// Passes a plaintext on, and keeps its beginning.
pub struct BeginningWriter<W> {
    writer: W,
    beginning: Beginning,
}

impl<W: Write> BeginningWriter<W> {
    /// Begins.
    pub fn new(writer: W) -> Self {
        // Room first: a buffer that moved would leave bytes behind.
        let bytes = Vec::with_capacity(BYTES);
        Self {
            writer,
            beginning: Beginning { bytes },
        }
    }

    /// Returns what it kept.
    pub fn finish(self) -> Beginning {
        self.beginning
    }
}

impl<W: Write> Write for BeginningWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let bytes = self.writer.write(buffer)?;
        let kept = &mut self.beginning.bytes;
        let room = BYTES.saturating_sub(kept.len()).min(bytes);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A text has no control characters but those that end lines and pages, and is UTF-8, UTF-16, or for the most part ASCII,
/// as in the code pages of older programs.
fn is_text(bytes: &[u8]) -> bool {
    if utf16(bytes).is_some() {
        return true;
    }
    let is_control = |byte: &u8| *byte < 0x20 && !b"\t\n\r\x0c\x1a".contains(byte) || *byte == 0x7f;
    if bytes.iter().any(is_control) {
        return false;
    }
    let is_utf8 = match str::from_utf8(bytes) {
        Ok(_) => true,
        // A character that is cut off at the beginning of a block, or at its end.
        Err(error) => error.error_len().is_none() && bytes.len() - error.valid_up_to() < 4,
    };
    let ascii = bytes.iter().filter(|byte| byte.is_ascii()).count();
    (is_utf8 && (ascii > 0 || bytes.len() >= 16)) || ascii * 8 >= bytes.len() * 7
}

/// A text in UTF-16 of the order that Windows writes, for the most part in Latin letters.
fn utf16(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xff\xfe").unwrap_or(bytes);
    let (units, _) = bytes.as_chunks::<2>();
    let is_latin =
        |unit: &&[u8; 2]| unit[1] == 0 && (unit[0] >= 0x20 || b"\t\n\r".contains(&unit[0]));
    let latin = units.iter().filter(is_latin).count();
    if units.len() < 4 || latin * 8 < units.len() * 7 {
        return None;
    }
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    Some(
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or('\u{fffd}'))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(bytes: &[u8]) -> Looks {
        Beginning::of(bytes).looks()
    }

    #[test]
    fn texts_are_told_from_what_is_none() {
        assert_eq!(looks(b""), Looks::Empty);
        assert_eq!(looks(b"Dear Sir,\r\n"), Looks::Text);
        assert_eq!(looks("Übersicht – 1".as_bytes()), Looks::Text);
        assert_eq!(
            looks(b"Gr\xfc\xdfe aus K\xf6ln, wie immer freundlich"),
            Looks::Text
        );
        assert_eq!(looks(b"W\0i\0d\0e\0 \0t\0e\0x\0t\0"), Looks::Text);
        assert_eq!(looks(b"\xff\xfeW\0i\0d\0e\0"), Looks::Text);
        assert_eq!(looks(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3"), Looks::Known("PDF"));
        assert_eq!(looks(b"\x9f\x03\x81\xc4\xaa\x10\x5e\x17"), Looks::Binary);
        assert_eq!(looks(&[0; 64]), Looks::Binary);
    }

    #[test]
    fn a_first_block_that_is_no_text_before_text_is_noticed() {
        let garbled = |bytes: &[u8], block| Beginning::of(bytes).is_garbled_at_first(block);
        let text = b"\x9f\x03\x81\xc4\xaa\x10\x5e\x17and the rest of it is text";
        assert!(garbled(text, 8));
        assert!(garbled(b"{]@Z\\^]_and the rest of it is text", 8));
        assert!(!garbled(b"all of it, from the first, is text", 8));
        assert!(!garbled(&[text.as_slice(), text].concat(), 32));
        assert!(!garbled(b"\x9f\x03\x81\xc4\xaa\x10\x5e\x17and", 8));
    }

    #[test]
    fn what_is_kept_is_the_beginning_however_it_was_written() {
        let mut sink = Vec::new();
        let mut writer = BeginningWriter::new(&mut sink);
        for piece in [&b"abc"[..], &[b'd'; 100], b"e"] {
            writer.write_all(piece).unwrap();
        }
        let kept = writer.finish();
        assert_eq!(kept.to_text(), format!("abc{}", "d".repeat(BYTES - 3)));
        assert_eq!(sink.len(), 104);
        assert_eq!(Beginning::of(b"\x00\xff").to_hex(), "00ff");
    }
}
