//! SIMPLEBLOB: a session key wrapped to an RSA key (spec/capi.md#simpleblob). What opens it is in `private_key`.

use crate::Algorithm;
use crate::blob::{self, BlobType, Fault, Fields, Header, Malformed, RSA_KEYX};
use crate::public_key::BITS_MIN;

/// A wrapped session key. Which padding was used is not in it: keep that beside the blob.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SimpleBlob {
    algorithm: Algorithm,
    // Invariant: as many bytes as some RSA modulus has, or more. Most significant byte first, zeros in front kept.
    wrapped: Vec<u8>,
}

/// The length in bytes of the longest wrapped key with what follows it in its buffer.
const WRAPPED_BYTES_MAX: usize = 64 << 10;

impl SimpleBlob {
    /// Reads a SIMPLEBLOB. Whether its number is one that a given key can have wrapped, [`crate::PublicKey::fits`]
    /// tells: nothing else does where a wrapped key ends, and what follows it in a buffer that was longer begins.
    ///
    /// # Errors
    ///
    /// Says which field is not as it must be.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(bytes);
        let algorithm = blob::session_algorithm(Header::expect(&mut fields, BlobType::Simple)?)?;
        let wrapping = fields.dword("wrapping algorithm")?;
        if wrapping != RSA_KEYX {
            return Err(fields.fault("wrapping algorithm", 4, Fault::Algorithm(wrapping)));
        }
        let wrapped = blob::reversed(fields.rest());
        Self::new(algorithm, wrapped)
            .map_err(|bytes| fields.fault("wrapped key", bytes, Fault::WrappedLength(bytes)))
    }

    /// Takes a wrapped key, most significant byte first; gives back its length if no RSA key has it.
    pub(crate) fn new(algorithm: Algorithm, wrapped: Vec<u8>) -> Result<Self, usize> {
        if !(BITS_MIN / 8..=WRAPPED_BYTES_MAX).contains(&wrapped.len()) {
            return Err(wrapped.len());
        }
        Ok(Self { algorithm, wrapped })
    }

    /// Returns the SIMPLEBLOB.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Header {
            kind: BlobType::Simple,
            alg_id: self.algorithm.alg_id(),
        };
        let mut bytes = Vec::with_capacity(12 + self.wrapped.len());
        bytes.extend(header.to_bytes());
        bytes.extend(RSA_KEYX.to_le_bytes());
        bytes.extend(self.wrapped.iter().rev());
        bytes
    }

    /// Returns it as it is under a key of `modulus_bytes`, and what follows that, which CryptImportKey ignores; nothing if
    /// it is shorter.
    #[must_use]
    pub fn split_at(&self, modulus_bytes: usize) -> Option<(Self, &[u8])> {
        let tail = self.wrapped.len().checked_sub(modulus_bytes)?;
        let (tail, wrapped) = self.wrapped.split_at(tail);
        let blob = Self::new(self.algorithm, wrapped.to_vec()).ok()?;
        Some((blob, tail))
    }

    /// Returns what it says the session key encrypts with. Nothing authenticates that.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the wrapped key as the number it is, most significant byte first, in as many bytes as the wrapping
    /// key's modulus has. Two blobs for one key are the same wrap if these are equal, whatever their headers say.
    #[must_use]
    pub fn wrapped(&self) -> &[u8] {
        &self.wrapped
    }
}
