//! The words for ciphers and paddings, in options and in labels, and what a legacy cipher costs.

use std::str::FromStr;

use strongroom_capi::{Algorithm, Padding};

/// A cipher with the length of its keys, by the word for it: `aes-256`, `rc4-40`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherName {
    algorithm: Algorithm,
    key_bytes: usize,
}

impl CipherName {
    /// What is used where nothing else is said.
    pub const DEFAULT: Self = Self {
        algorithm: Algorithm::Aes256,
        key_bytes: 32,
    };

    /// Returns the cipher.
    #[must_use]
    pub fn algorithm(self) -> Algorithm {
        self.algorithm
    }

    /// Returns the length in bytes of its keys.
    #[must_use]
    pub fn key_bytes(self) -> usize {
        self.key_bytes
    }

    /// Tells what it costs to use a cipher that nobody chooses today; nothing for AES.
    #[must_use]
    pub fn cost(self) -> Option<LegacyCipher> {
        let why = match self.algorithm {
            Algorithm::Aes128 | Algorithm::Aes192 | Algorithm::Aes256 => return None,
            Algorithm::Des => "its keys have 56 bits, which are searched in a day for little money",
            Algorithm::Rc2 => {
                "its blocks of 8 bytes repeat in long files, and few have looked at it in this century"
            }
            Algorithm::Rc4 => {
                "its key stream is not random, and whoever knows a part of the text can change that part at will"
            }
            Algorithm::TripleDes | Algorithm::TripleDes112 => {
                "its blocks of 8 bytes repeat in files of some gigabytes, and what repeats shows"
            }
        };
        Some(LegacyCipher { name: self, why })
    }
}

impl std::fmt::Display for CipherName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.algorithm {
            Algorithm::Rc2 | Algorithm::Rc4 => {
                write!(f, "{}-{}", self.algorithm, 8 * self.key_bytes)
            }
            Algorithm::Aes128
            | Algorithm::Aes192
            | Algorithm::Aes256
            | Algorithm::Des
            | Algorithm::TripleDes
            | Algorithm::TripleDes112 => self.algorithm.fmt(f),
        }
    }
}

impl FromStr for CipherName {
    type Err = NoCipher;

    fn from_str(text: &str) -> Result<Self, NoCipher> {
        let text = text.to_ascii_lowercase();
        let (algorithm, key_bytes) = match text.as_str() {
            "aes-128" => (Algorithm::Aes128, 16),
            "aes-192" => (Algorithm::Aes192, 24),
            "aes-256" => (Algorithm::Aes256, 32),
            "des" => (Algorithm::Des, 8),
            "3des" => (Algorithm::TripleDes, 24),
            "3des-112" => (Algorithm::TripleDes112, 16),
            "rc2" => (Algorithm::Rc2, 16),
            "rc4" => (Algorithm::Rc4, 16),
            other => {
                let (name, bits) = other.split_once('-').ok_or(NoCipher)?;
                let algorithm = match name {
                    "rc2" => Algorithm::Rc2,
                    "rc4" => Algorithm::Rc4,
                    _ => return Err(NoCipher),
                };
                let bits: usize = bits.parse().map_err(|_| NoCipher)?;
                if !bits.is_multiple_of(8) || !algorithm.accepts_key_bytes(bits / 8) {
                    return Err(NoCipher);
                }
                (algorithm, bits / 8)
            }
        };
        Ok(Self {
            algorithm,
            key_bytes,
        })
    }
}

/// A word that is no cipher's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not one of aes-128, aes-192, aes-256, des, 3des, 3des-112, rc2-40 to rc2-128, rc4-40 to rc4-128"
)]
pub struct NoCipher;

/// A cipher for programs that know no better one, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is a legacy cipher: {why}")]
pub struct LegacyCipher {
    name: CipherName,
    why: &'static str,
}

/// Returns the label's word for a padding.
pub(crate) fn padding(padding: Padding) -> &'static str {
    match padding {
        Padding::Pkcs1 => "pkcs1",
        Padding::Oaep => "oaep",
    }
}

/// Reads the label's word for a padding.
pub(super) fn parse_padding(text: &str) -> Option<Padding> {
    [Padding::Pkcs1, Padding::Oaep]
        .into_iter()
        .find(|known| padding(*known) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_are_called_as_they_call_themselves() {
        for text in [
            "AES-128", "AES-192", "AES-256", "DES", "3DES", "3DES-112", "RC2-40", "RC4-128",
        ] {
            let name: CipherName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(text.to_lowercase().parse(), Ok(name));
            assert!(name.algorithm().accepts_key_bytes(name.key_bytes()));
            assert_eq!(name.cost().is_none(), text.starts_with("AES"), "{text}");
        }
        assert_eq!("rc4".parse::<CipherName>(), "rc4-128".parse());
        for text in [
            "",
            "aes",
            "rc4-",
            "rc4-41",
            "rc4-32",
            "rc2-136",
            "rc2-18446744073709551616",
            "des-56",
        ] {
            assert_eq!(text.parse::<CipherName>(), Err(NoCipher), "{text}");
        }
    }
}
