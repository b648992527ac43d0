//! Fingerprints: what two people read to each other to see that they mean the same key. Not an identifier: those are
//! compared by programs, whole.

use std::fmt;

use strongroom_protocol::id::Digest;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::wrap::PublicKey;

use crate::home::DeviceId;

/// The first 96 bits of SHA-256 of a public key, shown as six groups of four hexadecimal digits.
///
/// Who looks for another key with the same fingerprint can keep most of a try's work: 64 bits were within reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([[u8; 2]; 6]);

impl Fingerprint {
    fn of(bytes: &[u8]) -> Self {
        let digest = Digest::of(&[bytes]);
        let mut groups = [[0; 2]; 6];
        for (group, bytes) in groups.iter_mut().zip(digest.as_bytes().as_chunks().0) {
            *group = *bytes;
        }
        Self(groups)
    }
}

impl From<&PublicKey> for Fingerprint {
    fn from(key: &PublicKey) -> Self {
        Self::of(key.as_bytes())
    }
}

impl From<DeviceId> for Fingerprint {
    fn from(device: DeviceId) -> Self {
        Self::of(device.as_bytes())
    }
}

impl From<&VerifyingKey> for Fingerprint {
    fn from(key: &VerifyingKey) -> Self {
        Self::of(key.as_bytes())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, [one, two]) in self.0.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            write!(f, "{space}{one:02x}{two:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use strongroom_protocol::keys::SigningKey;

    use super::*;

    #[test]
    fn a_fingerprint_is_the_beginning_of_the_keys_digest() {
        let key = SigningKey::from_seed(&[1; 32]).verifying_key();
        let digest = Digest::of(&[key.as_bytes()]).to_string();
        let shown = Fingerprint::from(&key).to_string();
        assert_eq!(shown.len(), 29);
        assert!(digest.starts_with(&shown.replace(' ', "")));
    }
}
