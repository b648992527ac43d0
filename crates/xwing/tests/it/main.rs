//! Ours and `hpke`'s own X-Wing are one KEM: the same keys from the same seeds, and each opens what the other sealed.

#![cfg(test)]

use curve25519_dalek::constants::EIGHT_TORSION;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::{Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable};
use rand_core::Rng;
use strongroom_testkit::TestRng;
use strongroom_xwing::{ENCAPSULATION_BYTES, PUBLIC_KEY_BYTES, PrivateKey, XWing, is_small_order};

type Theirs = hpke::kem::XWing;

#[test]
fn keys_are_those_of_hpke() {
    for seed in seeds() {
        let (ours, theirs) = (key::<XWing>(&seed), key::<Theirs>(&seed));
        assert_eq!(public::<XWing>(&ours), public::<Theirs>(&theirs));
        assert_eq!(ours.to_bytes(), theirs.to_bytes());
        let (ours, _) = XWing::derive_keypair(&seed);
        let (theirs, _) = Theirs::derive_keypair(&seed);
        assert_eq!(ours.to_bytes(), theirs.to_bytes());
    }
}

#[test]
fn each_opens_what_the_other_seals() {
    for seed in seeds() {
        assert_eq!(
            open::<XWing>(&seed, seal::<Theirs>(&seed)),
            Ok(b"spare".to_vec())
        );
        assert_eq!(
            open::<Theirs>(&seed, seal::<XWing>(&seed)),
            Ok(b"spare".to_vec())
        );
        // With the same randomness they send the same bytes.
        assert_eq!(seal::<XWing>(&seed), seal::<Theirs>(&seed));
    }
}

#[test]
fn what_was_sealed_to_another_or_was_changed_does_not_open() {
    let [first, second, ..] = seeds();
    assert_eq!(
        open::<XWing>(&second, seal::<XWing>(&first)),
        Err(HpkeError::OpenError)
    );
    for at in [0, 1087, 1088, ENCAPSULATION_BYTES - 2] {
        let mut sealed = seal::<XWing>(&first);
        sealed.0[at] ^= 1;
        assert_eq!(open::<XWing>(&first, sealed), Err(HpkeError::OpenError));
    }
}

#[test]
fn no_point_of_small_order_is_taken() {
    let seed = [7; 32];
    let mut points: Vec<[u8; 32]> = EIGHT_TORSION.map(|point| point.to_montgomery().0).to_vec();
    // The same ones, not reduced and with the bit that X25519 does not look at.
    points.push(
        [[0xed].as_slice(), &[0xff; 30], &[0x7f]]
            .concat()
            .try_into()
            .unwrap(),
    );
    points.push(
        [[0xee].as_slice(), &[0xff; 30], &[0x7f]]
            .concat()
            .try_into()
            .unwrap(),
    );
    points.push(
        [[0x00].as_slice(), &[0; 30], &[0x80]]
            .concat()
            .try_into()
            .unwrap(),
    );
    for point in points {
        assert!(is_small_order(&point));
        let (mut encapsulation, body) = seal::<XWing>(&seed);
        encapsulation[1088..].copy_from_slice(&point);
        let opened = open::<XWing>(&seed, (encapsulation, body));
        assert_eq!(opened, Err(HpkeError::DecapError));
        let mut public = public::<XWing>(&key::<XWing>(&seed));
        public[1184..].copy_from_slice(&point);
        assert!(<XWing as Kem>::PublicKey::from_bytes(&public).is_err());
    }
    assert!(!is_small_order(&[9; 32]));
}

#[test]
fn bytes_of_another_length_are_no_keys() {
    for length in [0, 31, 33, PUBLIC_KEY_BYTES - 1, PUBLIC_KEY_BYTES + 1] {
        assert!(PrivateKey::from_bytes(&vec![1; length]).is_err());
        assert!(<XWing as Kem>::PublicKey::from_bytes(&vec![1; length]).is_err());
        assert!(<XWing as Kem>::EncappedKey::from_bytes(&vec![1; length]).is_err());
    }
    // An ML-KEM key has numbers below its modulus alone.
    assert!(<XWing as Kem>::PublicKey::from_bytes(&[0xff; PUBLIC_KEY_BYTES]).is_err());
}

fn seeds() -> [[u8; 32]; 16] {
    let mut rng = TestRng::new(1);
    [[0; 32]; 16].map(|mut seed| {
        rng.fill_bytes(&mut seed);
        seed
    })
}

fn key<K: Kem>(seed: &[u8; 32]) -> K::PrivateKey {
    K::PrivateKey::from_bytes(seed).unwrap()
}

fn public<K: Kem>(key: &K::PrivateKey) -> Vec<u8> {
    K::sk_to_pk(key).to_bytes().to_vec()
}

fn seal<K: Kem>(seed: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    let public = K::sk_to_pk(&key::<K>(seed));
    let (sent, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeS::Base,
        &public,
        b"info",
        b"spare",
        b"",
        &mut TestRng::new(2),
    )
    .unwrap();
    (sent.to_bytes().to_vec(), sealed)
}

fn open<K: Kem>(seed: &[u8; 32], sealed: (Vec<u8>, Vec<u8>)) -> Result<Vec<u8>, HpkeError> {
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, K>(
        &OpModeR::Base,
        &key::<K>(seed),
        &K::EncappedKey::from_bytes(&sealed.0).unwrap(),
        b"info",
        &sealed.1,
        b"",
    )
}
