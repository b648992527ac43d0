//! The blobs that hold an RSA key.

use super::Walk;
use crate::blob::{self, Fault};
use crate::public_key::{BITS_MAX, KeySpec, PublicKey};

impl Walk<'_> {
    pub(super) fn public_key(&mut self) {
        self.rsa_public("RSA1", "RSA1, of a public key");
    }

    pub(super) fn private_key(&mut self) {
        if let Some(bytes) = self.rsa_public("RSA2", "RSA2, of a key pair") {
            let half = bytes.div_ceil(2);
            self.secret("prime1", half, "p");
            self.secret("prime2", half, "q");
            self.secret("exponent1", half, "d mod (p-1)");
            self.secret("exponent2", half, "d mod (q-1)");
            self.secret("coefficient", half, "q^-1 mod p");
            self.secret("privateExponent", bytes, "d");
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
            Err(_) => {}
        }
    }
}
