//! As much DER (X.690) as RSA keys need, and to tell what else it is: sequences, positive integers, strings. One encoding
//! for each value.

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
/// The same without it, as some programs write it.
const RSA_ENCRYPTION_BARE: [u8; 13] = [
    SEQUENCE, 11, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
];

/// The numbers of a key, most significant byte first.
pub(crate) enum DerNumbers<'d> {
    /// n, e.
    Public([&'d [u8]; 2]),
    /// n, e, d, p, q, d mod p-1, d mod q-1, q^-1 mod p.
    Private([&'d [u8]; 8]),
}

/// Reads an RSA key of whichever structure.
pub(crate) fn read(der: &[u8]) -> Option<DerNumbers<'_>> {
    let private = read_private(der).or_else(|| read_private(read_pkcs8(der)?));
    let public = || read_public(der).or_else(|| read_public(read_spki(der)?));
    private
        .map(DerNumbers::Private)
        .or_else(|| public().map(DerNumbers::Public))
}

/// Reads an RSAPublicKey (RFC 8017 §A.1.1): modulus and exponent.
fn read_public(der: &[u8]) -> Option<[&[u8]; 2]> {
    let mut key = sequence(der)?;
    let numbers = [key.integer()?, key.integer()?];
    key.end().then_some(numbers)
}

/// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1) down to the RSAPublicKey in it.
fn read_spki(der: &[u8]) -> Option<&[u8]> {
    let mut info = sequence(der)?;
    info.rsa_encryption()?;
    let (unused_bits, key) = info.value(BIT_STRING)?.split_first()?;
    (*unused_bits == 0 && info.end()).then_some(key)
}

/// Reads an RSAPrivateKey of two primes (RFC 8017 §A.1.2): n, e, d, p, q, d mod p-1, d mod q-1, q^-1 mod p.
fn read_private(der: &[u8]) -> Option<[&[u8]; 8]> {
    let mut key = sequence(der)?;
    let version = key.integer()?;
    let mut numbers: [&[u8]; 8] = [&[]; 8];
    for number in &mut numbers {
        *number = key.integer()?;
    }
    (version.is_empty() && key.end()).then_some(numbers)
}

/// Reads a PrivateKeyInfo (RFC 5208 §5) down to the RSAPrivateKey in it.
fn read_pkcs8(der: &[u8]) -> Option<&[u8]> {
    let mut info = sequence(der)?;
    let version = info.integer()?;
    info.rsa_encryption()?;
    let key = info.value(OCTET_STRING)?;
    if !info.end() {
        info.value(ATTRIBUTES)?;
    }
    (version.is_empty() && info.end()).then_some(key)
}

/// What DER is that is no RSA key, by the objects at its beginning. Nothing here is read further than it takes to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DerKind {
    Certificate,
    CertificateRequest,
    EncryptedKey,
    /// PKCS#8 or SubjectPublicKeyInfo of another algorithm.
    OtherKey,
    Pfx,
    /// PKCS#7 with certificates.
    SignedData,
    /// Any other sequence.
    Unknown,
}

/// Tells what a sequence is. Of a file that is cut off or goes on, the beginning tells it as well.
pub(crate) fn kind(der: &[u8]) -> Option<DerKind> {
    let mut values = Values(inner(der)?);
    let (tag, first) = values.beginning()?;
    Some(match tag {
        INTEGER if first == [3] => DerKind::Pfx,
        INTEGER => match values.beginning() {
            // PKCS#8, and SEC 1.
            Some((SEQUENCE, algorithm)) => of_algorithm(algorithm),
            Some((OCTET_STRING, _)) => DerKind::OtherKey,
            _ => DerKind::Unknown,
        },
        OBJECT if first.starts_with(&PKCS7) => DerKind::SignedData,
        SEQUENCE => {
            let mut inner = Values(first);
            match inner.beginning() {
                Some((OBJECT, _)) => of_algorithm(first),
                Some((VERSION, _)) => DerKind::Certificate,
                Some((INTEGER, [0])) if inner.tag() == Some(SEQUENCE) => {
                    DerKind::CertificateRequest
                }
                Some((INTEGER, _)) if inner.tag() == Some(SEQUENCE) => DerKind::Certificate,
                _ => DerKind::Unknown,
            }
        }
        _ => DerKind::Unknown,
    })
}

/// What an AlgorithmIdentifier says of the key that it begins.
fn of_algorithm(identifier: &[u8]) -> DerKind {
    match Values(identifier).beginning() {
        Some((OBJECT, object)) if object.starts_with(&PKCS1) => DerKind::Unknown,
        Some((OBJECT, object)) if object.starts_with(&PKCS5) || object.starts_with(&PKCS12_PBE) => {
            DerKind::EncryptedKey
        }
        Some((OBJECT, _)) => DerKind::OtherKey,
        _ => DerKind::Unknown,
    }
}

/// What is in a sequence, as far as it is there.
fn inner(der: &[u8]) -> Option<&[u8]> {
    let (tag, content) = Values(der).beginning()?;
    (tag == SEQUENCE).then_some(content)
}

const OBJECT: u8 = 0x06;
/// A certificate's version, which is explicit.
const VERSION: u8 = 0xa0;
/// 1.2.840.113549.1.1, PKCS#1's: malformed, if it was not read as an RSA key.
const PKCS1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.113549.1.7
const PKCS7: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// 1.2.840.113549.1.5
const PKCS5: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];
/// 1.2.840.113549.1.12.1
const PKCS12_PBE: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01];

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
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The tag and content of the next value, as far as it is there, however its length is written.
    fn beginning(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // To its end, wherever that is.
            0x80 => (rest.len(), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        Some((tag, content))
    }

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

    fn rsa_encryption(&mut self) -> Option<()> {
        let usual = self.0.strip_prefix(&RSA_ENCRYPTION);
        self.0 = usual.or_else(|| self.0.strip_prefix(&RSA_ENCRYPTION_BARE))?;
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
