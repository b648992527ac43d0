//! Deposits: what is signed of a session key, what is carried, and what each is bound to (spec/deposit.md).

use std::collections::BTreeMap;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use strongroom_protocol::id::{AuthorityId, OwnerId, Serial};
use strongroom_protocol::session_key::{Algorithm, BlindedKey, SessionKey};
use strongroom_protocol::statement::{
    BlobPadding, Content, Deposit, DepositLabel, Kind, Particulars, Release, SealedKey,
    SignedStatement,
};
use strongroom_protocol::wrap::Opening;

use crate::cast::{Cast, deposit_in, draft, release_in, serial};
use crate::rng::Counting;
use crate::wire::{Batch, Item, Key, Parts, e, h};

#[test]
fn a_deposit_takes_1_to_256_keys_and_any_of_them_opens_alone() {
    let cast = Cast::new();
    for count in [1, 2, 256] {
        let signed = SignedStatement::sign(cast.deposit(count), &cast.device);
        let read = SignedStatement::parse(signed.as_bytes()).unwrap();
        let deposit = deposit_in(&read);
        assert_eq!(deposit.keys().len(), count);
        for number in [0, count / 2, count - 1] {
            // Opened afresh, as by whoever has this one alone.
            let key = deposit.keys()[number]
                .open(&opening(&cast, deposit))
                .unwrap();
            let byte = u8::try_from(number).unwrap();
            assert_eq!(key.into_key().expose(), [byte; 16]);
        }
    }
}

#[test]
fn no_key_and_257_keys_are_refused() {
    let cast = Cast::new();
    let of = |count| {
        Deposit::seal(
            cast.authority,
            &cast.wrap_key.public_key(),
            cast.owner,
            &(0..count).map(draft).collect::<Vec<_>>(),
            &mut Counting(1),
        )
    };
    assert!(of(0).is_err() && of(257).is_err());

    let mut batch = Batch::of(&SignedStatement::sign(cast.deposit(256), &cast.device));
    assert!(SignedStatement::parse(&signed(&cast, &batch).to_bytes()).is_ok());
    let mut one_more = batch.keys[0].clone();
    one_more.serial = serial(999).as_bytes().to_vec();
    batch.keys.push(one_more);
    let error = signed(&cast, &batch).error();
    assert!(error.starts_with("malformed carried keys"), "{error}");
    batch.keys.clear();
    let error = signed(&cast, &batch).error();
    assert!(error.starts_with("malformed keys"), "{error}");
}

/// Two plaintexts under one key and one nonce would give away how they differ.
#[test]
fn two_keys_under_one_serial_are_never_sealed() {
    let cast = Cast::new();
    let mut drafts: Vec<_> = (0..3).map(draft).collect();
    drafts[2].serial = drafts[0].serial;
    let to = cast.wrap_key.public_key();
    let made = Deposit::seal(cast.authority, &to, cast.owner, &drafts, &mut Counting(1));
    assert!(made.is_err());
}

#[test]
fn one_serial_twice_is_refused() {
    let cast = Cast::new();
    let mut batch = batch(&cast, 3);
    batch.keys[2].serial = batch.keys[0].serial.clone();
    let error = signed(&cast, &batch).error();
    assert!(
        error.starts_with("malformed keys (one serial twice)"),
        "{error}"
    );
}

#[test]
fn what_is_carried_is_what_was_signed() {
    let cast = Cast::new();
    let good = SignedStatement::sign(cast.deposit(2), &cast.device);
    let batch = Batch::of(&good);
    let changed = |change: fn(&mut Batch)| {
        let mut batch = batch.clone();
        change(&mut batch);
        batch.carried()
    };
    let bad = [
        changed(|batch| {
            let [one, two] = &mut batch.keys[..] else {
                panic!()
            };
            std::mem::swap(&mut one.sealed, &mut two.sealed);
        }),
        changed(|batch| {
            let [one, two] = &mut batch.keys[..] else {
                panic!()
            };
            std::mem::swap(&mut one.particulars, &mut two.particulars);
        }),
        changed(|batch| batch.keys.swap(0, 1)),
        changed(|batch| batch.keys.truncate(1)),
        changed(|batch| batch.keys.push(batch.keys[0].clone())),
        changed(|batch| batch.enc[7] ^= 1),
        changed(|batch| batch.enc.truncate(1119)),
        changed(|batch| batch.enc.push(0)),
        [&batch.carried()[..], &[0]].concat(),
        Vec::new(),
    ];
    for carried in bad {
        let parts = Parts {
            carried,
            ..Parts::of(&good)
        };
        assert!(parts.error().starts_with("malformed "));
    }
}

#[test]
fn body_and_carried_are_as_specified() {
    let cast = Cast::new();
    let made = SignedStatement::sign(cast.deposit(3), &cast.device);
    let batch = Batch::of(&made);
    assert_eq!(signed(&cast, &batch).to_bytes(), made.as_bytes());
    let wrap_key = h(&[
        b"strongroom/wrap-key/v1\0",
        cast.wrap_key.public_key().as_bytes(),
    ]);
    let head = [cast.authority.as_bytes(), cast.owner.as_bytes(), &wrap_key];
    for (item, expected) in batch.head.iter().zip(head) {
        assert_eq!(item[..2], [0x58, 0x20]);
        assert_eq!(&item[2..], expected);
    }
    let particulars = e(vec![
        Item::Text("/srv/file 2"),
        Item::Items(vec![Item::Items(vec![
            Item::Text("team"),
            Item::Text("archive"),
        ])]),
        Item::Bytes(&[]),
    ]);
    assert_eq!(batch.keys[2].particulars, particulars);
    assert_eq!(batch.keys[2].sealed.len(), 32 + 16 + 16);
}

#[test]
fn the_label_is_the_digest_of_its_nine_items() {
    let cast = Cast::new();
    let made = SignedStatement::sign(cast.deposit(2), &cast.device);
    let batch = Batch::of(&made);
    for (raw, key) in batch.keys.iter().zip(deposit_in(&made).keys()) {
        let particulars = h(&[&raw.particulars]);
        let mut items = vec![
            Item::Bytes(cast.authority.as_bytes()),
            Item::Bytes(cast.owner.as_bytes()),
        ];
        items.extend(raw.own(&particulars));
        assert_eq!(key.label.digest().as_bytes(), &h(&[&e(items)]));
        assert_eq!(key.label.particulars.as_bytes(), &particulars);
        assert_eq!(
            (raw.kind, raw.algorithm, raw.bits, raw.padding),
            (1, 0x6167_6501, 128, 0)
        );
    }
}

#[test]
fn a_key_moved_to_another_label_does_not_open() {
    let cast = Cast::new();
    let deposit = cast.deposit(2);
    let opening = opening(&cast, &deposit);
    let [key, other] = deposit.keys() else {
        panic!()
    };
    assert!(key.open(&opening).is_ok());
    let same = key.label;
    let unknown = algorithm(0x6610);
    let moved = [
        DepositLabel {
            authority: AuthorityId::from_bytes([99; 32]),
            ..same
        },
        DepositLabel {
            owner: OwnerId::from_bytes([99; 32]),
            ..same
        },
        DepositLabel {
            serial: serial(99),
            ..same
        },
        DepositLabel {
            serial: other.label.serial,
            ..same
        },
        DepositLabel {
            algorithm: unknown,
            ..same
        },
        DepositLabel { bits: 136, ..same },
        DepositLabel {
            content: Content::SimpleBlob {
                padding: BlobPadding::Oaep,
                proven: true,
            },
            ..same
        },
        DepositLabel {
            commitment: other.label.commitment,
            ..same
        },
        DepositLabel {
            particulars: other.label.particulars,
            ..same
        },
        other.label,
    ];
    for label in moved {
        assert_ne!(label.digest(), same.digest());
        let moved = SealedKey {
            label,
            ..key.clone()
        };
        assert!(moved.open(&opening).is_err(), "{label:?}");
    }
}

#[test]
fn a_key_of_another_authority_or_deposit_does_not_open() {
    let cast = Cast::new();
    let deposit = cast.deposit(1);
    let key = &deposit.keys()[0];
    let to = cast.wrap_key.public_key();
    // The same key and serial, deposited another time.
    let drafts = [draft(0)];
    let again = Deposit::seal(cast.authority, &to, cast.owner, &drafts, &mut Counting(10)).unwrap();
    assert_eq!(key.label.digest(), again.keys()[0].label.digest());
    assert!(key.open(&opening(&cast, &again)).is_err());
    // The same wrapping key, founded anew.
    let other = AuthorityId::from_bytes([99; 32]);
    let opening = cast
        .wrap_key
        .open_deposits(other, deposit.encapsulation())
        .unwrap();
    assert!(key.open(&opening).is_err());
}

#[test]
fn a_damaged_key_costs_itself() {
    let cast = Cast::new();
    let deposit = cast.deposit(3);
    let opening = opening(&cast, &deposit);
    let keys = deposit.keys();
    for place in 0..keys[1].sealed.len() {
        let mut sealed = keys[1].sealed.clone();
        sealed[place] ^= 1;
        assert!(with_sealed(&keys[1], &sealed).open(&opening).is_err());
    }
    for length in 0..keys[1].sealed.len() {
        assert!(
            with_sealed(&keys[1], &keys[1].sealed[..length])
                .open(&opening)
                .is_err()
        );
    }
    assert!(keys[0].open(&opening).is_ok() && keys[2].open(&opening).is_ok());
}

#[test]
fn a_key_that_is_not_the_one_committed_to_does_not_open() {
    let cast = Cast::new();
    let mut rng = Counting(1);
    let sealing = cast
        .wrap_key
        .public_key()
        .seal_deposits(cast.authority, &mut rng);
    let label = cast.deposit(1).keys()[0].label;
    let seal = |plaintext: &[u8]| SealedKey {
        label,
        particulars: Particulars::default(),
        sealed: sealing.seal(label.serial, label.digest(), plaintext),
    };
    let opening = cast
        .wrap_key
        .open_deposits(cast.authority, sealing.encapsulation())
        .unwrap();
    let right = draft(0).key.to_plaintext();
    assert!(seal(&right).open(&opening).is_ok());
    for place in 0..right.len() {
        let mut wrong = right.to_vec();
        wrong[place] ^= 1;
        assert!(seal(&wrong).open(&opening).is_err(), "byte {place}");
    }
    for wrong in [
        &right[..47],
        &right[..32],
        &right[..31],
        &[],
        &[&right[..], &[0]].concat(),
    ] {
        assert!(seal(wrong).open(&opening).is_err());
    }
}

#[test]
fn a_commitment_is_hkdf_of_the_key_and_changes_with_all_that_goes_into_it() {
    let plaintext = draft(7).key.to_plaintext();
    let key = |plaintext: &[u8]| {
        BlindedKey::from_plaintext(Algorithm::AGE_FILE_KEY, 128, plaintext).unwrap()
    };
    let made = key(&plaintext).commitment(serial(7));
    let cast = Cast::new();
    let deposit = SignedStatement::sign(cast.deposit_of(&[draft(7)]), &cast.device);
    let expected = hkdf_commitment(serial(7).as_bytes(), &plaintext, 0x6167_6501, 128);
    assert_eq!(Batch::of(&deposit).keys[0].commitment, expected);
    assert!(deposit_in(&deposit).keys()[0].label.commitment == made);

    assert!(key(&plaintext).commitment(serial(8)) != made);
    for place in 0..plaintext.len() {
        let mut other = plaintext.to_vec();
        other[place] ^= 1;
        assert!(key(&other).commitment(serial(7)) != made, "byte {place}");
    }
    // The same bytes as a key of another algorithm, and of another length.
    let other = algorithm(0x6801);
    let same_bits = BlindedKey::from_plaintext(other, 128, &plaintext).unwrap();
    assert!(same_bits.commitment(serial(7)) != made);
    let shorter = BlindedKey::from_plaintext(other, 40, &plaintext[..37]).unwrap();
    let padded = [&plaintext[..37], &[0; 11]].concat();
    let padded = BlindedKey::from_plaintext(other, 128, &padded).unwrap();
    assert!(shorter.commitment(serial(7)) != padded.commitment(serial(7)));
}

#[test]
fn a_plaintext_has_the_length_that_its_label_states() {
    let other = algorithm(0x6801);
    let plaintext = [1; 200];
    for length in 0..200 {
        for bits in [0, 7, 8, 40, 127, 128, 129, 512, 520, u16::MAX] {
            let read = |algorithm| {
                BlindedKey::from_plaintext(algorithm, bits, &plaintext[..length]).is_ok()
            };
            let key = length.checked_sub(32).filter(|key| (1..=64).contains(key));
            let fits = key.is_some_and(|key| key * 8 == usize::from(bits));
            assert_eq!(read(other), fits, "{length} bytes, {bits} bits");
            assert_eq!(read(Algorithm::AGE_FILE_KEY), fits && bits == 128);
        }
    }
}

/// A deposit that could be signed and not be read again would be lost.
#[test]
fn the_longest_deposit_and_its_release_fit_into_a_statement() {
    let cast = Cast::new();
    let labels: BTreeMap<_, _> = (0..3)
        .map(|n| (format!("{n:01024}"), "x".repeat(1024)))
        .collect();
    let particulars = (0..=4096)
        .rev()
        .find_map(|length| Particulars::new("x".repeat(length), labels.clone()).ok());
    let drafts: Vec<_> = (0..256)
        .map(|number| {
            let mut draft = draft(number);
            draft.particulars = particulars.clone().unwrap();
            draft
        })
        .collect();
    let signed = SignedStatement::sign(cast.deposit_of(&drafts), &cast.device);
    assert!(signed.as_bytes().len() > 2 << 20);
    assert!(signed.as_bytes().len() < SignedStatement::BYTES_MAX - (64 << 10));
    assert!(SignedStatement::parse(signed.as_bytes()).is_ok());
}

#[test]
fn labels_are_sorted_and_said_once_and_have_names() {
    let cast = Cast::new();
    let pair = |name: &'static str| Item::Items(vec![Item::Text(name), Item::Text("v")]);
    let of = |names: &[&'static str], attachment: &'static [u8]| {
        e(vec![
            Item::Text(""),
            Item::Items(names.iter().map(|name| pair(name)).collect()),
            Item::Bytes(attachment),
        ])
    };
    let with = |particulars| {
        let mut batch = batch(&cast, 1);
        batch.keys[0].particulars = particulars;
        signed(&cast, &batch)
    };
    assert!(SignedStatement::parse(&with(of(&["a", "b"], &[])).to_bytes()).is_ok());
    let longest = of(&["a"], &[0; Particulars::ATTACHMENT_BYTES_MAX]);
    assert!(SignedStatement::parse(&with(longest).to_bytes()).is_ok());
    for particulars in [
        of(&["b", "a"], &[]),
        of(&["a", "a"], &[]),
        of(&[""], &[]),
        of(&[], &[0; Particulars::ATTACHMENT_BYTES_MAX + 1]),
        e(vec![Item::Text(""), Item::Items(vec![])]),
        e(vec![
            Item::Bytes(b""),
            Item::Items(vec![]),
            Item::Bytes(b""),
        ]),
    ] {
        let error = with(particulars).error();
        assert!(error.starts_with("malformed "), "{error}");
    }
}

#[test]
fn a_session_key_of_cryptoapi_goes_by_its_number_and_has_a_length() {
    let key = SessionKey::capi(0x6801, &[7; 5]).unwrap();
    assert_eq!((key.algorithm(), key.bits()), (Algorithm::capi(0x6801), 40));
    assert_eq!(key.algorithm().alg_id(), Some(0x6801));
    assert_eq!(Algorithm::AGE_FILE_KEY.alg_id(), None);
    assert!(SessionKey::capi(0x6801, &[]).is_err());
    assert!(SessionKey::capi(0x6801, &[7; SessionKey::BYTES_MAX + 1]).is_err());
}

#[test]
fn a_ciphertext_longer_than_any_session_keys_is_refused() {
    let cast = Cast::new();
    let of = |length| {
        let mut batch = batch(&cast, 1);
        batch.keys[0].sealed = vec![0; length];
        signed(&cast, &batch)
    };
    assert!(SignedStatement::parse(&of(112).to_bytes()).is_ok());
    assert!(of(113).error().starts_with("malformed carried key"));
}

#[test]
fn kinds_and_paddings_that_are_not_specified_are_refused() {
    let cast = Cast::new();
    let changes: [fn(&mut Key); 10] = [
        |key| key.kind = 0,
        |key| key.kind = 2,
        |key| key.kind = 3,
        |key| key.kind = 4,
        |key| (key.kind, key.padding) = (2, 3),
        |key| (key.kind, key.padding) = (4, 1),
        |key| key.algorithm = 1 << 32,
        |key| key.bits = 1 << 16,
        |key| key.padding = 1,
        |key| key.serial.push(0),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut batch = batch(&cast, 1);
        change(&mut batch.keys[0]);
        let error = signed(&cast, &batch).error();
        assert!(error.starts_with("malformed "), "{number}: {error}");
    }
}

#[test]
fn a_release_is_one_page_that_answers_for_each_serial_once() {
    let cast = Cast::new();
    let made = SignedStatement::sign(cast.release(2), &cast.log_key);
    let forged = |withheld: &[Serial]| {
        let mut batch = Batch::of(&made);
        let serials = withheld.iter().map(|serial| Item::Bytes(serial.as_bytes()));
        batch.head[5] = e(serials.collect());
        batch.sign(Kind::Release, &cast.log_key)
    };
    let release = release_in(&made);
    let new = |withheld: &[Serial]| {
        let sealed = (
            release.encapsulation().unwrap().clone(),
            release.keys().to_vec(),
        );
        Release::new(cast.origin(), 0, Some(sealed), withheld.to_vec())
    };
    assert_eq!(forged(&[]).to_bytes(), made.as_bytes());
    let most: Vec<_> = (2..256).map(serial).collect();
    for good in [&most[..], &[serial(5)]] {
        assert!(SignedStatement::parse(&forged(good).to_bytes()).is_ok());
        assert!(new(good).is_ok());
    }
    let many: Vec<_> = (2..257).map(serial).collect();
    for bad in [&many[..], &[serial(0)], &[serial(5), serial(5)]] {
        assert!(forged(bad).error().starts_with("malformed release"));
        assert!(new(bad).is_err());
    }
}

#[test]
fn a_release_is_of_one_owners_keys() {
    let cast = Cast::new();
    let release = cast.release(1);
    let sealed = |keys| Some((release.encapsulation().unwrap().clone(), keys));
    let [key] = release.keys() else { panic!() };
    let with = |label| {
        vec![SealedKey {
            label,
            ..key.clone()
        }]
    };
    for keys in [
        Vec::new(),
        with(DepositLabel {
            owner: OwnerId::from_bytes([99; 32]),
            ..key.label
        }),
        with(DepositLabel {
            authority: AuthorityId::from_bytes([99; 32]),
            ..key.label
        }),
    ] {
        assert!(Release::new(cast.origin(), 0, sealed(keys), Vec::new()).is_err());
    }
}

#[test]
fn a_session_key_tells_its_length_and_algorithm() {
    let key = SessionKey::age_file_key(&[1; 16]);
    assert_eq!(
        (key.bits(), key.algorithm()),
        (128, Algorithm::AGE_FILE_KEY)
    );
}

fn opening(cast: &Cast, deposit: &Deposit) -> Opening {
    let opened = cast
        .wrap_key
        .open_deposits(cast.authority, deposit.encapsulation());
    opened.unwrap()
}

fn with_sealed(key: &SealedKey, sealed: &[u8]) -> SealedKey {
    SealedKey {
        sealed: sealed.to_vec(),
        ..key.clone()
    }
}

/// What HKDF-SHA256 makes of `blinding[32] ‖ key`.
pub(crate) fn hkdf_commitment(
    serial: &[u8],
    plaintext: &[u8],
    algorithm: u32,
    bits: u16,
) -> [u8; 32] {
    hkdf_under(
        "strongroom/commitment/v1",
        serial,
        plaintext,
        algorithm,
        bits,
    )
}

/// The same under another label.
pub(crate) fn hkdf_under(
    label: &str,
    serial: &[u8],
    plaintext: &[u8],
    algorithm: u32,
    bits: u16,
) -> [u8; 32] {
    let salt = [serial, &plaintext[..32]].concat();
    let info = [
        label.as_bytes(),
        &algorithm.to_be_bytes(),
        &bits.to_be_bytes(),
    ]
    .concat();
    let mut out = [0; 32];
    let extracted = Salt::new(HKDF_SHA256, &salt).extract(&plaintext[32..]);
    extracted
        .expand(&[&info], HKDF_SHA256)
        .unwrap()
        .fill(&mut out)
        .unwrap();
    out
}

/// An algorithm that has no name here, as it comes in a statement.
fn algorithm(code: u64) -> Algorithm {
    let cast = Cast::new();
    let mut batch = batch(&cast, 1);
    batch.keys[0].algorithm = code;
    let read = SignedStatement::parse(&signed(&cast, &batch).to_bytes()).unwrap();
    deposit_in(&read).keys()[0].label.algorithm
}

fn batch(cast: &Cast, count: usize) -> Batch {
    Batch::of(&SignedStatement::sign(cast.deposit(count), &cast.device))
}

fn signed(cast: &Cast, batch: &Batch) -> Parts {
    batch.sign(Kind::Deposit, &cast.device)
}
