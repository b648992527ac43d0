//! Wraps: HPKE (RFC 9180) with MLKEM768-X25519, HKDF-SHA256 and ChaCha20Poly1305, each wrap's key exported under
//! its serial number. Not the owner's own wraps, which are stanzas of the age file.

mod rsa_key;
mod sealed;

use std::fmt;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use strongroom_xwing::{ENCAPSULATION_BYTES, PUBLIC_KEY_BYTES, SEED_BYTES, XWing};
use zeroize::Zeroizing;

use crate::encoding::{Canonical, Malformed, Reader, Writer};
use crate::id::{AuthorityId, Digest, Serial};
use crate::label::Label;

pub use sealed::{OpenSealedKeyError, SealedSecretKey};

/// A public key that session keys are wrapped to: an authority's, or the one a recovery request names.
///
/// 1,216 bytes: the ML-KEM-768 encapsulation key (1,184) and the X25519 public key (32).
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(
    // Invariant: a valid key, whose X25519 part is not of small order.
    Box<[u8; PublicKey::BYTES]>,
);

impl PublicKey {
    /// The length in bytes.
    pub const BYTES: usize = PUBLIC_KEY_BYTES;

    /// Takes the bytes of a key.
    ///
    /// # Errors
    ///
    /// Says so when the bytes are not the one encoding of a key, or when its X25519 part is of small order: the secret
    /// would then rest on the other part alone.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Result<Self, InvalidPublicKey> {
        strongroom_xwing::PublicKey::from_bytes(bytes).map_err(|_| InvalidPublicKey)?;
        Ok(Self(Box::new(*bytes)))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Returns the key's id: SHA-256 of `strongroom/wrap-key/v1`, 00 and the key.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(&[&Label::WRAP_KEY.prefix(self.as_bytes())])
    }

    /// Sets up the context under which deposits with the authority of this key are sealed (spec/deposit.md#seal).
    pub fn seal_deposits(&self, authority: AuthorityId, rng: &mut impl CryptoRng) -> Sealing {
        self.set_up(&deposit_info(authority, self.id()), Label::DEPOSIT_KEY, rng)
    }

    /// Sets up the context under which a release to this key is sealed (spec/recovery.md#release).
    pub fn seal_release(
        &self,
        authority: AuthorityId,
        request: Digest,
        decision: Digest,
        rng: &mut impl CryptoRng,
    ) -> Sealing {
        self.set_up(
            &release_info(authority, request, decision),
            Label::RELEASE_KEY,
            rng,
        )
    }

    fn set_up(&self, info: &[u8], key_label: Label, rng: &mut impl CryptoRng) -> Sealing {
        let key = strongroom_xwing::PublicKey::from_bytes(&*self.0).expect("from_bytes took it");
        let (encapsulated, context) = hpke::setup_sender_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            XWing,
        >(&OpModeS::Base, &key, info, rng)
        .expect("encapsulation to a key that parsed does not fail");
        let mut bytes = Box::new([0; Encapsulation::BYTES]);
        bytes.copy_from_slice(&encapsulated.to_bytes());
        Sealing {
            encapsulation: Encapsulation(bytes),
            context,
            key_label,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey(id {})", self.id())
    }
}

impl Canonical for PublicKey {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(self.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = reader.byte_array("wrapping key")?;
        Self::from_bytes(&bytes).map_err(|_| reader.malformed("wrapping key"))
    }
}

/// Bytes that are no wrapping key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no MLKEM768-X25519 public key")]
pub struct InvalidPublicKey;

/// The secret half of a [`PublicKey`]: a seed of 32 bytes, expanded.
pub struct SecretKey {
    key: strongroom_xwing::PrivateKey,
    public: PublicKey,
}

impl SecretKey {
    /// The length of a seed.
    pub const SEED_BYTES: usize = SEED_BYTES;

    /// Generates a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; Self::SEED_BYTES]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// Takes a seed, from where [`Self::expose_seed`] was kept.
    #[must_use]
    pub fn from_seed(seed: &[u8; Self::SEED_BYTES]) -> Self {
        let key = strongroom_xwing::PrivateKey::from_seed(seed);
        let public = PublicKey(Box::new(XWing::sk_to_pk(&key).to_bytes().into()));
        Self { key, public }
    }

    /// Returns the seed, to be kept where only its owner reads it.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; Self::SEED_BYTES] {
        self.key.expose_seed()
    }

    /// Returns the public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// Opens the context of a deposit statement, as its authority.
    ///
    /// # Errors
    ///
    /// Says so when the encapsulation is not valid for this key.
    pub fn open_deposits(
        &self,
        authority: AuthorityId,
        encapsulation: &Encapsulation,
    ) -> Result<Opening, NotOpened> {
        let info = deposit_info(authority, self.public.id());
        self.set_up(encapsulation, &info, Label::DEPOSIT_KEY)
    }

    /// Opens the context of a release, as the one whose request it answers.
    ///
    /// # Errors
    ///
    /// Says so when the encapsulation is not valid for this key.
    pub fn open_release(
        &self,
        authority: AuthorityId,
        request: Digest,
        decision: Digest,
        encapsulation: &Encapsulation,
    ) -> Result<Opening, NotOpened> {
        self.set_up(
            encapsulation,
            &release_info(authority, request, decision),
            Label::RELEASE_KEY,
        )
    }

    fn set_up(
        &self,
        encapsulation: &Encapsulation,
        info: &[u8],
        key_label: Label,
    ) -> Result<Opening, NotOpened> {
        // Ours refuses a point of small order: ML-KEM alone would keep the secret, and both are to.
        let encapsulated = strongroom_xwing::Encapsulation::from_bytes(&*encapsulation.0)
            .map_err(|_| NotOpened)?;
        let context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.key,
            &encapsulated,
            info,
        )
        .map_err(|_| NotOpened)?;
        Ok(Opening { context, key_label })
    }
}

/// What an HPKE context was set up with, as sent: 1,120 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Encapsulation(Box<[u8; Encapsulation::BYTES]>);

impl Encapsulation {
    /// The length in bytes.
    pub const BYTES: usize = ENCAPSULATION_BYTES;

    /// Returns SHA-256 of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&*self.0])
    }
}

impl fmt::Debug for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encapsulation(digest {})", self.digest())
    }
}

impl Canonical for Encapsulation {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&*self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader
            .byte_array("encapsulation")
            .map(|bytes| Self(Box::new(bytes)))
    }
}

/// A context that seals, one serial at a time.
pub struct Sealing {
    encapsulation: Encapsulation,
    context: AeadCtxS<ChaCha20Poly1305, HkdfSha256, XWing>,
    key_label: Label,
}

impl Sealing {
    /// Returns what the other side needs to open.
    #[must_use]
    pub fn encapsulation(&self) -> &Encapsulation {
        &self.encapsulation
    }

    /// Seals `plaintext` under the key of `serial`, bound to the deposit's label. 16 bytes longer than the plaintext.
    ///
    /// Takes the serial by value and is called once for each: the nonce is fixed.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the lengths are constants")]
    pub fn seal(&self, serial: Serial, label: Digest, plaintext: &[u8]) -> Vec<u8> {
        let mut key = Zeroizing::new([0; 32]);
        self.context
            .export(&key_info(self.key_label, serial), key.as_mut())
            .expect("32 bytes are within what HKDF-SHA256 gives");
        let mut sealed = plaintext.to_vec();
        let tag = aead_key(&key)
            .seal_in_place_separate_tag(zero_nonce(), Aad::from(label.as_bytes()), &mut sealed)
            .expect("a session key is shorter than what the AEAD takes");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }
}

/// A context that opens, one serial at a time.
pub struct Opening {
    context: AeadCtxR<ChaCha20Poly1305, HkdfSha256, XWing>,
    key_label: Label,
}

impl Opening {
    /// Opens what [`Sealing::seal`] made for `serial` and the label.
    ///
    /// # Errors
    ///
    /// Says so when it was not made so; never why.
    pub fn open(
        &self,
        serial: Serial,
        label: Digest,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let mut key = Zeroizing::new([0; 32]);
        self.context
            .export(&key_info(self.key_label, serial), key.as_mut())
            .map_err(|_| NotOpened)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = aead_key(&key)
            .open_in_place(zero_nonce(), Aad::from(label.as_bytes()), &mut buffer)
            .map_err(|_| NotOpened)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// A wrap that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wrap does not open")]
pub struct NotOpened;

/// `info` of spec/deposit.md#seal.
fn deposit_info(authority: AuthorityId, wrap_key: Digest) -> Vec<u8> {
    [
        Label::DEPOSIT_SEAL.as_bytes(),
        authority.as_bytes(),
        wrap_key.as_bytes(),
    ]
    .concat()
}

/// `info` of spec/recovery.md#release.
fn release_info(authority: AuthorityId, request: Digest, decision: Digest) -> Vec<u8> {
    [
        Label::RELEASE_SEAL.as_bytes(),
        authority.as_bytes(),
        request.as_bytes(),
        decision.as_bytes(),
    ]
    .concat()
}

fn key_info(label: Label, serial: Serial) -> Vec<u8> {
    [label.as_bytes(), serial.as_bytes()].concat()
}

fn aead_key(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes"))
}

/// Each key is exported for one serial and seals one plaintext, so that the nonce may be fixed.
fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
