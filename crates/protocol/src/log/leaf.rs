//! Leaves: what the log shows of an entry to whoever reads it. Kind and time, and a salted hash; never a name.

use std::fmt;

use rand_core::CryptoRng;

use super::NodeHash;
use crate::encoding::{Canonical, Malformed, Reader, Writer, decode, encode};
use crate::id::{Digest, Time};
use crate::keys::Signature;
use crate::label::Label;

/// A leaf (spec/log.md#leaf): the kind of an entry, its time, and the salted hash of its signed attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    kind: u64,
    time: Time,
    attestation: Digest,
}

impl Leaf {
    /// Makes the leaf of an attestation and its signature.
    #[must_use]
    pub fn new(
        kind: u64,
        time: Time,
        salt: &LeafSalt,
        attestation: &[u8],
        signature: &Signature,
    ) -> Self {
        // Salt and signature have fixed lengths, so that no two attestations share a concatenation.
        let attestation = Digest::of(&[
            Label::LEAF_SALT.as_bytes(),
            salt.as_bytes(),
            attestation,
            signature.as_bytes(),
        ]);
        Self {
            kind,
            time,
            attestation,
        }
    }

    /// Reads a leaf from the bytes that the log hashes.
    ///
    /// # Errors
    ///
    /// Says so when these are the bytes of no leaf.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        decode(bytes)
    }

    /// Returns the number of the kind of statement.
    #[must_use]
    pub fn kind(&self) -> u64 {
        self.kind
    }

    /// Returns when the statement was recorded, by the authority's clock.
    #[must_use]
    pub fn time(&self) -> Time {
        self.time
    }

    /// Returns the bytes that the log hashes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Returns the leaf's hash in the tree.
    #[must_use]
    pub fn hash(&self) -> NodeHash {
        NodeHash::of_leaf(&self.to_bytes())
    }
}

impl Canonical for Leaf {
    fn write(&self, writer: &mut Writer) {
        writer
            .array(4)
            .text(Label::LEAF.as_str())
            .uint(self.kind)
            .item(&self.time)
            .item(&self.attestation);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.array(4, "leaf")?;
        if reader.text("leaf")? != Label::LEAF.as_str() {
            return Err(reader.malformed("leaf"));
        }
        Ok(Self {
            kind: reader.item()?,
            time: reader.item()?,
            attestation: reader.item()?,
        })
    }
}

/// Random bytes in a leaf's hash, told to those alone who hold the entry's receipt.
///
/// Without them, whoever reads the log could try attestations against it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LeafSalt([u8; LeafSalt::BYTES]);

impl LeafSalt {
    /// The length in bytes.
    pub const BYTES: usize = 32;

    /// Generates a random one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; Self::BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes the bytes as they are.
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

impl fmt::Debug for LeafSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeafSalt(..)")
    }
}

impl Canonical for LeafSalt {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.byte_array("leaf salt").map(Self)
    }
}
