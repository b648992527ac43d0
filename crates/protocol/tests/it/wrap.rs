//! Wraps: HPKE as RFC 9180 has it, and every context for one use (spec/deposit.md#seal, spec/recovery.md#release).

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use curve25519_dalek::constants::EIGHT_TORSION;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, setup_receiver};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::id::{AuthorityId, Digest, Serial};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::wrap::{
    Encapsulation, Opening, PublicKey, SealedSecretKey, Sealing, SecretKey,
};

use crate::cast::{Cast, deposit_in, draft, release_in, serial};
use crate::rng::Counting;
use crate::wire::{Batch, h};

const LABEL: Digest = Digest::from_bytes([1; 32]);

#[test]
fn a_deposit_opens_with_plain_hpke_as_specified() {
    let cast = Cast::new();
    let made = SignedStatement::sign(cast.deposit(2), &cast.device);
    let wrap_key = h(&[
        b"strongroom/wrap-key/v1\0",
        cast.wrap_key.public_key().as_bytes(),
    ]);
    assert_eq!(cast.wrap_key.public_key().id().as_bytes(), &wrap_key);
    let info = [
        &b"strongroom/deposit-seal/v1"[..],
        cast.authority.as_bytes(),
        &wrap_key,
    ]
    .concat();
    for (number, raw) in Batch::of(&made).keys.iter().enumerate() {
        let plaintext = open_by_hand(
            &cast.wrap_key,
            &Batch::of(&made).enc,
            &info,
            "strongroom/deposit-key/v1",
            &raw.serial,
            deposit_in(&made).keys()[number].label.digest(),
            &raw.sealed,
        );
        assert_eq!(plaintext, *draft(number).key.to_plaintext());
    }
}

#[test]
fn a_release_opens_with_plain_hpke_as_specified() {
    let cast = Cast::new();
    let made = SignedStatement::sign(cast.release(2), &cast.log_key);
    let origin = cast.origin();
    let info = [
        &b"strongroom/release-seal/v1"[..],
        cast.authority.as_bytes(),
        origin.request.as_bytes(),
        origin.decision.as_bytes(),
    ]
    .concat();
    for (number, raw) in Batch::of(&made).keys.iter().enumerate() {
        let plaintext = open_by_hand(
            &cast.release_key,
            &Batch::of(&made).enc,
            &info,
            "strongroom/release-key/v1",
            &raw.serial,
            release_in(&made).keys()[number].label.digest(),
            &raw.sealed,
        );
        assert_eq!(plaintext, *draft(number).key.to_plaintext());
    }
}

fn open_by_hand(
    secret: &SecretKey,
    enc: &[u8],
    info: &[u8],
    key_label: &str,
    serial: &[u8],
    label: Digest,
    sealed: &[u8],
) -> Vec<u8> {
    let secret = <XWing as Kem>::PrivateKey::from_bytes(secret.expose_seed()).unwrap();
    let enc = <XWing as Kem>::EncappedKey::from_bytes(enc).unwrap();
    let context =
        setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(&OpModeR::Base, &secret, &enc, info);
    let mut key = [0; 32];
    let exporter_context = [key_label.as_bytes(), serial].concat();
    context
        .unwrap()
        .export(&exporter_context, &mut key)
        .unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).unwrap());
    let mut buffer = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let plaintext = key.open_in_place(nonce, Aad::from(label.as_bytes()), &mut buffer);
    plaintext.unwrap().to_vec()
}

/// One key pair on both sides, so that nothing but the context keeps the two apart.
#[test]
fn a_deposits_wrap_is_no_release_and_a_releases_no_deposit() {
    let secret = SecretKey::from_seed(&[1; 32]);
    let key = secret.public_key();
    let authority = AuthorityId::from_bytes([2; 32]);
    // The ids that the deposit's context ends with and begins the release's.
    let (request, decision) = (key.id(), Digest::from_bytes([3; 32]));
    let deposit = key.seal_deposits(authority, &mut Counting(1));
    let release = key.seal_release(authority, request, decision, &mut Counting(1));
    let as_deposit = |enc: &Encapsulation| secret.open_deposits(authority, enc).unwrap();
    let as_release = |enc: &Encapsulation| {
        secret
            .open_release(authority, request, decision, enc)
            .unwrap()
    };

    assert!(opens(&deposit, &as_deposit(deposit.encapsulation())));
    assert!(opens(&release, &as_release(release.encapsulation())));
    assert!(!opens(&deposit, &as_release(deposit.encapsulation())));
    assert!(!opens(&release, &as_deposit(release.encapsulation())));
}

#[test]
fn a_release_opens_for_its_request_decision_authority_and_key_alone() {
    let secret = SecretKey::from_seed(&[1; 32]);
    let authority = AuthorityId::from_bytes([2; 32]);
    let (request, decision) = (Digest::from_bytes([3; 32]), Digest::from_bytes([4; 32]));
    let other = [9; 32];
    let sealing = secret
        .public_key()
        .seal_release(authority, request, decision, &mut Counting(1));
    let enc = sealing.encapsulation();
    let opening = |secret: &SecretKey, authority, request, decision| {
        secret
            .open_release(authority, request, decision, enc)
            .unwrap()
    };
    assert!(opens(
        &sealing,
        &opening(&secret, authority, request, decision)
    ));
    let stranger = SecretKey::from_seed(&other);
    let (foreign, digest) = (AuthorityId::from_bytes(other), Digest::from_bytes(other));
    for wrong in [
        opening(&stranger, authority, request, decision),
        opening(&secret, foreign, request, decision),
        opening(&secret, authority, digest, decision),
        opening(&secret, authority, request, digest),
        opening(&secret, authority, decision, request),
    ] {
        assert!(!opens(&sealing, &wrong));
    }
}

#[test]
fn each_serial_has_its_own_key_and_each_wrap_its_label() {
    let secret = SecretKey::from_seed(&[1; 32]);
    let authority = AuthorityId::from_bytes([2; 32]);
    let sealing = secret
        .public_key()
        .seal_deposits(authority, &mut Counting(1));
    let opening = secret
        .open_deposits(authority, sealing.encapsulation())
        .unwrap();
    let sealed = sealing.seal(serial(1), LABEL, b"secret");
    assert_eq!(sealed.len(), 6 + 16);
    assert_ne!(sealed, sealing.seal(serial(2), LABEL, b"secret"));
    assert_eq!(
        **opening.open(serial(1), LABEL, &sealed).unwrap(),
        *b"secret"
    );
    assert!(opening.open(serial(2), LABEL, &sealed).is_err());
    assert!(
        opening
            .open(serial(1), Digest::from_bytes([2; 32]), &sealed)
            .is_err()
    );
    for length in 0..sealed.len() {
        assert!(opening.open(serial(1), LABEL, &sealed[..length]).is_err());
    }
}

#[test]
fn every_flipped_byte_of_an_encapsulation_is_noticed() {
    let cast = Cast::new();
    let made = SignedStatement::sign(cast.deposit(1), &cast.device);
    for place in (0..Encapsulation::BYTES)
        .step_by(79)
        .chain([Encapsulation::BYTES - 1])
    {
        let mut batch = Batch::of(&made);
        batch.enc[place] ^= 1;
        let forged = batch.sign(strongroom_protocol::statement::Kind::Deposit, &cast.device);
        let forged = SignedStatement::parse(&forged.to_bytes()).unwrap();
        let deposit = deposit_in(&forged);
        let opening = cast
            .wrap_key
            .open_deposits(cast.authority, deposit.encapsulation());
        let opened = opening.and_then(|opening| deposit.keys()[0].open(&opening).map(drop));
        assert!(opened.is_err(), "byte {place}");
    }
}

/// A request names the key that keys are sealed to, and anybody may ask.
#[test]
fn sealing_to_a_hostile_key_does_not_panic() {
    let good = SecretKey::from_seed(&[1; 32]).public_key();
    let mut rng = Counting(1);
    let authority = AuthorityId::from_bytes([2; 32]);
    let of_lattice_and_curve = |lattice: &[u8], curve: &[u8]| {
        let bytes: [u8; PublicKey::BYTES] = [lattice, curve].concat().try_into().unwrap();
        PublicKey::from_bytes(&bytes)
    };
    let lattice = &good.as_bytes()[..1184];
    for point in points_of_small_order() {
        assert!(
            of_lattice_and_curve(lattice, &point).is_err(),
            "{point:02x?}"
        );
    }
    let key = of_lattice_and_curve(lattice, &[0xff; 32]).unwrap();
    let sealing = key.seal_deposits(authority, &mut rng);
    drop(sealing.seal(serial(1), LABEL, b"secret"));
    if let Ok(key) = of_lattice_and_curve(&[0; 1184], &[9; 32]) {
        key.seal_deposits(authority, &mut rng);
    }
    let encapsulations = [[0; Encapsulation::BYTES], [0xff; Encapsulation::BYTES]];
    for bytes in encapsulations {
        let cast = Cast::new();
        let mut batch = Batch::of(&SignedStatement::sign(cast.deposit(1), &cast.device));
        batch.enc = bytes.to_vec();
        let forged = batch.sign(strongroom_protocol::statement::Kind::Deposit, &cast.device);
        let forged = SignedStatement::parse(&forged.to_bytes()).unwrap();
        let deposit = deposit_in(&forged);
        let opening = cast
            .wrap_key
            .open_deposits(cast.authority, deposit.encapsulation());
        assert!(opening.is_err() || deposit.keys()[0].open(&opening.unwrap()).is_err());
    }
}

/// With a point of small order the secret would rest on the lattice alone, as whoever made the encapsulation chose.
#[test]
fn an_encapsulation_of_small_order_opens_nothing() {
    let cast = Cast::new();
    for point in points_of_small_order() {
        let mut batch = Batch::of(&SignedStatement::sign(cast.deposit(1), &cast.device));
        let place = batch.enc.len() - point.len();
        batch.enc[place..].copy_from_slice(&point);
        let forged = batch.sign(strongroom_protocol::statement::Kind::Deposit, &cast.device);
        let forged = SignedStatement::parse(&forged.to_bytes()).unwrap();
        let opened = cast
            .wrap_key
            .open_deposits(cast.authority, deposit_in(&forged).encapsulation());
        assert!(opened.is_err(), "{point:02x?}");
    }
}

/// Every way to write every u of small order, on the curve and on its twist: 0, 1, -1 and the two of order eight.
fn points_of_small_order() -> Vec<[u8; 32]> {
    let mut points: Vec<[u8; 32]> = EIGHT_TORSION
        .iter()
        .map(|point| point.to_montgomery().to_bytes())
        .collect();
    let mut p_minus_one = [0xff; 32];
    (p_minus_one[0], p_minus_one[31]) = (0xec, 0x7f);
    points.push(p_minus_one);
    for offset in [0, 1] {
        let mut not_reduced = p_minus_one;
        not_reduced[0] += 1 + offset;
        points.push(not_reduced);
    }
    for mut point in points.clone() {
        point[31] |= 0x80;
        points.push(point);
    }
    points
}

fn opens(sealing: &Sealing, opening: &Opening) -> bool {
    let serial = Serial::from_bytes([7; 16]);
    let sealed = sealing.seal(serial, LABEL, b"secret");
    opening.open(serial, LABEL, &sealed).is_ok()
}

#[test]
fn a_wrapping_key_sealed_under_a_code_opens_with_that_code_for_that_authority_alone() {
    let cast = Cast::new();
    let code = |fill| RecoveryCode::generate(&mut Counting(fill));
    let public_key = cast.wrap_key.public_key();
    let sealed =
        SealedSecretKey::seal(&cast.wrap_key, cast.authority, &code(1), &mut Counting(2)).unwrap();
    let read = SealedSecretKey::from_bytes(&sealed.to_bytes());
    let opened = read.open(cast.authority, &public_key, &code(1)).unwrap();
    assert!(opened.public_key() == public_key);
    assert!(read.open(cast.authority, &public_key, &code(3)).is_err());
    let other = Cast::under(Policy {
        lapse_millis: 1,
        ..Policy::code_alone()
    });
    assert!(read.open(other.authority, &public_key, &code(1)).is_err());
    let other_key = cast.release_key.public_key();
    assert!(read.open(cast.authority, &other_key, &code(1)).is_err());
    for place in [0, 31, 32, 63, 64, SealedSecretKey::BYTES - 1] {
        let mut bytes = sealed.to_bytes();
        bytes[place] ^= 1;
        let changed = SealedSecretKey::from_bytes(&bytes);
        assert!(changed.open(cast.authority, &public_key, &code(1)).is_err());
    }
    let again =
        SealedSecretKey::seal(&cast.wrap_key, cast.authority, &code(1), &mut Counting(4)).unwrap();
    assert_ne!(again.to_bytes(), sealed.to_bytes());
}
