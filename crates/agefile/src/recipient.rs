//! Those whom a file is encrypted to, by their public keys. Not passphrases, which stand alone.

use std::fmt;
use std::str::FromStr;

use rand_core::CryptoRng;

use crate::file_key::FileKey;
pub use crate::hybrid::HybridRecipient;
use crate::stanza::Stanza;
pub use crate::x25519::X25519Recipient;

/// A public key that file keys are wrapped to. Shown and read as age's text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipient {
    /// `age1pq1..`: MLKEM768-X25519, which age 1.3 and later open.
    Hybrid(HybridRecipient),
    /// `age1..`
    X25519(X25519Recipient),
}

impl Recipient {
    /// Wraps `file_key` to this recipient alone. [`wrap_to`] is for several.
    pub fn wrap(&self, file_key: &FileKey, rng: &mut impl CryptoRng) -> Stanza {
        match self {
            Self::Hybrid(recipient) => recipient.wrap(file_key, rng),
            Self::X25519(recipient) => recipient.wrap(file_key, rng),
        }
    }

    /// Tells whether what is wrapped to it withstands a quantum computer.
    #[must_use]
    pub fn is_post_quantum(&self) -> bool {
        match self {
            Self::Hybrid(_) => true,
            Self::X25519(_) => false,
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Hybrid(recipient) => recipient.to_text(),
            Self::X25519(recipient) => recipient.to_text(),
        })
    }
}

impl FromStr for Recipient {
    type Err = ParseRecipientError;

    fn from_str(text: &str) -> Result<Self, ParseRecipientError> {
        use ParseRecipientError as Error;
        // Never quoted in an error: it may be a secret key.
        if text.starts_with("age1pq1") {
            HybridRecipient::from_text(text)
                .map(Self::Hybrid)
                .ok_or(Error::Invalid)
        } else if text.starts_with("age1tag1") || text.starts_with("age1tagpq1") {
            Err(Error::Tagged)
        } else if let Some(rest) = text.strip_prefix("age1") {
            // `1` is no character of the data, so that another one ends a plugin's name.
            if rest.contains('1') {
                return Err(Error::Plugin);
            }
            X25519Recipient::from_text(text)
                .map(Self::X25519)
                .ok_or(Error::Invalid)
        } else if has_prefix_ignoring_case(text, "AGE-SECRET-KEY-")
            || has_prefix_ignoring_case(text, "AGE-PLUGIN-")
        {
            Err(Error::SecretKey)
        } else if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
            Err(Error::Ssh)
        } else {
            Err(Error::Unknown)
        }
    }
}

/// Why a text is no recipient. None of these quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseRecipientError {
    /// It begins as a recipient, but is mistyped or incomplete.
    #[error("the recipient is mistyped or incomplete")]
    Invalid,
    /// It is one of a plugin's.
    #[error("recipients of age plugins are not supported")]
    Plugin,
    /// It is a secret key.
    #[error("this is a secret key: a recipient is its public key, and begins with `age1`")]
    SecretKey,
    /// It is a key of SSH.
    #[error("SSH keys are not supported as recipients")]
    Ssh,
    /// It is one for a hardware key.
    #[error("tagged recipients (`age1tag..`) are not supported")]
    Tagged,
    /// It is nothing known.
    #[error("a recipient begins with `age1`")]
    Unknown,
}

/// Wraps `file_key` to each of `recipients`.
///
/// # Errors
///
/// Refuses to wrap to post-quantum and classic recipients at once: the file would be as weak as the classic ones.
pub fn wrap_to(
    recipients: &[Recipient],
    file_key: &FileKey,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Stanza>, MixedRecipients> {
    let mut post_quantum = recipients.iter().map(Recipient::is_post_quantum);
    let first = post_quantum.next();
    if post_quantum.any(|other| Some(other) != first) {
        return Err(MixedRecipients);
    }
    Ok(recipients
        .iter()
        .map(|recipient| recipient.wrap(file_key, rng))
        .collect())
}

/// Post-quantum and classic recipients for the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("post-quantum and classic recipients cannot be mixed")]
pub struct MixedRecipients;

pub(crate) fn has_prefix_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
