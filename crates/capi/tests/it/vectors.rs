//! What a provider that is not ours made (spec/vectors/capi): blobs that open, keys, and blobs to refuse.

use serde_json::Value;
use strongroom_capi::{Key, Padding, PrivateKey, PublicKey, SimpleBlob};

use crate::keys::{file, key};
use crate::rng::TestRng;

#[test]
fn every_blob_opens_for_owner_and_authority() {
    let manifest = manifest();
    let seals = manifest["seals"].as_array().unwrap();
    for seal in seals {
        let id = text(seal, "id");
        let wanted = bytes(text(seal, "session_key"));
        for (holder, blob) in [("own", "own_blob"), ("auth", "auth_blob")] {
            let blob = SimpleBlob::from_bytes(&file(text(seal, blob))).unwrap();
            let key = key(text(seal, holder));
            let algorithm = text(seal, "algid").strip_prefix("0x").unwrap();
            let algorithm = u32::from_str_radix(algorithm, 16).unwrap();
            assert_eq!(blob.algorithm().alg_id(), algorithm, "{id}");
            let padding = padding(seal);
            let opened = key.unwrap(&blob, padding, &mut TestRng::new(1)).unwrap();
            assert_eq!(opened.expose(), wanted, "{id}, {holder}");
            let opened = key
                .unwrap_or_random(&blob, padding, wanted.len(), &mut TestRng::new(1))
                .unwrap();
            assert_eq!(opened.expose(), wanted, "{id}, {holder}");
        }
    }
    assert_eq!(seals.len(), 17);
}

#[test]
fn every_key_is_read_from_each_of_its_forms_and_written_as_it_was() {
    for name in manifest()["keys"].as_object().unwrap().keys() {
        let private_blob = file(&format!("keys/{name}.priv"));
        let public_blob = file(&format!("keys/{name}.pub"));
        let pem = file(&format!("keys/{name}.pem"));
        let private = PrivateKey::from_blob(&private_blob).unwrap();
        let public = PublicKey::from_blob(&public_blob).unwrap();
        assert_eq!(private.public(), &public, "{name}");
        assert_eq!(
            private.to_blob().unwrap().as_slice(),
            private_blob,
            "{name}"
        );
        assert_eq!(public.to_blob(), public_blob, "{name}");
        assert_eq!(private.to_pem().as_bytes(), pem, "{name}");
        assert_eq!(
            key(name).to_blob().unwrap().as_slice(),
            private_blob,
            "{name}"
        );
        let again = crate::keys::public(public.to_pem().as_bytes());
        assert_eq!(again, public, "{name}");
        for form in [private_blob, public_blob, pem] {
            assert_eq!(Key::read(&form).unwrap().public(), &public, "{name}");
        }
    }
}

/// What a strict reader refuses, and CryptImportKey takes: bytes behind a BLOB.
const BEYOND: [&str; 2] = ["trailing-1", "priv-trailing"];

#[test]
fn what_is_malformed_is_refused_and_nothing_else_but_what_providers_take() {
    let manifest = manifest();
    let mut seen = 0;
    for vector in manifest["malformed"].as_array().unwrap() {
        let input = file(text(vector, "file"));
        // Whether it is read, and whether that is how it would be written.
        let (accepted, strictly) = match text(vector, "kind") {
            "simpleblob" => SimpleBlob::from_bytes(&input).map_or((false, false), |blob| {
                let key = key(text(vector, "priv"));
                let opened = key.unwrap(&blob, padding(vector), &mut TestRng::new(2));
                (
                    opened.is_ok(),
                    opened.is_ok() && key.public().fits(&blob).is_ok(),
                )
            }),
            "publickeyblob" => PublicKey::from_blob(&input)
                .map_or((false, false), |key| (true, key.to_blob() == input)),
            "privatekeyblob" => PrivateKey::from_blob(&input).map_or((false, false), |key| {
                (true, key.to_blob().unwrap().as_slice() == input)
            }),
            // Those are the session ciphers'.
            "ciphertext" => continue,
            other => panic!("a vector of an unknown kind, {other}"),
        };
        let id = text(vector, "id");
        assert_eq!(strictly, vector["strict_accepts"], "{id}");
        assert_eq!(accepted, strictly || BEYOND.contains(&id), "{id}");
        if BEYOND.contains(&id) {
            let remarks = strongroom_capi::inspect(&input).remarks.concat();
            assert!(remarks.contains("ignore"), "{id}: {remarks}");
        }
        seen += 1;
    }
    assert_eq!(seen, 28);
}

fn manifest() -> Value {
    serde_json::from_slice(&file("manifest.json")).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn padding(value: &Value) -> Padding {
    match text(value, "padding") {
        "pkcs1" => Padding::Pkcs1,
        "oaep" => Padding::Oaep,
        other => panic!("{other} is no padding"),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
