//! The stanzas that Strongroom adds to an age header, which other age programs pass over (spec/age.md#stanzas):
//! the pointer to a file's deposit, and padding.

use strongroom_agefile::{Header, Stanza};
use strongroom_protocol::id::{AuthorityId, Digest, Serial};

const POINTER: &str = "strongroom/deposit";
const PAD: &str = "strongroom/pad";

/// Where a file's spare key is: with which authority, under which serial number.
///
/// It is a claim like everything in a header. An authority is never looked up by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The authority.
    pub authority: AuthorityId,
    /// The deposit's serial number among its owner's.
    pub serial: Serial,
}

impl Pointer {
    /// Returns the stanza: `-> strongroom/deposit <authority id> <serial>`, both in hexadecimal, and no body.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "identifiers are always arguments"
    )]
    pub fn to_stanza(self) -> Stanza {
        let args = [self.authority.to_string(), self.serial.to_string()];
        Stanza::new(POINTER, args, Vec::new()).expect("hexadecimal digits are arguments")
    }

    /// Reads a pointer; any other stanza is none.
    #[must_use]
    pub fn from_stanza(stanza: &Stanza) -> Option<Self> {
        let [authority, serial] = stanza.args() else {
            return None;
        };
        if stanza.tag() != POINTER || !stanza.body().is_empty() {
            return None;
        }
        Some(Self {
            authority: authority.parse().ok()?,
            serial: serial.parse().ok()?,
        })
    }

    /// Finds a header's first pointer to this authority.
    #[must_use]
    pub fn find(header: &Header, authority: AuthorityId) -> Option<Self> {
        let pointers = header.stanzas().iter().filter_map(Self::from_stanza);
        pointers
            .into_iter()
            .find(|pointer| pointer.authority == authority)
    }
}

/// Tells whether a stanza is ours, a pointer or padding, and wraps nothing.
pub(crate) fn is_ours(stanza: &Stanza) -> bool {
    stanza.tag() == POINTER || is_pad(stanza)
}

pub(crate) fn is_pad(stanza: &Stanza) -> bool {
    stanza.tag() == PAD
}

/// Returns the digest by which the deposit of a file without a pointer is found (spec/protect.md#detached): of its
/// header, or of the stanza of a passphrase, which stands alone.
pub(crate) fn header_mark(header: &Header) -> Digest {
    match header.stanzas() {
        [stanza] if header.is_for_passphrase() => {
            let mut bytes = Vec::new();
            stanza.encode(&mut bytes);
            Digest::of(&[&bytes])
        }
        _ => Digest::of(&[header.as_bytes()]),
    }
}

/// Makes a stanza that takes exactly `bytes` in a header, if there is one.
pub(crate) fn pad(bytes: usize) -> Option<Stanza> {
    let of = |args: Option<String>| Stanza::new(PAD, args, Vec::new()).ok();
    let empty = of(None)?;
    let spare = bytes.checked_sub(empty.encoded_len())?;
    match spare {
        0 => Some(empty),
        // An argument is a space and at least one character.
        1 => None,
        more => of(Some("0".repeat(more - 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_reads_back() {
        let pointer = Pointer {
            authority: AuthorityId::from_bytes([7; 32]),
            serial: Serial::from_bytes([9; 16]),
        };
        assert_eq!(Pointer::from_stanza(&pointer.to_stanza()), Some(pointer));
    }

    #[test]
    fn padding_fills_exactly_what_it_can() {
        let least = pad(19).unwrap().encoded_len();
        assert_eq!(least, 19);
        assert!(pad(18).is_none() && pad(20).is_none());
        for bytes in 21..2000 {
            assert_eq!(pad(bytes).unwrap().encoded_len(), bytes);
        }
    }
}
