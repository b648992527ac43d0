//! MLKEM768-X25519, which is [X-Wing], as the KEM 0x647a of HPKE (draft-ietf-hpke-pq). Not HPKE: what is done with the shared
//! secret is `hpke`'s, whose own X-Wing this stands in for.
//!
//! A secret key is a seed of 32 bytes, and is expanded when it is read: `hpke`'s expands it three times for each wrap that it
//! opens. X25519 is aws-lc's, which takes less than half of the time. `benches/unwrap.rs` compares both.
//!
//! [X-Wing]: https://datatracker.ietf.org/doc/draft-connolly-cfrg-xwing-kem/

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519};
use aws_lc_rs::digest::{self, SHA3_256};
use curve25519_dalek::montgomery::MontgomeryPoint;
use hpke::hybrid_array::sizes::{U32, U1120, U1216};
use hpke::kem::SharedSecret;
use hpke::{Deserializable, HpkeError, Kem, Serializable};
use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{FromSeed, MlKem768, ml_kem_768};
use rand_core::CryptoRng;
use shake::digest::{ExtendableOutput, Update, XofReader};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// The length of a public key: ML-KEM-768's encapsulation key, 1,184 bytes, and X25519's public key, 32.
pub const PUBLIC_KEY_BYTES: usize = ML_KEM_KEY_BYTES + POINT_BYTES;
/// The length of an encapsulation: ML-KEM-768's ciphertext, 1,088 bytes, and an X25519 public key, 32.
pub const ENCAPSULATION_BYTES: usize = ML_KEM_CIPHERTEXT_BYTES + POINT_BYTES;
/// The length of a secret key.
pub const SEED_BYTES: usize = 32;

const ML_KEM_KEY_BYTES: usize = 1184;
const ML_KEM_CIPHERTEXT_BYTES: usize = 1088;
const POINT_BYTES: usize = 32;
/// X-Wing's `XWingLabel`, the bytes of a little picture.
const LABEL: &[u8; 6] = br"\.//^\";

/// The KEM.
pub struct XWing;

/// A public key whose X25519 part is not of small order.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    ml_kem: ml_kem_768::EncapsulationKey,
    x25519: [u8; POINT_BYTES],
}

impl Serializable for PublicKey {
    type OutputSize = U1216;

    fn write_exact(&self, buf: &mut [u8]) {
        let (ml_kem, x25519) = buf.split_at_mut(ML_KEM_KEY_BYTES);
        ml_kem.copy_from_slice(&self.ml_kem.to_bytes());
        x25519.copy_from_slice(&self.x25519);
    }
}

impl Deserializable for PublicKey {
    /// Refuses an X25519 part of small order, which draft-connolly-cfrg-xwing-kem lets pass: the secret would rest on ML-KEM
    /// alone, and is to rest on both.
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let (ml_kem, x25519) = split::<ML_KEM_KEY_BYTES>(bytes)?;
        if is_small_order(x25519) {
            return Err(HpkeError::ValidationError);
        }
        let ml_kem = ml_kem_768::EncapsulationKey::new(ml_kem.into());
        Ok(Self {
            ml_kem: ml_kem.map_err(|_| HpkeError::ValidationError)?,
            x25519: *x25519,
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}

/// A secret key, expanded. A clone is the same one, and the last to go zeroes it.
#[derive(Clone)]
pub struct PrivateKey(Arc<Expanded>);

struct Expanded {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    // Both zero themselves.
    ml_kem: ml_kem_768::DecapsulationKey,
    x25519: agreement::PrivateKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Expands a seed (draft-connolly-cfrg-xwing-kem, section 5.2, `expandDecapsulationKey`).
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "any 32 bytes are a seed")]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let mut shake = shake::Shake256::default();
        shake.update(seed);
        let mut expanded = shake.finalize_xof();
        let mut ml_kem_seed = Zeroizing::new([0; 64]);
        expanded.read(ml_kem_seed.as_mut());
        let mut scalar = Zeroizing::new([0; POINT_BYTES]);
        expanded.read(scalar.as_mut());

        let (ml_kem, encapsulation) = MlKem768::from_seed((&*ml_kem_seed).into());
        let x25519 = agreement::PrivateKey::from_private_key(&X25519, scalar.as_ref())
            .expect("any 32 bytes are a scalar");
        let point = x25519.compute_public_key().expect("a scalar has its point");
        let public = PublicKey {
            ml_kem: encapsulation,
            x25519: point.as_ref().try_into().expect("a point has 32 bytes"),
        };
        Self(Arc::new(Expanded {
            seed: Zeroizing::new(*seed),
            ml_kem,
            x25519,
            public,
        }))
    }

    /// Returns the seed, which is the key.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; SEED_BYTES] {
        &self.0.seed
    }
}

impl Serializable for PrivateKey {
    type OutputSize = U32;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(self.expose_seed());
    }
}

impl Deserializable for PrivateKey {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let seed = bytes.try_into();
        let seed = seed.map_err(|_| HpkeError::IncorrectInputLength(SEED_BYTES, bytes.len()))?;
        Ok(Self::from_seed(seed))
    }
}

impl ConstantTimeEq for PrivateKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.expose_seed().ct_eq(other.expose_seed())
    }
}

/// What is sent: ML-KEM-768's ciphertext, and the X25519 public key that was made for it.
#[derive(Clone)]
pub struct Encapsulation([u8; ENCAPSULATION_BYTES]);

impl Serializable for Encapsulation {
    type OutputSize = U1120;

    fn write_exact(&self, buf: &mut [u8]) {
        buf.copy_from_slice(&self.0);
    }
}

impl Deserializable for Encapsulation {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let bytes = bytes.try_into();
        bytes.map(Self).map_err(|_| HpkeError::ValidationError)
    }
}

impl Kem for XWing {
    type EncappedKey = Encapsulation;
    type NSecret = U32;
    type PrivateKey = PrivateKey;
    type PublicKey = PublicKey;

    const KEM_ID: u16 = 0x647a;

    fn sk_to_pk(secret: &PrivateKey) -> PublicKey {
        secret.0.public.clone()
    }

    fn derive_keypair(ikm: &[u8]) -> (PrivateKey, PublicKey) {
        let (secret, _) = hpke::kem::XWing::derive_keypair(ikm);
        let secret = PrivateKey::from_seed(&secret.to_bytes().into());
        let public = Self::sk_to_pk(&secret);
        (secret, public)
    }

    /// An encapsulation whose X25519 part is of small order is an error, as nothing else is.
    fn decap(
        secret: &PrivateKey,
        sender: Option<&PublicKey>,
        encapsulation: &Encapsulation,
    ) -> Result<SharedSecret<Self>, HpkeError> {
        assert!(sender.is_none(), "X-Wing authenticates no sender");
        let (ciphertext, point) = split::<ML_KEM_CIPHERTEXT_BYTES>(&encapsulation.0)?;
        let key = &*secret.0;
        let ml_kem = Zeroizing::new(key.ml_kem.decapsulate(ciphertext.into()));
        combine(&ml_kem, &key.x25519, point, point, &key.public.x25519).ok_or(HpkeError::DecapError)
    }

    fn encap_with_rng(
        public: &PublicKey,
        sender: Option<(&PrivateKey, &PublicKey)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(SharedSecret<Self>, Encapsulation), HpkeError> {
        assert!(sender.is_none(), "X-Wing authenticates no sender");
        let mut random = Zeroizing::new([0; 64]);
        rng.fill_bytes(random.as_mut());
        let (message, scalar) = random.split_at(32);
        let message = message.try_into().expect("it was split so");
        let (ciphertext, ml_kem) = public.ml_kem.encapsulate_deterministic(message);
        let ml_kem = Zeroizing::new(ml_kem);

        let ephemeral = agreement::PrivateKey::from_private_key(&X25519, scalar)
            .map_err(|_| HpkeError::EncapError)?;
        let point = ephemeral.compute_public_key();
        let point = point.map_err(|_| HpkeError::EncapError)?;
        let point = point.as_ref().first_chunk().ok_or(HpkeError::EncapError)?;
        let secret = combine(&ml_kem, &ephemeral, &public.x25519, point, &public.x25519);
        let mut sent = [0; ENCAPSULATION_BYTES];
        sent[..ML_KEM_CIPHERTEXT_BYTES].copy_from_slice(&ciphertext);
        sent[ML_KEM_CIPHERTEXT_BYTES..].copy_from_slice(point);
        Ok((secret.ok_or(HpkeError::EncapError)?, Encapsulation(sent)))
    }
}

/// Combines both shared secrets (draft-connolly-cfrg-xwing-kem, section 5.3); nothing, where X25519's is zero.
fn combine(
    ml_kem: &[u8],
    mine: &agreement::PrivateKey,
    theirs: &[u8; POINT_BYTES],
    sent: &[u8; POINT_BYTES],
    recipient: &[u8; POINT_BYTES],
) -> Option<SharedSecret<XWing>> {
    let theirs = UnparsedPublicKey::new(&X25519, theirs);
    agreement::agree(mine, theirs, (), |x25519| {
        let mut hash = digest::Context::new(&SHA3_256);
        for part in [ml_kem, x25519, sent, recipient, LABEL] {
            hash.update(part);
        }
        let mut secret = SharedSecret::default();
        secret.0.copy_from_slice(hash.finish().as_ref());
        Ok(secret)
    })
    .ok()
}

/// Splits off the X25519 point that stands last.
fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8; POINT_BYTES]), HpkeError> {
    let wrong = HpkeError::IncorrectInputLength(N + POINT_BYTES, bytes.len());
    let (first, point) = bytes.split_first_chunk().ok_or(wrong)?;
    let wrong = HpkeError::IncorrectInputLength(N + POINT_BYTES, bytes.len());
    Ok((first, point.try_into().map_err(|_| wrong)?))
}

/// Tells whether every secret key makes the same shared secret with this point of X25519, zero.
#[must_use]
pub fn is_small_order(point: &[u8; POINT_BYTES]) -> bool {
    // Secret keys are multiples of eight, which is the order of the largest such group.
    let eight = [true, false, false, false];
    MontgomeryPoint(*point).mul_bits_be(eight.into_iter()).0 == [0; POINT_BYTES]
}
