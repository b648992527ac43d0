//! The deposit statement: up to 256 of one owner's session keys, sealed to the authority (spec/deposit.md).

use rand_core::CryptoRng;

use crate::encoding::{Malformed, Reader, Writer};
use crate::id::{AuthorityId, Digest, OwnerId, Serial};
use crate::session_key::BlindedKey;
use crate::wrap::{Encapsulation, PublicKey};

use super::sealed::{Batch, DepositLabel, Particulars, SealedKey, all_differ};

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
        if drafts.is_empty() || drafts.len() > Self::KEYS_MAX {
            return Err(WrongCount);
        }
        // Two of one serial would be sealed under one key and one nonce, which tells how they differ.
        if !all_differ(drafts.iter().map(|draft| draft.serial)) {
            return Err(WrongCount);
        }
        let sealing = wrap_key.seal_deposits(authority, rng);
        let keys = drafts.iter().map(|draft| {
            let label = DepositLabel {
                authority,
                owner,
                serial: draft.serial,
                algorithm: draft.key.algorithm(),
                bits: draft.key.bits(),
                commitment: draft.key.commitment(draft.serial),
                particulars: draft.particulars.digest(),
            };
            let plaintext = draft.key.to_plaintext();
            SealedKey {
                label,
                particulars: draft.particulars.clone(),
                sealed: sealing.seal(draft.serial, label.digest(), &plaintext),
            }
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

    /// `E(authority, owner, wrap_key, H(enc), [..])`.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .array(5)
            .item(&self.batch.authority)
            .item(&self.batch.owner);
        writer.item(&self.wrap_key);
        self.batch.write_signed(&mut writer);
        writer.into_bytes()
    }

    pub(super) fn carried(&self) -> Vec<u8> {
        self.batch.carried()
    }

    pub(super) fn read(body: &[u8], carried: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        reader.array(5, "deposit")?;
        let authority = reader.item()?;
        let owner = reader.item()?;
        let wrap_key = reader.item()?;
        let batch = Batch::read(&mut reader, carried, authority, owner)?;
        let deposit = Self { wrap_key, batch };
        if deposit.body() != body || deposit.carried() != carried {
            return Err(reader.malformed("deposit (not deterministic)"));
        }
        Ok(deposit)
    }
}

/// No key at all, more than one statement takes, or two under one serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a deposit statement takes 1 to {} session keys, each under a serial of its own",
    Deposit::KEYS_MAX
)]
pub struct WrongCount;
