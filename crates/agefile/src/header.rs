//! The header: the version, the stanzas that wrap the file key, and a MAC under that key. Not the payload.

use std::io::{self, BufRead, Read};

use aws_lc_rs::hmac;

use crate::encoding::{base64_array, base64_encode};
use crate::file_key::FileKey;
use crate::passphrase::SCRYPT;
use crate::stanza::Stanza;
use crate::unwrap::{Opened, Unwrap, UnwrapError};

/// A header, with the exact bytes it was read from (spec/age.md#header).
///
/// One that was read says nothing about who wrote it until [`Self::is_authentic`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    // Invariant: `stanzas` and `mac`, encoded, are `bytes`.
    bytes: Vec<u8>,
    stanzas: Vec<Stanza>,
    mac: [u8; 32],
}

impl Header {
    /// How many stanzas a header has at most that is read or made. Each may have to be tried, and anybody can put a file
    /// there: a hybrid one takes 0.7 ms.
    pub const STANZAS_MAX: usize = 1024;

    /// The length in bytes of the longest header that is read or made: room for that many hybrid stanzas, of 1,627 each.
    pub const BYTES_MAX: usize = 2 << 20;

    /// How many arguments, tags among them, the stanzas of a header have at most, so that no header takes much more
    /// memory than its own length.
    pub const ARGUMENTS_MAX: usize = 1 << 14;

    /// Makes the header of the file whose key is `file_key`, which the stanzas wrap.
    ///
    /// # Errors
    ///
    /// Says so when there is no stanza, a passphrase's stanza is not alone, or the header would be too long to be
    /// read again.
    pub fn seal(stanzas: Vec<Stanza>, file_key: &FileKey) -> Result<Self, InvalidHeader> {
        check_stanzas(&stanzas)?;
        let mut bytes = VERSION_LINE.to_vec();
        for stanza in &stanzas {
            stanza.encode(&mut bytes);
        }
        bytes.extend_from_slice(MAC_MARK);
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&mac_key(file_key), &bytes).as_ref());
        bytes.push(b' ');
        bytes.extend_from_slice(base64_encode(&mac).as_bytes());
        bytes.push(b'\n');
        if bytes.len() > Self::BYTES_MAX {
            return Err(InvalidHeader::TooLong);
        }
        Ok(Self {
            bytes,
            stanzas,
            mac,
        })
    }

    /// Reads a header and leaves the reader at the first byte of the payload.
    ///
    /// # Errors
    ///
    /// Tells a source that cannot be read, something that is no age file, and a header that is malformed.
    pub fn read(reader: &mut impl BufRead) -> Result<Self, ReadHeaderError> {
        let mut lines = Lines {
            reader,
            bytes: Vec::new(),
            number: 0,
        };
        read_version(&mut lines)?;
        let mut stanzas = Vec::new();
        let mut arguments = 0;
        let mac = loop {
            let line = lines.next()?;
            if line.starts_with(MAC_MARK) {
                break line
                    .strip_prefix(b"--- ")
                    .and_then(base64_array)
                    .ok_or_else(|| lines.malformed("the MAC"))?;
            }
            if stanzas.len() == Self::STANZAS_MAX {
                return Err(InvalidHeader::TooManyStanzas.into());
            }
            // Before each becomes a text of its own.
            arguments += line.iter().filter(|byte| **byte == b' ').count();
            if arguments > Self::ARGUMENTS_MAX {
                return Err(InvalidHeader::TooLong.into());
            }
            let mut stanza =
                Stanza::decode_arguments(line).ok_or_else(|| lines.malformed("a stanza"))?;
            while !stanza
                .decode_body_line(lines.next()?)
                .ok_or_else(|| lines.malformed("a stanza's body"))?
            {}
            stanzas.push(stanza);
        };
        check_stanzas(&stanzas)?;
        Ok(Self {
            bytes: lines.bytes,
            stanzas,
            mac,
        })
    }

    /// Returns the stanzas.
    #[must_use]
    pub fn stanzas(&self) -> &[Stanza] {
        &self.stanzas
    }

    /// Tells whether a passphrase opens the file, and nothing else does.
    #[must_use]
    pub fn is_for_passphrase(&self) -> bool {
        self.stanzas.iter().any(|stanza| stanza.tag() == SCRYPT)
    }

    /// Returns the header as it stands in the file, up to and with the line feed after the MAC.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the MAC as it stands in the header, whatever key it is of.
    #[must_use]
    pub fn mac(&self) -> &[u8; 32] {
        &self.mac
    }

    /// Tells, in constant time, whether the MAC is that of `file_key` over this header.
    #[must_use]
    pub fn is_authentic(&self, file_key: &FileKey) -> bool {
        let covered = self.bytes.len().saturating_sub(MAC_LINE_REST);
        self.bytes
            .get(..covered)
            .is_some_and(|bytes| hmac::verify(&mac_key(file_key), bytes, &self.mac).is_ok())
    }

    /// Unwraps the file key with the first identity that one of the stanzas is for, and checks the MAC.
    ///
    /// # Errors
    ///
    /// Tells a file that is for none of the identities from a malformed stanza and from a wrong MAC.
    pub fn unwrap(&self, identities: &[&dyn Unwrap]) -> Result<FileKey, UnwrapError> {
        let opened = self.unwrap_unauthenticated(identities)?;
        if !self.is_authentic(&opened.file_key) {
            return Err(UnwrapError::Altered);
        }
        Ok(opened.file_key)
    }

    /// Unwraps the file key as [`Self::unwrap`] does, but does not look at the MAC, and says which stanza it was.
    ///
    /// For recovering a header that somebody altered; everything else wants [`Self::unwrap`].
    ///
    /// # Errors
    ///
    /// Tells a file that is for none of the identities from a malformed stanza.
    pub fn unwrap_unauthenticated(
        &self,
        identities: &[&dyn Unwrap],
    ) -> Result<Opened, UnwrapError> {
        for (identity, unwrap) in identities.iter().enumerate() {
            for (stanza, wrapped) in self.stanzas.iter().enumerate() {
                let unwrapped = unwrap
                    .unwrap(wrapped)
                    .map_err(|source| UnwrapError::Stanza { stanza, source })?;
                if let Some(file_key) = unwrapped {
                    return Ok(Opened {
                        file_key,
                        stanza,
                        identity,
                    });
                }
            }
        }
        Err(UnwrapError::NoMatch)
    }

    /// Unwraps, one after another, every stanza that is for one of the identities. Neither is the MAC looked at, nor does a
    /// malformed stanza keep the others from being opened.
    ///
    /// For finding the key of a payload whose header somebody altered: whoever knows a recipient can put in a stanza for it,
    /// before the one that was there.
    pub fn openings<'h>(
        &'h self,
        identities: &'h [&'h dyn Unwrap],
    ) -> impl Iterator<Item = Opened> + 'h {
        let pairs = identities.iter().enumerate().flat_map(|identity| {
            let stanzas = self.stanzas.iter().enumerate();
            stanzas.map(move |stanza| (identity, stanza))
        });
        pairs.filter_map(|((identity, unwrap), (stanza, wrapped))| {
            let file_key = unwrap.unwrap(wrapped).ok().flatten()?;
            Some(Opened {
                file_key,
                stanza,
                identity,
            })
        })
    }
}

/// Stanzas that make no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// There is none.
    #[error("a header has at least one stanza")]
    NoStanza,
    /// A passphrase's stanza stands beside another. It opens for those alone who know the passphrase, and whoever
    /// may decrypt relies on it.
    #[error("a passphrase's stanza stands alone in its header")]
    PassphraseNotAlone,
    /// It exceeds [`Header::BYTES_MAX`] or [`Header::ARGUMENTS_MAX`].
    #[error("the header is longer than is read: {} MiB", Header::BYTES_MAX >> 20)]
    TooLong,
    /// It exceeds [`Header::STANZAS_MAX`].
    #[error("the header has more stanzas than are read: {}", Header::STANZAS_MAX)]
    TooManyStanzas,
}

/// Why a header could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadHeaderError {
    /// The source failed. Damaged armor is among these: see [`ArmorError::of`](crate::armor::ArmorError::of).
    #[error("cannot read the header")]
    Read(#[source] io::Error),
    /// It does not begin as age files do.
    #[error("this is no age file")]
    NotAge,
    /// It is a binary file that somebody took for text: every LF in it became CR LF.
    #[error(
        "the file was changed on its way, as text from one system to another: its line ends are CR LF"
    )]
    LineEnds,
    /// It is a later version's.
    #[error("the file is of another version of age than v1")]
    UnknownVersion,
    /// It ends before the MAC.
    #[error("the file ends within its header")]
    Truncated,
    /// A line is not as it must be.
    #[error("line {line} of the header: {what} is malformed")]
    Malformed {
        /// The line, counted from 1.
        line: usize,
        /// What the line should have held.
        what: &'static str,
    },
    /// The stanzas make no header.
    #[error(transparent)]
    Invalid(#[from] InvalidHeader),
}

const VERSION_LINE: &[u8] = b"age-encryption.org/v1\n";
const VERSION_LINE_OF_TEXT: &[u8] = b"age-encryption.org/v1\r\n";
pub(crate) const ANY_VERSION: &[u8] = b"age-encryption.org/";

/// Begins the last line; the MAC covers it, and nothing after it.
const MAC_MARK: &[u8] = b"---";

/// The length in bytes of a space, the base64 of a MAC and a line feed.
const MAC_LINE_REST: usize = 1 + 43 + 1;

fn mac_key(file_key: &FileKey) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &*file_key.derive_header_key())
}

fn check_stanzas(stanzas: &[Stanza]) -> Result<(), InvalidHeader> {
    if stanzas.is_empty() {
        return Err(InvalidHeader::NoStanza);
    }
    if stanzas.len() > 1 && stanzas.iter().any(|stanza| stanza.tag() == SCRYPT) {
        return Err(InvalidHeader::PassphraseNotAlone);
    }
    if stanzas.len() > Header::STANZAS_MAX {
        return Err(InvalidHeader::TooManyStanzas);
    }
    let arguments: usize = stanzas.iter().map(|stanza| 1 + stanza.args().len()).sum();
    if arguments > Header::ARGUMENTS_MAX {
        return Err(InvalidHeader::TooLong);
    }
    Ok(())
}

fn read_version(lines: &mut Lines<'_, impl BufRead>) -> Result<(), ReadHeaderError> {
    // Something that is no age file may have no line feed for gigabytes.
    let mut start = [0; ANY_VERSION.len()];
    match lines.reader.read_exact(&mut start) {
        Ok(()) if start == ANY_VERSION => {}
        Ok(()) => return Err(ReadHeaderError::NotAge),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(ReadHeaderError::NotAge);
        }
        Err(error) => return Err(ReadHeaderError::Read(error)),
    }
    lines.bytes.extend_from_slice(&start);
    lines.next()?;
    if lines.bytes == VERSION_LINE_OF_TEXT {
        return Err(ReadHeaderError::LineEnds);
    }
    if lines.bytes != VERSION_LINE {
        return Err(ReadHeaderError::UnknownVersion);
    }
    Ok(())
}

/// The lines of a header, read no further than asked for, and kept.
struct Lines<'r, R> {
    reader: &'r mut R,
    bytes: Vec<u8>,
    number: usize,
}

impl<R: BufRead> Lines<'_, R> {
    /// Reads a line and returns it without its line feed.
    fn next(&mut self) -> Result<&[u8], ReadHeaderError> {
        let start = self.bytes.len();
        let left = (Header::BYTES_MAX - start) as u64;
        self.reader
            .take(left)
            .read_until(b'\n', &mut self.bytes)
            .map_err(ReadHeaderError::Read)?;
        self.number += 1;
        match self
            .bytes
            .get(start..)
            .and_then(|line| line.strip_suffix(b"\n"))
        {
            Some(line) => Ok(line),
            None if self.bytes.len() == Header::BYTES_MAX => Err(InvalidHeader::TooLong.into()),
            None => Err(ReadHeaderError::Truncated),
        }
    }

    fn malformed(&self, what: &'static str) -> ReadHeaderError {
        ReadHeaderError::Malformed {
            line: self.number,
            what,
        }
    }
}
