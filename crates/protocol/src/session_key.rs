//! Session keys and the commitments that let an authority and an owner see that a deposit holds the right one.
//! Not the ciphers they are used with.

use std::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::encoding::{Canonical, Malformed, Reader, Writer};
use crate::id::Serial;
use crate::label::Label;

/// What a session key is for.
///
/// Values of 16 bits are CryptoAPI's `ALG_ID`s; ours lie above them, where none can collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm(u32);

impl Algorithm {
    /// The file key of an age v1 file: 16 bytes (C2SP age.md#file-key).
    pub const AGE_FILE_KEY: Self = Self(0x6167_6501);

    /// A session algorithm of CryptoAPI's, by its `ALG_ID`. What lengths its keys have is not known here.
    #[must_use]
    pub fn capi(alg_id: u16) -> Self {
        Self(alg_id.into())
    }

    /// Returns the `ALG_ID` of CryptoAPI's algorithm, if it is one.
    #[must_use]
    pub fn alg_id(self) -> Option<u16> {
        self.0.try_into().ok()
    }

    /// The length that every key of this algorithm has, where it is known here.
    #[must_use]
    pub fn key_bytes(self) -> Option<usize> {
        (self == Self::AGE_FILE_KEY).then_some(16)
    }
}

impl Canonical for Algorithm {
    fn write(&self, writer: &mut Writer) {
        writer.uint(self.0.into());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let code = reader.uint("algorithm")?;
        u32::try_from(code)
            .map(Self)
            .map_err(|_| reader.malformed("algorithm"))
    }
}

/// The key that encrypted a file's payload, with its algorithm. At most 64 bytes.
pub struct SessionKey {
    algorithm: Algorithm,
    bytes: Zeroizing<Vec<u8>>,
}

impl SessionKey {
    /// The length in bytes of the longest session key.
    pub const BYTES_MAX: usize = 64;

    /// Takes an age file key.
    #[must_use]
    pub fn age_file_key(bytes: &[u8; 16]) -> Self {
        Self {
            algorithm: Algorithm::AGE_FILE_KEY,
            bytes: Zeroizing::new(bytes.to_vec()),
        }
    }

    /// Takes a session key of CryptoAPI's, in the order of its bytes in memory.
    ///
    /// A DES key's parity bits are to be set to odd before: they are no part of the key, and the commitment is over all
    /// of it (spec/deposit.md#commitment).
    ///
    /// # Errors
    ///
    /// Says so when it is empty, or longer than a session key is.
    pub fn capi(alg_id: u16, bytes: &[u8]) -> Result<Self, WrongLength> {
        if bytes.is_empty() || bytes.len() > Self::BYTES_MAX {
            return Err(WrongLength);
        }
        Ok(Self {
            algorithm: Algorithm::capi(alg_id),
            bytes: Zeroizing::new(bytes.to_vec()),
        })
    }

    /// Returns the algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the length in bits.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "no session key is so long")]
    pub fn bits(&self) -> u16 {
        u16::try_from(self.bytes.len() * 8).expect("at most 64 bytes")
    }

    /// Returns the key's bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

/// A session key with the random bytes that blind its commitment: what a wrap seals.
///
/// Without them, whoever reads the authority's database could search a legacy key's 40 to 64 bits.
pub struct BlindedKey {
    blinding: Zeroizing<[u8; BlindedKey::BLINDING_BYTES]>,
    key: SessionKey,
}

impl BlindedKey {
    pub(crate) const BLINDING_BYTES: usize = 32;

    /// Blinds `key` with random bytes.
    pub fn new(key: SessionKey, rng: &mut impl CryptoRng) -> Self {
        let mut blinding = Zeroizing::new([0; Self::BLINDING_BYTES]);
        rng.fill_bytes(blinding.as_mut());
        Self { blinding, key }
    }

    /// Takes a key with the blinding of the blob that it came out of.
    pub(crate) fn with_blinding(
        blinding: Zeroizing<[u8; Self::BLINDING_BYTES]>,
        key: SessionKey,
    ) -> Self {
        Self { blinding, key }
    }

    /// Reads `blinding[32] ‖ key`, of the algorithm and length that a deposit's label states.
    ///
    /// # Errors
    ///
    /// Says so when the length is another.
    pub fn from_plaintext(
        algorithm: Algorithm,
        bits: u16,
        plaintext: &[u8],
    ) -> Result<Self, WrongLength> {
        let (blinding, key) = plaintext
            .split_first_chunk::<{ Self::BLINDING_BYTES }>()
            .ok_or(WrongLength)?;
        let expected = algorithm.key_bytes().is_none_or(|bytes| bytes == key.len());
        if key.is_empty()
            || key.len() > SessionKey::BYTES_MAX
            || key.len() * 8 != usize::from(bits)
            || !expected
        {
            return Err(WrongLength);
        }
        let key = SessionKey {
            algorithm,
            bytes: Zeroizing::new(key.to_vec()),
        };
        Ok(Self {
            blinding: Zeroizing::new(*blinding),
            key,
        })
    }

    /// Returns `blinding[32] ‖ key`.
    #[must_use]
    pub fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(
            Self::BLINDING_BYTES + self.key.bytes.len(),
        ));
        plaintext.extend_from_slice(self.blinding.as_ref());
        plaintext.extend_from_slice(&self.key.bytes);
        plaintext
    }

    /// Derives the commitment (spec/deposit.md#commitment): HKDF-SHA256 of the key, salted with `serial ‖ blinding`,
    /// info `strongroom/commitment/v1 ‖ algorithm[4] ‖ bits[2]`, both big-endian.
    #[must_use]
    pub fn commitment(&self, serial: Serial) -> Commitment {
        let (key, bits) = (&self.key, self.key.bits());
        commit(
            Label::COMMITMENT,
            &key.bytes,
            serial,
            &self.blinding,
            key.algorithm,
            bits,
        )
    }

    /// Returns the session key's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// Returns the session key's length in bits.
    #[must_use]
    pub fn bits(&self) -> u16 {
        self.key.bits()
    }

    /// Returns the session key.
    #[must_use]
    pub fn into_key(self) -> SessionKey {
        self.key
    }
}

/// HKDF-SHA256 of what is committed to, salted with `serial ‖ blinding`, info `label ‖ algorithm[4] ‖ bits[2]`.
pub(crate) fn commit(
    label: Label,
    to: &[u8],
    serial: Serial,
    blinding: &[u8; BlindedKey::BLINDING_BYTES],
    algorithm: Algorithm,
    bits: u16,
) -> Commitment {
    let salt = Zeroizing::new([&serial.as_bytes()[..], blinding].concat());
    let info = [
        label.as_bytes(),
        &algorithm.0.to_be_bytes(),
        &bits.to_be_bytes(),
    ];
    let mut bytes = [0; Commitment::BYTES];
    Salt::new(HKDF_SHA256, &salt)
        .extract(to)
        .expand(&info, CommitmentLength)
        .and_then(|okm| okm.fill(&mut bytes))
        .expect("32 bytes are within what HKDF-SHA256 gives");
    Commitment(bytes)
}

struct CommitmentLength;

impl KeyType for CommitmentLength {
    fn len(&self) -> usize {
        Commitment::BYTES
    }
}

/// What a deposit says of its session key without telling it: 32 bytes.
#[derive(Clone, Copy)]
pub struct Commitment([u8; Commitment::BYTES]);

impl Commitment {
    /// The length in bytes.
    pub const BYTES: usize = 32;
}

impl PartialEq for Commitment {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Commitment {}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commitment(..)")
    }
}

impl Canonical for Commitment {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.byte_array("commitment").map(Self)
    }
}

/// A session key, or a SIMPLEBLOB, of a length that it can't have here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session key has not the stated length")]
pub struct WrongLength;
