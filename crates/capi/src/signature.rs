//! Signatures as CryptSignHash makes them: PKCS#1 v1.5 (RFC 8017 §8.2), byte-reversed
//! (spec/capi.md#signatures).
//!
//! The key is bound to nothing in a SIMPLEBLOB, so whoever can write the disk can put a blob of their own in its
//! place. That is what they are for: "Storing a session key" says to sign the blob.

use rand_core::CryptoRng;

use crate::hash::HashAlgorithm;
use crate::{PrivateKey, PublicKey, blob};

impl PrivateKey {
    /// Signs a message, over a hash of which nobody can make two texts that share one. Keys of either use sign, as with
    /// CryptoAPI, and short ones too: who has one already may have programs that verify with no other.
    ///
    /// # Errors
    ///
    /// Says so when the key is too short for the hash, or the hash is too weak.
    pub fn sign(
        &self,
        hash: HashAlgorithm,
        message: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, NotSigned> {
        if !hash.resists_collisions() {
            return Err(NotSigned::Weak(hash.name()));
        }
        let info = [hash.digest_info(), &hash.of(message)].concat();
        let block = block(&info, self.public().modulus_bytes());
        let block = block.ok_or(NotSigned::TooShort(hash.name()))?;
        let signature = self.raw(&block, rng).ok_or(NotSigned::Fault)?;
        Ok(blob::reversed(&signature))
    }
}

/// What a signature that holds says of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashName {
    /// It has the name of the hash, as CryptSignHash writes it.
    Named,
    /// It has none, as with the flag `CRYPT_NOHASHOID`. CryptVerifySignature takes that without being told.
    Unnamed,
}

impl PublicKey {
    /// Verifies a signature over a message.
    ///
    /// # Errors
    ///
    /// Says that it is none of this key, over this message with this hash, and whether it is one with another.
    pub fn verify(
        &self,
        hash: HashAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<HashName, NotVerified> {
        let signature = blob::reversed(signature);
        if !self.is_below_modulus(&signature) {
            return Err(NotVerified::Another);
        }
        // The whole block is made anew and compared, rather than the one given taken apart: nothing in it is free.
        let found = self.raw(&signature);
        let holds = |hash: HashAlgorithm| {
            let digest = hash.of(message);
            let is = |info: &[u8]| block(info, self.modulus_bytes()).as_ref() == Some(&found);
            if is(&[hash.digest_info(), &digest].concat()) {
                return Some(HashName::Named);
            }
            is(&digest).then_some(HashName::Unnamed)
        };
        holds(hash).ok_or_else(|| {
            let others = HashAlgorithm::ALL.into_iter();
            let other = others
                .filter(|other| *other != hash)
                .find(|other| holds(*other).is_some());
            other.map_or(NotVerified::Another, |other| {
                NotVerified::OtherHash(other.name())
            })
        })
    }
}

/// `00 01 FF .. FF 00` and the DigestInfo, with at least eight FF.
fn block(info: &[u8], modulus_bytes: usize) -> Option<Vec<u8>> {
    let filling = modulus_bytes.checked_sub(info.len() + 3)?;
    if filling < 8 {
        return None;
    }
    let mut block = vec![0, 1];
    block.resize(2 + filling, 0xff);
    block.push(0);
    block.extend(info);
    Some(block)
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSigned {
    /// The computation went wrong, and what it gave was thrown away: such a signature can give away the key.
    #[error("this computer computed the signature wrongly")]
    Fault,
    /// The key has no room for the hash.
    #[error("this key is too short to sign {0}")]
    TooShort(&'static str),
    /// The hash is one of which two texts can be made.
    #[error("nothing is signed over {0}: two texts that share one can be made")]
    Weak(&'static str),
}

/// That a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotVerified {
    /// Another key, or other bytes.
    #[error("the signature is not this key's over these bytes")]
    Another,
    /// It is this key's over these bytes, with another hash than the one that was asked for.
    #[error("the signature is this key's over these bytes, but with {0}: `--hash {0}` verifies it")]
    OtherHash(&'static str),
}
