//! An officer's public key as text: `officer1..`, with a checksum, so that a slip of the hand is no other key.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};

use crate::keys::{InvalidVerifyingKey, VerifyingKey};

const PREFIX: Hrp = Hrp::parse_unchecked("officer");

/// Returns the one text of an officer's public key: Bech32 with the prefix `officer`.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    reason = "a key is shorter than the longest text"
)]
pub fn officer_key_text(key: &VerifyingKey) -> String {
    bech32::encode_lower::<Bech32>(PREFIX, key.as_bytes()).expect("32 bytes fit into a text")
}

/// Reads an officer's public key.
///
/// # Errors
///
/// Says so of every text but the one of a key that can be used.
pub fn parse_officer_key(text: &str) -> Result<VerifyingKey, OfficerKeyError> {
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| OfficerKeyError::Text)?;
    let bytes: Vec<u8> = checked.byte_iter().collect();
    let bytes = bytes.try_into().map_err(|_| OfficerKeyError::Text)?;
    let key = VerifyingKey::from_bytes(bytes)?;
    // Another prefix, capitals, bits that no byte needs: all have another text.
    if officer_key_text(&key) == text {
        Ok(key)
    } else {
        Err(OfficerKeyError::Text)
    }
}

/// Why a text is no officer's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfficerKeyError {
    /// It is not the text of a key.
    #[error("not an officer's public key, which begins with `officer1`")]
    Text,
    /// It is the text of bytes that no officer's program made.
    #[error("not an officer's public key: anybody could sign in its name, or nobody")]
    Unusable(#[from] InvalidVerifyingKey),
}
