//! What a program may set on a session key, against the installed `openssl enc`, which sets the same by its own names.

use strongroom_capi::cipher::{
    DecryptError, EncryptError, EndError, KeyedCipher, Parameters, decrypt, encrypt,
};
use strongroom_capi::file::{EncryptedFile, Explanation, explain};
use strongroom_capi::{Algorithm, Padding, SessionKey, SimpleBlob};

use crate::keys::{file, pair};
use crate::openssl_ciphers::{is_installed, openssl};
use crate::rng::TestRng;
use crate::seals::unhex;

fn parameters(text: &str) -> Parameters {
    text.parse().unwrap()
}

/// Algorithm, key bytes, what is set, OpenSSL's name, what it appends to the key, and its options.
#[rustfmt::skip]
const CASES: [(Algorithm, usize, &str, &str, &str, &str); 15] = [
    (Algorithm::TripleDes, 24, "iv=3530313233343536", "des-ede3-cbc", "", "-iv 3530313233343536"),
    (Algorithm::Aes256, 32, "iv=000102030405060708090a0b0c0d0e0f", "aes-256-cbc", "", "-iv 000102030405060708090a0b0c0d0e0f"),
    (Algorithm::Aes128, 16, "mode=ecb", "aes-128-ecb", "", ""),
    (Algorithm::Des, 8, "mode=ecb", "des-ecb", "", ""),
    (Algorithm::TripleDes, 24, "mode=ecb no-padding", "des-ede3-ecb", "", "-nopad"),
    (Algorithm::Aes192, 24, "iv=000102030405060708090a0b0c0d0e0f mode=cfb no-padding", "aes-192-cfb8", "", "-iv 000102030405060708090a0b0c0d0e0f"),
    (Algorithm::Aes128, 16, "mode=cfb no-padding", "aes-128-cfb8", "", "-iv 00"),
    (Algorithm::TripleDes, 24, "iv=3530313233343536 mode=cfb no-padding", "des-ede3-cfb8", "", "-iv 3530313233343536"),
    (Algorithm::Des, 8, "mode=cfb no-padding", "des-cfb8", "", "-iv 00"),
    (Algorithm::Aes256, 32, "no-padding", "aes-256-cbc", "", "-iv 00 -nopad"),
    (Algorithm::Rc2, 16, "iv=3530313233343536", "rc2-cbc", "", "-iv 3530313233343536"),
    (Algorithm::Rc2, 5, "salt=", "rc2-40-cbc", "", "-iv 00"),
    (Algorithm::Rc2, 8, "salt= effective-bits=64", "rc2-64-cbc", "", "-iv 00"),
    (Algorithm::Rc4, 5, "salt=", "rc4-40", "", ""),
    (Algorithm::Rc4, 5, "salt=0102030405060708090a0b", "rc4", "0102030405060708090a0b", ""),
];

#[test]
fn openssl_means_the_same_by_what_is_set() {
    if !is_installed() {
        return;
    }
    for (algorithm, bytes, set, name, appended, options) in CASES {
        let key: Vec<u8> = (1..=255_u8)
            .map(|byte| byte.wrapping_mul(73))
            .take(bytes)
            .collect();
        let theirs = [key.clone(), unhex(appended)].concat();
        let key = SessionKey::new(algorithm, &key).unwrap();
        let cipher = KeyedCipher::new(&key, parameters(set)).unwrap();
        for length in [0, 16, 48, 1600, 70_016] {
            let plaintext: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut ciphertext = Vec::new();
            encrypt(cipher, &plaintext[..], &mut ciphertext, &mut |_| {}).unwrap();
            let options: Vec<&str> = options.split_whitespace().collect();
            assert!(
                openssl(name, &theirs, "-e", &options, &plaintext) == ciphertext,
                "{name} {set} {length}"
            );
            let mut opened = Vec::new();
            decrypt(cipher, &ciphertext[..], &mut opened, &mut |_| {}).unwrap();
            assert!(opened == plaintext, "{name} {set} {length}");
        }
    }
}

#[test]
fn without_padding_whole_blocks_are_all_there_is() {
    let key = SessionKey::from_plaintext_blob(&file("wild/sa.key")).unwrap();
    let ciphertext = file("wild/nopad.ct");
    let mut opened = Vec::new();
    let refused = decrypt(&key, &ciphertext[..], &mut opened, &mut |_| {});
    assert!(matches!(
        refused,
        Err(DecryptError::End(EndError::WrongPadding))
    ));
    let cipher = KeyedCipher::new(&key, parameters("no-padding")).unwrap();
    let mut opened = Vec::new();
    decrypt(cipher, &ciphertext[..], &mut opened, &mut |_| {}).unwrap();
    assert_eq!(opened, file("wild/pt.txt")[..1952]);
    let mut again = Vec::new();
    encrypt(cipher, &opened[..], &mut again, &mut |_| {}).unwrap();
    assert_eq!(again, ciphertext);
    let refused = encrypt(
        cipher,
        &b"seventeen bytes.."[..],
        &mut Vec::new(),
        &mut |_| {},
    );
    let over = |error: &EncryptError| {
        matches!(
            error,
            EncryptError::End(EndError::NothingToFill { over: 1, .. })
        )
    };
    assert!(refused.is_err_and(|error| over(&error)));
    let refused = decrypt(cipher, &ciphertext[1..], &mut Vec::new(), &mut |_| {});
    assert!(matches!(
        refused,
        Err(DecryptError::End(EndError::NotWholeBlocks { over: 15, .. }))
    ));
    let explained = explain(cipher, &ciphertext[..]).unwrap();
    assert!(matches!(explained, Explanation::Unmarked { .. }));
}

#[test]
fn files_of_programs_that_set_an_iv_or_no_salt_open_with_what_they_set() {
    let key = pair(&file("wild/u.priv"));
    let plaintext = file("wild/pt.txt");
    for (name, set, wrong_bytes) in [
        ("f3.enc", "iv=3233343536373839", 8),
        ("f40ns.enc", "salt=", 1954),
    ] {
        let open = |parameters: Parameters| {
            let bytes = file(&format!("wild/{name}"));
            let encrypted = EncryptedFile::open(&bytes[..]).unwrap();
            let blob = SimpleBlob::from_bytes(encrypted.header().blob()).unwrap();
            let session = key
                .unwrap(&blob, Padding::Pkcs1, &mut TestRng::new(1))
                .unwrap();
            let cipher = KeyedCipher::new(&session, parameters).unwrap();
            let mut opened = Vec::new();
            encrypted.decrypt(cipher, &mut opened, &mut |_| {}).unwrap();
            opened
        };
        let assumed = open(Parameters::default());
        let differ = assumed
            .iter()
            .zip(&plaintext)
            .filter(|(a, b)| a != b)
            .count();
        assert_eq!(differ, wrong_bytes, "{name}");
        assert_eq!(open(parameters(set)), plaintext, "{name}");
    }
}
