//! Secret keys, by their text. Not the files they are kept in, nor passphrases.

use std::str::FromStr;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::file_key::FileKey;
pub use crate::hybrid::HybridIdentity;
use crate::recipient::{Recipient, has_prefix_ignoring_case};
use crate::stanza::Stanza;
use crate::unwrap::{Unwrap, UnwrapStanzaError};
pub use crate::x25519::X25519Identity;

/// What kind of key pair to generate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyType {
    /// MLKEM768-X25519, which age 1.3 and later open.
    #[default]
    Hybrid,
    /// X25519, for older programs.
    X25519,
}

/// A secret key that opens stanzas.
#[non_exhaustive]
pub enum Identity {
    /// `AGE-SECRET-KEY-PQ-1..`
    Hybrid(HybridIdentity),
    /// `AGE-SECRET-KEY-1..`
    X25519(X25519Identity),
}

impl Identity {
    /// Generates a key.
    pub fn generate(key_type: KeyType, rng: &mut impl CryptoRng) -> Self {
        match key_type {
            KeyType::Hybrid => Self::Hybrid(HybridIdentity::generate(rng)),
            KeyType::X25519 => Self::X25519(X25519Identity::generate(rng)),
        }
    }

    /// Returns the kind of key.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        match self {
            Self::Hybrid(_) => KeyType::Hybrid,
            Self::X25519(_) => KeyType::X25519,
        }
    }

    /// Returns the public key.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        match self {
            Self::Hybrid(identity) => Recipient::Hybrid(identity.recipient()),
            Self::X25519(identity) => Recipient::X25519(identity.recipient()),
        }
    }

    /// Returns age's text of the key, which is as secret as the key.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        match self {
            Self::Hybrid(identity) => identity.to_text(),
            Self::X25519(identity) => identity.to_text(),
        }
    }

    /// Unwraps the file key from `stanza`, or says `None` when it is not wrapped to this key.
    ///
    /// # Errors
    ///
    /// Says so when the stanza is of this key's kind but no recipient makes such a one.
    pub fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, UnwrapStanzaError> {
        match self {
            Self::Hybrid(identity) => identity.unwrap(stanza),
            Self::X25519(identity) => identity.unwrap(stanza),
        }
    }
}

impl Unwrap for Identity {
    fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, UnwrapStanzaError> {
        self.unwrap(stanza)
    }
}

impl FromStr for Identity {
    type Err = ParseIdentityError;

    fn from_str(text: &str) -> Result<Self, ParseIdentityError> {
        use ParseIdentityError as Error;
        if text.starts_with("AGE-SECRET-KEY-PQ-1") {
            HybridIdentity::from_text(text)
                .map(Self::Hybrid)
                .ok_or(Error::Invalid)
        } else if text.starts_with("AGE-SECRET-KEY-1") {
            X25519Identity::from_text(text)
                .map(Self::X25519)
                .ok_or(Error::Invalid)
        } else if has_prefix_ignoring_case(text, "AGE-PLUGIN-") {
            Err(Error::Plugin)
        } else if has_prefix_ignoring_case(text, "AGE-SECRET-KEY-") {
            Err(Error::Invalid)
        } else if has_prefix_ignoring_case(text, "age1") {
            Err(Error::Recipient)
        } else if text.starts_with("-----BEGIN ") && text.contains("PRIVATE KEY") {
            Err(Error::Ssh)
        } else {
            Err(Error::Unknown)
        }
    }
}

/// Why a text is no identity. None of these quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdentityError {
    /// It begins as a secret key, but is mistyped or incomplete, or not in capitals.
    #[error("the secret key is mistyped or incomplete")]
    Invalid,
    /// It is one of a plugin's.
    #[error("identities of age plugins are not supported")]
    Plugin,
    /// It is a public key.
    #[error("this is a public key: an identity begins with `AGE-SECRET-KEY-`")]
    Recipient,
    /// It is a key of SSH.
    #[error("SSH keys are not supported as identities")]
    Ssh,
    /// It is nothing known.
    #[error("an identity begins with `AGE-SECRET-KEY-`")]
    Unknown,
}
