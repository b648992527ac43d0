//! The X25519 recipient and identity of age (spec/age.md#x25519).

use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use crate::encoding::{base64_array, base64_encode, bech32_decode, bech32_encode};
use crate::file_key::{FileKey, hkdf};
use crate::stanza::Stanza;
use crate::unwrap::UnwrapStanzaError;

const TAG: &str = "X25519";
const INFO: &[u8] = b"age-encryption.org/v1/X25519";
const RECIPIENT_PREFIX: &str = "age";
const IDENTITY_PREFIX: &str = "AGE-SECRET-KEY-";

/// The public key of an [`X25519Identity`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X25519Recipient(
    // Invariant: not of low order.
    PublicKey,
);

impl X25519Recipient {
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let bytes = bech32_decode(RECIPIENT_PREFIX, text)?;
        (!is_low_order(&bytes)).then(|| Self(PublicKey::from(*bytes)))
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        bech32_encode(RECIPIENT_PREFIX, self.0.as_bytes())
    }

    pub(crate) fn wrap(&self, file_key: &FileKey, rng: &mut impl CryptoRng) -> Stanza {
        let ephemeral = StaticSecret::random_from_rng(rng);
        let share = PublicKey::from(&ephemeral);
        let wrap_key = wrap_key(&ephemeral.diffie_hellman(&self.0), &share, &self.0);
        let share = base64_encode(share.as_bytes());
        Stanza::wrapping(TAG, [share], file_key.seal(&wrap_key))
    }
}

/// An X25519 secret key.
pub struct X25519Identity(StaticSecret);

impl X25519Identity {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(StaticSecret::random_from_rng(rng))
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let bytes = bech32_decode(IDENTITY_PREFIX, text)?;
        Some(Self(StaticSecret::from(*bytes)))
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        bech32_encode(IDENTITY_PREFIX, self.0.as_bytes())
    }

    pub(crate) fn recipient(&self) -> X25519Recipient {
        X25519Recipient(PublicKey::from(&self.0))
    }

    pub(crate) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, UnwrapStanzaError> {
        if stanza.tag() != TAG {
            return Ok(None);
        }
        let [share] = stanza.args() else {
            return Err(UnwrapStanzaError::Arguments);
        };
        let share: [u8; 32] = base64_array(share).ok_or(UnwrapStanzaError::Arguments)?;
        let body = stanza
            .body()
            .try_into()
            .map_err(|_| UnwrapStanzaError::BodyLength)?;
        let share = PublicKey::from(share);
        let secret = self.0.diffie_hellman(&share);
        if !secret.was_contributory() {
            return Err(UnwrapStanzaError::LowOrder);
        }
        let wrap_key = wrap_key(&secret, &share, &PublicKey::from(&self.0));
        Ok(FileKey::open(&wrap_key, body))
    }
}

/// Tells whether every secret key makes the same shared secret with this point, zero.
pub(crate) fn is_low_order(point: &[u8; 32]) -> bool {
    // Secret keys are multiples of eight, the order of the largest such group; one shows what all do.
    let secret = StaticSecret::from([0; 32]).diffie_hellman(&PublicKey::from(*point));
    !secret.was_contributory()
}

fn wrap_key(
    secret: &SharedSecret,
    share: &PublicKey,
    recipient: &PublicKey,
) -> Zeroizing<[u8; 32]> {
    let salt = [*share.as_bytes(), *recipient.as_bytes()].concat();
    hkdf(secret.as_bytes(), &salt, INFO)
}
