//! The blobs that hold an RSA key.

use super::Walk;
use crate::blob::{self, Fault};
use crate::public_key::{BITS_MAX, KeySpec, PublicKey};

impl Walk<'_> {
    pub(super) fn public_key(&mut self) {
        if self.rsa_public("RSA1", "RSA1, of a public key").is_some() {
            self.tail("the modulus");
        }
    }

    pub(super) fn private_key(&mut self) {
        if !self.rest.is_empty()
            && !["RSA1", "RSA2"]
                .iter()
                .any(|magic| begins(self.rest, magic))
        {
            let length = self.rest.len();
            self.secret("encrypted key pair", length, "all but the header");
            self.remark(
                "This key pair is encrypted under a session key, or damaged. It was exported under that key, which opens it \
                 (`capi decrypt`).",
            );
            return;
        }
        if let Some(bytes) = self.rsa_public("RSA2", "RSA2, of a key pair") {
            let half = bytes.div_ceil(2);
            self.secret("prime1", half, "p");
            self.secret("prime2", half, "q");
            self.secret("exponent1", half, "d mod (p-1)");
            self.secret("exponent2", half, "d mod (q-1)");
            self.secret("coefficient", half, "q^-1 mod p");
            let d = self.rest.split_at(bytes.min(self.rest.len())).0;
            let is_missing = d.len() < bytes || d.iter().all(|byte| *byte == 0);
            self.secret("privateExponent", bytes, "d");
            self.tail("the private exponent");
            if is_missing {
                self.remark(
                    "The private exponent is not there, or not all of it. It is computed from the primes, as CryptImportKey does, \
                     and written whole.",
                );
            }
        }
        self.remark("The private key lies in this blob in the clear, for whoever has the file.");
    }

    /// Returns the length of the modulus in bytes, if that can be told.
    fn rsa_public(&mut self, magic: &str, magic_meaning: &str) -> Option<usize> {
        let (found, whole) = self.take(4);
        let is_magic = found == magic.as_bytes();
        let meaning = if is_magic {
            magic_meaning.to_owned()
        } else {
            format!("not {magic}, which this kind of BLOB has")
        };
        let value = found.escape_ascii().to_string();
        self.bytes("magic", found, value, &meaning, whole);
        let bits = self.number::<4>("bitlen", |bits| format!("{bits} bits of modulus"))?;
        let exponent = self.number::<4>("pubexp", |exponent| match exponent {
            1 => "an exponent of one: see below".to_owned(),
            65_537 => "65537, the usual exponent".to_owned(),
            _ => format!("{exponent}, the public exponent"),
        })?;
        let bytes = usize::try_from(bits / 8).unwrap_or(usize::MAX);
        if bits % 8 != 0 || bytes > BITS_MAX / 8 {
            return None;
        }
        let modulus = self.shown("modulus", bytes, "the product of the two primes");
        if let Some(modulus) = modulus {
            self.judge(&blob::reversed(modulus), exponent);
        }
        Some(bytes)
    }

    /// Says what the numbers of a public key are worth.
    fn judge(&mut self, modulus: &[u8], exponent: u32) {
        match PublicKey::from_numbers(KeySpec::Exchange, modulus, exponent) {
            Ok(key) => {
                self.remark(format!("Fingerprint: {}", key.fingerprint()));
                let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
                if zeros > 0 {
                    let bits = key.bits();
                    self.remark(format!(
                        "The modulus has {} bits and not {bits}: old generators leave the uppermost ones to chance. It is as good \
                         as any.",
                        bits - zeros as usize
                    ));
                }
                if is_big_endian(modulus) {
                    self.remark(
                        "The modulus has a small divisor, and read from its other end it has none: it seems to be written with its \
                         most significant byte first, as CryptoAPI never does. Turn its bytes around.",
                    );
                }
                if key.bits() < 2048 {
                    let bits = key.bits();
                    self.remark(format!(
                        "An RSA key of {bits} bits is within reach of those who care enough: use it to open what there \
                         is, and wrap nothing new to it."
                    ));
                }
                if key.exponent() < 65_537 {
                    let exponent = key.exponent();
                    self.remark(format!(
                        "With an exponent of {exponent}, RSA forgives no mistake in the padding: wrap nothing new to it."
                    ));
                }
            }
            Err(Fault::ExponentOne) => self.remark(
                "RSA with an exponent of one changes nothing. Such a key was imported to have a session key exported \
                 under it, and so in the clear, before there were PLAINTEXTKEYBLOBs. What was exported so can be read \
                 by anybody; nothing is ever wrapped to this key.",
            ),
            Err(Fault::EvenModulus) if is_big_endian(modulus) => self.remark(
                "The modulus is even, and read from its other end it is not: it seems to be written with its most significant byte \
                 first, as CryptoAPI never does. Turn its bytes around.",
            ),
            Err(_) => {}
        }
    }
}

fn begins(bytes: &[u8], magic: &str) -> bool {
    // Of one that is cut off there, as far as it goes.
    magic
        .as_bytes()
        .starts_with(bytes.split_at(bytes.len().min(4)).0)
}

/// Tells whether a modulus has a small divisor, as no product of two great primes has, and none when it is read from its
/// other end. Of five such moduli in the wrong order this finds four; nothing finds the fifth.
fn is_big_endian(modulus: &[u8]) -> bool {
    let turned: Vec<u8> = modulus.iter().rev().copied().collect();
    has_small_divisor(modulus) && !has_small_divisor(&turned)
}

fn has_small_divisor(number: &[u8]) -> bool {
    (2..1000_u32).any(|divisor| {
        let rest = |rest: u32, byte: &u8| (rest << 8 | u32::from(*byte)) % divisor;
        number.iter().fold(0, rest) == 0
    })
}
