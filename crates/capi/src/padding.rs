//! The two paddings of what RSA encrypts, a session key for the most part (RFC 8017 §7.1, §7.2), and their removal in
//! constant time (spec/capi.md#constant-time). No function here tries one after the other.

use aws_lc_rs::digest;
use rand_core::CryptoRng;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// How a session key is padded before RSA. No blob says which it was: whoever keeps a blob keeps this beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// PKCS#1 v1.5, CryptoAPI's default.
    Pkcs1,
    /// OAEP with SHA-1, MGF1 with SHA-1 and an empty label: CryptoAPI's with the flag `CRYPT_OAEP`.
    Oaep,
}

impl Padding {
    /// Returns the length in bytes of the longest key that fits a modulus of `modulus_bytes`.
    #[must_use]
    pub fn key_bytes_max(self, modulus_bytes: usize) -> usize {
        modulus_bytes.saturating_sub(self.bytes_min())
    }

    /// Pads a key that fits to `modulus_bytes`.
    pub(crate) fn pad(
        self,
        key: &[u8],
        modulus_bytes: usize,
        rng: &mut impl CryptoRng,
    ) -> Zeroizing<Vec<u8>> {
        let filling = modulus_bytes - self.bytes_min() - key.len();
        let mut block = Zeroizing::new(Vec::with_capacity(modulus_bytes));
        match self {
            Self::Pkcs1 => {
                block.extend([0, 2]);
                block.extend(std::iter::repeat_with(|| nonzero(rng)).take(PS_MIN + filling));
                block.push(0);
                block.extend(key);
            }
            Self::Oaep => {
                let mut seed = [0; HASH];
                rng.fill_bytes(&mut seed);
                block.push(0);
                block.extend(seed);
                block.extend(sha1(&[]));
                block.extend(std::iter::repeat_n(0, filling));
                block.push(1);
                block.extend(key);
                let (seed, data) = halves(&mut block);
                mask(data, seed);
                mask(seed, data);
            }
        }
        block
    }

    /// Undoes what hides the padding, so that its parts lie open. What it does depends on lengths alone.
    pub(crate) fn unmask(self, mut block: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Pkcs1 => {}
            Self::Oaep => {
                let (seed, data) = halves(&mut block);
                mask(seed, data);
                mask(data, seed);
            }
        }
        block
    }

    /// Finds what an unmasked block holds, of any of these lengths. At most one can fit, and all are looked at.
    pub(crate) fn content(
        self,
        block: &[u8],
        lengths: impl IntoIterator<Item = usize>,
    ) -> Option<&[u8]> {
        let (mut fits, mut bytes) = (Choice::from(0), 0_u16);
        for length in lengths {
            let is_it = self.is_key_of(block, length);
            bytes.conditional_assign(&u16::try_from(length).unwrap_or(u16::MAX), is_it);
            fits |= is_it;
        }
        let front = block.len().saturating_sub(usize::from(bytes));
        bool::from(fits).then(|| block.split_at(front).1)
    }

    /// Tells whether an unmasked block is a well padded key of exactly `key_bytes`, which are then its last.
    ///
    /// At a given length every part has its place, so each byte is looked at once and nothing is searched for: no
    /// branch, index or loop depends on the block's bytes.
    pub(crate) fn is_key_of(self, block: &[u8], key_bytes: usize) -> Choice {
        if key_bytes > self.key_bytes_max(block.len()) {
            return Choice::from(0);
        }
        let (front, _) = block.split_at(block.len() - key_bytes);
        let Some((&last, front)) = front.split_last() else {
            return Choice::from(0);
        };
        match self {
            Self::Pkcs1 => {
                let (mark, filling) = front.split_at(2);
                let holes = filling.iter().map(|byte| byte.ct_eq(&0));
                mark.ct_eq(&[0, 2])
                    & !holes.fold(Choice::from(0), |any, hole| any | hole)
                    & last.ct_eq(&0)
            }
            Self::Oaep => {
                let (zero, rest) = front.split_at(1);
                let (_seed, rest) = rest.split_at(HASH);
                let (label, filling) = rest.split_at(HASH);
                let noise = filling.iter().fold(0, |noise, byte| noise | byte);
                zero.ct_eq(&[0]) & label.ct_eq(&sha1(&[])) & noise.ct_eq(&0) & last.ct_eq(&1)
            }
        }
    }

    /// What a block has beside the key, at the least: `00 02`, eight bytes, `00`; or `00`, seed, label hash, `01`.
    fn bytes_min(self) -> usize {
        match self {
            Self::Pkcs1 => 3 + PS_MIN,
            Self::Oaep => 2 + 2 * HASH,
        }
    }
}

/// The least number of random bytes in a block of PKCS#1 v1.5.
const PS_MIN: usize = 8;
/// The length in bytes of SHA-1.
const HASH: usize = digest::SHA1_OUTPUT_LEN;

fn nonzero(rng: &mut impl CryptoRng) -> u8 {
    loop {
        let mut byte = [0];
        rng.fill_bytes(&mut byte);
        if byte != [0] {
            return byte[0];
        }
    }
}

/// The seed and what follows it, of a block for OAEP. One that is too short for either has them empty.
fn halves(block: &mut [u8]) -> (&mut [u8], &mut [u8]) {
    let (_, rest) = block.split_at_mut(block.len().min(1));
    rest.split_at_mut(rest.len().min(HASH))
}

/// MGF1 with SHA-1 (RFC 8017 §B.2.1), added to `target`.
fn mask(target: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(target.chunks_mut(HASH)) {
        let mut input = Zeroizing::new(seed.to_vec());
        input.extend(counter.to_be_bytes());
        let mask = Zeroizing::new(sha1(&input));
        for (byte, mask) in chunk.iter_mut().zip(mask.iter()) {
            *byte ^= mask;
        }
    }
}

fn sha1(bytes: &[u8]) -> [u8; HASH] {
    let mut hash = [0; HASH];
    hash.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    hash
}
