//! Signatures as CryptSignHash makes them: PKCS#1 v1.5 with its DigestInfo (RFC 8017 §8.2), byte-reversed
//! (spec/capi.md#signatures).
//!
//! The key is bound to nothing in a SIMPLEBLOB, so whoever can write the disk can put a blob of their own in its
//! place. That is what they are for: "Storing a session key" says to sign the blob.

use aws_lc_rs::digest;
use rand_core::CryptoRng;

use crate::{PrivateKey, PublicKey, blob};

/// The hash that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureHash {
    /// SHA-1, `CALG_SHA1`, 0x8004: verified only. Two texts with the same SHA-1 can be made, at a price that companies
    /// pay, so a signature may be moved from one to another by whoever made both. It shows who signed only of what
    /// the signer wrote alone, as a blob that their own program exported.
    Sha1,
    /// SHA-256, `CALG_SHA_256`, 0x800c. Of Microsoft's providers, the one with AES has it.
    Sha256,
}

impl SignatureHash {
    /// Returns the hash of an `ALG_ID`.
    ///
    /// # Errors
    ///
    /// Says why the hash is not one that is verified.
    pub fn from_alg_id(alg_id: u32) -> Result<Self, RefusedHash> {
        match alg_id {
            0x8004 => Ok(Self::Sha1),
            0x800c => Ok(Self::Sha256),
            0x8003 => Err(RefusedHash::Md5),
            _ => Err(RefusedHash::Unknown(alg_id)),
        }
    }

    /// The DigestInfo of a message.
    fn digest_info(self, message: &[u8]) -> Vec<u8> {
        let (prefix, algorithm): (&[u8], _) = match self {
            Self::Sha1 => (
                b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
            ),
            Self::Sha256 => (
                b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
                &digest::SHA256,
            ),
        };
        [prefix, digest::digest(algorithm, message).as_ref()].concat()
    }
}

impl PrivateKey {
    /// Signs SHA-256 of a message. Keys of either use sign, as with CryptoAPI, and short ones too: who has one
    /// already may have programs that verify with no other.
    ///
    /// # Errors
    ///
    /// Says so when the key is too short for the hash.
    pub fn sign(&self, message: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, NotSigned> {
        let info = SignatureHash::Sha256.digest_info(message);
        let block = block(&info, self.public().modulus_bytes()).ok_or(NotSigned::TooShort)?;
        let signature = self.raw(&block, rng).ok_or(NotSigned::Fault)?;
        Ok(blob::reversed(&signature))
    }
}

impl PublicKey {
    /// Verifies a signature over a message.
    ///
    /// # Errors
    ///
    /// Says that it is none of this key, over this message with this hash.
    pub fn verify(
        &self,
        hash: SignatureHash,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), NotVerified> {
        let signature = blob::reversed(signature);
        if !self.is_below_modulus(&signature) {
            return Err(NotVerified);
        }
        // The whole block is made anew and compared, rather than the one given taken apart: nothing in it is free.
        let wanted = block(&hash.digest_info(message), self.modulus_bytes());
        match wanted {
            Some(block) if block == self.raw(&signature) => Ok(()),
            Some(_) | None => Err(NotVerified),
        }
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

/// Why a hash is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedHash {
    /// MD5.
    #[error("a signature over MD5 shows nothing: anybody can make two texts that share one")]
    Md5,
    /// Not one that is known.
    #[error("0x{0:08x} is no hash that is verified")]
    Unknown(u32),
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSigned {
    /// The computation went wrong, and what it gave was thrown away: such a signature can give away the key.
    #[error("this computer computed the signature wrongly")]
    Fault,
    /// The key has no room for the hash.
    #[error("this key is too short to sign SHA-256")]
    TooShort,
}

/// That a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not this key's over these bytes")]
pub struct NotVerified;
