//! Ed25519 keys (RFC 8032) and signatures under a label. Not the keys that wrap: those are in `wrap`.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use curve25519_dalek::edwards::CompressedEdwardsY;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::encoding::{Canonical, Malformed, Reader, Writer};
use crate::id::Digest;
use crate::label::Label;

/// A secret key that signs statements, receipts or checkpoints.
pub struct SigningKey {
    // Kept beside the pair, whose own export is PKCS #8: what is stored is the 32-byte seed.
    seed: Zeroizing<[u8; SigningKey::SEED_BYTES]>,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// The length of a seed (RFC 8032 §5.1.5).
    pub const SEED_BYTES: usize = 32;

    /// Generates a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; Self::SEED_BYTES]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// Derives the key of a seed.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "any seed makes a key")]
    pub fn from_seed(seed: &[u8; Self::SEED_BYTES]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        Self {
            seed: Zeroizing::new(*seed),
            pair,
        }
    }

    /// Returns the seed, to be kept where only its owner reads it.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; Self::SEED_BYTES] {
        &self.seed
    }

    /// Returns the public key.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; VerifyingKey::BYTES];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// Signs `label ‖ 00 ‖ bytes`.
    #[must_use]
    pub fn sign(&self, label: Label, bytes: &[u8]) -> Signature {
        Signature(self.sign_bytes(&label.prefix(bytes)))
    }

    /// Signs bytes without a label. For signed notes alone, whose text begins with its origin.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> [u8; Signature::BYTES] {
        let mut signature = [0; Signature::BYTES];
        signature.copy_from_slice(self.pair.sign(bytes).as_ref());
        signature
    }
}

/// The public half of a [`SigningKey`]: a key that can be used, wherever it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyingKey(
    // Invariant: the one encoding of a point that is not of small order.
    [u8; VerifyingKey::BYTES],
);

impl VerifyingKey {
    /// The length in bytes.
    pub const BYTES: usize = 32;

    /// Takes the bytes of a key (spec/statement.md#keys).
    ///
    /// # Errors
    ///
    /// Refuses bytes that are no point of the curve or not its one encoding, and points of small order: under such a
    /// key one signature is good for any text.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Result<Self, InvalidVerifyingKey> {
        let point = CompressedEdwardsY(bytes).decompress();
        let point = point.filter(|point| !point.is_small_order());
        // A y of the field's order or more, and the sign of x = 0, are other ways to write a point (RFC 8032 §5.1.3).
        match point.is_some_and(|point| point.compress().0 == bytes) {
            true => Ok(Self(bytes)),
            false => Err(InvalidVerifyingKey),
        }
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Tells whether `signature` is this key's over `label ‖ 00 ‖ bytes`.
    #[must_use]
    pub fn verify(&self, label: Label, bytes: &[u8], signature: &Signature) -> bool {
        self.verify_bytes(&label.prefix(bytes), &signature.0)
    }

    pub(crate) fn verify_bytes(&self, bytes: &[u8], signature: &[u8; Signature::BYTES]) -> bool {
        ParsedPublicKey::new(&ED25519, self.0)
            .is_ok_and(|key| key.verify_sig(bytes, signature).is_ok())
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for VerifyingKey {
    type Err = InvalidVerifyingKey;

    fn from_str(text: &str) -> Result<Self, InvalidVerifyingKey> {
        let bytes: Digest = text.parse().map_err(|_| InvalidVerifyingKey)?;
        Self::from_bytes(*bytes.as_bytes())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

impl Canonical for VerifyingKey {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = reader.byte_array("verifying key")?;
        Self::from_bytes(bytes).map_err(|_| reader.malformed("verifying key"))
    }
}

/// Bytes that are no key which could tell whose a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no Ed25519 public key that can be used")]
pub struct InvalidVerifyingKey;

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; Signature::BYTES]);

impl Signature {
    /// The length in bytes.
    pub const BYTES: usize = 64;

    /// Takes 64 bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

impl Canonical for Signature {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.byte_array("signature").map(Self)
    }
}
