//! Decrypting files, with the owner's identities or a passphrase. No authority and no home.

use std::io::{BufRead, Write};
use std::num::NonZeroUsize;

use strongroom_agefile::armor::Dearmored;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::payload::{self, OpenError};
use strongroom_agefile::{FileKey, Header, Unwrap, UnwrapError};
use strongroom_protocol::id::Digest;

use crate::mark::{FileMark, Marking, header_digest};

/// An encrypted file of which the header is read.
pub struct SealedFile<R> {
    header: Header,
    payload: Dearmored<R>,
}

impl<R: BufRead + Send> SealedFile<R> {
    /// Reads the header of an age file, armored or not.
    ///
    /// # Errors
    ///
    /// Says so when it is no age file, or its header is malformed.
    pub fn read(reader: R) -> Result<Self, ReadHeaderError> {
        let mut payload = Dearmored::new(reader).map_err(ReadHeaderError::Read)?;
        let header = Header::read(&mut payload)?;
        Ok(Self { header, payload })
    }

    /// Returns the header. Nothing shows yet who wrote it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Tells whether a passphrase opens it, and nothing else does.
    #[must_use]
    pub fn is_for_passphrase(&self) -> bool {
        self.header.is_for_passphrase()
    }

    /// Unwraps the session key and checks the header.
    ///
    /// # Errors
    ///
    /// Tells a file for somebody else from one whose header was altered.
    pub fn unlock(self, identities: &[&dyn Unwrap]) -> Result<UnlockedFile<R>, UnwrapError> {
        let file_key = self.header.unwrap(identities)?;
        Ok(UnlockedFile {
            file_key,
            header: header_digest(&self.header),
            header_bytes: self.header.as_bytes().len() as u64,
            payload: self.payload,
        })
    }
}

/// An encrypted file of which the session key is known and the header authentic.
pub struct UnlockedFile<R> {
    file_key: FileKey,
    header: Digest,
    header_bytes: u64,
    payload: Dearmored<R>,
}

/// A file that was decrypted to its end: all of it is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// The length of the plaintext in bytes.
    pub bytes: u64,
    /// The file's mark.
    pub mark: FileMark,
}

impl<R: BufRead + Send> UnlockedFile<R> {
    /// Decrypts the payload. What is written is authentic, chunk by chunk, but only an `Ok` says that it is all.
    ///
    /// # Errors
    ///
    /// Says what is damaged, or can't be read or written.
    pub fn decrypt(
        self,
        sink: impl Write + Send,
        threads: NonZeroUsize,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Decrypted, OpenError> {
        let mut payload = Marking::new(self.payload);
        let bytes = payload::open(&self.file_key, &mut payload, sink, threads, progress)?;
        let mark = payload.mark(self.header, self.header_bytes);
        Ok(Decrypted { bytes, mark })
    }
}
