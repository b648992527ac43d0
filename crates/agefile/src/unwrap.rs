//! What opens stanzas, whichever kind of secret it holds.

use crate::file_key::FileKey;
use crate::passphrase::NoMemory;
use crate::stanza::Stanza;

/// Something that opens stanzas: a secret key, or a passphrase.
pub trait Unwrap {
    /// Unwraps the file key from `stanza`. `None` is an answer: the stanza is not for this secret.
    ///
    /// # Errors
    ///
    /// Says so when the stanza is of this kind but no recipient makes such a one.
    fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, UnwrapStanzaError>;
}

/// A stanza that opened, and what opened it.
pub struct Opened {
    /// What the stanza wraps. The MAC was not looked at.
    pub file_key: FileKey,
    /// The stanza's place in [`Header::stanzas`](crate::Header::stanzas).
    pub stanza: usize,
    /// The place in the list of identities.
    pub identity: usize,
}

/// Why a header gives no file key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnwrapError {
    /// No stanza is for any of the identities.
    #[error("the file is not encrypted to any of these keys")]
    NoMatch,
    /// A stanza is of an identity's kind, but can't be opened.
    #[error("stanza {} of the header can't be opened", stanza + 1)]
    Stanza {
        /// The stanza's place in [`Header::stanzas`](crate::Header::stanzas).
        stanza: usize,
        /// What is wrong.
        source: UnwrapStanzaError,
    },
    /// A stanza opened, but the MAC is not that of its key.
    #[error("the header was altered: its MAC is wrong")]
    Altered,
}

/// Why a stanza of a known kind is refused before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnwrapStanzaError {
    /// It has more or fewer arguments than its kind, or they are not encoded as they must be.
    #[error("its arguments are not those of its kind")]
    Arguments,
    /// Its body is not as long as a wrapped file key. A longer one could be made to open under many keys.
    #[error("its body is not as long as a wrapped file key")]
    BodyLength,
    /// Its share is a point of low order, so that everyone knows the shared secret.
    #[error("its share is a point of low order")]
    LowOrder,
    /// Opening it would take more memory than there is.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// Opening it would take more work than was allowed.
    #[error("its work factor is {log_n}, and at most {log_n_max} is allowed")]
    WorkFactor {
        /// The base-two logarithm of the work factor.
        log_n: u8,
        /// What was allowed.
        log_n_max: u8,
    },
}
