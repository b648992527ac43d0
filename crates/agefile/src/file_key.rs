//! The file key, which every stanza of a header wraps, and the keys that are derived from it.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The key of one file: 16 secret bytes, never used for another file (spec/age.md#file-key).
pub struct FileKey(Zeroizing<[u8; FileKey::BYTES]>);

impl FileKey {
    /// The length in bytes.
    pub const BYTES: usize = 16;

    /// The length in bytes of a wrapped key: the body of every stanza that wraps one.
    pub(crate) const WRAPPED_BYTES: usize = Self::BYTES + 16;

    /// Generates a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// Takes the bytes of a key that was kept elsewhere.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Wraps the key under `wrap_key`, which wraps nothing else: the nonce is fixed.
    pub(crate) fn seal(&self, wrap_key: &[u8; 32]) -> [u8; Self::WRAPPED_BYTES] {
        let mut wrapped = [0; Self::WRAPPED_BYTES];
        let (key, tag) = wrapped.split_at_mut(Self::BYTES);
        key.copy_from_slice(self.expose());
        let sealed = aead_key(wrap_key)
            .seal_in_place_separate_tag(zero_nonce(), Aad::empty(), key)
            .expect("16 bytes are shorter than what the AEAD takes");
        tag.copy_from_slice(sealed.as_ref());
        wrapped
    }

    /// Unwraps what [`Self::seal`] made under `wrap_key`.
    pub(crate) fn open(wrap_key: &[u8; 32], wrapped: &[u8; Self::WRAPPED_BYTES]) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        let (key, tag) = wrapped.split_at(Self::BYTES);
        aead_key(wrap_key)
            .open_separate_gather(zero_nonce(), Aad::empty(), key, tag, bytes.as_mut())
            .ok()?;
        Some(Self(bytes))
    }

    /// Derives the key of the header's MAC.
    pub(crate) fn derive_header_key(&self) -> Zeroizing<[u8; 32]> {
        hkdf(self.expose(), &[], b"header")
    }

    /// Derives the key of the payload that begins with `nonce`.
    pub(crate) fn derive_payload_key(&self, nonce: &[u8; 16]) -> Zeroizing<[u8; 32]> {
        hkdf(self.expose(), nonce, b"payload")
    }
}

/// In constant time.
impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl Eq for FileKey {}

/// HKDF-SHA-256 of 32 bytes. `salt` has at most 64 bytes.
pub(crate) fn hkdf(secret: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], Key32)
        .and_then(|okm| okm.fill(key.as_mut()))
        .expect("32 bytes are within what HKDF-SHA256 gives");
    key
}

struct Key32;

impl KeyType for Key32 {
    fn len(&self) -> usize {
        32
    }
}

/// The key of a ChaCha20-Poly1305.
pub(crate) fn aead_key(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes"))
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
