//! Session keys made from passwords: `CryptDeriveKey` (spec/capi-file.md#derived-keys).
//!
//! One hash, no salt, no stretching: keys to open what exists, never to protect anything new.

use aws_lc_rs::digest;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::session_key::{SessionKey, WrongKeyLength};

/// The hash that a key is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BaseHash {
    /// 16 bytes. `CALG_MD5`, 0x8003; what the example programs use.
    Md5,
    /// 20 bytes. `CALG_SHA1`, 0x8004.
    Sha1,
    /// 32 bytes. `CALG_SHA_256`, 0x800c.
    Sha256,
}

impl BaseHash {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    /// Returns the hash of an `ALG_ID`.
    #[must_use]
    pub fn from_alg_id(alg_id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.alg_id() == alg_id)
    }

    /// Returns its `ALG_ID`.
    #[must_use]
    pub fn alg_id(self) -> u32 {
        match self {
            Self::Md5 => 0x8003,
            Self::Sha1 => 0x8004,
            Self::Sha256 => 0x800c,
        }
    }

    fn digest(self, data: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Md5 => Md5::digest(data).to_vec(),
            Self::Sha1 => {
                let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data);
                digest.as_ref().to_vec()
            }
            Self::Sha256 => digest::digest(&digest::SHA256, data).as_ref().to_vec(),
        })
    }
}

/// Derives the key of `key_bytes` bytes that `CryptDeriveKey` makes of a hash of `password`, without flags.
///
/// It is the beginning of the hash. Where MD5 or SHA-1 has too few bytes, and for AES always, it is the beginning of
/// two hashes of the hash.
///
/// # Errors
///
/// Says so when `algorithm` has no keys of that length.
pub fn derive_key(
    algorithm: Algorithm,
    key_bytes: usize,
    hash: BaseHash,
    password: &[u8],
) -> Result<SessionKey, WrongKeyLength> {
    let mut material = hash.digest(password);
    if is_expanded(algorithm, key_bytes, hash, material.len()) {
        material = expand(hash, &material);
    }
    // No algorithm's keys are longer than two MD5 hashes; a length that is none of its own is refused as it came.
    match material.get(..key_bytes) {
        Some(key) => SessionKey::new(algorithm, key),
        None => Err(WrongKeyLength {
            algorithm,
            bytes: key_bytes,
        }),
    }
}

/// The page on `CryptDeriveKey` names AES and 3DES. `CALG_3DES_112`, whose key MD5 fills, is not among them.
fn is_expanded(algorithm: Algorithm, key_bytes: usize, hash: BaseHash, hash_bytes: usize) -> bool {
    let is_aes = matches!(
        algorithm,
        Algorithm::Aes128 | Algorithm::Aes192 | Algorithm::Aes256
    );
    hash != BaseHash::Sha256 && (is_aes || key_bytes > hash_bytes)
}

/// HMAC's two pads, each with the hash laid over its beginning, each hashed on its own.
fn expand(hash: BaseHash, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut expanded = Zeroizing::new(Vec::with_capacity(2 * value.len()));
    for filler in [0x36, 0x5c] {
        let mut pad = Zeroizing::new([filler; PAD_BYTES]);
        for (byte, over) in pad.iter_mut().zip(value) {
            *byte ^= over;
        }
        expanded.extend_from_slice(&hash.digest(pad.as_slice()));
    }
    expanded
}

const PAD_BYTES: usize = 64;

/// Which of Microsoft's providers made a key, as far as it decides how long a key is that nobody gave a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// The Base provider: 40 bits of RC2 and RC4.
    Base,
    /// The Strong, the Enhanced and the RSA/AES provider: 128 bits of RC2 and RC4. The example programs name the
    /// Enhanced one.
    Enhanced,
}

/// Returns the length in bytes of the keys of `algorithm` that a provider makes when it is given none.
#[must_use]
pub fn default_key_bytes(algorithm: Algorithm, provider: Provider) -> usize {
    match (algorithm, provider) {
        (Algorithm::Rc2 | Algorithm::Rc4, Provider::Base) => 5,
        (Algorithm::Des, _) => 8,
        (Algorithm::Rc2 | Algorithm::Rc4, Provider::Enhanced)
        | (Algorithm::TripleDes112 | Algorithm::Aes128, _) => 16,
        (Algorithm::TripleDes | Algorithm::Aes192, _) => 24,
        (Algorithm::Aes256, _) => 32,
    }
}

/// Which bytes of a password a program hashed. None of them takes the NUL at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordBytes {
    /// The example programs compiled for narrow characters, and their first editions: one byte a character.
    ///
    /// Beyond ASCII the bytes depend on the code page of that Windows, which nobody wrote down: encode such a password
    /// yourself. Here it is UTF-8.
    Narrow,
    /// UTF-16, least significant byte first: programs that give the length of a wide password in bytes.
    Wide,
    /// The first half of [`Wide`](Self::Wide): the example programs compiled for wide characters, which count the
    /// password in characters and hash as many bytes. Of `abcd` they take `a` and `b`, and no more.
    WideHalved,
}

impl PasswordBytes {
    /// Returns those bytes, for [`derive_key`].
    #[must_use]
    pub fn of(self, password: &str) -> Zeroizing<Vec<u8>> {
        if self == Self::Narrow {
            return Zeroizing::new(password.as_bytes().to_vec());
        }
        // A text has no more units in UTF-16 than bytes in UTF-8, so that nothing moves.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * password.len()));
        for unit in password.encode_utf16() {
            bytes.extend_from_slice(&unit.to_le_bytes());
        }
        if self == Self::WideHalved {
            let half = bytes.len() / 2;
            bytes.truncate(half);
        }
        bytes
    }
}
