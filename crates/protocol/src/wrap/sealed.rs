//! The secret wrapping key of an embedded authority, sealed under its owner's recovery code (spec/authority.md#sealed).

use aws_lc_rs::aead::Aad;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{NotOpened, PublicKey, SecretKey, aead_key, zero_nonce};
use crate::code::{NoMemory, RecoveryCode};
use crate::id::AuthorityId;
use crate::label::Label;

/// A [`SecretKey`] that opens with a recovery code alone: a random salt, and the sealed seed.
#[derive(Clone)]
pub struct SealedSecretKey {
    salt: [u8; Self::SALT_BYTES],
    sealed: [u8; Self::SEALED_BYTES],
}

impl SealedSecretKey {
    /// The length in bytes.
    pub const BYTES: usize = Self::SALT_BYTES + Self::SEALED_BYTES;
    const SALT_BYTES: usize = 32;
    const SEALED_BYTES: usize = SecretKey::SEED_BYTES + 16;

    /// Seals an authority's key. Takes 64 MiB and a moment, as all that is done with a code.
    ///
    /// # Errors
    ///
    /// Says so when there is not the memory for it.
    #[expect(clippy::missing_panics_doc, reason = "the lengths are constants")]
    pub fn seal(
        key: &SecretKey,
        authority: AuthorityId,
        code: &RecoveryCode,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, NoMemory> {
        let mut salt = [0; Self::SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let derived = derive_key(code, authority, &key.public_key(), &salt)?;
        let mut sealed = [0; Self::SEALED_BYTES];
        let (seed, tag) = sealed.split_at_mut(SecretKey::SEED_BYTES);
        seed.copy_from_slice(key.expose_seed().as_ref());
        let made = aead_key(&derived)
            .seal_in_place_separate_tag(zero_nonce(), Aad::empty(), seed)
            .expect("a seed is shorter than what the AEAD takes");
        tag.copy_from_slice(made.as_ref());
        Ok(Self { salt, sealed })
    }

    /// Opens what was sealed for this authority, whose public key is known from its founding.
    ///
    /// # Errors
    ///
    /// Says so when it is another code, or the bytes were changed, never which; or when there is not the memory to tell.
    pub fn open(
        &self,
        authority: AuthorityId,
        public_key: &PublicKey,
        code: &RecoveryCode,
    ) -> Result<SecretKey, OpenSealedKeyError> {
        let derived = derive_key(code, authority, public_key, &self.salt)?;
        let mut buffer = Zeroizing::new(self.sealed);
        let seed = aead_key(&derived)
            .open_in_place(zero_nonce(), Aad::empty(), buffer.as_mut())
            .map_err(|_| NotOpened)?;
        let seed: &[u8; SecretKey::SEED_BYTES] = (&*seed).try_into().map_err(|_| NotOpened)?;
        let key = SecretKey::from_seed(seed);
        if key.public_key() == *public_key {
            Ok(key)
        } else {
            Err(NotOpened.into())
        }
    }

    /// Reads the bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (mut salt, mut sealed) = ([0; Self::SALT_BYTES], [0; Self::SEALED_BYTES]);
        let (one, other) = bytes.split_at(Self::SALT_BYTES);
        salt.copy_from_slice(one);
        sealed.copy_from_slice(other);
        Self { salt, sealed }
    }

    /// Returns the bytes: the salt, then the sealed seed.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (salt, sealed) = bytes.split_at_mut(Self::SALT_BYTES);
        salt.copy_from_slice(&self.salt);
        sealed.copy_from_slice(&self.sealed);
        bytes
    }
}

/// The key seals one seed: its salt is random, so that the nonce may be fixed.
fn derive_key(
    code: &RecoveryCode,
    authority: AuthorityId,
    public_key: &PublicKey,
    salt: &[u8],
) -> Result<Zeroizing<[u8; 32]>, NoMemory> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, salt)
        .extract(code.stretch(authority)?.as_ref())
        .expand(
            &[
                Label::CUSTODY_SEAL.as_bytes(),
                authority.as_bytes(),
                public_key.id().as_bytes(),
            ],
            KeyLength,
        )
        .and_then(|okm| okm.fill(key.as_mut()))
        .expect("32 bytes are within what HKDF-SHA256 gives");
    Ok(key)
}

/// Why a sealed key was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenSealedKeyError {
    /// There is not the memory that a code takes.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// Another code, or other bytes.
    #[error(transparent)]
    NotOpened(#[from] NotOpened),
}

pub(super) struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        32
    }
}
