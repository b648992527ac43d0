//! The session algorithms, by their `ALG_ID`s (spec/capi.md#algorithms).

use std::fmt;

/// What a session key encrypts with. CryptoAPI calls the numbers `ALG_ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// DES in CBC mode: 8 bytes of key, 56 bits of it used. `CALG_DES`, 0x6601.
    Des,
    /// RC2 in CBC mode: 5 to 16 bytes of key, all of them effective. `CALG_RC2`, 0x6602.
    Rc2,
    /// Triple DES in CBC mode: 24 bytes of key. `CALG_3DES`, 0x6603.
    TripleDes,
    /// Triple DES with two keys, the third being the first again: 16 bytes of key. `CALG_3DES_112`, 0x6609.
    TripleDes112,
    /// AES-128 in CBC mode: 16 bytes of key. `CALG_AES_128`, 0x660e.
    Aes128,
    /// AES-192 in CBC mode: 24 bytes of key. `CALG_AES_192`, 0x660f.
    Aes192,
    /// AES-256 in CBC mode: 32 bytes of key. `CALG_AES_256`, 0x6610.
    Aes256,
    /// RC4, a stream cipher: 5 to 16 bytes of key. `CALG_RC4`, 0x6801.
    Rc4,
}

impl Algorithm {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Des,
        Self::Rc2,
        Self::TripleDes,
        Self::TripleDes112,
        Self::Aes128,
        Self::Aes192,
        Self::Aes256,
        Self::Rc4,
    ];

    /// Returns the algorithm of an `ALG_ID`, if it is one of a session key with a length of its own (`CALG_AES`,
    /// 0x6611, is none).
    #[must_use]
    pub fn from_alg_id(alg_id: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.alg_id() == alg_id)
    }

    /// Returns its `ALG_ID`.
    #[must_use]
    pub fn alg_id(self) -> u32 {
        match self {
            Self::Des => 0x6601,
            Self::Rc2 => 0x6602,
            Self::TripleDes => 0x6603,
            Self::TripleDes112 => 0x6609,
            Self::Aes128 => 0x660e,
            Self::Aes192 => 0x660f,
            Self::Aes256 => 0x6610,
            Self::Rc4 => 0x6801,
        }
    }

    /// Tells whether a key of it may have `bytes` bytes.
    #[must_use]
    pub fn accepts_key_bytes(self, bytes: usize) -> bool {
        match self {
            Self::Des => bytes == 8,
            Self::TripleDes112 | Self::Aes128 => bytes == 16,
            Self::TripleDes | Self::Aes192 => bytes == 24,
            Self::Aes256 => bytes == 32,
            Self::Rc2 | Self::Rc4 => (5..=16).contains(&bytes),
        }
    }

    /// Returns the length in bytes of the blocks it works on, or nothing for a stream cipher.
    #[must_use]
    pub fn block_bytes(self) -> Option<usize> {
        match self {
            Self::Des | Self::Rc2 | Self::TripleDes | Self::TripleDes112 => Some(8),
            Self::Aes128 | Self::Aes192 | Self::Aes256 => Some(16),
            Self::Rc4 => None,
        }
    }
}

/// As its users call it: `AES-256`.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Des => "DES",
            Self::Rc2 => "RC2",
            Self::TripleDes => "3DES",
            Self::TripleDes112 => "3DES-112",
            Self::Aes128 => "AES-128",
            Self::Aes192 => "AES-192",
            Self::Aes256 => "AES-256",
            Self::Rc4 => "RC4",
        })
    }
}
