//! Decrypting the example programs' files: with the owner's exchange key or any other, and without an authority. What
//! shows that a file was not changed is its deposit, where a home knows it (spec/capi-owner.md#decrypting).

use std::io::{self, Read, Write};

use rand_core::CryptoRng;
use strongroom_capi::beginning::Beginning;
use strongroom_capi::blob::Malformed;
use strongroom_capi::cipher::{KeyedCipher, Parameters, UnknownParameters, WrongParameters};
use strongroom_capi::file::{DigestReader, Explanation, FileHeader, digest, explain};
use strongroom_capi::private_key::{NotOpened, UnwrapError};
use strongroom_capi::public_key::Misfit;
use strongroom_capi::{Padding, PrivateKey, PublicKey, SessionKey, SimpleBlob, cipher};
use strongroom_protocol::id::Digest;

use super::{Known, Seen, Source};

/// A file of which the session key is known. Nothing shows yet that the payload is the one it was made for.
pub struct UnlockedCapiFile {
    key: SessionKey,
    // Invariant: such as can be set on the key.
    parameters: Parameters,
    /// How many bytes follow the wrapped key in the header, where they are not zeros.
    tail: usize,
}

impl UnlockedCapiFile {
    /// Unwraps the session key in a header.
    ///
    /// # Errors
    ///
    /// Tells a blob that is malformed from one that this key does not open with this padding, and from parameters that
    /// are not for its cipher.
    pub fn unlock(
        header: &FileHeader,
        key: &PrivateKey,
        padding: Padding,
        parameters: Parameters,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnlockError> {
        let blob = SimpleBlob::from_bytes(header.blob())?;
        // Which cipher it is, the blob says.
        parameters.check(blob.algorithm())?;
        let session_key = key.unwrap(&blob, padding, rng)?;
        let tail = Tail::check(&blob, key.public()).err();
        Ok(Self {
            key: session_key,
            parameters,
            tail: tail.map_or(0, |tail| tail.bytes),
        })
    }

    /// Refuses a header in which something but zeros follows the wrapped key: whatever writes another header in its place
    /// would drop it.
    ///
    /// # Errors
    ///
    /// Says how many bytes follow.
    pub fn check_tail(&self) -> Result<(), Tail> {
        match self.tail {
            0 => Ok(()),
            bytes => Err(Tail { bytes }),
        }
    }

    /// Returns what there is to say of the file, now that its plaintext begins so.
    #[must_use]
    pub fn seen(&self, source: Source, beginning: Beginning) -> Seen {
        Seen {
            algorithm: self.key.algorithm(),
            parameters: self.parameters,
            source,
            tail: self.tail,
            beginning,
        }
    }

    fn cipher(&self) -> KeyedCipher<'_> {
        KeyedCipher::new(&self.key, self.parameters).expect("checked when it was unlocked")
    }

    /// Decrypts the payload, up to the reader's end, and returns the plaintext's length and the payload's digest. Where
    /// `expected` is known, that is it.
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
    ) -> Result<(u64, Digest), DecryptError> {
        let mut payload = DigestReader::new(payload);
        let decrypted = cipher::decrypt(self.cipher(), &mut payload, sink, progress);
        let found = Digest::from_bytes(payload.finish());
        // That it does not end well follows from its being another, and is said only where that is not known.
        if matches!(decrypted, Ok(_) | Err(cipher::DecryptError::End(_))) {
            check(found, expected)?;
        }
        Ok((decrypted?, found))
    }

    /// Says what may have happened to a payload that does not decrypt: a guess, for a message.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub fn explain(&self, payload: impl Read) -> io::Result<Explanation> {
        explain(self.cipher(), payload)
    }

    pub(super) fn into_key(self) -> SessionKey {
        self.key
    }
}

/// Returns what a program set on the session key of a file: what was said, or else what the file's deposit says, or else
/// nothing.
///
/// # Errors
///
/// Nobody said anything, and what the deposit says is not understood.
pub fn parameters(
    said: Option<Parameters>,
    known: Option<Known>,
) -> Result<(Parameters, Source), UnlockError> {
    match (said, known) {
        (Some(said), _) => Ok((said, Source::Said)),
        (None, Some(known)) => match known.parameters? {
            none if none == Parameters::default() => Ok((none, Source::Assumed)),
            deposited => Ok((deposited, Source::Deposit)),
        },
        (None, None) => Ok((Parameters::default(), Source::Assumed)),
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
    /// A blob that can't be of this key, as its length.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// Another key, another padding, or another blob.
    #[error(transparent)]
    NotOpened(#[from] NotOpened),
    /// What was said to be set on the session key can't be.
    #[error(transparent)]
    Parameters(#[from] WrongParameters),
    /// What the deposit says to be set on it is not understood.
    #[error("the deposit of this file: {0}")]
    UnknownParameters(#[from] UnknownParameters),
}

impl From<UnwrapError> for UnlockError {
    fn from(error: UnwrapError) -> Self {
        match error {
            UnwrapError::NotOpened(not_opened) => not_opened.into(),
            UnwrapError::Misfit(misfit) => misfit.into(),
        }
    }
}

/// What follows the wrapped key in a header may be the beginning of the ciphertext.
#[derive(Debug, thiserror::Error)]
#[error(
    "{bytes} bytes that are not zeros follow the wrapped key in the header: if its length is wrong, they are ciphertext, and \
     recovery would write over them"
)]
pub struct Tail {
    bytes: usize,
}

impl Tail {
    /// Refuses a blob in which something but zeros follows what this key wraps to.
    ///
    /// # Errors
    ///
    /// Says how many bytes follow.
    pub fn check(blob: &SimpleBlob, key: &PublicKey) -> Result<(), Self> {
        match blob.split_at(key.modulus_bytes()) {
            Some((_, tail)) if tail.iter().any(|byte| *byte != 0) => {
                let bytes = tail.len();
                Err(Self { bytes })
            }
            Some(_) | None => Ok(()),
        }
    }
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
