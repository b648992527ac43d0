//! CryptoAPI's SIMPLEBLOBs as what is deposited (spec/simple-blob.md). What is inside one, and the RSA key that it is
//! wrapped to, is not known here: the authority and the owner's program look.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::id::{Digest, Serial};
use crate::label::Label;
use crate::session_key::{Algorithm, BlindedKey, Commitment, SessionKey, WrongLength, commit};

/// A SIMPLEBLOB with the random bytes that blind its deposit's commitment: what the deposit seals.
pub struct BlindedBlob {
    blinding: Zeroizing<[u8; BlindedKey::BLINDING_BYTES]>,
    // Whoever has this and the RSA key has the session key.
    blob: Zeroizing<Vec<u8>>,
}

impl BlindedBlob {
    /// The length in bytes of the longest SIMPLEBLOB: wrapped to an RSA key of 4,096 bits.
    pub const BLOB_BYTES_MAX: usize = 12 + 512;

    /// Blinds a SIMPLEBLOB with random bytes.
    ///
    /// # Errors
    ///
    /// Says so when there is none, or it is longer than one to an authority's key.
    pub fn new(blob: &[u8], rng: &mut impl CryptoRng) -> Result<Self, WrongLength> {
        let mut blinding = Zeroizing::new([0; BlindedKey::BLINDING_BYTES]);
        rng.fill_bytes(blinding.as_mut());
        Self::of(blinding, blob)
    }

    /// Reads `blinding[32] ‖ SIMPLEBLOB`.
    ///
    /// # Errors
    ///
    /// Says so when it is too short or too long for that.
    pub fn from_plaintext(plaintext: &[u8]) -> Result<Self, WrongLength> {
        let (blinding, blob) = plaintext.split_first_chunk().ok_or(WrongLength)?;
        Self::of(Zeroizing::new(*blinding), blob)
    }

    fn of(
        blinding: Zeroizing<[u8; BlindedKey::BLINDING_BYTES]>,
        blob: &[u8],
    ) -> Result<Self, WrongLength> {
        if blob.is_empty() || blob.len() > Self::BLOB_BYTES_MAX {
            return Err(WrongLength);
        }
        let blob = Zeroizing::new(blob.to_vec());
        Ok(Self { blinding, blob })
    }

    /// Returns `blinding[32] ‖ SIMPLEBLOB`.
    #[must_use]
    pub fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([&self.blinding[..], &self.blob].concat())
    }

    /// Returns the SIMPLEBLOB.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Returns a session key with this blinding: if it is the one in the blob, its commitment is the deposit's.
    #[must_use]
    pub fn around(&self, key: SessionKey) -> BlindedKey {
        BlindedKey::with_blinding(self.blinding.clone(), key)
    }

    /// Derives the commitment of a depositor who does not know the session key: to the blob itself
    /// (spec/simple-blob.md#commitment).
    #[must_use]
    pub fn commitment(&self, serial: Serial, algorithm: Algorithm, bits: u16) -> Commitment {
        let label = Label::BLOB_COMMITMENT;
        commit(label, &self.blob, serial, &self.blinding, algorithm, bits)
    }
}

/// Returns what a deposit claims (spec/simple-blob.md#claim): a number, most significant byte first and as long as the
/// modulus, wrapped to the RSA key of this fingerprint. Whatever is written around the number, it is the same claim.
#[must_use]
pub fn claim(rsa_key: Digest, wrapped: &[u8]) -> Digest {
    Digest::of(&[&Label::BLOB_CLAIM.prefix(&[rsa_key.as_bytes(), wrapped].concat())])
}
