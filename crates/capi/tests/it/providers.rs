//! What the conformance tests of another provider pin (spec/vectors/capi/providers.json), which run against Windows' own: each
//! is ours too, or refused for the reason that is given there.

use serde_json::Value;
use strongroom_capi::cipher::{KeyedCipher, decrypt, encrypt};
use strongroom_capi::derive::derive_key;
use strongroom_capi::signature::HashName;
use strongroom_capi::{
    Algorithm, HashAlgorithm, Key, Padding, PrivateKey, PublicKey, SessionKey, SimpleBlob,
};

use crate::keys::{file, pair};
use crate::rng::TestRng;
use crate::seals::unhex;

#[test]
fn what_providers_pin_is_ours_or_refused_for_a_reason() {
    let table: Value = serde_json::from_slice(&file("providers.json")).unwrap();
    let rows = table["rows"].as_array().unwrap();
    for row in rows {
        let what = text(row, "what");
        match text(row, "kind") {
            "unwrap" => {
                let blob = SimpleBlob::from_bytes(&bytes(row, "blob")).unwrap();
                let key = pair(&bytes(row, "key"));
                let key = key
                    .unwrap(&blob, Padding::Pkcs1, &mut TestRng::new(1))
                    .unwrap();
                let mut opened = Vec::new();
                let ciphertext = bytes(row, "ciphertext");
                decrypt(&key, &ciphertext[..], &mut opened, &mut |_| {}).unwrap();
                assert_eq!(opened, bytes(row, "plaintext"), "{what}");
            }
            "private" => {
                let cut = PrivateKey::from_blob(&bytes(row, "blob")).unwrap();
                let whole = PrivateKey::from_blob(&bytes(row, "whole")).unwrap();
                let parts = |key: &PrivateKey| key.to_blob().unwrap()[..468].to_vec();
                assert_eq!(parts(&cut), parts(&whole), "{what}");
            }
            "pair" => {
                let blob = bytes(row, "blob");
                let key = PrivateKey::from_blob(&blob).unwrap();
                assert_eq!(key.to_blob().unwrap().as_slice(), blob, "{what}");
            }
            "public" => {
                let blob = bytes(row, "blob");
                assert_eq!(
                    PublicKey::from_blob(&blob).unwrap().to_blob(),
                    blob,
                    "{what}"
                );
            }
            "signature" => {
                let key = PublicKey::from_blob(&bytes(row, "key")).unwrap();
                let (message, signature) = (bytes(row, "message"), bytes(row, "signature"));
                let named = match row["named"].as_bool().unwrap() {
                    true => HashName::Named,
                    false => HashName::Unnamed,
                };
                assert_eq!(
                    key.verify(hash(row), &message, &signature),
                    Ok(named),
                    "{what}"
                );
            }
            "derived" => derived(row),
            "refused" => {
                assert!(!text(row, "why").is_empty());
                match row["blob"].is_string() {
                    true => {
                        let blob = bytes(row, "blob");
                        assert!(SimpleBlob::from_bytes(&blob).is_err(), "{what}");
                        assert!(SessionKey::from_plaintext_blob(&blob).is_err(), "{what}");
                    }
                    false => {
                        let key = Key::read(&bytes(row, "key")).unwrap();
                        let (message, signature) = (bytes(row, "message"), bytes(row, "signature"));
                        for hash in HashAlgorithm::ALL {
                            let verified = key.public().verify(hash, &message, &signature);
                            assert!(verified.is_err(), "{what}");
                        }
                    }
                }
            }
            "said" => assert!(!text(row, "why").is_empty()),
            other => panic!("a row of an unknown kind, {other}"),
        }
    }
    assert_eq!(rows.len(), 80);
}

fn derived(row: &Value) {
    let what = text(row, "what");
    let algorithm = u32::from_str_radix(text(row, "alg").trim_start_matches("0x"), 16).unwrap();
    let algorithm = Algorithm::from_alg_id(algorithm).unwrap();
    let key_bytes = usize::try_from(row["key_bytes"].as_u64().unwrap()).unwrap();
    let key = match row["digest"].is_string() {
        // Where what was hashed is itself a ciphertext of the test before, the hash alone is given.
        true => SessionKey::new(algorithm, &bytes(row, "digest")[..key_bytes]).unwrap(),
        false => {
            let counting = row["counting"].as_array().unwrap();
            let [first, length] = [0, 1].map(|at| counting[at].as_u64().unwrap());
            let hashed: Vec<u8> = (first..first + length)
                .map(|byte| byte.to_le_bytes()[0])
                .collect();
            derive_key(algorithm, key_bytes, hash(row), &hashed).unwrap()
        }
    };
    let parameters = text(row, "parameters").parse().unwrap();
    let cipher = KeyedCipher::new(&key, parameters).unwrap();
    let (plaintext, ciphertext) = (bytes(row, "plaintext"), bytes(row, "ciphertext"));
    let mut encrypted = Vec::new();
    encrypt(cipher, &plaintext[..], &mut encrypted, &mut |_| {}).unwrap();
    // Some tests compare the first blocks alone.
    assert!(encrypted.starts_with(&ciphertext), "{what}");
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap()
}

fn bytes(row: &Value, name: &str) -> Vec<u8> {
    unhex(text(row, name))
}

fn hash(row: &Value) -> HashAlgorithm {
    let mut all = HashAlgorithm::ALL.into_iter();
    all.find(|hash| hash.name() == text(row, "hash")).unwrap()
}
