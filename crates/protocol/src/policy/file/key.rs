//! An officer's public key as text: `officer1..`, with a checksum, so that a slip of the hand is no other key.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};

use crate::keys::VerifyingKey;

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
/// Says so of every text but the one of a key.
pub fn parse_officer_key(text: &str) -> Result<VerifyingKey, OfficerKeyError> {
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| OfficerKeyError)?;
    let bytes: Vec<u8> = checked.byte_iter().collect();
    let key = VerifyingKey::from_bytes(bytes.try_into().map_err(|_| OfficerKeyError)?);
    // Another prefix, capitals, bits that no byte needs: all have another text.
    if officer_key_text(&key) == text {
        Ok(key)
    } else {
        Err(OfficerKeyError)
    }
}

/// A text that is no officer's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an officer's public key, which begins with `officer1`")]
pub struct OfficerKeyError;
