//! What every key BLOB begins with, and what a reader says of one that is malformed (spec/capi.md#reading).

use std::fmt;

use crate::session_key::WrongKeyLength;
use crate::{Algorithm, KeySpec};

/// `aiKeyAlg` of an RSA key that wraps, `CALG_RSA_KEYX`.
pub(crate) const RSA_KEYX: u32 = 0xa400;
/// `aiKeyAlg` of an RSA key that signs, `CALG_RSA_SIGN`.
pub(crate) const RSA_SIGN: u32 = 0x2400;

/// `bVersion` of every BLOB there is, `CUR_BLOB_VERSION`.
pub(crate) const VERSION: u8 = 2;
pub(crate) const HEADER_BYTES: usize = 8;

/// What a BLOB is. CryptoAPI calls the numbers `bType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobType {
    /// A session key wrapped to an RSA key, 1.
    Simple,
    /// An RSA public key, 6.
    PublicKey,
    /// An RSA key pair, 7: in the clear, unless it was exported under a session key.
    PrivateKey,
    /// A session key in the clear, 8.
    PlaintextKey,
    /// A key in the form of one provider, for that provider alone, 9.
    Opaque,
    /// A public key with more beside it, for Diffie-Hellman and DSS, 0xa.
    PublicKeyEx,
    /// A session key wrapped to another session key, 0xb.
    SymmetricWrapKey,
    /// The state of a hash or of a key, 0xc.
    KeyState,
}

impl BlobType {
    const ALL: [Self; 8] = [
        Self::Simple,
        Self::PublicKey,
        Self::PrivateKey,
        Self::PlaintextKey,
        Self::Opaque,
        Self::PublicKeyEx,
        Self::SymmetricWrapKey,
        Self::KeyState,
    ];

    /// Returns the type of a number, if it is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Returns its number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Simple => 0x1,
            Self::PublicKey => 0x6,
            Self::PrivateKey => 0x7,
            Self::PlaintextKey => 0x8,
            Self::Opaque => 0x9,
            Self::PublicKeyEx => 0xa,
            Self::SymmetricWrapKey => 0xb,
            Self::KeyState => 0xc,
        }
    }

    /// Returns what it is, in the words of the error that refuses it.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Simple => "a session key wrapped to an RSA key",
            Self::PublicKey => "a public key",
            Self::PrivateKey => "a key pair",
            Self::PlaintextKey => "a session key in the clear",
            Self::Opaque => {
                "a key in the form of the provider that made it, which no other program reads; \
                 have that provider export it as another kind"
            }
            Self::PublicKeyEx => "a public key for Diffie-Hellman or DSS",
            Self::SymmetricWrapKey => {
                "a session key wrapped to another session key, which opens it"
            }
            Self::KeyState => "the state of a key or hash, for the provider that made it",
        }
    }
}

/// As the documentation of CryptoAPI writes it: `SIMPLEBLOB`.
impl fmt::Display for BlobType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Simple => "SIMPLEBLOB",
            Self::PublicKey => "PUBLICKEYBLOB",
            Self::PrivateKey => "PRIVATEKEYBLOB",
            Self::PlaintextKey => "PLAINTEXTKEYBLOB",
            Self::Opaque => "OPAQUEKEYBLOB",
            Self::PublicKeyEx => "PUBLICKEYBLOBEX",
            Self::SymmetricWrapKey => "SYMMETRICWRAPKEYBLOB",
            Self::KeyState => "KEYSTATEBLOB",
        })
    }
}

/// The first eight bytes of a BLOB, CryptoAPI's `BLOBHEADER` or `PUBLICKEYSTRUC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub kind: BlobType,
    /// The `ALG_ID` of the key inside, whichever it is.
    pub alg_id: u32,
}

impl Header {
    /// Reads the header of any BLOB, and leaves the rest alone.
    ///
    /// # Errors
    ///
    /// Says which field is not as it must be.
    pub fn read(blob: &[u8]) -> Result<Self, Malformed> {
        Self::take(&mut Fields::new(blob))
    }

    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let number = fields.byte("bType")?;
        let kind = BlobType::from_number(number)
            .ok_or_else(|| fields.fault("bType", 1, Fault::UnknownType(number)))?;
        let version = fields.byte("bVersion")?;
        if version != VERSION {
            return Err(fields.fault("bVersion", 1, Fault::Version(version)));
        }
        let reserved = u16::from_le_bytes(fields.array("reserved")?);
        if reserved != 0 {
            return Err(fields.fault("reserved", 2, Fault::Reserved(reserved)));
        }
        let alg_id = fields.dword("aiKeyAlg")?;
        Ok(Self { kind, alg_id })
    }

    /// Reads the header of a BLOB that has to be of one kind.
    pub(crate) fn expect(fields: &mut Fields<'_>, kind: BlobType) -> Result<u32, Malformed> {
        let header = Self::take(fields)?;
        if header.kind != kind {
            let found = header.kind;
            return Err(Malformed::new(
                "bType",
                0,
                Fault::Type {
                    found,
                    wanted: kind,
                },
            ));
        }
        Ok(header.alg_id)
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let [a, b, c, d] = self.alg_id.to_le_bytes();
        [self.kind.number(), VERSION, 0, 0, a, b, c, d]
    }
}

/// Why bytes are not the BLOB they should be: the field, and what is wrong with it. It tells nothing that a private
/// key is needed to know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} at offset {offset}: {fault}")]
pub struct Malformed {
    /// The field, as CryptoAPI's documentation calls it.
    pub field: &'static str,
    /// Where it begins.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Malformed {
    pub(crate) fn new(field: &'static str, offset: usize, fault: Fault) -> Self {
        Self {
            field,
            offset,
            fault,
        }
    }
}

/// What may be wrong with a field of a BLOB.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The BLOB ends within it.
    #[error("cut off, {missing} bytes short")]
    CutOff {
        /// How many bytes are missing.
        missing: usize,
    },
    /// No BLOB has this type.
    #[error("0x{0:02x} is no type of BLOB")]
    UnknownType(u8),
    /// A BLOB of another type than this reader's.
    #[error("{found}, where a {wanted} is wanted: {}", .found.meaning())]
    Type {
        /// What it is.
        found: BlobType,
        /// What it should be.
        wanted: BlobType,
    },
    /// Not version 2.
    #[error("version {0}, and only version 2 is known")]
    Version(u8),
    /// Not zero where zero belongs.
    #[error("0x{0:04x}, and it has to be zero")]
    Reserved(u16),
    /// An `ALG_ID` that is not of such a key.
    #[error("0x{0:08x} is not the algorithm of such a key")]
    Algorithm(u32),
    /// A session key of a length that its algorithm does not have.
    #[error(transparent)]
    KeyLength(#[from] WrongKeyLength),
    /// Neither `RSA1` nor `RSA2`, or the wrong one of them.
    #[error("not \"{wanted}\"")]
    Magic {
        /// What it should be.
        wanted: &'static str,
    },
    /// An RSA key of a length that does not exist.
    #[error("{0} bits: it has to be a multiple of 8, from 384 to 16384")]
    BitLength(u32),
    /// A wrapped key of a length that no RSA key has, nor any buffer that one is in.
    #[error("{0} bytes, and RSA keys have 48 to 2048")]
    WrappedLength(usize),
    /// An exponent that makes RSA the identity: what is wrapped to it lies in the clear.
    #[error("an exponent of one wraps nothing: the key would lie in the clear")]
    ExponentOne,
    /// An exponent that is no RSA key's.
    #[error("{0} is no exponent: it has to be odd and at least 3")]
    Exponent(u32),
    /// An exponent for which no BLOB has room.
    #[error("an exponent of {0} bytes, and CryptoAPI's keys have 4")]
    LongExponent(usize),
    /// A modulus that is even, so no product of two odd primes.
    #[error("an even modulus")]
    EvenModulus,
    /// A modulus with fewer bytes than it claims.
    #[error("the modulus has fewer bytes than it claims")]
    ShortModulus,
    /// The parts of a private key that do not belong together. It does not say which.
    #[error("the parts of the private key do not agree")]
    PartsDisagree,
    /// No key pair begins where one has to: it was exported under a session key, or is damaged.
    #[error("not \"RSA2\": the key pair is encrypted under a session key, or damaged")]
    Encrypted,
}

/// Reads a BLOB's fields in their order.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(blob: &'a [u8]) -> Self {
        Self {
            rest: blob,
            offset: 0,
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// A fault of the field just read, which had `bytes` bytes.
    pub(crate) fn fault(&self, field: &'static str, bytes: usize, fault: Fault) -> Malformed {
        Malformed::new(field, self.offset.saturating_sub(bytes), fault)
    }

    pub(crate) fn take(
        &mut self,
        field: &'static str,
        bytes: usize,
    ) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(bytes) else {
            let missing = bytes - self.rest.len();
            return Err(Malformed::new(
                field,
                self.offset,
                Fault::CutOff { missing },
            ));
        };
        self.rest = rest;
        self.offset += bytes;
        Ok(taken)
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.offset += self.rest.len();
        std::mem::take(&mut self.rest)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    pub(crate) fn byte(&mut self, field: &'static str) -> Result<u8, Malformed> {
        let [byte] = self.array(field)?;
        Ok(byte)
    }

    pub(crate) fn dword(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_le_bytes)
    }
}

/// The algorithm of a session key, from its field `aiKeyAlg`.
pub(crate) fn session_algorithm(alg_id: u32) -> Result<Algorithm, Malformed> {
    Algorithm::from_alg_id(alg_id)
        .ok_or_else(|| Malformed::new("aiKeyAlg", 4, Fault::Algorithm(alg_id)))
}

/// What an RSA key is for, from its field `aiKeyAlg`.
pub(crate) fn key_spec(alg_id: u32) -> Result<KeySpec, Malformed> {
    KeySpec::from_alg_id(alg_id)
        .ok_or_else(|| Malformed::new("aiKeyAlg", 4, Fault::Algorithm(alg_id)))
}

/// Returns bytes in the opposite order: CryptoAPI stores numbers from their least significant byte.
pub(crate) fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}
