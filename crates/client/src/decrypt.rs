//! Decrypting files, with the owner's identities or a passphrase. No authority and no home.

use std::fs::File;
use std::io::{BufRead, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;

use strongroom_agefile::armor::Dearmored;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_agefile::payload::{self, NONCE_BYTES, OpenError, SEALED_CHUNK_BYTES, Summary};
use strongroom_agefile::{FileKey, Header, Unwrap, UnwrapError};
use strongroom_files::output::Output;
use strongroom_protocol::id::Digest;

use crate::mark::{FileMark, header_digest};

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
        let payload = payload::open(&self.file_key, self.payload, sink, threads, progress)?;
        Ok(decrypted(self.header, self.header_bytes, &payload))
    }

    /// Decrypts the payload from the file that this was read of, from its beginning on, to one that appears when it is
    /// committed: from and to any place at once, where `file` is a file and not armored.
    ///
    /// # Errors
    ///
    /// Says what is damaged, or can't be read or written. What was written then is of no use.
    pub fn decrypt_file(
        self,
        file: &File,
        output: &mut Output,
        threads: NonZeroUsize,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Decrypted, OpenError> {
        let metadata = file.metadata().map_err(OpenError::Read)?;
        let begin = self.header_bytes;
        let payload_bytes = metadata.len().saturating_sub(begin);
        // What is short is read to its end, whatever its length is said to be: some file systems say 0.
        let is_short = payload_bytes <= (NONCE_BYTES + SEALED_CHUNK_BYTES) as u64;
        if self.payload.is_armored() || !metadata.is_file() || is_short {
            return self.decrypt(output, threads, progress);
        }
        let payload = payload::open_at(
            &self.file_key,
            payload_bytes,
            |buffer, offset| file.read_at(buffer, begin + offset),
            |bytes, offset| output.write_all_at(bytes, offset),
            threads,
            progress,
        )?;
        Ok(decrypted(self.header, begin, &payload))
    }
}

fn decrypted(header: Digest, header_bytes: u64, payload: &Summary) -> Decrypted {
    Decrypted {
        bytes: payload.plaintext,
        mark: FileMark::of(header, header_bytes, payload),
    }
}
