//! The keys under spec/vectors/capi/keys. Those that the manifest does not name were made with
//! OpenSSL.

use std::fs;
use std::path::PathBuf;

use rsa::BoxedUint;
use rsa::hazmat::{rsa_decrypt, rsa_encrypt};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use strongroom_capi::{Algorithm, Key, PrivateKey, PublicKey, SessionKey, SimpleBlob};

use crate::rng::TestRng;

/// Of every size and kind: name, bits.
pub(crate) const EVERY: [(&str, usize); 7] = [
    ("openssl512", 512),
    ("own1024", 1024),
    ("openssl1024e3", 1024),
    ("openssl1032", 1032),
    // One prime is a byte longer than the other.
    ("unbalanced1032", 1032),
    ("own2048", 2048),
    ("openssl4096", 4096),
];

/// Reads a file of the vectors.
pub(crate) fn file(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../spec/vectors/capi"
    ))
    .join(name)
}

pub(crate) fn key(name: &str) -> PrivateKey {
    pair(&file(&format!("keys/{name}.pem")))
}

/// Reads a key pair of any form.
pub(crate) fn pair(bytes: &[u8]) -> PrivateKey {
    Key::read(bytes).unwrap().into_pair().unwrap()
}

/// Reads the public half of a key of any form.
pub(crate) fn public(bytes: &[u8]) -> PublicKey {
    Key::read(bytes).unwrap().public().clone()
}

/// A SIMPLEBLOB of whatever block, with RSA and nothing else.
pub(crate) fn wrap_block(key: &PublicKey, algorithm: Algorithm, block: &[u8]) -> SimpleBlob {
    let n = BoxedUint::from_be_slice_vartime(&key.modulus());
    let rsa = rsa::PublicKey::new_unchecked(n, key.exponent().into());
    let block = BoxedUint::from_be_slice(block, rsa.n_bits_precision()).unwrap();
    let wrapped = rsa_encrypt(&rsa, &block).unwrap().to_be_bytes();
    let wrapped = &wrapped[wrapped.len() - key.modulus_bytes()..];
    simple_blob(algorithm, wrapped)
}

/// RSA with the private key and nothing else, most significant byte first in and out.
pub(crate) fn private_operation(key: &PrivateKey, number: &[u8]) -> Vec<u8> {
    let blob = key.to_blob().unwrap();
    let half = key.public().modulus_bytes() / 2;
    let field = |at: usize, length: usize| {
        let bytes: Vec<u8> = blob[at..at + length].iter().rev().copied().collect();
        BoxedUint::from_be_slice_vartime(&bytes)
    };
    let primes = vec![field(20 + 2 * half, half), field(20 + 3 * half, half)];
    let d = field(20 + 7 * half, 2 * half);
    let e = key.public().exponent().into();
    let rsa = rsa::PrivateKey::from_components(field(20, 2 * half), e, d, primes).unwrap();
    let number = BoxedUint::from_be_slice_vartime(number);
    let result = rsa_decrypt(None::<&mut TestRng>, &rsa, &number).unwrap();
    result.to_be_bytes().to_vec()
}

/// A SIMPLEBLOB of a wrapped key, most significant byte first.
pub(crate) fn simple_blob(algorithm: Algorithm, wrapped: &[u8]) -> SimpleBlob {
    let mut bytes = vec![1, 2, 0, 0];
    bytes.extend(algorithm.alg_id().to_le_bytes());
    bytes.extend(0xa400_u32.to_le_bytes());
    bytes.extend(wrapped.iter().rev());
    SimpleBlob::from_bytes(&bytes).unwrap()
}

/// The lengths in bytes of an algorithm's keys, the shortest and the longest.
pub(crate) fn lengths(algorithm: Algorithm) -> Vec<usize> {
    let all: Vec<usize> = (0..=SessionKey::BYTES_MAX)
        .filter(|bytes| algorithm.accepts_key_bytes(*bytes))
        .collect();
    match all.as_slice() {
        [first, .., last] => vec![*first, *last],
        _ => all,
    }
}

/// The PRIVATEKEYBLOB of a key of the `rsa` crate, for kinds of keys that no file has.
pub(crate) fn blob_of(key: &rsa::PrivateKey) -> Vec<u8> {
    let bytes = key.size();
    let half = bytes.div_ceil(2);
    let mut blob = vec![7, 2, 0, 0, 0, 0xa4, 0, 0];
    blob.extend(b"RSA2");
    blob.extend(u32::try_from(8 * bytes).unwrap().to_le_bytes());
    let mut number = |number: &BoxedUint, length: usize| {
        let mut digits = number.to_le_bytes().to_vec();
        digits.resize(length.max(digits.len()), 0);
        assert!(digits[length..].iter().all(|digit| *digit == 0));
        blob.extend(&digits[..length]);
    };
    number(key.e(), 4);
    number(key.n().as_ref(), bytes);
    number(&key.primes()[0], half);
    number(&key.primes()[1], half);
    number(key.dp().unwrap(), half);
    number(key.dq().unwrap(), half);
    number(&key.crt_coefficient().unwrap(), half);
    number(key.d(), bytes);
    blob
}
