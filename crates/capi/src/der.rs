//! As much DER (X.690) as RSA keys in PEM need: sequences, positive integers, strings. One encoding for each value.

use zeroize::Zeroizing;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// The attributes that may end a PKCS#8 key. Nothing in them says anything of the key.
const ATTRIBUTES: u8 = 0xa0;

/// `rsaEncryption` (1.2.840.113549.1.1.1), with the NULL that goes with it, as an AlgorithmIdentifier.
const RSA_ENCRYPTION: [u8; 15] = [
    SEQUENCE, 13, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0,
];

/// Reads an RSAPublicKey (RFC 8017 §A.1.1): modulus and exponent.
pub(crate) fn read_public(der: &[u8]) -> Option<[&[u8]; 2]> {
    let mut key = sequence(der)?;
    let numbers = [key.integer()?, key.integer()?];
    key.end().then_some(numbers)
}

/// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1) down to the RSAPublicKey in it.
pub(crate) fn read_spki(der: &[u8]) -> Option<&[u8]> {
    let mut info = sequence(der)?;
    info.literal(&RSA_ENCRYPTION)?;
    let (unused_bits, key) = info.value(BIT_STRING)?.split_first()?;
    (*unused_bits == 0 && info.end()).then_some(key)
}

/// Reads an RSAPrivateKey of two primes (RFC 8017 §A.1.2): n, e, d, p, q, d mod p-1, d mod q-1, q^-1 mod p.
pub(crate) fn read_private(der: &[u8]) -> Option<[&[u8]; 8]> {
    let mut key = sequence(der)?;
    let version = key.integer()?;
    let mut numbers: [&[u8]; 8] = [&[]; 8];
    for number in &mut numbers {
        *number = key.integer()?;
    }
    (version.is_empty() && key.end()).then_some(numbers)
}

/// Reads a PrivateKeyInfo (RFC 5208 §5) down to the RSAPrivateKey in it.
pub(crate) fn read_pkcs8(der: &[u8]) -> Option<&[u8]> {
    let mut info = sequence(der)?;
    let version = info.integer()?;
    info.literal(&RSA_ENCRYPTION)?;
    let key = info.value(OCTET_STRING)?;
    if !info.end() {
        info.value(ATTRIBUTES)?;
    }
    (version.is_empty() && info.end()).then_some(key)
}

/// Writes a SubjectPublicKeyInfo.
pub(crate) fn write_spki(n: &[u8], e: &[u8]) -> Vec<u8> {
    let key = tagged(SEQUENCE, &[&integer(n), &integer(e)]);
    let key = tagged(BIT_STRING, &[&[0], &key]);
    tagged(SEQUENCE, &[&RSA_ENCRYPTION, &key]).to_vec()
}

/// Writes a PrivateKeyInfo, of the numbers in the order of [`read_private`].
pub(crate) fn write_pkcs8(numbers: [&[u8]; 8]) -> Zeroizing<Vec<u8>> {
    let version = integer(&[]);
    let numbers = numbers.map(integer);
    let mut parts: Vec<&[u8]> = vec![&version];
    parts.extend(numbers.iter().map(|number| number.as_slice()));
    let key = tagged(SEQUENCE, &parts);
    let key = tagged(OCTET_STRING, &[&key]);
    tagged(SEQUENCE, &[&version, &RSA_ENCRYPTION, &key])
}

/// A sequence that is all there is.
fn sequence(der: &[u8]) -> Option<Values<'_>> {
    let mut outer = Values(der);
    let inner = outer.value(SEQUENCE)?;
    outer.end().then_some(Values(inner))
}

struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// The content of the next value, which has to have this tag.
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
                let shortest = length >= 0x80 && bytes.first() != Some(&0);
                (usize::try_from(length).ok().filter(|_| shortest)?, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    /// The next value, which has to be an integer and not negative: its bytes, without zeros in front.
    fn integer(&mut self) -> Option<&'a [u8]> {
        match self.value(INTEGER)? {
            [0] => Some(&[]),
            [0, rest @ ..] => rest
                .first()
                .is_some_and(|byte| *byte >= 0x80)
                .then_some(rest),
            number => number
                .first()
                .is_some_and(|byte| *byte < 0x80)
                .then_some(number),
        }
    }

    fn literal(&mut self, bytes: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(bytes)?;
        Some(())
    }

    fn end(&self) -> bool {
        self.0.is_empty()
    }
}

fn integer(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let (_, number) = number.split_at(zeros);
    // A first bit that is set would make it negative, and nothing at all is no integer.
    let zero: &[u8] = match number.first() {
        Some(0..0x80) => &[],
        Some(_) | None => &[0],
    };
    tagged(INTEGER, &[zero, number])
}

/// A value of this tag, its content in parts. Never copied on the way, as it may hold secrets.
fn tagged(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let (_, significant) = bytes.split_at(zeros);
    let mut value = Zeroizing::new(Vec::with_capacity(2 + significant.len() + length));
    value.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => value.push(short),
        Ok(_) | Err(_) => {
            value.push(0x80 | significant.len().to_le_bytes()[0]);
            value.extend(significant);
        }
    }
    parts.iter().for_each(|part| value.extend(*part));
    value
}
