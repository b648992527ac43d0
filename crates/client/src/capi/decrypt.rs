//! Decrypting the example programs' files: with the owner's exchange key or any other, and without an authority. What
//! shows that a file was not changed is its deposit, where a home knows it (spec/capi-owner.md#decrypting).

use std::io::{self, Read, Write};

use rand_core::CryptoRng;
use strongroom_capi::blob::Malformed;
use strongroom_capi::file::{DigestReader, Explanation, FileHeader, digest, explain};
use strongroom_capi::private_key::NotOpened;
use strongroom_capi::{Padding, PrivateKey, SessionKey, SimpleBlob, cipher};
use strongroom_protocol::id::Digest;

/// A file of which the session key is known. Nothing shows yet that the payload is the one it was made for.
pub struct UnlockedCapiFile {
    key: SessionKey,
}

impl UnlockedCapiFile {
    /// Unwraps the session key in a header.
    ///
    /// # Errors
    ///
    /// Tells a blob that is malformed from one that this key does not open with this padding.
    pub fn unlock(
        header: &FileHeader,
        key: &PrivateKey,
        padding: Padding,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnlockError> {
        let blob = SimpleBlob::from_bytes(header.blob())?;
        Ok(Self {
            key: key.unwrap(&blob, padding, rng)?,
        })
    }

    /// Decrypts the payload, up to the reader's end. Where `expected` is known, it is the payload's digest.
    ///
    /// Plaintext is written before the end was seen. Whoever can't take it back calls [`verify`] first.
    ///
    /// # Errors
    ///
    /// Tells a payload that is another from one that does not end as it must, and from what can't be read or written.
    pub fn decrypt(
        &self,
        payload: impl Read,
        sink: impl Write,
        expected: Option<Digest>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, DecryptError> {
        let mut payload = DigestReader::new(payload);
        let decrypted = cipher::decrypt(&self.key, &mut payload, sink, progress);
        // That it does not end well follows from its being another, and is said only where that is not known.
        if matches!(decrypted, Ok(_) | Err(cipher::DecryptError::End(_))) {
            check(Digest::from_bytes(payload.finish()), expected)?;
        }
        Ok(decrypted?)
    }

    /// Says what may have happened to a payload that does not decrypt: a guess, for a message.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn explain(&self, payload: impl Read) -> io::Result<Explanation> {
        explain(&self.key, payload)
    }

    pub(super) fn into_key(self) -> SessionKey {
        self.key
    }
}

/// Reads a payload to its end, and tells whether it is the one that was expected.
///
/// # Errors
///
/// Says so when it is another, or can't be read.
pub fn verify(payload: impl Read, expected: Digest) -> Result<(), DecryptError> {
    let found = digest(payload).map_err(cipher::DecryptError::Read)?;
    check(Digest::from_bytes(found), Some(expected))
}

fn check(found: Digest, expected: Option<Digest>) -> Result<(), DecryptError> {
    match expected {
        Some(expected) if expected != found => Err(DecryptError::Changed),
        _ => Ok(()),
    }
}

/// Why no session key came out of a header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// The blob is malformed.
    #[error("the file's SIMPLEBLOB is malformed")]
    Malformed(#[from] Malformed),
    /// Another key, another padding, or another blob.
    #[error(transparent)]
    NotOpened(#[from] NotOpened),
}

/// Why a file was not decrypted, or is not to be believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// The payload is not the one that was deposited.
    #[error("the file was changed: its payload is not the one that its key was deposited for")]
    Changed,
    /// Reading, writing, or how it ends.
    #[error(transparent)]
    Cipher(#[from] cipher::DecryptError),
}
