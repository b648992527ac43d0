//! What a program may set on a session key before it encrypts, `CryptSetKeyParam`'s parameters, and whether it ended with
//! padding (spec/capi-file.md#what-a-program-may-set). Nothing in a ciphertext tells of any of it: people say it, or a
//! deposit does.

use std::fmt;
use std::str::FromStr;

use crate::algorithm::Algorithm;
use crate::session_key::SessionKey;

/// What was set on a session key. The default is what `CryptEncrypt` does with a key on which nothing was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// `KP_IV`: as long as a block. Zeros, if nothing was set.
    pub iv: Option<ShortBytes<16>>,
    /// `KP_MODE`.
    pub mode: Mode,
    /// `KP_SALT_EX`, with which RC2's and RC4's keys go on. Eleven zeros for keys of 40 bits and none for others, if
    /// nothing was set; an empty one is `CRYPT_NO_SALT`.
    pub salt: Option<ShortBytes<24>>,
    /// `KP_EFFECTIVE_KEYLEN`, of RC2 alone. As many bits as the key has, without its salt, if nothing was set.
    pub effective_bits: Option<u16>,
    /// No section was said to be the last (`CryptEncrypt` with `Final` = FALSE), and so none was padded.
    pub no_padding: bool,
}

/// How blocks are chained. CryptoAPI's providers have no other: OFB they can be told, and then they refuse to encrypt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `CRYPT_MODE_CBC`.
    #[default]
    Cbc,
    /// `CRYPT_MODE_ECB`: each block by itself, without an IV.
    Ecb,
    /// `CRYPT_MODE_CFB`, eight bits at a time.
    Cfb,
}

impl Mode {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Cbc, Self::Ecb, Self::Cfb];

    /// Returns the word for it, in options and in deposits.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cbc => "cbc",
            Self::Ecb => "ecb",
            Self::Cfb => "cfb",
        }
    }
}

/// The greatest number of effective bits that the providers take.
const EFFECTIVE_BITS_MAX: u16 = 1024;

impl Parameters {
    /// Tells whether a key of `algorithm` can have these set on it.
    ///
    /// # Errors
    ///
    /// Names what is not for that cipher.
    pub fn check(&self, algorithm: Algorithm) -> Result<(), WrongParameters> {
        let wrong = |what| Err(WrongParameters { algorithm, what });
        let block = algorithm.block_bytes();
        match (self.iv, block) {
            (Some(_), None) => return wrong(Wrong::Iv(0)),
            (Some(iv), Some(block)) if iv.as_bytes().len() != block => {
                return wrong(Wrong::Iv(block));
            }
            (Some(_), Some(_)) if self.mode == Mode::Ecb => return wrong(Wrong::IvOfEcb),
            _ => {}
        }
        if block.is_none() && self.mode != Mode::Cbc {
            return wrong(Wrong::Mode);
        }
        if block.is_none() && self.no_padding {
            return wrong(Wrong::Padding);
        }
        if self.salt.is_some() && !matches!(algorithm, Algorithm::Rc2 | Algorithm::Rc4) {
            return wrong(Wrong::Salt);
        }
        match self.effective_bits {
            Some(_) if algorithm != Algorithm::Rc2 => wrong(Wrong::EffectiveBits),
            Some(bits) if !(1..=EFFECTIVE_BITS_MAX).contains(&bits) => {
                wrong(Wrong::EffectiveBitsOfRc2(bits))
            }
            _ => Ok(()),
        }
    }

    /// Returns what a cipher of `algorithm` does with these, for people: `AES-256 in CBC mode, an IV of zeros, padded`.
    #[must_use]
    pub fn describe(&self, algorithm: Algorithm) -> String {
        let mut said = algorithm.to_string();
        if algorithm.block_bytes().is_some() {
            said += &format!(" in {} mode", self.mode.name().to_uppercase());
            match self.iv {
                Some(iv) => said += &format!(", the IV {iv}"),
                None if self.mode == Mode::Ecb => {}
                None => said += ", an IV of zeros",
            }
        }
        if matches!(algorithm, Algorithm::Rc2 | Algorithm::Rc4) {
            match self.salt {
                Some(salt) if salt.as_bytes().is_empty() => said += ", no salt",
                Some(salt) => said += &format!(", the salt {salt}"),
                None => {
                    said +=
                        ", the usual salt (eleven zeros after a key of 40 bits, none after others)";
                }
            }
        }
        if algorithm == Algorithm::Rc2 {
            match self.effective_bits {
                Some(bits) => said += &format!(", {bits} effective bits"),
                None => said += ", as many effective bits as the key has",
            }
        }
        if algorithm.block_bytes().is_some() {
            said += if self.no_padding {
                ", no padding"
            } else {
                ", padding at the end"
            };
        }
        said
    }
}

/// As a deposit keeps it (spec/capi-owner.md#the-deposit): `iv=3530313233343536 mode=cfb`, in this order, and nothing at
/// all of what was not set.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if let Some(iv) = self.iv {
            words.push(format!("iv={iv}"));
        }
        if self.mode != Mode::default() {
            words.push(format!("mode={}", self.mode.name()));
        }
        if let Some(salt) = self.salt {
            words.push(format!("salt={salt}"));
        }
        if let Some(bits) = self.effective_bits {
            words.push(format!("effective-bits={bits}"));
        }
        if self.no_padding {
            words.push("no-padding".to_owned());
        }
        f.write_str(&words.join(" "))
    }
}

impl FromStr for Parameters {
    type Err = UnknownParameters;

    fn from_str(text: &str) -> Result<Self, UnknownParameters> {
        let mut read = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "iv" => read.iv = Some(value.parse().map_err(|_| UnknownParameters)?),
                "mode" => {
                    let known = Mode::ALL.into_iter().find(|mode| mode.name() == value);
                    read.mode = known.ok_or(UnknownParameters)?;
                }
                "salt" => read.salt = Some(value.parse().map_err(|_| UnknownParameters)?),
                "effective-bits" => {
                    read.effective_bits = Some(value.parse().map_err(|_| UnknownParameters)?);
                }
                "no-padding" => read.no_padding = true,
                _ => return Err(UnknownParameters),
            }
        }
        // One text for what was set, and no other.
        match read.to_string() == text {
            true => Ok(read),
            false => Err(UnknownParameters),
        }
    }
}

/// A few bytes, N at most. They are no secret: an IV, or a salt.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortBytes<const N: usize> {
    // Invariant: zeros beyond `length`, which is N at most.
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Default for ShortBytes<N> {
    fn default() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }
}

impl<const N: usize> ShortBytes<N> {
    /// Takes so many bytes.
    ///
    /// # Errors
    ///
    /// There are more than N.
    pub fn new(bytes: &[u8]) -> Result<Self, NotShortHex<N>> {
        let mut short = Self {
            length: bytes.len(),
            ..Self::default()
        };
        let room = short.bytes.get_mut(..bytes.len()).ok_or(NotShortHex)?;
        room.copy_from_slice(bytes);
        Ok(short)
    }

    /// Returns them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.length).0
    }
}

/// In lower-case hexadecimal.
impl<const N: usize> fmt::Display for ShortBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for ShortBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// From hexadecimal, with an even number of digits and nothing between them.
impl<const N: usize> FromStr for ShortBytes<N> {
    type Err = NotShortHex<N>;

    fn from_str(text: &str) -> Result<Self, NotShortHex<N>> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| {
                digit
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            })
            .collect();
        let digits = digits.ok_or(NotShortHex)?;
        let (pairs, rest) = digits.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(NotShortHex);
        }
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        Self::new(&bytes)
    }
}

/// A text that is not a few bytes in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not up to {N} bytes in hexadecimal, as 0011aaff")]
pub struct NotShortHex<const N: usize>;

/// A text that does not say what was set, or in a way that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is said to be set on the session key is not understood")]
pub struct UnknownParameters;

/// Something that can't be set on keys of an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{algorithm} has {what}")]
pub struct WrongParameters {
    algorithm: Algorithm,
    what: Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error("no effective bits: RC2 alone has them")]
    EffectiveBits,
    #[error("1 to 1024 effective bits, and not {0}")]
    EffectiveBitsOfRc2(u16),
    #[error("{}", if *.0 == 0 { "no IV: it has no blocks".to_owned() } else { format!("an IV of {} bytes", .0) })]
    Iv(usize),
    #[error("no IV in ECB mode, where each block stands by itself")]
    IvOfEcb,
    #[error("no mode: it has no blocks to chain")]
    Mode,
    #[error("no padding to leave out: it has no blocks to fill")]
    Padding,
    #[error("no salt: RC2 and RC4 alone have one")]
    Salt,
}

/// A session key, with what was set on it: all that it takes to encrypt or decrypt.
#[derive(Clone, Copy)]
pub struct KeyedCipher<'k> {
    pub(super) key: &'k SessionKey,
    // Invariant: passed by `check`, for the key's algorithm.
    pub(super) parameters: Parameters,
}

impl<'k> KeyedCipher<'k> {
    /// Sets parameters on a key.
    ///
    /// # Errors
    ///
    /// Names what is not for its cipher.
    pub fn new(key: &'k SessionKey, parameters: Parameters) -> Result<Self, WrongParameters> {
        parameters.check(key.algorithm())?;
        Ok(Self { key, parameters })
    }

    /// Returns what it encrypts with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// Returns the length of the blocks at whose end there is padding; nothing, if there is none.
    pub(crate) fn padded_block_bytes(&self) -> Option<usize> {
        let block = self.algorithm().block_bytes();
        block.filter(|_| !self.parameters.no_padding)
    }
}

/// With nothing set.
impl<'k> From<&'k SessionKey> for KeyedCipher<'k> {
    fn from(key: &'k SessionKey) -> Self {
        Self {
            key,
            parameters: Parameters::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deposit_keeps_what_was_set_in_one_way() {
        for text in [
            "",
            "iv=3530313233343536",
            "mode=cfb salt= effective-bits=40 no-padding",
            "iv=00 mode=ecb salt=0102 effective-bits=1024 no-padding",
        ] {
            assert_eq!(text.parse::<Parameters>().unwrap().to_string(), text);
        }
        for text in [
            " ",
            "iv=3",
            "iv=0g",
            "iv=AA",
            "iv=0000000000000000000000000000000000",
            "mode=cbc",
            "mode=ofb",
            "no-padding mode=ecb",
            "no-padding no-padding",
            "no-padding=",
            "effective-bits=040",
            "effective-bits=65536",
            "other=1",
        ] {
            assert_eq!(text.parse::<Parameters>(), Err(UnknownParameters), "{text}");
        }
    }

    #[test]
    fn what_is_not_for_a_cipher_is_named() {
        let wrong = |text: &str, algorithm| {
            let parameters: Parameters = text.parse().unwrap();
            parameters.check(algorithm).unwrap_err().to_string()
        };
        let said = wrong("iv=00", Algorithm::TripleDes);
        assert_eq!(said, "3DES has an IV of 8 bytes");
        let said = wrong("iv=3530313233343536", Algorithm::Rc4);
        assert_eq!(said, "RC4 has no IV: it has no blocks");
        let said = wrong("iv=3530313233343536 mode=ecb", Algorithm::Des);
        assert!(said.starts_with("DES has no IV in ECB mode"), "{said}");
        assert!(wrong("mode=cfb", Algorithm::Rc4).contains("no mode"));
        assert!(wrong("no-padding", Algorithm::Rc4).contains("no padding to leave out"));
        assert!(wrong("salt=", Algorithm::Aes128).contains("no salt"));
        assert!(wrong("effective-bits=40", Algorithm::Rc4).contains("RC2 alone"));
        assert!(wrong("effective-bits=0", Algorithm::Rc2).contains("and not 0"));
        assert!(wrong("effective-bits=1025", Algorithm::Rc2).contains("and not 1025"));
    }
}
