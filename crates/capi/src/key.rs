//! An RSA key of whichever form, told by its content.

use crate::blob::{BlobType, Fault, Header, Malformed};
use crate::pem::{self, PemError};
use crate::{PrivateKey, PublicKey};

/// An RSA key, as a person hands one over.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, soon taken apart"
)]
pub enum Key {
    /// A public key: PUBLICKEYBLOB, or PEM.
    Public(PublicKey),
    /// A key pair: PRIVATEKEYBLOB, or PEM.
    Private(PrivateKey),
}

impl Key {
    /// Reads a PUBLICKEYBLOB, a PRIVATEKEYBLOB or PEM, whichever it is.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, taken for what it looks like.
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        if pem::is_pem(bytes) {
            return Self::from_pem(bytes).map_err(KeyError::Pem);
        }
        let kind = Header::read(bytes)?.kind;
        match kind {
            BlobType::PublicKey => Ok(Self::Public(PublicKey::from_blob(bytes)?)),
            BlobType::PrivateKey => Ok(Self::Private(PrivateKey::from_blob(bytes)?)),
            BlobType::Simple
            | BlobType::PlaintextKey
            | BlobType::Opaque
            | BlobType::PublicKeyEx
            | BlobType::SymmetricWrapKey
            | BlobType::KeyState => Err(KeyError::NoRsaKey(kind)),
        }
    }

    fn from_pem(text: &[u8]) -> Result<Self, PemError> {
        // Which of the two it is, its label says; a public key under a private one's label is neither.
        match PublicKey::from_pem(text) {
            Err(PemError::Label { .. }) => PrivateKey::from_pem(text).map(Self::Private),
            public => public.map(Self::Public),
        }
    }

    /// Returns the public key, or the public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Public(key) => key,
            Self::Private(key) => key.public(),
        }
    }
}

/// Why bytes are no RSA key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A BLOB that is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A BLOB of another kind.
    #[error("{} is no RSA key: {}", .0, .0.meaning())]
    NoRsaKey(BlobType),
    /// PEM that is none.
    #[error(transparent)]
    Pem(PemError),
}

impl KeyError {
    /// Tells whether it is a key with an exponent of one, which opens nothing that is not open already:
    /// [`crate::SimpleBlob::unwrap_exponent_one`].
    #[must_use]
    pub fn is_exponent_one(&self) -> bool {
        let fault = match self {
            Self::Malformed(malformed) => Some(&malformed.fault),
            Self::Pem(PemError::Key(fault)) => Some(fault),
            Self::NoRsaKey(_) | Self::Pem(_) => None,
        };
        fault == Some(&Fault::ExponentOne)
    }
}
