//! The deposit statement: up to 256 of one owner's session keys, sealed to the authority (spec/deposit.md).

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::encoding::{Malformed, Reader, Writer};
use crate::id::{AuthorityId, Digest, OwnerId, Serial, StatementId};
use crate::session_key::{Algorithm, BlindedKey, SessionKey};
use crate::simple_blob::BlindedBlob;
use crate::wrap::{Encapsulation, PublicKey};

use super::body::Body;
use super::content::{BlobPadding, Content};
use super::particulars::Particulars;
use super::sealed::{Batch, DepositLabel, SealedKey, all_differ};

/// Session keys deposited with an authority, signed by one of their owner's devices.
#[derive(Clone, Debug)]
pub struct Deposit {
    wrap_key: Digest,
    batch: Batch,
}

/// A session key about to be deposited.
pub struct Draft {
    /// Its serial number.
    pub serial: Serial,
    /// The key.
    pub key: BlindedKey,
    /// What its owner says of it.
    pub particulars: Particulars,
}

/// A SIMPLEBLOB about to be deposited (spec/simple-blob.md).
pub struct BlobDraft {
    /// Its serial number.
    pub serial: Serial,
    /// The blob.
    pub blob: BlindedBlob,
    /// How the session key in it was padded.
    pub padding: BlobPadding,
    /// What the depositor knows of that key.
    pub key: BlobKey,
    /// What its owner says of it, with what it claims.
    pub particulars: Particulars,
}

/// What a depositor knows of the session key in a SIMPLEBLOB.
pub enum BlobKey {
    /// All of it, which the deposit proves.
    Known(SessionKey),
    /// What it is for, and its length in bits: the deposit stays unproven.
    Unknown(Algorithm, u16),
}

impl Deposit {
    /// The most keys in one statement.
    pub const KEYS_MAX: usize = Batch::KEYS_MAX;

    /// Seals 1 to [`Self::KEYS_MAX`] session keys, each under a serial of its own, to the authority's wrapping key.
    ///
    /// # Errors
    ///
    /// Says so when there are none, or too many, or two of one serial.
    pub fn seal(
        authority: AuthorityId,
        wrap_key: &PublicKey,
        owner: OwnerId,
        drafts: &[Draft],
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WrongCount> {
        let label = |draft: &Draft| DepositLabel {
            authority,
            owner,
            serial: draft.serial,
            content: Content::SessionKey,
            algorithm: draft.key.algorithm(),
            bits: draft.key.bits(),
            commitment: draft.key.commitment(draft.serial),
            particulars: draft.particulars.digest(),
        };
        let keys = drafts.iter().map(|draft| ToSeal {
            label: label(draft),
            particulars: &draft.particulars,
            plaintext: draft.key.to_plaintext(),
        });
        Self::seal_all(authority, wrap_key, owner, keys.collect(), rng)
    }

    /// Seals 1 to [`Self::KEYS_MAX`] SIMPLEBLOBs, each under a serial of its own, to the authority's wrapping key.
    ///
    /// # Errors
    ///
    /// Says so when there are none, or too many, or two of one serial.
    pub fn seal_blobs(
        authority: AuthorityId,
        wrap_key: &PublicKey,
        owner: OwnerId,
        drafts: Vec<BlobDraft>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WrongCount> {
        let drafts: Vec<_> = drafts
            .into_iter()
            .map(|draft| draft.labelled(authority, owner))
            .collect();
        let keys = drafts
            .iter()
            .map(|(label, blob, particulars)| ToSeal {
                label: *label,
                particulars,
                plaintext: blob.to_plaintext(),
            })
            .collect();
        Self::seal_all(authority, wrap_key, owner, keys, rng)
    }

    fn seal_all(
        authority: AuthorityId,
        wrap_key: &PublicKey,
        owner: OwnerId,
        keys: Vec<ToSeal<'_>>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WrongCount> {
        if keys.is_empty() || keys.len() > Self::KEYS_MAX {
            return Err(WrongCount);
        }
        // Two of one serial would be sealed under one key and one nonce, which tells how they differ.
        if !all_differ(keys.iter().map(|key| key.label.serial)) {
            return Err(WrongCount);
        }
        let sealing = wrap_key.seal_deposits(authority, rng);
        let keys = keys.into_iter().map(|key| SealedKey {
            label: key.label,
            particulars: key.particulars.clone(),
            sealed: sealing.seal(key.label.serial, key.label.digest(), &key.plaintext),
        });
        Ok(Self {
            wrap_key: wrap_key.id(),
            batch: Batch {
                authority,
                owner,
                keys: keys.collect(),
                encapsulation: sealing.encapsulation().clone(),
            },
        })
    }

    /// Returns the authority deposited with.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        self.batch.authority
    }

    /// Returns the owner of all the keys.
    #[must_use]
    pub fn owner(&self) -> OwnerId {
        self.batch.owner
    }

    /// Returns the id of the wrapping key they are sealed to.
    #[must_use]
    pub fn wrap_key(&self) -> Digest {
        self.wrap_key
    }

    /// Returns what the authority's key is encapsulated in.
    #[must_use]
    pub fn encapsulation(&self) -> &Encapsulation {
        &self.batch.encapsulation
    }

    /// Returns the keys, each with a serial of its own.
    #[must_use]
    pub fn keys(&self) -> &[SealedKey] {
        &self.batch.keys
    }
}

impl Body for Deposit {
    fn addressee(&self, _: StatementId) -> AuthorityId {
        self.authority()
    }

    /// `E(authority, owner, wrap_key, H(enc), [..])`.
    fn signed(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .array(5)
            .item(&self.batch.authority)
            .item(&self.batch.owner);
        writer.item(&self.wrap_key);
        self.batch.write_signed(&mut writer);
        writer.into_bytes()
    }

    fn carried(&self) -> Vec<u8> {
        self.batch.carried()
    }

    fn read(signed: &[u8], carried: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(signed);
        reader.array(5, "deposit")?;
        let authority = reader.item()?;
        let owner = reader.item()?;
        let wrap_key = reader.item()?;
        let bytes_max = Batch::deposited_bytes_max;
        let batch = Batch::read(&mut reader, carried, authority, owner, bytes_max)?;
        let deposit = Self { wrap_key, batch };
        if deposit.signed() != signed || deposit.carried() != carried {
            return Err(reader.malformed("deposit (not deterministic)"));
        }
        Ok(deposit)
    }
}

/// A key or a blob with the label it is sealed under.
struct ToSeal<'d> {
    label: DepositLabel,
    particulars: &'d Particulars,
    plaintext: Zeroizing<Vec<u8>>,
}

impl BlobDraft {
    fn labelled(
        self,
        authority: AuthorityId,
        owner: OwnerId,
    ) -> (DepositLabel, BlindedBlob, Particulars) {
        let Self { serial, blob, .. } = self;
        let (proven, algorithm, bits, commitment) = match self.key {
            BlobKey::Known(key) => {
                let (algorithm, bits) = (key.algorithm(), key.bits());
                (true, algorithm, bits, blob.around(key).commitment(serial))
            }
            BlobKey::Unknown(algorithm, bits) => {
                let commitment = blob.commitment(serial, algorithm, bits);
                (false, algorithm, bits, commitment)
            }
        };
        let padding = self.padding;
        let label = DepositLabel {
            authority,
            owner,
            serial,
            content: Content::SimpleBlob { padding, proven },
            algorithm,
            bits,
            commitment,
            particulars: self.particulars.digest(),
        };
        (label, blob, self.particulars)
    }
}

/// No key at all, more than one statement takes, or two under one serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a deposit statement takes 1 to {} session keys, each under a serial of its own",
    Deposit::KEYS_MAX
)]
pub struct WrongCount;
