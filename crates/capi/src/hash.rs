//! The hashes of CryptoAPI's, by their `ALG_ID`s: what keys are derived from and what is signed. Most of them are no good for
//! anything new, and there for what exists.

use aws_lc_rs::digest;
use md2::Md2;
use md4::Md4;
use md5::{Digest, Md5};

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// 16 bytes. `CALG_MD2`, 0x8001.
    Md2,
    /// 16 bytes. `CALG_MD4`, 0x8002.
    Md4,
    /// 16 bytes. `CALG_MD5`, 0x8003; what the example programs use.
    Md5,
    /// 20 bytes. `CALG_SHA1`, 0x8004.
    Sha1,
    /// 32 bytes. `CALG_SHA_256`, 0x800c. This and the next two are of the provider with AES.
    Sha256,
    /// 48 bytes. `CALG_SHA_384`, 0x800d.
    Sha384,
    /// 64 bytes. `CALG_SHA_512`, 0x800e.
    Sha512,
}

impl HashAlgorithm {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Md2,
        Self::Md4,
        Self::Md5,
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// Returns its `ALG_ID`.
    #[must_use]
    pub fn alg_id(self) -> u32 {
        match self {
            Self::Md2 => 0x8001,
            Self::Md4 => 0x8002,
            Self::Md5 => 0x8003,
            Self::Sha1 => 0x8004,
            Self::Sha256 => 0x800c,
            Self::Sha384 => 0x800d,
            Self::Sha512 => 0x800e,
        }
    }

    /// Returns the word for it, in options: `sha256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Md2 => "md2",
            Self::Md4 => "md4",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Tells whether nobody can make two texts that share one: a signature over another shows who signed only of what the
    /// signer wrote alone, as a blob that their own program exported.
    #[must_use]
    pub fn resists_collisions(self) -> bool {
        match self {
            Self::Sha256 | Self::Sha384 | Self::Sha512 => true,
            Self::Md2 | Self::Md4 | Self::Md5 | Self::Sha1 => false,
        }
    }

    /// Returns the hash of some bytes.
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let aws = |algorithm| digest::digest(algorithm, bytes).as_ref().to_vec();
        match self {
            Self::Md2 => Md2::digest(bytes).to_vec(),
            Self::Md4 => Md4::digest(bytes).to_vec(),
            Self::Md5 => Md5::digest(bytes).to_vec(),
            Self::Sha1 => aws(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => aws(&digest::SHA256),
            Self::Sha384 => aws(&digest::SHA384),
            Self::Sha512 => aws(&digest::SHA512),
        }
    }

    /// What stands before it in a DigestInfo (RFC 8017 §9.2), which names it.
    pub(crate) fn digest_info(self) -> &'static [u8] {
        match self {
            Self::Md2 => {
                b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x02\x05\x00\x04\x10"
            }
            Self::Md4 => {
                b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x04\x05\x00\x04\x10"
            }
            Self::Md5 => {
                b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10"
            }
            Self::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            Self::Sha256 => {
                b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
            }
            Self::Sha384 => {
                b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
            }
            Self::Sha512 => {
                b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
            }
        }
    }
}
