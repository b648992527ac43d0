//! Files of the layout that CryptoAPI's example programs write, as their owner's (spec/capi-owner.md): encrypted with a
//! spare, checked against what was deposited, recovered, protected. What is in such a file is `strongroom_capi`'s.
//!
//! The format has no integrity and no place for a pointer. Both are in the deposit: the digests of the header and of the
//! payload, under the owner's signature.

pub mod decrypt;
pub mod encrypt;
pub(crate) mod key;
pub mod protect;
pub mod rewrap;
mod seen;
pub(crate) mod text;

use std::fs::File;
use std::io;
use std::path::Path;

use strongroom_capi::Padding;
use strongroom_capi::cipher::{Parameters, UnknownParameters};
use strongroom_capi::file::FileHeader;
use strongroom_protocol::id::{Digest, Serial};
use strongroom_protocol::statement::Particulars;

pub use self::seen::{Seen, Source};
pub use self::text::{CipherName, LegacyCipher, NoCipher};
use crate::home::{Home, HomeError};
use crate::kind::FileKind;
use crate::mark::FileMark;

/// How many bytes at a file's beginning tell whether it has this layout.
pub const PREFIX_BYTES: u64 = 16;

/// Tells whether a file looks as if the example programs had written it. What can't be read does not.
#[must_use]
pub fn is_capi_file(path: &Path) -> bool {
    FileKind::of(path).is_ok_and(|kind| kind == FileKind::Capi)
}

/// Returns the digest by which a file's deposit is found: of its SIMPLEBLOB.
pub(crate) fn mark(header: &FileHeader) -> Digest {
    Digest::of(&[header.blob()])
}

/// Takes the mark of a file with this header.
pub(crate) fn file_mark(header: &FileHeader, file: &File) -> io::Result<FileMark> {
    let bytes = file.metadata()?.len().saturating_sub(header.bytes());
    FileMark::read(file, mark(header), header.bytes(), bytes)
}

/// What a home knows of a file by its header alone: what its owner signed when the key was deposited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The deposit.
    pub serial: Serial,
    /// How the SIMPLEBLOB is padded.
    pub padding: Option<Padding>,
    /// What the program set on the session key; nothing, unless its owner said it.
    pub parameters: Result<Parameters, UnknownParameters>,
    /// The digest of the payload.
    pub payload: Option<Digest>,
    /// Whether the home saw, holding the session key, that file and deposit agree.
    pub matches: bool,
}

impl Known {
    fn new(serial: Serial, particulars: &Particulars, matches: bool) -> Self {
        Self {
            serial,
            padding: particulars.padding().and_then(text::parse_padding),
            parameters: particulars.cipher().unwrap_or_default().parse(),
            payload: particulars.payload(),
            matches,
        }
    }
}

impl Home {
    /// Returns what is known of the file with this header.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn known_capi_file(&self, header: &FileHeader) -> Result<Option<Known>, HomeError> {
        let mark = mark(header);
        let matched = self.matched_digest(mark)?.map(|matched| matched.serial);
        let (serial, padding) = match (self.own_blob(mark)?, matched) {
            (Some((serial, padding)), _) => (serial, text::parse_padding(&padding)),
            (None, Some(serial)) => (serial, None),
            (None, None) => match self.detached_mark(mark)? {
                Some(serial) => (serial, None),
                None => return Ok(None),
            },
        };
        let Some(said) = self.particulars(serial)? else {
            return Ok(None);
        };
        let known = Known::new(serial, &said, matched == Some(serial));
        Ok(Some(Known {
            padding: padding.or(known.padding),
            ..known
        }))
    }
}
