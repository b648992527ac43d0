//! The file of Microsoft's example programs: `DWORD length ‖ SIMPLEBLOB ‖ ciphertext` (spec/capi-file.md#the-example-programs-file).
//!
//! The blob is bytes here and the session key a value: `simple_blob` makes the one of the other. Nothing in such a file
//! ties its parts together or shows that they were altered, so that a digest of it goes where it can be looked up.

mod digest;
mod explain;
mod header;

use std::io::{Read, Write};

pub use self::digest::{DigestReader, DigestWriter, digest};
pub use self::explain::{Explanation, explain};
pub use self::header::{FileHeader, HeaderError, looks_like};
use crate::cipher::{self, DecryptError, EncryptError, KeyedCipher};

/// What became of a file that was written, or read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The length in bytes of the plaintext.
    pub plaintext: u64,
    /// SHA-256 of the whole file, header included.
    pub digest: [u8; 32],
}

/// Writes a file: `header`, and what `reader` gives encrypted with `cipher`.
///
/// `progress` is told how many bytes of plaintext are done with.
///
/// # Errors
///
/// Tells a source that cannot be read from a sink that cannot be written. What was written then is no file.
pub fn encrypt<'k>(
    header: &FileHeader,
    cipher: impl Into<KeyedCipher<'k>>,
    reader: impl Read,
    writer: impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, EncryptError> {
    let mut writer = DigestWriter::new(writer);
    header.write(&mut writer).map_err(EncryptError::Write)?;
    let plaintext = cipher::encrypt(cipher, reader, &mut writer, progress)?;
    Ok(Summary {
        plaintext,
        digest: writer.finish(),
    })
}

/// A file of which the header was read, and nothing else.
pub struct EncryptedFile<R> {
    header: FileHeader,
    ciphertext: DigestReader<R>,
}

impl<R: Read> EncryptedFile<R> {
    /// Reads the header, and no byte beyond it.
    ///
    /// # Errors
    ///
    /// Says what the file does not begin with.
    pub fn open(reader: R) -> Result<Self, HeaderError> {
        let mut reader = DigestReader::new(reader);
        Ok(Self {
            header: FileHeader::read(&mut reader)?,
            ciphertext: reader,
        })
    }

    /// Returns the header, with the blob that the session key is in.
    #[must_use]
    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Decrypts the rest, up to the end of the reader.
    ///
    /// The digest comes with the last byte, the plaintext before it. Where the digest is known from elsewhere,
    /// [`digest`] tells beforehand, in a reading of its own, whether any of it can be believed.
    ///
    /// # Errors
    ///
    /// As [`cipher::decrypt`] does; [`explain`] may then say more.
    pub fn decrypt<'k>(
        mut self,
        cipher: impl Into<KeyedCipher<'k>>,
        writer: impl Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Summary, DecryptError> {
        let plaintext = cipher::decrypt(cipher, &mut self.ciphertext, writer, progress)?;
        Ok(Summary {
            plaintext,
            digest: self.ciphertext.finish(),
        })
    }
}
