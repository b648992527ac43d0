//! A stanza of a header: a tag, arguments and a body. Not what they mean to a recipient.

use crate::encoding::{base64_decode, base64_encode};

/// One wrap of the file key, or anything else that a header carries under its MAC (spec/age.md#stanzas).
///
/// Its arguments and body are public: whoever has the file reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    // Invariant: at least one, the tag; each of one or more visible ASCII characters.
    arguments: Vec<String>,
    body: Vec<u8>,
}

impl Stanza {
    /// The columns of a full line of the body.
    const COLUMNS: usize = 64;

    /// Makes a stanza, written as `-> tag args..` and its body.
    ///
    /// # Errors
    ///
    /// Says so when the tag or an argument is empty, or has a character that is not visible ASCII.
    pub fn new(
        tag: impl Into<String>,
        args: impl IntoIterator<Item = impl Into<String>>,
        body: impl Into<Vec<u8>>,
    ) -> Result<Self, InvalidStanza> {
        let mut arguments = vec![tag.into()];
        arguments.extend(args.into_iter().map(Into::into));
        if !arguments.iter().all(|argument| is_argument(argument)) {
            return Err(InvalidStanza);
        }
        Ok(Self {
            arguments,
            body: body.into(),
        })
    }

    /// Makes a stanza that wraps a file key, with arguments that we encoded.
    pub(crate) fn wrapping(
        tag: &'static str,
        args: impl IntoIterator<Item = String>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self::new(tag, args, body).expect("our tags, base64 and digits are visible ASCII")
    }

    /// Returns the first argument, which says what kind of recipient this is for.
    #[must_use]
    pub fn tag(&self) -> &str {
        self.arguments.first().map_or("", String::as_str)
    }

    /// Returns the arguments after the tag.
    #[must_use]
    pub fn args(&self) -> &[String] {
        self.arguments.get(1..).unwrap_or_default()
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the length in bytes of the stanza in a header.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let arguments: usize = self.arguments.iter().map(|each| 1 + each.len()).sum();
        let columns = (self.body.len() * 4).div_ceil(3);
        // The body's last line is never full, so that each full line and the last have a line feed.
        2 + arguments + 1 + columns + columns / Self::COLUMNS + 1
    }

    /// Appends the stanza as it stands in a header.
    pub fn encode(&self, header: &mut Vec<u8>) {
        header.extend_from_slice(b"->");
        for argument in &self.arguments {
            header.push(b' ');
            header.extend_from_slice(argument.as_bytes());
        }
        header.push(b'\n');
        let body = base64_encode(&self.body);
        let lines = body.as_bytes().chunks_exact(Self::COLUMNS);
        let last = lines.remainder();
        for line in lines {
            header.extend_from_slice(line);
            header.push(b'\n');
        }
        header.extend_from_slice(last);
        header.push(b'\n');
    }

    /// Takes a stanza's first line, without its line feed.
    pub(crate) fn decode_arguments(line: &[u8]) -> Option<Self> {
        let arguments = str::from_utf8(line.strip_prefix(b"-> ")?).ok()?;
        let (tag, args) = match arguments.split_once(' ') {
            Some((tag, args)) => (tag, Some(args.split(' '))),
            None => (arguments, None),
        };
        Self::new(tag, args.into_iter().flatten(), []).ok()
    }

    /// Takes a line of the body, without its line feed, and tells whether it is the last.
    pub(crate) fn decode_body_line(&mut self, line: &[u8]) -> Option<bool> {
        if line.len() > Self::COLUMNS {
            return None;
        }
        self.body.extend(base64_decode(line)?);
        Some(line.len() < Self::COLUMNS)
    }
}

/// A tag or an argument that a stanza cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stanza's arguments have one or more visible ASCII characters each")]
pub struct InvalidStanza;

fn is_argument(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_known_before_encoding() {
        for length in [0, 1, 2, 3, 31, 32, 47, 48, 49, 95, 96, 97, 1000] {
            let stanza = Stanza::new("tag", ["a", "bc"], vec![7; length]).unwrap();
            let mut encoded = Vec::new();
            stanza.encode(&mut encoded);
            assert_eq!(stanza.encoded_len(), encoded.len(), "a body of {length}");
        }
    }

    #[test]
    fn an_argument_is_visible_ascii() {
        for argument in ["", " ", "a b", "a\n", "\u{e4}", "\u{7f}"] {
            assert_eq!(Stanza::new(argument, [""; 0], []), Err(InvalidStanza));
            assert_eq!(Stanza::new("tag", [argument], []), Err(InvalidStanza));
        }
        assert!(Stanza::new("!~", ["->", "---"], []).is_ok());
    }
}
