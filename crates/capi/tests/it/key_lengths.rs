//! RC2 and RC4 at every length of key: the salt of 40 bits, and RC2's effective bits.
//!
//! The answers were made with transcriptions of RFC 2268 and of RC4 into Python, which pass that document's vectors and
//! RC4's known ones. OpenSSL has neither most of these lengths nor the salt.

use strongroom_capi::{Algorithm, SessionKey};

use crate::cipher::encrypted;
use crate::seals::unhex;

/// Of each length from 5 to 16 bytes: `every length` under the RC2 key and the RC4 key 01 02 03 ..
#[rustfmt::skip]
const LENGTHS: [(&str, &str); 12] = [
    ("c7ab453f3fe5b69b9389f0a992c5f113", "8b222494caac413f1bc1af31"),
    ("21374808cebad94a31682fba745d0b5e", "e3cf077a037f7da011a76324"),
    ("b81984f6c7194cdea390897ff161b81f", "4c4967a60617a5d35d95db3a"),
    ("16714d8c7a5345925830152069e224e1", "f2ddef69898fd5045c95821a"),
    ("19bb8b8bbc7c5ee7602b2b6f2b707304", "dde60039d90ecd32259353af"),
    ("fe72fe61428303d3ea1d1ec4069444b0", "8895d5343ac5eaa9fe1ab670"),
    ("614968a0c29f430a8aaa75ea3857d15e", "2c5a2bb3a75fdbf47b585f33"),
    ("4c6294487497523e90e85736d429a6cf", "e86cddb99ccf1d12046e1c6e"),
    ("6fa67b976faa1e9e3eff7ffbef1632d4", "f9fdfe6793ffa776b1d5c581"),
    ("a6b1f941eea41e16fc8329f14a8f3659", "d106b2d1fe4133d728c2e898"),
    ("e76a69f362910b2490f91cfb5bc1763d", "a3672f393ca474cdafc37873"),
    ("7ee9135bc3b93659f832a5169f69682a", "ffb1a9e819bd7292dcf45cf1"),
];

#[test]
fn rc2_and_rc4_of_every_length_are_those_of_an_independent_program() {
    for (bytes, (rc2, rc4)) in (5..).zip(LENGTHS) {
        let key: Vec<u8> = (1..=bytes).collect();
        for (algorithm, ciphertext) in [(Algorithm::Rc2, rc2), (Algorithm::Rc4, rc4)] {
            let key = SessionKey::new(algorithm, &key).unwrap();
            let encrypted = encrypted(&key, b"every length");
            assert_eq!(encrypted, unhex(ciphertext), "{algorithm} {bytes}");
        }
    }
}
