//! What is held against an authority the next time: its id, and the latest checkpoint of its log that was seen. A text
//! file beside an officer's key (spec/home.md#officers).

use std::fmt::Write as _;

use strongroom_protocol::id::AuthorityId;

/// An authority as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Who it is.
    pub authority: AuthorityId,
    /// The text of the latest checkpoint seen, if any was; [`Desk::open`](super::Desk::open) verifies it.
    pub seen: Option<String>,
}

impl Pin {
    /// The length in bytes of the longest that is read.
    pub const BYTES_MAX: u64 = 1 << 16;

    /// Returns the text to keep.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{COMMENT}{ID}{}\n", self.authority);
        if let Some(seen) = &self.seen {
            // A string takes all.
            let _ = write!(text, "\n{seen}");
        }
        text
    }

    /// Reads the text.
    ///
    /// # Errors
    ///
    /// Says so when it is none.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        // As an editor may have left it; what was seen ends its lines as it did.
        let text = text.replace("\r\n", "\n");
        let rest = text.strip_prefix(COMMENT).ok_or(PinError)?;
        let (id, rest) = rest.split_once('\n').ok_or(PinError)?;
        let id = id.strip_prefix(ID).map(strongroom_text::trim);
        let id = id.and_then(|id| id.to_ascii_lowercase().parse().ok());
        Ok(Self {
            authority: id.ok_or(PinError)?,
            seen: rest.strip_prefix('\n').map(str::to_owned),
        })
    }
}

const COMMENT: &str = "# The authority that the officer's key beside this file is for, and what was seen of its log.\n";
const ID: &str = "Authority id: ";

/// A text that pins no authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file that pins the authority is not what was written there")]
pub struct PinError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_what_was_written() {
        for seen in [None, Some("a\nb\n\n— c d\n".to_owned())] {
            let pin = Pin {
                authority: AuthorityId::from_bytes([7; 32]),
                seen,
            };
            assert_eq!(Pin::parse(&pin.to_text()), Ok(pin));
        }
        assert_eq!(Pin::parse("Authority id: 07"), Err(PinError));
    }
}
