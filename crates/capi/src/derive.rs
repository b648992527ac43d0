//! Session keys made from passwords: `CryptDeriveKey` (spec/capi-file.md#derived-keys).
//!
//! One hash, no salt, no stretching: keys to open what exists, never to protect anything new.

use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::hash::HashAlgorithm;
use crate::session_key::{SessionKey, WrongKeyLength};

/// Derives the key of `key_bytes` bytes that `CryptDeriveKey` makes of a hash of `password`, without flags.
///
/// It is the beginning of the hash. Where a hash older than SHA-2 has too few bytes, and for AES always, it is the beginning
/// of two hashes of the hash.
///
/// # Errors
///
/// Says so when `algorithm` has no keys of that length.
pub fn derive_key(
    algorithm: Algorithm,
    key_bytes: usize,
    hash: HashAlgorithm,
    password: &[u8],
) -> Result<SessionKey, WrongKeyLength> {
    let mut material = Zeroizing::new(hash.of(password));
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
fn is_expanded(
    algorithm: Algorithm,
    key_bytes: usize,
    hash: HashAlgorithm,
    hash_bytes: usize,
) -> bool {
    let is_aes = matches!(
        algorithm,
        Algorithm::Aes128 | Algorithm::Aes192 | Algorithm::Aes256
    );
    let is_sha2 = matches!(
        hash,
        HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512
    );
    !is_sha2 && (is_aes || key_bytes > hash_bytes)
}

/// HMAC's two pads, each with the hash laid over its beginning, each hashed on its own.
fn expand(hash: HashAlgorithm, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut expanded = Zeroizing::new(Vec::with_capacity(2 * value.len()));
    for filler in [0x36, 0x5c] {
        let mut pad = Zeroizing::new([filler; PAD_BYTES]);
        for (byte, over) in pad.iter_mut().zip(value) {
            *byte ^= over;
        }
        expanded.extend_from_slice(&Zeroizing::new(hash.of(pad.as_slice())));
    }
    expanded
}

const PAD_BYTES: usize = 64;

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
