//! The example programs' file: its header, its digest, and what is said of damage.

use std::io;

use proptest::prelude::*;
use strongroom_capi::cipher::DecryptError;
use strongroom_capi::file::{
    self, EncryptedFile, Explanation, FileHeader, HeaderError, explain, looks_like,
};
use strongroom_capi::{Algorithm, SessionKey};

use crate::cipher::{encrypted, key_of};

#[test]
fn a_header_is_read_as_it_was_written_and_no_byte_beyond_it() {
    for modulus_bytes in [64, 65, 128, 129, 256, 2048] {
        let blob = simple_blob(modulus_bytes);
        let header = FileHeader::new(&blob).unwrap();
        let mut written = Vec::new();
        header.write(&mut written).unwrap();
        assert_eq!(written.len() as u64, header.bytes());
        assert!(looks_like(&written));
        assert!(looks_like(&written[..16]));
        assert!(!looks_like(&written[..15]));
        written.extend_from_slice(b"rest");
        let mut reader = written.as_slice();
        assert_eq!(FileHeader::read(&mut reader).unwrap(), header);
        assert_eq!(reader, b"rest");
    }
}

#[test]
fn what_is_no_header_is_refused_for_what_it_is() {
    let mut file = Vec::new();
    let header = FileHeader::new(&simple_blob(128)).unwrap();
    header.write(&mut file).unwrap();
    for cut in 0..file.len() {
        let read = FileHeader::read(&mut &file[..cut]);
        assert!(matches!(read, Err(HeaderError::Truncated)), "{cut}");
    }
    for length in [0, 12, 75, 65_549, u32::MAX] {
        let mut other = file.clone();
        other[..4].copy_from_slice(&length.to_le_bytes());
        let read = FileHeader::read(&mut other.as_slice());
        assert!(matches!(read, Err(HeaderError::Length { length: l }) if l == length));
        assert!(!looks_like(&other));
    }
    // Kind, version, reserved, the classes of both algorithms.
    for (at, byte) in [
        (4, 6),
        (5, 3),
        (6, 1),
        (7, 1),
        (9, 0xa4),
        (10, 1),
        (12, 1),
        (13, 0x24),
        (15, 1),
    ] {
        let mut other = file.clone();
        other[at] = byte;
        let read = FileHeader::read(&mut other.as_slice());
        assert!(matches!(read, Err(HeaderError::NotSimpleBlob)), "{at}");
        assert!(!looks_like(&other));
        assert!(FileHeader::new(&other[4..]).is_err());
    }
    assert!(FileHeader::new(&simple_blob(63)).is_err());
    assert!(FileHeader::new(&simple_blob(65_537)).is_err());
    assert!(FileHeader::new(b"").is_err());
}

#[test]
fn no_age_file_looks_like_one() {
    assert!(!looks_like(b"age-encryption.org/v1\n-> X25519 "));
    assert!(!looks_like(b"-----BEGIN AGE ENCRYPTED FILE-----"));
    assert!(!looks_like(b""));
}

#[test]
fn a_digest_sees_every_byte_of_the_file() {
    let key = key_of(Algorithm::Aes256, 1);
    let (mut whole, wrote) = written(&key, &[7; 1000]);
    assert_eq!(wrote.plaintext, 1000);
    assert_eq!(wrote.digest, file::digest(whole.as_slice()).unwrap());
    for at in [0, 4, 30, 200, whole.len() - 1] {
        whole[at] ^= 1;
        assert_ne!(wrote.digest, file::digest(whole.as_slice()).unwrap());
        whole[at] ^= 1;
    }
    // A byte of the ciphertext is changed, and nothing but the digest tells.
    whole[200] ^= 1;
    let opened = EncryptedFile::open(whole.as_slice()).unwrap();
    let read = opened.decrypt(&key, io::sink(), &mut |_| {}).unwrap();
    assert_eq!(read.plaintext, 1000);
    assert_ne!(read.digest, wrote.digest);
}

#[test]
fn stale_bytes_behind_the_end_are_found_and_decrypting_up_to_them_gives_the_plaintext() {
    // The example writes a file over a longer one, which was under another key.
    for algorithm in Algorithm::ALL {
        let Some(block) = algorithm.block_bytes() else {
            continue;
        };
        let key = key_of(algorithm, 1);
        // Four bytes of padding or more, so that no chance is like it.
        let plaintext = vec![b'a'; 1000 + block - 4];
        let padding = block - plaintext.len() % block;
        assert!(padding >= 4);
        let (new, _) = written(&key, &plaintext);
        let (mut over, _) = written(&key_of(algorithm, 2), &[b'b'; 3000]);
        over[..new.len()].copy_from_slice(&new);

        let file = EncryptedFile::open(over.as_slice()).unwrap();
        let start = usize::try_from(file.header().bytes()).unwrap();
        let decrypted = file.decrypt(&key, io::sink(), &mut |_| {});
        assert!(matches!(decrypted, Err(DecryptError::End(_))));
        let explanation = explain(&key, &over[start..]).unwrap();
        let ciphertext = (new.len() - start) as u64;
        assert_eq!(
            explanation,
            Explanation::StaleBytes {
                plaintext: plaintext.len() as u64,
                ciphertext,
                stale: (over.len() - new.len()) as u64,
                likely: true,
            }
        );
        let file = EncryptedFile::open(&over[..new.len()]).unwrap();
        let mut opened = Vec::new();
        file.decrypt(&key, &mut opened, &mut |_| {}).unwrap();
        assert_eq!(opened, plaintext);
    }
}

#[test]
fn stale_bytes_that_are_no_whole_blocks_are_found_too() {
    let key = key_of(Algorithm::TripleDes, 1);
    let mut ciphertext = encrypted(&key, b"seventeen letters");
    ciphertext.extend_from_slice(b"left of a text file that was here");
    let explanation = explain(&key, ciphertext.as_slice()).unwrap();
    assert_eq!(
        explanation.to_string(),
        "the plaintext seems to end after 17 bytes, and 33 stale bytes follow: some programs write over a longer file \
         and leave the end of it"
    );
}

#[test]
fn little_padding_among_many_blocks_is_called_chance() {
    let key = key_of(Algorithm::Des, 1);
    let mut ciphertext = encrypted(&key, b"fifteen letters");
    ciphertext.extend_from_slice(&encrypted(&key_of(Algorithm::Des, 2), &[7; 20]));
    let explanation = explain(&key, ciphertext.as_slice()).unwrap();
    assert!(
        matches!(
            explanation,
            Explanation::StaleBytes {
                plaintext: 15,
                likely: false,
                ..
            }
        ),
        "{explanation}"
    );
    assert!(explanation.to_string().contains("chance"));
}

#[test]
fn other_damage_is_called_what_it_may_be() {
    for algorithm in Algorithm::ALL {
        let key = key_of(algorithm, 1);
        let ciphertext = encrypted(&key, &[b'x'; 100]);
        if algorithm.block_bytes().is_none() {
            let unmarked = Explanation::Unmarked { algorithm };
            assert_eq!(explain(&key, ciphertext.as_slice()).unwrap(), unmarked);
            continue;
        }
        let empty = Explanation::Empty { algorithm };
        assert_eq!(explain(&key, io::empty()).unwrap(), empty);
        let well = Explanation::EndsWell { plaintext: 100 };
        assert_eq!(explain(&key, ciphertext.as_slice()).unwrap(), well);
        let cut = Explanation::NotWholeBlocks { algorithm, over: 3 };
        assert_eq!(explain(&key, &ciphertext[..51]).unwrap(), cut);
        let cut = Explanation::NoPadding { algorithm };
        assert_eq!(explain(&key, &ciphertext[..48]).unwrap(), cut);
        let other = key_of(algorithm, 2);
        assert_eq!(explain(&other, ciphertext.as_slice()).unwrap(), cut);
    }
}

#[test]
fn ends_are_looked_for_beyond_a_buffer() {
    let key = key_of(Algorithm::Aes128, 1);
    let plaintext = vec![b'x'; 300_000];
    let mut ciphertext = encrypted(&key, &plaintext);
    assert_eq!(
        explain(&key, ciphertext.as_slice()).unwrap(),
        Explanation::EndsWell { plaintext: 300_000 }
    );
    ciphertext.extend_from_slice(&[9; 200_001]);
    assert!(matches!(
        explain(&key, ciphertext.as_slice()).unwrap(),
        Explanation::StaleBytes {
            plaintext: 300_000,
            likely: true,
            ..
        }
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let mut file = Vec::new();
        if header {
            FileHeader::new(&simple_blob(64)).unwrap().write(&mut file).unwrap();
        }
        file.extend_from_slice(&bytes);
        let _ = looks_like(&file);
        for algorithm in Algorithm::ALL {
            let key = key_of(algorithm, 1);
            if let Ok(file) = EncryptedFile::open(file.as_slice()) {
                let _ = file.decrypt(&key, io::sink(), &mut |_| {});
            }
            let explanation = explain(&key, bytes.as_slice()).unwrap();
            prop_assert!(!explanation.to_string().is_empty());
        }
    }
}

fn written(key: &SessionKey, plaintext: &[u8]) -> (Vec<u8>, file::Summary) {
    let header = FileHeader::new(&simple_blob(64)).unwrap();
    let mut whole = Vec::new();
    let summary = file::encrypt(&header, key, plaintext, &mut whole, &mut |_| {}).unwrap();
    (whole, summary)
}

/// Has the beginning of a SIMPLEBLOB, and nothing that unwraps.
fn simple_blob(modulus_bytes: usize) -> Vec<u8> {
    let mut blob = vec![1, 2, 0, 0, 0x01, 0x68, 0, 0, 0x00, 0xa4, 0, 0];
    blob.resize(12 + modulus_bytes, 0x5a);
    blob
}
