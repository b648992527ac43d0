//! A session key: its bytes and what they encrypt with, which travel together.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::Algorithm;

/// A session key. Its length is always one that its algorithm takes.
pub struct SessionKey {
    algorithm: Algorithm,
    // Invariant: a length that `algorithm` accepts.
    bytes: Zeroizing<Vec<u8>>,
}

impl SessionKey {
    /// The length in bytes of the longest session key.
    pub const BYTES_MAX: usize = 32;

    /// Takes a key, in the order of its bytes in memory.
    ///
    /// # Errors
    ///
    /// Says so when `algorithm` has no keys of that length.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, WrongKeyLength> {
        WrongKeyLength::check(algorithm, bytes.len())?;
        Ok(Self {
            algorithm,
            bytes: Zeroizing::new(bytes.to_vec()),
        })
    }

    /// Generates a key of `bytes` bytes.
    ///
    /// # Errors
    ///
    /// Says so when `algorithm` has no keys of that length.
    pub fn generate(
        algorithm: Algorithm,
        bytes: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WrongKeyLength> {
        // Before there is memory for it: the length may be anybody's.
        WrongKeyLength::check(algorithm, bytes)?;
        let mut key = Self::new(algorithm, &vec![0; bytes])?;
        rng.fill_bytes(&mut key.bytes);
        Ok(key)
    }

    /// Returns what it encrypts with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the key's bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

/// A key of a length that its algorithm does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{algorithm} has no keys of {bytes} bytes")]
pub struct WrongKeyLength {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The length in bytes.
    pub bytes: usize,
}

impl WrongKeyLength {
    pub(crate) fn check(algorithm: Algorithm, bytes: usize) -> Result<(), Self> {
        match algorithm.accepts_key_bytes(bytes) {
            true => Ok(()),
            false => Err(Self { algorithm, bytes }),
        }
    }
}
