//! Keys: made, read from text, refused.

use strongroom_capi::blob::Fault;
use strongroom_capi::key::KeyError;
use strongroom_capi::pem::PemError;
use strongroom_capi::{BlobType, Key, KeySpec, PrivateKey, PublicKey};

use crate::keys::{EVERY, file, key};
use crate::rng::TestRng;

#[test]
fn keys_of_every_size_go_through_both_blobs_and_pem() {
    for (name, bits) in EVERY {
        let own = key(name);
        let half = (bits / 8_usize).div_ceil(2);
        let blob = own.to_blob().unwrap();
        assert_eq!(blob.len(), 20 + 2 * (bits / 8) + 5 * half);
        let again = PrivateKey::from_blob(&blob).unwrap();
        assert_eq!(again.to_pem(), own.to_pem());
        let again = PublicKey::from_blob(&own.public().to_blob()).unwrap();
        assert_eq!(&again, own.public());
        let legacy = bits < 2048 || name.ends_with("e3");
        assert_eq!(own.public().is_legacy(), legacy, "{name}");
    }
}

#[test]
fn a_new_key_has_at_least_2048_bits_and_holds_together() {
    let mut rng = TestRng::new(1);
    for bits in [0, 512, 1024, 2040, 2056, 16_400] {
        assert!(PrivateKey::generate(bits, KeySpec::Exchange, &mut rng).is_err());
    }
    let new = PrivateKey::generate(2048, KeySpec::Signature, &mut rng).unwrap();
    assert_eq!(
        (new.public().bits(), new.public().exponent()),
        (2048, 65_537)
    );
    assert!(!new.public().is_legacy());
    let blob = new.to_blob().unwrap();
    let again = PrivateKey::from_blob(&blob).unwrap();
    assert_eq!(again.public().spec(), KeySpec::Signature);
    assert_eq!(again.to_blob().unwrap(), blob);
}

#[test]
fn any_part_of_a_private_key_changed_is_refused_in_the_same_words() {
    let good = file("keys/own1024.priv");
    let mut words = Vec::new();
    // n ends at 148; p, q, dp, dq, qinv have 64 bytes each, d has 128.
    for part in [20, 148, 212, 276, 340, 404, 468] {
        for at in [0, 10, 63] {
            let mut blob = good.clone();
            blob[part + at] ^= 2;
            let malformed = PrivateKey::from_blob(&blob).err().unwrap();
            assert_eq!(malformed.fault, Fault::PartsDisagree, "{part}, {at}");
            words.push(malformed.to_string());
        }
    }
    words.dedup();
    assert_eq!(words.len(), 1);
    // p and q changed about: all the rest is then another key's.
    let mut blob = good;
    let (p, q) = blob[148..276].split_at_mut(64);
    p.swap_with_slice(q);
    assert!(PrivateKey::from_blob(&blob).is_err());
}

#[test]
fn a_key_is_told_by_its_content() {
    assert!(matches!(
        Key::read(&file("keys/own1024.pem")),
        Ok(Key::Private(_))
    ));
    let public = key("own1024").public().to_pem();
    assert!(matches!(Key::read(public.as_bytes()), Ok(Key::Public(_))));
    let blob = file("malformed/good-pkcs1.bin");
    assert_eq!(
        Key::read(&blob).err(),
        Some(KeyError::NoRsaKey(BlobType::Simple))
    );
    let one = Key::read(&file("malformed/pub-exp-1.bin")).err().unwrap();
    assert!(one.is_exponent_one());
    let mut one = file("keys/own1024.priv");
    one[16..20].copy_from_slice(&1_u32.to_le_bytes());
    assert!(Key::read(&one).err().unwrap().is_exponent_one());
    assert!(Key::read(b"").is_err());
    let opaque = Key::read(&[9, 2, 0, 0, 0, 0xa4, 0, 0]).err().unwrap();
    assert!(opaque.to_string().contains("provider"), "{opaque}");
}

#[test]
fn text_that_is_no_key_is_refused_by_what_is_wrong_with_it() {
    let good = String::from_utf8(file("keys/own1024.pem")).unwrap();
    let error = |text: &str| Key::read(text.as_bytes()).err();
    for text in [
        "-----BEGIN PRIVATE KEY-----\n",
        &good.replace("END PRIVATE", "END PUBLIC"),
        &good.replace("MII", "M!I"),
    ] {
        assert_eq!(error(text), Some(PemError::Syntax.into()), "{text}");
    }
    assert!(matches!(error(""), Some(KeyError::Malformed(_))));
    assert!(matches!(error("nothing"), Some(KeyError::Malformed(_))));
    let encrypted = good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(error(&encrypted), Some(PemError::Encrypted.into()));
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(error(old), Some(PemError::Encrypted.into()));
    let label = "SOMETHING".to_owned();
    let nothing = "-----BEGIN SOMETHING-----\nAAAA\n-----END SOMETHING-----\n";
    assert_eq!(error(nothing), Some(PemError::NoKey { label }.into()));
}

#[test]
fn pem_is_read_however_it_was_copied() {
    let good = String::from_utf8(file("keys/own1024.pem")).unwrap();
    let public = key("own1024").public().to_pem();
    let certificate = "-----BEGIN CERTIFICATE-----\nMAMwAQA=\n-----END CERTIFICATE-----\n";
    let one_line = good.replace('\n', "");
    for text in [
        format!("Key Attributes\n    X: y\n{good}\n\n"),
        good.replace('\n', "\r\n"),
        format!("\u{feff}{good}"),
        format!("{certificate}{good}"),
        format!("{good}{certificate}and more"),
        format!("{good}{good}"),
        format!("{public}{good}"),
        format!("{good}{public}"),
        good.lines().map(|line| format!("    {line}\n")).collect(),
        one_line,
    ] {
        let read = Key::read(text.as_bytes()).unwrap().into_pair();
        assert_eq!(read.unwrap().to_pem().as_bytes(), good.as_bytes(), "{text}");
    }
    let other = String::from_utf8(file("keys/own2048.pem")).unwrap();
    let two = Key::read(format!("{good}{other}").as_bytes()).err();
    assert_eq!(two, Some(PemError::Several.into()));
}
