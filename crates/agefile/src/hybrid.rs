//! The hybrid, post-quantum recipient and identity of age: HPKE with MLKEM768-X25519 (spec/age.md#hybrid).

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use strongroom_xwing::{
    ENCAPSULATION_BYTES, Encapsulation, PUBLIC_KEY_BYTES, PrivateKey, PublicKey, SEED_BYTES, XWing,
};
use zeroize::Zeroizing;

use crate::encoding::{base64_array, base64_encode, bech32_decode, bech32_encode};
use crate::file_key::FileKey;
use crate::stanza::Stanza;
use crate::unwrap::UnwrapStanzaError;

const TAG: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
const RECIPIENT_PREFIX: &str = "age1pq";
const IDENTITY_PREFIX: &str = "AGE-SECRET-KEY-PQ-";

/// The public key of a [`HybridIdentity`].
#[derive(Clone, PartialEq, Eq)]
pub struct HybridRecipient(
    // Invariant: a valid key, whose X25519 part is not of low order.
    Box<[u8; PUBLIC_KEY_BYTES]>,
);

impl HybridRecipient {
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let bytes = bech32_decode::<PUBLIC_KEY_BYTES>(RECIPIENT_PREFIX, text)?;
        PublicKey::from_bytes(bytes.as_ref()).ok()?;
        Some(Self(Box::new(*bytes)))
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        bech32_encode(RECIPIENT_PREFIX, &*self.0)
    }

    pub(crate) fn wrap(&self, file_key: &FileKey, rng: &mut impl CryptoRng) -> Stanza {
        let key = PublicKey::from_bytes(&*self.0).expect("the key was valid");
        let (encapsulation, body) = hpke::single_shot_seal_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            XWing,
        >(
            &OpModeS::Base, &key, INFO, file_key.expose(), b"", rng
        )
        .expect("sealing 16 bytes to a valid key does not fail");
        let encapsulation = base64_encode(&encapsulation.to_bytes());
        Stanza::wrapping(TAG, [encapsulation], body)
    }
}

impl fmt::Debug for HybridRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HybridRecipient(..)")
    }
}

/// A hybrid secret key: the seed of both its parts, and these.
pub struct HybridIdentity(PrivateKey);

impl HybridIdentity {
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        rng.fill_bytes(seed.as_mut());
        Self(PrivateKey::from_seed(&seed))
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let seed = bech32_decode(IDENTITY_PREFIX, text)?;
        Some(Self(PrivateKey::from_seed(&seed)))
    }

    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        bech32_encode(IDENTITY_PREFIX, self.0.expose_seed())
    }

    pub(crate) fn recipient(&self) -> HybridRecipient {
        HybridRecipient(Box::new(XWing::sk_to_pk(&self.0).to_bytes().into()))
    }

    pub(crate) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, UnwrapStanzaError> {
        if stanza.tag() != TAG {
            return Ok(None);
        }
        let [encapsulation] = stanza.args() else {
            return Err(UnwrapStanzaError::Arguments);
        };
        let encapsulation: [u8; ENCAPSULATION_BYTES] =
            base64_array(encapsulation).ok_or(UnwrapStanzaError::Arguments)?;
        if stanza.body().len() != FileKey::WRAPPED_BYTES {
            return Err(UnwrapStanzaError::BodyLength);
        }
        let encapsulation =
            Encapsulation::from_bytes(&encapsulation).map_err(|_| UnwrapStanzaError::Arguments)?;
        let opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.0,
            &encapsulation,
            INFO,
            stanza.body(),
            b"",
        );
        let bytes = match opened {
            Ok(bytes) => Zeroizing::new(bytes),
            // The KEM of HPKE need not look, for ML-KEM alone would keep the secret; age asks for both, and ours looks.
            Err(HpkeError::DecapError) => return Err(UnwrapStanzaError::LowOrder),
            Err(_) => return Ok(None),
        };
        Ok(bytes.as_slice().try_into().ok().map(FileKey::from_bytes))
    }
}
