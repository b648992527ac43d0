//! The ciphertexts and files that another provider made (spec/vectors/capi/manifest.json).

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use strongroom_capi::cipher::{DecryptError, decrypt, encrypt};
use strongroom_capi::file::{self, EncryptedFile, FileHeader, looks_like};
use strongroom_capi::{Algorithm, SessionKey};

#[test]
fn every_seal_decrypts_to_its_plaintext_and_is_what_is_encrypted_here() {
    let manifest = manifest();
    let seals = manifest["seals"].as_array().unwrap();
    assert_eq!(seals.len(), 17);
    for seal in seals {
        let key = session_key(seal);
        let (plaintext, ciphertext) = (read(&seal["plain"]), read(&seal["cipher"]));
        let mut opened = Vec::new();
        let bytes = decrypt(&key, ciphertext.as_slice(), &mut opened, &mut |_| {}).unwrap();
        assert_eq!(bytes, opened.len() as u64);
        assert!(opened == plaintext, "{}", seal["id"]);
        let mut sealed = Vec::new();
        let bytes = encrypt(&key, plaintext.as_slice(), &mut sealed, &mut |_| {}).unwrap();
        assert_eq!(bytes, plaintext.len() as u64);
        assert!(sealed == ciphertext, "{}", seal["id"]);
    }
}

#[test]
fn every_file_is_its_header_and_its_seal() {
    let manifest = manifest();
    let seals = manifest["seals"].as_array().unwrap();
    let with_files: Vec<&Value> = seals
        .iter()
        .filter(|seal| seal["file"] != Value::Null)
        .collect();
    assert_eq!(with_files.len(), 9);
    for seal in with_files {
        let key = session_key(seal);
        let (whole, blob, plaintext) = (
            read(&seal["file"]),
            read(&seal["own_blob"]),
            read(&seal["plain"]),
        );
        assert!(looks_like(&whole));
        let mut written = Vec::new();
        let header = FileHeader::new(&blob).unwrap();
        let wrote = file::encrypt(
            &header,
            &key,
            plaintext.as_slice(),
            &mut written,
            &mut |_| {},
        )
        .unwrap();
        assert!(written == whole, "{}", seal["id"]);
        let opened = EncryptedFile::open(whole.as_slice()).unwrap();
        assert_eq!(opened.header().blob(), blob);
        let mut decrypted = Vec::new();
        let read = opened.decrypt(&key, &mut decrypted, &mut |_| {}).unwrap();
        assert!(decrypted == plaintext, "{}", seal["id"]);
        assert_eq!(read, wrote);
        assert_eq!(read.digest, file::digest(whole.as_slice()).unwrap());
    }
}

#[test]
fn the_malformed_ciphertexts_are_refused_and_their_controls_are_not() {
    let manifest = manifest();
    let cases = manifest["malformed"].as_array().unwrap();
    let ciphertexts = cases.iter().filter(|case| case["kind"] == "ciphertext");
    let mut count = 0;
    for case in ciphertexts {
        let ciphertext = read(&case["file"]);
        let result = decrypt(
            &session_key(case),
            ciphertext.as_slice(),
            &mut Vec::new(),
            &mut |_| {},
        );
        match case["strict_accepts"].as_bool().unwrap() {
            true => assert!(result.is_ok(), "{}", case["id"]),
            false => assert!(
                matches!(result, Err(DecryptError::End(_))),
                "{}",
                case["id"]
            ),
        }
        count += 1;
    }
    assert_eq!(count, 6);
}

fn session_key(case: &Value) -> SessionKey {
    let algorithm = match case["alg"].as_str().unwrap() {
        "3des" => Algorithm::TripleDes,
        "aes128" => Algorithm::Aes128,
        "aes256" => Algorithm::Aes256,
        "rc4" => Algorithm::Rc4,
        other => panic!("the manifest has a new algorithm, {other}"),
    };
    if let Some(alg_id) = case["algid"].as_str() {
        assert_eq!(alg_id, format!("{:#06x}", algorithm.alg_id()));
    }
    SessionKey::new(algorithm, &unhex(case["session_key"].as_str().unwrap())).unwrap()
}

fn manifest() -> Value {
    serde_json::from_slice(&read(&Value::from("manifest.json"))).unwrap()
}

fn read(name: &Value) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../spec/vectors/capi")
        .join(name.as_str().unwrap());
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
