//! How an authority shows that it has what it keeps: by bytes that only who has them can hash with a challenge.

use std::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::encoding::Writer;
use crate::id::Digest;
use crate::keys::Signature;
use crate::label::Label;
use crate::log::LeafSalt;

/// What whoever asks has made up, so that no answer can be kept in the place of what it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge([u8; Self::BYTES]);

impl Challenge {
    /// Its length in bytes.
    pub const BYTES: usize = 32;

    /// Makes a new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; Self::BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes the bytes of one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Challenge({})", Digest::from_bytes(self.0))
    }
}

/// Where a deposit is, and that all of its entry was read (spec/authority-views.md#possession).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PossessionProof {
    /// The index of its entry.
    pub entry: u64,
    /// Its place in the statement.
    pub place: u64,
    /// [`EntryBytes::hash`] of the entry.
    pub hash: Digest,
}

/// What an authority answers who asks whether it has deposits: for each, in the order of the question, the proof; nothing
/// where it has none, or can't read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Possession {
    /// The answers.
    pub proofs: Vec<Option<PossessionProof>>,
}

impl Possession {
    /// The most deposits that are asked about at once.
    pub const DEPOSITS_MAX: usize = 256;
}

/// The bytes of an entry that make it what it is: with them it can be read, and proved.
pub struct EntryBytes<'b> {
    /// The statement, as it was signed.
    pub statement: &'b [u8],
    /// What the authority attested of it.
    pub attestation: &'b [u8],
    /// The authority's signature under that.
    pub signature: &'b Signature,
    /// The salt of its leaf.
    pub salt: &'b LeafSalt,
}

impl EntryBytes<'_> {
    /// Hashes them with a challenge.
    #[must_use]
    pub fn hash(&self, challenge: &Challenge) -> Digest {
        let mut writer = Writer::new();
        writer.array(5).bytes(challenge.as_bytes());
        writer.bytes(self.salt.as_bytes()).bytes(self.attestation);
        writer.item(self.signature).bytes(self.statement);
        Digest::of(&[&Label::POSSESSION.prefix(&writer.into_bytes())])
    }
}
