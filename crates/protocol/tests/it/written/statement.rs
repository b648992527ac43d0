use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::statement::{Device, DeviceWord, Kind, SignedStatement, Statement};

use super::{Page, word_of};
use crate::cast::{Cast, author};
use crate::vectors;
use crate::wire::{Item, Parts, e, raw_items};

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("statement/accept.txt", accept()),
        ("statement/reject.txt", reject()),
    ]
}

fn accept() -> Page {
    let mut page = Page::new(
        "Statements (spec/statement.md), of each kind: `statement` is what is sent; `body` and `carried` are in it.
        `seed` is that of the author's Ed25519 key, `id` the statement's id, `authority` whom it is for.",
    );
    let cast = Cast::new();
    let of_kind = |signed: SignedStatement| {
        let author = author(&cast, signed.kind());
        (signed.kind().as_str(), signed, author)
    };
    let invitation = SignedStatement::sign(cast.invite(), &cast.device);
    let more = [
        ("device: an invitation", invitation, &cast.device),
        ("device: that joins", cast.joining(), &cast.asking),
    ];
    for (name, signed, author) in cast.every_kind().into_iter().map(of_kind).chain(more) {
        let parts = Parts::of(&signed);
        page.case(name)
            .field("kind", parts.kind)
            .hex("seed", author.expose_seed())
            .hex("body", &parts.body)
            .hex("carried", &parts.carried)
            .hex("statement", signed.as_bytes())
            .field("id", signed.id())
            .field("authority", signed.authority());
    }
    page
}

fn reject() -> Page {
    let mut page = Page::new(
        "Bytes that are no statement (spec/statement.md). `error` is `malformed` where they are not the one encoding of
        a statement, `signature` where it does not verify, `author` where the body names another key.",
    );
    let cast = Cast::new();
    let veto = Parts::of(&cast.statement(Kind::Veto));
    let bytes = veto.to_bytes();
    let resigned = |body: Vec<u8>| Parts::sign(Kind::Veto, &cast.device, body, Vec::new());
    let by_stranger = |kind| {
        let parts = Parts::of(&cast.statement(kind));
        Parts::sign(kind, &cast.stranger, parts.body, parts.carried).to_bytes()
    };
    let on_device = |word: &[u8]| {
        let parts = Parts::of(&cast.statement(Kind::Device));
        let mut items = raw_items(&parts.body);
        items[3] = word.to_vec();
        let items = items.iter().map(|item| Item::Raw(item)).collect();
        Parts::sign(Kind::Device, &cast.device, e(items), Vec::new()).to_bytes()
    };
    let mut signature = veto.signature.clone();
    signature[63] ^= 1;
    let cases = [
        ("nothing", Vec::new()),
        ("cut", bytes[..bytes.len() - 1].to_vec()),
        ("a byte behind it", [&bytes[..], &[0]].concat()),
        (
            "a longer integer",
            [&[0x85, 0x18, 0x06], &bytes[2..]].concat(),
        ),
        (
            "a longer length",
            [&[0x85, 0x06, 0x59, 0x00, 0x20], &bytes[4..]].concat(),
        ),
        (
            "an array of unstated length",
            [&[0x9f], &bytes[1..], &[0xff]].concat(),
        ),
        ("a tag", [&[0xc1], &bytes[..]].concat()),
        ("six items", [&[0x86], &bytes[1..], &[0x40]].concat()),
        (
            "kind 0",
            Parts {
                kind: 0,
                ..veto.clone()
            }
            .to_bytes(),
        ),
        (
            "kind 14",
            Parts {
                kind: 14,
                ..veto.clone()
            }
            .to_bytes(),
        ),
        (
            "the signature of another kind",
            Parts {
                kind: 5,
                ..veto.clone()
            }
            .to_bytes(),
        ),
        (
            "a changed signature",
            Parts {
                signature,
                ..veto.clone()
            }
            .to_bytes(),
        ),
        (
            "another author",
            Parts {
                author: cast.stranger.verifying_key().as_bytes().to_vec(),
                ..veto.clone()
            }
            .to_bytes(),
        ),
        (
            "a veto that carries something",
            Parts {
                carried: vec![0],
                ..veto.clone()
            }
            .to_bytes(),
        ),
        (
            "a body with a byte behind it",
            resigned([&veto.body[..], &[0]].concat()).to_bytes(),
        ),
        (
            "a body with a longer head",
            resigned([&[0x98, 0x04], &veto.body[1..]].concat()).to_bytes(),
        ),
        (
            "a veto signed as evidence",
            Parts::sign(Kind::Evidence, &cast.device, veto.body.clone(), Vec::new()).to_bytes(),
        ),
        (
            "a founding statement by another key",
            by_stranger(Kind::Found),
        ),
        ("an enrolment by another key", by_stranger(Kind::Enroll)),
        (
            "a word that a device joins, and no more",
            on_device(&[0x81, 0x01]),
        ),
        (
            "a device that joins by a handover of another key's",
            joins(&cast, |device| {
                if let DeviceWord::Join(joining) = &mut device.word {
                    joining.invitation = cast.stranger.verifying_key();
                }
            }),
        ),
        (
            "a device that joins by a handover to another owner",
            joins(&cast, |device| device.owner = OwnerId::from_bytes([9; 32])),
        ),
        (
            "a device that another says joins",
            Parts::sign(
                Kind::Device,
                &cast.stranger,
                Parts::of(&cast.joining()).body,
                Vec::new(),
            )
            .to_bytes(),
        ),
        ("an invitation without an end", on_device(&[0x81, 0x04])),
        ("a word on a device that is none", on_device(&[0x81, 0x05])),
        (
            "a revocation with a name",
            on_device(&[0x82, 0x03, 0x61, 0x61]),
        ),
        ("a device without a name", on_device(&[0x82, 0x02, 0x60])),
        (
            "a device's name with a line feed",
            on_device(&[0x82, 0x02, 0x62, 0x61, 0x0a]),
        ),
        (
            "a device's name of 65 bytes",
            on_device(&[&[0x82, 0x02, 0x78, 65], &[0x61; 65][..]].concat()),
        ),
        ("a request by another key", by_stranger(Kind::Request)),
    ];
    for (name, bytes) in cases {
        page.case(name)
            .field("error", word_of(&bytes))
            .hex("statement", &bytes);
    }
    page
}

/// The word of a device that joins, changed and signed by that device.
fn joins(cast: &Cast, change: impl FnOnce(&mut Device)) -> Vec<u8> {
    let joining = cast.joining();
    let Statement::Device(device) = joining.statement() else {
        panic!("it is a word on a device");
    };
    let mut device = device.clone();
    change(&mut device);
    SignedStatement::sign(device, &cast.asking)
        .as_bytes()
        .to_vec()
}

#[test]
fn vectors_of_statements_are_read() {
    for vector in vectors::read("statement/accept.txt") {
        let bytes = vector.bytes("statement");
        let signed =
            SignedStatement::parse(&bytes).unwrap_or_else(|error| panic!("{vector}: {error}"));
        assert_eq!(signed.kind().code(), vector.number("kind"), "{vector}");
        let kind = vector.one("case").split(':').next();
        assert_eq!(Some(signed.kind().as_str()), kind);
        assert_eq!(signed.id().to_string(), vector.one("id"), "{vector}");
        assert_eq!(
            signed.authority().to_string(),
            vector.one("authority"),
            "{vector}"
        );
        let key = SigningKey::from_seed(&vector.array("seed"));
        let (body, carried) = (vector.bytes("body"), vector.bytes("carried"));
        let made = Parts::sign(signed.kind(), &key, body, carried);
        assert_eq!(made.to_bytes(), bytes, "{vector}");
    }
}

#[test]
fn vectors_of_what_is_no_statement_are_refused_as_they_say() {
    for vector in vectors::read("statement/reject.txt") {
        let error = word_of(&vector.bytes("statement"));
        assert_ne!(error, "taken", "{vector}");
        assert_eq!(error, vector.one("error"), "{vector}");
    }
}
