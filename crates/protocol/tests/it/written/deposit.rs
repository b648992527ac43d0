use strongroom_protocol::id::Serial;
use strongroom_protocol::session_key::{Algorithm, BlindedKey};
use strongroom_protocol::statement::{Draft, Kind, Particulars, SignedStatement};
use strongroom_protocol::wrap::SecretKey;

use super::{Page, word_of};
use crate::cast::{Cast, blob_draft, deposit_in, draft, serial};
use crate::deposit::{hkdf_commitment, hkdf_under};
use crate::vectors;
use crate::wire::{Batch, Item, e};

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("deposit/accept.txt", accept()),
        ("deposit/blob.txt", blob()),
        ("deposit/commitment.txt", commitment()),
        ("deposit/reject.txt", reject()),
    ]
}

fn accept() -> Page {
    let mut page = Page::new(
        "Keys of a deposit (spec/deposit.md). `secret` is the seed of the authority's wrapping key, which opens key
        `index` of `statement` to `blinding` and `key`; `label` is H(L), the data that the seal is bound to.",
    );
    let cast = Cast::new();
    let signed = SignedStatement::sign(cast.deposit(2), &cast.device);
    let raw = Batch::of(&signed);
    for (index, key) in deposit_in(&signed).keys().iter().enumerate() {
        let plaintext = draft(index).key.to_plaintext();
        page.case(&format!("key {index} of 2"))
            .hex("statement", signed.as_bytes())
            .hex("secret", cast.wrap_key.expose_seed())
            .field("index", index)
            .field("serial", key.label.serial)
            .hex("commitment", &raw.keys[index].commitment)
            .field("particulars", key.label.particulars)
            .field("label", key.label.digest())
            .hex("blinding", &plaintext[..32])
            .hex("key", &plaintext[32..]);
    }
    page
}

fn blob() -> Page {
    let mut page = Page::new(
        "Deposits of SIMPLEBLOBs (spec/simple-blob.md). `secret` is the seed of the authority's wrapping key, which opens
        the first key of `statement` to `blinding` and `blob`; `key` is the session key committed to, where the deposit
        is proven. The blobs stand in for such: nothing here looks inside.",
    );
    let cast = Cast::new();
    for (name, proven) in [("proven", true), ("unproven", false)] {
        let signed = SignedStatement::sign(
            cast.deposit_of_blobs(vec![blob_draft(1, proven)]),
            &cast.device,
        );
        let raw = &Batch::of(&signed).keys[0];
        let plaintext = blob_draft(1, proven).blob.to_plaintext();
        page.case(name)
            .hex("statement", signed.as_bytes())
            .hex("secret", cast.wrap_key.expose_seed())
            .field("kind", raw.kind)
            .field("padding", raw.padding)
            .field("algorithm", raw.algorithm)
            .field("bits", raw.bits)
            .field("serial", serial(1))
            .field("label", deposit_in(&signed).keys()[0].label.digest())
            .hex("blinding", &plaintext[..32])
            .hex("blob", &plaintext[32..])
            .hex("commitment", &raw.commitment);
        if proven {
            page.hex("key", &[1; 16]);
        }
    }
    page
}

fn commitment() -> Page {
    let mut page = Page::new(
        "Commitments (spec/deposit.md#commitment). Each differs from the first in what its name says.",
    );
    const AGE: u32 = 0x6167_6501;
    let (serial, blinding, key) = ([1; 16], [2; 32], [3; 16]);
    let another = [9; 16];
    let cases = [
        ("an age file key", serial, blinding, AGE, &key[..]),
        ("another serial", another, blinding, AGE, &key),
        ("another blinding", serial, [9; 32], AGE, &key),
        ("another key", serial, blinding, AGE, &another),
        ("another algorithm", serial, blinding, 0x6801, &key),
        ("another length", serial, blinding, 0x6801, &key[..5]),
    ];
    for (name, serial, blinding, algorithm, key) in cases {
        let bits = u16::try_from(key.len() * 8).unwrap();
        let plaintext = [&blinding, key].concat();
        page.case(name)
            .hex("serial", &serial)
            .hex("blinding", &blinding)
            .field("algorithm", algorithm)
            .field("bits", bits)
            .hex("key", key)
            .hex(
                "commitment",
                &hkdf_commitment(&serial, &plaintext, algorithm, bits),
            );
    }
    page
}

type Change<'c> = dyn Fn(&mut Batch) + 'c;

fn reject() -> Page {
    let mut page = Page::new(
        "Deposits that are refused (spec/deposit.md). `error` is as in statement/reject.txt, or `not opened` where the
        statement is one, and its first key does not open for the authority whose wrapping key has the seed `secret`.",
    );
    let cast = Cast::new();
    let good = Batch::of(&SignedStatement::sign(cast.deposit(2), &cast.device));
    let labels = |names: [&'static str; 2]| {
        let pair = |name| Item::Items(vec![Item::Text(name), Item::Text("v")]);
        let labels = names.into_iter().map(pair).collect();
        e(vec![Item::Text(""), Item::Items(labels), Item::Bytes(&[])])
    };
    let changes: [(&str, &Change<'_>); 20] = [
        ("no key", &|batch| {
            batch.keys.clear();
        }),
        ("one serial twice", &|batch| {
            batch.keys[1].serial = batch.keys[0].serial.clone();
        }),
        ("kind 2 without a padding", &|batch| {
            batch.keys[0].kind = 2;
        }),
        ("kind 3 with padding 3", &|batch| {
            batch.keys[0].kind = 3;
            batch.keys[0].padding = 3;
        }),
        ("kind 4", &|batch| {
            batch.keys[0].kind = 4;
        }),
        ("a key said to be a blob", &|batch| {
            batch.keys[0].kind = 2;
            batch.keys[0].padding = 1;
        }),
        ("a blob's ciphertext of 573 bytes", &|batch| {
            batch.keys[0].kind = 2;
            batch.keys[0].padding = 1;
            batch.keys[0].sealed = vec![0; 573];
        }),
        ("padding 1", &|batch| {
            batch.keys[0].padding = 1;
        }),
        ("an algorithm of 33 bits", &|batch| {
            batch.keys[0].algorithm = 1 << 32;
        }),
        ("a commitment of 31 bytes", &|batch| {
            batch.keys[0].commitment.truncate(31);
        }),
        ("a ciphertext of 113 bytes", &|batch| {
            batch.keys[0].sealed = vec![0; 113];
        }),
        ("an encapsulation of 1119 bytes", &|batch| {
            batch.enc.truncate(1119);
        }),
        ("labels out of order", &|batch| {
            batch.keys[0].particulars = labels(["b", "a"]);
        }),
        ("a label twice", &|batch| {
            batch.keys[0].particulars = labels(["a", "a"]);
        }),
        ("a label without a name", &|batch| {
            batch.keys[0].particulars = labels(["", "a"]);
        }),
        ("another serial", &|batch| {
            batch.keys[0].serial[0] ^= 1;
        }),
        ("another owner", &|batch| {
            batch.head[1][2] ^= 1;
        }),
        ("another commitment", &|batch| {
            batch.keys[0].commitment[0] ^= 1;
        }),
        ("a changed ciphertext", &|batch| {
            batch.keys[0].sealed[0] ^= 1;
        }),
        ("a changed encapsulation", &|batch| {
            batch.enc[0] ^= 1;
        }),
    ];
    for (name, change) in changes {
        let mut batch = good.clone();
        change(&mut batch);
        let bytes = batch.sign(Kind::Deposit, &cast.device).to_bytes();
        page.case(name)
            .field("error", verdict(&bytes, &cast.wrap_key))
            .hex("secret", cast.wrap_key.expose_seed())
            .hex("statement", &bytes);
    }
    let mut swapped = good.clone();
    let [one, two] = &mut swapped.keys[..] else {
        unreachable!()
    };
    std::mem::swap(&mut one.sealed, &mut two.sealed);
    let mut parts = good.sign(Kind::Deposit, &cast.device);
    parts.carried = swapped.carried();
    page.case("ciphertexts that changed places")
        .field("error", word_of(&parts.to_bytes()))
        .hex("secret", cast.wrap_key.expose_seed())
        .hex("statement", &parts.to_bytes());
    page
}

/// What comes of a deposit, to the opening of its first key.
fn verdict(bytes: &[u8], secret: &SecretKey) -> &'static str {
    let Ok(signed) = SignedStatement::parse(bytes) else {
        return word_of(bytes);
    };
    let deposit = deposit_in(&signed);
    let opening = secret.open_deposits(deposit.authority(), deposit.encapsulation());
    match opening.and_then(|opening| deposit.keys()[0].open(&opening)) {
        Ok(_) => "taken",
        Err(_) => "not opened",
    }
}

#[test]
fn vectors_of_deposits_open() {
    for vector in vectors::read("deposit/accept.txt") {
        let signed = SignedStatement::parse(&vector.bytes("statement")).unwrap();
        let deposit = deposit_in(&signed);
        let key = &deposit.keys()[usize::try_from(vector.number("index")).unwrap()];
        assert_eq!(
            key.label.serial.to_string(),
            vector.one("serial"),
            "{vector}"
        );
        assert_eq!(
            key.label.particulars.to_string(),
            vector.one("particulars"),
            "{vector}"
        );
        assert_eq!(
            key.label.digest().to_string(),
            vector.one("label"),
            "{vector}"
        );
        let secret = SecretKey::from_seed(&vector.array("secret"));
        assert_eq!(deposit.wrap_key(), secret.public_key().id());
        let opening = secret.open_deposits(deposit.authority(), deposit.encapsulation());
        let opened = key
            .open(&opening.unwrap())
            .unwrap_or_else(|error| panic!("{vector}: {error}"));
        let plaintext = [vector.bytes("blinding"), vector.bytes("key")].concat();
        assert_eq!(*opened.to_plaintext(), plaintext, "{vector}");
        let commitment = hkdf_commitment(key.label.serial.as_bytes(), &plaintext, 0x6167_6501, 128);
        assert_eq!(commitment[..], vector.bytes("commitment"), "{vector}");
    }
}

#[test]
fn vectors_of_blobs_open() {
    for vector in vectors::read("deposit/blob.txt") {
        let signed = SignedStatement::parse(&vector.bytes("statement")).unwrap();
        let key = &deposit_in(&signed).keys()[0];
        let secret = SecretKey::from_seed(&vector.array("secret"));
        let deposit = deposit_in(&signed);
        let opening = secret.open_deposits(deposit.authority(), deposit.encapsulation());
        let opened = key.open_blob(&opening.unwrap()).unwrap();
        let (blinding, blob) = (vector.bytes("blinding"), vector.bytes("blob"));
        assert_eq!(*opened.to_plaintext(), [&blinding[..], &blob].concat());
        assert_eq!(
            key.label.digest().to_string(),
            vector.one("label"),
            "{vector}"
        );
        let (label, ikm) = if vector.number("kind") == 2 {
            ("strongroom/commitment/v1", vector.bytes("key"))
        } else {
            ("strongroom/blob-commitment/v1", blob)
        };
        let serial = key.label.serial.as_bytes();
        let algorithm = u32::try_from(vector.number("algorithm")).unwrap();
        let bits = u16::try_from(vector.number("bits")).unwrap();
        let by_hand = hkdf_under(label, serial, &[blinding, ikm].concat(), algorithm, bits);
        assert_eq!(by_hand[..], vector.bytes("commitment"), "{vector}");
        assert_eq!(Batch::of(&signed).keys[0].commitment, by_hand, "{vector}");
    }
}

#[test]
fn vectors_of_commitments_hold() {
    let mut seen = Vec::new();
    for vector in vectors::read("deposit/commitment.txt") {
        let plaintext = [vector.bytes("blinding"), vector.bytes("key")].concat();
        let serial: [u8; 16] = vector.array("serial");
        let algorithm = u32::try_from(vector.number("algorithm")).unwrap();
        let bits = u16::try_from(vector.number("bits")).unwrap();
        let by_hand = hkdf_commitment(&serial, &plaintext, algorithm, bits);
        assert_eq!(by_hand[..], vector.bytes("commitment"), "{vector}");
        assert!(!seen.contains(&by_hand), "{vector}");
        seen.push(by_hand);
        if algorithm == 0x6167_6501 {
            // Ours, as a statement shows it.
            let draft = Draft {
                serial: Serial::from_bytes(serial),
                key: BlindedKey::from_plaintext(Algorithm::AGE_FILE_KEY, bits, &plaintext).unwrap(),
                particulars: Particulars::default(),
            };
            let cast = Cast::new();
            let signed = SignedStatement::sign(cast.deposit_of(&[draft]), &cast.device);
            assert_eq!(Batch::of(&signed).keys[0].commitment, by_hand, "{vector}");
        }
    }
}

#[test]
fn vectors_of_deposits_to_refuse_are_refused_as_they_say() {
    for vector in vectors::read("deposit/reject.txt") {
        let secret = SecretKey::from_seed(&vector.array("secret"));
        let error = verdict(&vector.bytes("statement"), &secret);
        assert_ne!(error, "taken", "{vector}");
        assert_eq!(error, vector.one("error"), "{vector}");
    }
}
