//! Which bytes are a key that signatures can be held against (spec/statement.md#keys), at every door they come in by.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use strongroom_protocol::keys::{Signature, SigningKey, VerifyingKey};
use strongroom_protocol::policy::OwnerKeys;
use strongroom_protocol::policy::file::{parse, parse_officer_key};
use strongroom_protocol::statement::{Kind, SignedStatement};

use crate::cast::Cast;
use crate::wire::{Item, Parts, e};

/// All ways to write the eight points of small order, and the other ways to write some that are good.
fn unusable() -> Vec<[u8; 32]> {
    let mut keys: Vec<[u8; 32]> = EIGHT_TORSION
        .iter()
        .map(|point| point.compress().to_bytes())
        .collect();
    // y + p for each y that leaves room for it: 0 and 1 are of small order, others are points or none.
    keys.extend((0..19).map(|y| {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (0xed + y, 0x7f);
        key
    }));
    for mut key in keys.clone() {
        key[31] ^= 0x80;
        // A point of order eight has an x, whose sign makes the other one: that is in the list already.
        keys.push(key);
    }
    let no_points = (2..=255)
        .map(|byte| [byte; 32])
        .filter(|key| CompressedEdwardsY(*key).decompress().is_none());
    keys.extend(no_points);
    keys
}

#[test]
fn a_key_is_the_one_encoding_of_a_point_that_is_not_of_small_order() {
    let keys = unusable();
    assert!(keys.len() > 100);
    for key in keys {
        assert!(VerifyingKey::from_bytes(key).is_err(), "{key:02x?}");
    }
    for seed in 0..=255 {
        let key = SigningKey::from_seed(&[seed; 32]).verifying_key();
        assert_eq!(VerifyingKey::from_bytes(*key.as_bytes()), Ok(key));
    }
}

#[test]
fn a_statement_is_by_a_key_that_can_be_used() {
    let cast = Cast::new();
    let signed = Parts::of(&SignedStatement::sign(cast.enroll(), &cast.device));
    for key in unusable() {
        // S = 0 and R = the key itself, or the neutral point: a signature of any text, where the key is of small order.
        for point in [key, EIGHT_TORSION[0].compress().to_bytes()] {
            let mut signature = [0; Signature::BYTES];
            signature[..32].copy_from_slice(&point);
            let by_nobody = Parts {
                author: key.to_vec(),
                signature: signature.to_vec(),
                ..signed.clone()
            };
            assert!(by_nobody.error().contains("malformed"), "{key:02x?}");
        }
    }
}

#[test]
fn a_statement_names_keys_that_can_be_used() {
    let cast = Cast::new();
    for key in unusable() {
        let body = e(vec![
            Item::Bytes(cast.authority.as_bytes()),
            Item::Bytes(&[3; 32]),
            Item::Bytes(cast.device.verifying_key().as_bytes()),
            Item::Bytes(&key),
            Item::Uint(1),
        ]);
        let enrolled = Parts::sign(Kind::Enroll, &cast.device, body, Vec::new());
        assert!(enrolled.error().contains("malformed"), "{key:02x?}");
    }
}

#[test]
fn texts_and_views_have_keys_that_can_be_used() {
    for key in unusable() {
        let hexadecimal: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(hexadecimal.parse::<VerifyingKey>().is_err());
        let view = format!(r#"{{"code_key":null,"devices":["{hexadecimal}"]}}"#);
        assert!(serde_json::from_str::<OwnerKeys>(&view).is_err());
        let prefix = bech32::Hrp::parse("officer").unwrap();
        let text = bech32::encode::<bech32::Bech32>(prefix, &key).unwrap();
        assert!(parse_officer_key(&text).is_err());
        let policy = format!(
            "[[officer]]\nname = \"ada\"\nkeys = [\"{text}\"]\n\n[[rule]]\nname = \"code\"\nevidence = [\"recovery code\"]\n"
        );
        let refused = parse(&policy).unwrap_err().to_string();
        assert!(
            refused.contains("anybody could sign in its name"),
            "{refused}"
        );
    }
}
