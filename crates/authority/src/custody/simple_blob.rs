//! SIMPLEBLOBs in custody (spec/simple-blob.md#one-answer): the one place where the authority's RSA key is used.
//! Whatever is wrong with a proven one, the same work is done and the same nothing comes of it.

use rand_core::CryptoRng;
use strongroom_capi as capi;
use strongroom_protocol::id::Digest;
use strongroom_protocol::session_key::{BlindedKey, SessionKey};
use strongroom_protocol::simple_blob::{self, BlindedBlob};
use strongroom_protocol::statement::{BlobPadding, Content, DepositLabel, SealedKey};
use strongroom_protocol::wrap::{NotOpened, Opening};
use zeroize::Zeroizing;

/// The authority's RSA key pair, which its log has the public half of.
pub(crate) struct RsaKeyPair(capi::PrivateKey);

/// A SIMPLEBLOB that can be what its label says, as far as anybody can see who has it.
struct Seen {
    blob: capi::SimpleBlob,
    key_bytes: usize,
}

impl RsaKeyPair {
    /// Takes the private key that the log's public one belongs to; none for another.
    pub(crate) fn new(private_key: &[u8], public_key: &[u8]) -> Option<Self> {
        let key = capi::PrivateKey::from_blob(private_key).ok()?;
        (key.public().to_blob() == public_key).then_some(Self(key))
    }

    /// Opens the session key of a proven deposit: the one that its depositor committed to, or none.
    pub(super) fn unwrap_proven(
        &self,
        key: &SealedKey,
        opening: Result<&Opening, NotOpened>,
        rng: &mut impl CryptoRng,
    ) -> Option<BlindedKey> {
        let opened = opening.and_then(|opening| key.open_blob(opening)).ok();
        let seen = opened.as_ref().and_then(|blob| self.look(key, blob));
        // Nothing below depends on what was seen: a blob that is none costs as much as one that is.
        let (is_sound, seen) = match seen {
            Some(seen) => (true, seen),
            None => (false, self.nobodys()),
        };
        let blob = opened.unwrap_or_else(|| nothing(rng));
        let found = self.unwrap(&key.label, &blob, &seen, rng);
        let matches = found.commitment(key.label.serial) == key.label.commitment;
        (is_sound & matches).then_some(found)
    }

    /// Opens the session key of an unproven deposit: the right one or a random one, which nothing tells apart. None if
    /// it is not the blob that it was deposited as.
    pub(super) fn unwrap_unproven(
        &self,
        key: &SealedKey,
        opening: Result<&Opening, NotOpened>,
        rng: &mut impl CryptoRng,
    ) -> Option<BlindedKey> {
        let blob = key.open_blob(opening.ok()?).ok()?;
        let seen = self.look(key, &blob)?;
        Some(self.unwrap(&key.label, &blob, &seen, rng))
    }

    /// Tells whether an unproven deposit is what it says, as far as that can be seen without its key.
    pub(super) fn is_what_it_says(
        &self,
        key: &SealedKey,
        opening: Result<&Opening, NotOpened>,
    ) -> bool {
        let blob = opening.and_then(|opening| key.open_blob(opening));
        blob.is_ok_and(|blob| self.look(key, &blob).is_some())
    }

    /// Holds a blob against its label and what it claims. None of this takes the private key.
    fn look(&self, key: &SealedKey, blob: &BlindedBlob) -> Option<Seen> {
        let label = &key.label;
        let blob = capi::SimpleBlob::from_bytes(blob.blob()).ok()?;
        self.0.public().fits(&blob).ok()?;
        let algorithm = blob.algorithm();
        let key_bytes = usize::from(label.bits / 8);
        let rsa_key = Digest::from_bytes(*self.0.public().fingerprint().as_bytes());
        let is_labelled = label.algorithm.alg_id().map(u32::from) == Some(algorithm.alg_id())
            && label.bits.is_multiple_of(8)
            && algorithm.accepts_key_bytes(key_bytes)
            && key.particulars.blob() == Some(simple_blob::claim(rsa_key, blob.wrapped()));
        is_labelled.then_some(Seen { blob, key_bytes })
    }

    /// A blob of the right length around a number that is nobody's: two, as good as any.
    fn nobodys(&self) -> Seen {
        let mut number = vec![0; self.0.public().modulus_bytes()];
        if let Some(least) = number.first_mut() {
            *least = 2;
        }
        let header = [1, 2, 0, 0, 0x0e, 0x66, 0, 0, 0, 0xa4, 0, 0];
        let blob = capi::SimpleBlob::from_bytes(&[&header[..], &number].concat())
            .expect("an AES-128 key under RSA, as long as a modulus");
        let key_bytes = 16;
        Seen { blob, key_bytes }
    }

    fn unwrap(
        &self,
        label: &DepositLabel,
        blob: &BlindedBlob,
        seen: &Seen,
        rng: &mut impl CryptoRng,
    ) -> BlindedKey {
        let padding = match label.content {
            Content::SimpleBlob {
                padding: BlobPadding::Oaep,
                ..
            } => capi::Padding::Oaep,
            Content::SimpleBlob { .. } | Content::SessionKey => capi::Padding::Pkcs1,
        };
        let found = self
            .0
            .unwrap_or_random(&seen.blob, padding, seen.key_bytes, rng)
            .expect("a length that the algorithm has");
        let algorithm = found.algorithm();
        let alg_id = u16::try_from(algorithm.alg_id()).expect("every ALG_ID has 16 bits");
        let bytes = with_odd_parity(algorithm, found.expose());
        let key =
            SessionKey::capi(alg_id, &bytes).expect("every session key of CryptoAPI's is so short");
        blob.around(key)
    }
}

/// What stands for a blob that did not open.
fn nothing(rng: &mut impl CryptoRng) -> BlindedBlob {
    BlindedBlob::new(&[0], rng).expect("a byte is short enough")
}

/// Sets the parity bits of a DES key, which are no part of it (spec/deposit.md#commitment).
fn with_odd_parity(algorithm: capi::Algorithm, key: &[u8]) -> Zeroizing<Vec<u8>> {
    use capi::Algorithm::{Aes128, Aes192, Aes256, Des, Rc2, Rc4, TripleDes, TripleDes112};
    let mut key = Zeroizing::new(key.to_vec());
    match algorithm {
        Des | TripleDes | TripleDes112 => {
            for byte in key.iter_mut() {
                // Without a table or a branch: the byte is secret.
                let folded = *byte ^ *byte >> 4;
                let folded = folded ^ folded >> 2;
                let folded = folded ^ folded >> 1;
                *byte ^= !folded & 1;
            }
        }
        Aes128 | Aes192 | Aes256 | Rc2 | Rc4 => {}
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn des_keys_have_odd_parity_and_lose_nothing_else() {
        for byte in 0..=255_u8 {
            let set = with_odd_parity(capi::Algorithm::TripleDes, &[byte; 24]);
            assert!(set.iter().all(|byte| byte.count_ones() % 2 == 1), "{byte}");
            assert!(set.iter().all(|set| set & 0xfe == byte & 0xfe), "{byte}");
            let left = with_odd_parity(capi::Algorithm::Rc4, &[byte; 16]);
            assert_eq!(*left, [byte; 16]);
        }
    }
}
