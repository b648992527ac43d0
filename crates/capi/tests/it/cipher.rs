//! The ciphers against themselves: sections, padding, every algorithm and length of key.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use strongroom_capi::cipher::{
    DecryptError, Decryptor, EncryptError, Encryptor, EndError, ciphertext_len, decrypt, encrypt,
};
use strongroom_capi::{Algorithm, SessionKey};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_encrypted_decrypts((algorithm, key) in key_bytes(), plaintext in plaintext()) {
        let key = SessionKey::new(algorithm, &key).unwrap();
        let ciphertext = encrypted(&key, &plaintext);
        prop_assert_eq!(
            ciphertext_len(key.algorithm(), plaintext.len() as u64),
            Some(ciphertext.len() as u64)
        );
        let mut opened = Vec::new();
        decrypt(&key, ciphertext.as_slice(), &mut opened, &mut |_| {}).unwrap();
        prop_assert_eq!(opened, plaintext);
    }

    #[test]
    fn sections_of_any_lengths_are_what_one_section_is(
        (algorithm, key) in key_bytes(),
        plaintext in plaintext(),
        sections in prop::collection::vec(0_usize..70, 0..20),
    ) {
        let key = SessionKey::new(algorithm, &key).unwrap();
        let whole = encrypted(&key, &plaintext);
        let (mut ciphertext, mut rest) = (Vec::new(), plaintext.as_slice());
        let mut encryptor = Encryptor::new(&key);
        for &section in &sections {
            let (now, later) = rest.split_at(section.min(rest.len()));
            encryptor.update(now, &mut ciphertext);
            rest = later;
        }
        encryptor.update(rest, &mut ciphertext);
        encryptor.finish(&mut ciphertext).unwrap();
        prop_assert_eq!(&ciphertext, &whole);

        let (mut opened, mut rest) = (Vec::new(), whole.as_slice());
        let mut decryptor = Decryptor::new(&key);
        for &section in &sections {
            let (now, later) = rest.split_at(section.min(rest.len()));
            decryptor.update(now, &mut opened);
            rest = later;
        }
        decryptor.update(rest, &mut opened);
        decryptor.finish(&mut opened).unwrap();
        prop_assert_eq!(opened, plaintext);
    }

    #[test]
    fn nothing_that_is_decrypted_panics((algorithm, key) in key_bytes(), bytes in plaintext()) {
        let key = SessionKey::new(algorithm, &key).unwrap();
        let mut opened = Vec::new();
        let result = decrypt(&key, bytes.as_slice(), &mut opened, &mut |_| {});
        prop_assert!(opened.len() <= bytes.len());
        if let Ok(length) = result {
            prop_assert_eq!(length, opened.len() as u64);
        }
    }
}

#[test]
fn streams_longer_than_a_buffer_chain() {
    let plaintext: Vec<u8> = (0..=255).cycle().take(150_001).collect();
    for algorithm in Algorithm::ALL {
        let key = key_of(algorithm, 7);
        let mut ciphertext = Vec::new();
        let mut told = Vec::new();
        encrypt(
            &key,
            Dribble::new(&plaintext),
            &mut ciphertext,
            &mut |done| {
                told.push(done);
            },
        )
        .unwrap();
        assert!(ciphertext == one_shot(&key, &plaintext));
        assert_eq!(told.last(), Some(&150_001));
        assert!(told.len() > 2 && told.is_sorted());
        let mut opened = Vec::new();
        told.clear();
        decrypt(&key, Dribble::new(&ciphertext), &mut opened, &mut |done| {
            told.push(done);
        })
        .unwrap();
        assert!(opened == plaintext);
        assert_eq!(told.last(), Some(&150_001));
    }
}

#[test]
fn nothing_makes_a_block_of_padding_and_no_key_stream() {
    for algorithm in Algorithm::ALL {
        let key = key_of(algorithm, 3);
        let ciphertext = encrypted(&key, b"");
        assert_eq!(ciphertext.len(), algorithm.block_bytes().unwrap_or(0));
    }
}

#[test]
fn the_parity_of_a_des_key_does_not_matter() {
    for (algorithm, bytes) in [
        (Algorithm::Des, 8),
        (Algorithm::TripleDes112, 16),
        (Algorithm::TripleDes, 24),
    ] {
        let even: Vec<u8> = (0..bytes).map(|byte| byte * 2).collect();
        let odd: Vec<u8> = even.iter().map(|byte| byte | 1).collect();
        let other: Vec<u8> = even.iter().map(|byte| byte ^ 2).collect();
        let encrypt_with =
            |key: &[u8]| encrypted(&SessionKey::new(algorithm, key).unwrap(), b"seven");
        assert_eq!(encrypt_with(&even), encrypt_with(&odd));
        assert_ne!(encrypt_with(&even), encrypt_with(&other));
    }
}

#[test]
fn two_keys_of_triple_des_are_three_with_the_first_again() {
    let two: Vec<u8> = (10..26).collect();
    let three = [two.as_slice(), &two[..8]].concat();
    let two = SessionKey::new(Algorithm::TripleDes112, &two).unwrap();
    let three = SessionKey::new(Algorithm::TripleDes, &three).unwrap();
    assert_eq!(encrypted(&two, b"a text"), encrypted(&three, b"a text"));
}

#[test]
fn keys_of_40_bits_run_with_eleven_zero_bytes_and_no_others_do() {
    let salted = |key: &[u8]| [key, [0; 11].as_slice()].concat();
    let rc4 = |key: &[u8]| encrypted(&SessionKey::new(Algorithm::Rc4, key).unwrap(), &[0; 32]);
    let short = [1, 2, 3, 4, 5];
    assert_eq!(rc4(&short), rc4(&salted(&short)));
    for bytes in 6..16 {
        let key: Vec<u8> = (1..=bytes).collect();
        let mut filled = key.clone();
        filled.resize(16, 0);
        assert_ne!(rc4(&key), rc4(&filled));
    }
}

#[test]
fn an_end_that_is_none_is_told_apart() {
    for algorithm in Algorithm::ALL {
        let Some(block) = algorithm.block_bytes() else {
            continue;
        };
        let key = key_of(algorithm, 5);
        let ciphertext = encrypted(&key, &[b'x'; 100]);
        assert_eq!(end(&key, b""), EndError::Empty { algorithm });
        for over in 1..block {
            let bytes = 2 * block + over;
            assert_eq!(
                end(&key, &ciphertext[..bytes]),
                EndError::NotWholeBlocks {
                    algorithm,
                    bytes: bytes as u64,
                    over
                }
            );
        }
        // No block has so much padding as an `x` would be.
        assert_eq!(end(&key, &ciphertext[..2 * block]), {
            EndError::WrongPadding
        });
        let other = key_of(algorithm, 6);
        assert_eq!(end(&other, &ciphertext), EndError::WrongPadding);
    }
}

#[test]
fn a_source_that_fails_is_told_from_a_sink_that_does() {
    let key = key_of(Algorithm::Aes256, 1);
    let fails = encrypt(&key, Broken, io::sink(), &mut |_| {});
    assert!(matches!(fails, Err(EncryptError::Read(_))));
    let fails = encrypt(&key, [7; 20].as_slice(), Broken, &mut |_| {});
    assert!(matches!(fails, Err(EncryptError::Write(_))));
    let fails = decrypt(&key, Broken, io::sink(), &mut |_| {});
    assert!(matches!(fails, Err(DecryptError::Read(_))));
    let ciphertext = encrypted(&key, &[7; 20]);
    let fails = decrypt(&key, ciphertext.as_slice(), Broken, &mut |_| {});
    assert!(matches!(fails, Err(DecryptError::Write(_))));
}

/// Gives less than is asked for, and is interrupted each time before.
struct Dribble<'b> {
    bytes: &'b [u8],
    was_interrupted: bool,
}

impl<'b> Dribble<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            was_interrupted: false,
        }
    }
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.was_interrupted = !self.was_interrupted;
        if self.was_interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = buffer.len().min(10_007);
        self.bytes.read(&mut buffer[..most])
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other("broken"))
    }
}

pub(crate) fn encrypted(key: &SessionKey, plaintext: &[u8]) -> Vec<u8> {
    let mut ciphertext = Vec::new();
    encrypt(key, plaintext, &mut ciphertext, &mut |_| {}).unwrap();
    ciphertext
}

fn one_shot(key: &SessionKey, plaintext: &[u8]) -> Vec<u8> {
    let mut ciphertext = Vec::new();
    let mut encryptor = Encryptor::new(key);
    encryptor.update(plaintext, &mut ciphertext);
    encryptor.finish(&mut ciphertext).unwrap();
    ciphertext
}

fn end(key: &SessionKey, ciphertext: &[u8]) -> EndError {
    match decrypt(key, ciphertext, io::sink(), &mut |_| {}) {
        Err(DecryptError::End(end)) => end,
        other => panic!("{other:?}"),
    }
}

/// A key of the greatest length.
pub(crate) fn key_of(algorithm: Algorithm, seed: u8) -> SessionKey {
    let longest = (0..=SessionKey::BYTES_MAX)
        .rev()
        .find(|&bytes| algorithm.accepts_key_bytes(bytes));
    let bytes: Vec<u8> = (1..=255)
        .map(|byte: u8| byte.wrapping_mul(37) ^ seed.wrapping_mul(0x5a))
        .take(longest.unwrap())
        .collect();
    SessionKey::new(algorithm, &bytes).unwrap()
}

/// An algorithm with the bytes of a key of it.
fn key_bytes() -> impl Strategy<Value = (Algorithm, Vec<u8>)> {
    let lengths: Vec<(Algorithm, usize)> = Algorithm::ALL
        .into_iter()
        .flat_map(|algorithm| (0..=SessionKey::BYTES_MAX).map(move |bytes| (algorithm, bytes)))
        .filter(|(algorithm, bytes)| algorithm.accepts_key_bytes(*bytes))
        .collect();
    let bytes = prop::collection::vec(any::<u8>(), SessionKey::BYTES_MAX);
    (prop::sample::select(lengths), bytes)
        .prop_map(|((algorithm, length), bytes)| (algorithm, bytes[..length].to_vec()))
}

fn plaintext() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}
