//! Text as people write it, with whatever editor, on whatever machine: the one reader of it (spec/text.md). It takes away what
//! an editor puts in and nobody sees, and names what is no text. What a text says is its reader's.

/// The byte order mark that some editors put before a text in UTF-8.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads bytes as text, without a byte order mark.
///
/// # Errors
///
/// Tells UTF-16 from other bytes that are no UTF-8, of which it says the line.
pub fn decode(bytes: &[u8]) -> Result<&str, NotText> {
    if is_utf_16(bytes) {
        return Err(NotText::Utf16);
    }
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        NotText::NotUtf8 { line }
    })
}

/// Returns the lines that say something, with their numbers: without white space around them, without empty ones, and without
/// those that begin with `#`.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, trim(line)))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Takes away the white space around a line, and what has no width and came along when it was copied.
#[must_use]
pub fn trim(line: &str) -> &str {
    let is_around = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}');
    line.trim_matches(is_around)
}

/// Takes away what is said behind a word, as in `KEY  # Alice`.
#[must_use]
pub fn without_remark(line: &str) -> &str {
    match line.split_once(char::is_whitespace) {
        Some((word, rest)) if trim(rest).starts_with('#') => word,
        _ => line,
    }
}

/// Splits a list of names, one a line. Names are bytes, and white space at their ends is theirs; but a mark before the first
/// is an editor's, and a CR at the end of every line is Windows'.
///
/// # Errors
///
/// It is UTF-16.
pub fn names(bytes: &[u8]) -> Result<Vec<&[u8]>, NotText> {
    if is_utf_16(bytes) {
        return Err(NotText::Utf16);
    }
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // What stands behind the last line end may be a line without one.
    let last = lines.pop().unwrap_or_default();
    let is_windows = !lines.is_empty() && lines.iter().all(|line| line.ends_with(b"\r"));
    lines.push(last);
    let names = lines.into_iter().map(|line| match is_windows {
        true => line.strip_suffix(b"\r").unwrap_or(line),
        false => line,
    });
    Ok(names.filter(|name| !name.is_empty()).collect())
}

/// Tells whether bytes are UTF-16: by its mark, or by every other byte being zero, as of a text in a Latin script.
fn is_utf_16(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return true;
    }
    let (pairs, _) = bytes.as_chunks::<2>();
    let first = || pairs.iter().take(16);
    let big = |pair: &[u8; 2]| pair[0] == 0 && pair[1] != 0;
    let little = |pair: &[u8; 2]| pair[0] != 0 && pair[1] == 0;
    first().count() > 1 && (first().all(big) || first().all(little))
}

/// Why bytes are no text. It quotes none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Line `line`, counted from 1, is not UTF-8.
    #[error("line {line} is not UTF-8: save it as UTF-8")]
    NotUtf8 {
        /// The line.
        line: usize,
    },
    /// It is UTF-16, as some editors of Windows save it, and `>` of its PowerShell.
    #[error("it is UTF-16: save it as UTF-8")]
    Utf16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_put_in_is_taken_away() {
        let text = decode(b"\xef\xbb\xbf  one \r\n\r\n# two\r\n\t three\xc2\xa0\r\n").unwrap();
        let lines: Vec<_> = lines(text).collect();
        assert_eq!(lines, [(1, "one"), (4, "three")]);
        assert_eq!(trim("\u{feff}\u{200b} a b\u{200b} "), "a b");
        assert_eq!(without_remark("KEY \t# Alice"), "KEY");
        assert_eq!(without_remark("KEY Alice"), "KEY Alice");
        assert_eq!(without_remark("KEY#Alice"), "KEY#Alice");
    }

    #[test]
    fn what_is_no_text_is_named() {
        let utf_16 = |text: &str, bytes: fn(u16) -> [u8; 2]| {
            text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()
        };
        for bytes in [
            utf_16("\u{feff}käse", u16::to_le_bytes),
            utf_16("\u{feff}käse", u16::to_be_bytes),
            utf_16("a line", u16::to_le_bytes),
            utf_16("a line", u16::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes), Err(NotText::Utf16));
            assert_eq!(names(&bytes), Err(NotText::Utf16));
        }
        assert_eq!(decode(b"a\nb\nk\xe4se"), Err(NotText::NotUtf8 { line: 3 }));
        assert_eq!(decode(b""), Ok(""));
        assert_eq!(decode(b"a"), Ok("a"));
        assert_eq!(decode(&[0; 8]), Ok("\0\0\0\0\0\0\0\0"));
    }

    #[test]
    fn names_are_bytes_and_keep_what_is_theirs() {
        let of = |bytes: &'static [u8]| names(bytes).unwrap();
        assert_eq!(
            of(b"\xef\xbb\xbfa\r\n\r\nb c \r\nd"),
            [&b"a"[..], b"b c ", b"d"]
        );
        assert_eq!(of(b"a\r\nb\n\xff \n"), [&b"a\r"[..], b"b", b"\xff "]);
        assert_eq!(of(b"a\r"), [b"a\r"]);
        assert!(of(b"").is_empty());
        assert!(of(b"\n\n").is_empty());
    }
}
