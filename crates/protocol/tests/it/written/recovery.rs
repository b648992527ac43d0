use strongroom_protocol::id::OwnerId;
use strongroom_protocol::statement::{Decision, Grounds, Kind, SignedStatement, Statement};
use strongroom_protocol::wrap::SecretKey;

use super::{Page, word_of};
use crate::cast::{Cast, author, draft, release_in, serial};
use crate::vectors;
use crate::wire::{Batch, Item, Parts, e, h, raw_items};

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("recovery/digest.txt", digest()),
        ("recovery/release.txt", release()),
        ("recovery/reject.txt", reject()),
    ]
}

fn digest() -> Page {
    let mut page = Page::new(
        "Requests, decisions and changes of a policy (spec/recovery.md, spec/policy.md#change): `digest` is H(Q) of the
        request, or that of the decision or the change.",
    );
    let cast = Cast::new();
    let (request, decision) = (
        cast.statement(Kind::Request),
        cast.statement(Kind::Decision),
    );
    page.case("a request")
        .hex("statement", request.as_bytes())
        .field("digest", cast.request().digest());
    page.case("a decision")
        .hex("statement", decision.as_bytes())
        .field("digest", cast.decision().digest());
    let asked = Decision {
        asker: Some(OwnerId::from_bytes([16; 32])),
        ..cast.decision()
    };
    page.case("a decision on what another owner asked for")
        .hex(
            "statement",
            SignedStatement::sign(asked.clone(), &cast.log_key).as_bytes(),
        )
        .field("digest", asked.digest());
    page.case("a change of the policy")
        .hex("statement", cast.statement(Kind::PolicyChange).as_bytes())
        .field("digest", cast.policy_change().digest());
    page
}

fn release() -> Page {
    let mut page = Page::new(
        "Keys of a release (spec/recovery.md#release). `secret` is the seed of the key that the request names; it opens
        key `index` of `statement` to `blinding` and `key`.",
    );
    let cast = Cast::new();
    let signed = cast.statement(Kind::Release);
    for index in 0..2 {
        let plaintext = draft(index).key.to_plaintext();
        page.case(&format!("key {index} of 2"))
            .hex("statement", signed.as_bytes())
            .hex("secret", cast.release_key.expose_seed())
            .field("index", index)
            .hex("blinding", &plaintext[..32])
            .hex("key", &plaintext[32..]);
    }
    page
}

fn reject() -> Page {
    let mut page = Page::new(
        "Statements of a recovery that are refused (spec/recovery.md, spec/policy.md); `error` is as in statement/reject.txt.",
    );
    let cast = Cast::new();
    let made = |kind| Parts::of(&cast.statement(kind));
    let mut case = |name: &str, parts: Parts| {
        let bytes = parts.to_bytes();
        page.case(name)
            .field("error", word_of(&bytes))
            .hex("statement", &bytes);
    };
    let request = |scope: Vec<Item<'_>>| {
        let body = made(Kind::Request).body;
        // The scope of two serials, 81 82 50 .. 50 .., stands behind three ids.
        let (before, behind) = (1 + 34 + 17 + 34, 2 + 2 * 17);
        let body = [&body[..before], &e(scope), &body[before + behind..]].concat();
        Parts::sign(Kind::Request, &cast.asking, body, Vec::new())
    };
    let serials = |numbers: &[usize]| {
        let serials: Vec<_> = numbers.iter().map(|number| serial(*number)).collect();
        let serials = serials.iter().map(|serial| Item::Bytes(serial.as_bytes()));
        request(vec![Item::Items(serials.collect())])
    };
    let withheld = |numbers: &[usize]| {
        let mut batch = Batch::of(&cast.statement(Kind::Release));
        let serials: Vec<_> = numbers.iter().map(|number| serial(*number)).collect();
        batch.head[5] = e(serials
            .iter()
            .map(|serial| Item::Bytes(serial.as_bytes()))
            .collect());
        batch.sign(Kind::Release, &cast.log_key)
    };
    // So that what follows is refused for what its name says.
    assert_eq!(word_of(&serials(&[0, 1]).to_bytes()), "taken");
    assert_eq!(word_of(&withheld(&[7]).to_bytes()), "taken");
    let decision = made(Kind::Decision).body;
    assert_eq!(decision[decision.len() - 10], 1);
    case("no serial", serials(&[]));
    case("serials out of order", serials(&[1, 0]));
    case("a serial twice", serials(&[1, 1]));
    case(
        "a scope of two items",
        request(vec![Item::Uint(1), Item::Uint(1)]),
    );
    let last = |kind, change: fn(&mut Vec<u8>)| {
        let mut parts = made(kind);
        change(&mut parts.body);
        Parts::sign(kind, &cast.log_key, parts.body, parts.carried)
    };
    case(
        "evidence of kind 0",
        last(Kind::Evidence, |body| *body.last_mut().unwrap() = 0),
    );
    case(
        "evidence of kind 2",
        last(Kind::Evidence, |body| *body.last_mut().unwrap() = 2),
    );
    // The verdict stands before a time of nine bytes.
    case(
        "verdict 0",
        last(Kind::Decision, |body| {
            let end = body.len();
            body[end - 10] = 0;
        }),
    );
    case(
        "verdict 5",
        last(Kind::Decision, |body| {
            let end = body.len();
            body[end - 10] = 5;
        }),
    );
    let item = |kind, place: usize, value: &[u8]| {
        let mut items = raw_items(&made(kind).body);
        items[place] = value.to_vec();
        let items = items.iter().map(|item| Item::Raw(item)).collect();
        Parts::sign(kind, author(&cast, kind), e(items), Vec::new())
    };
    let asker = |owners: &[u8]| {
        let owners: Vec<_> = owners.iter().map(|byte| [*byte; 32]).collect();
        let owners = owners.iter().map(|owner| Item::Bytes(owner)).collect();
        item(Kind::Decision, 5, &e(owners))
    };
    let without_asker = {
        let mut items = raw_items(&made(Kind::Decision).body);
        items.remove(5);
        let items = items.iter().map(|item| Item::Raw(item)).collect();
        Parts::sign(Kind::Decision, &cast.log_key, e(items), Vec::new())
    };
    assert_eq!(word_of(&asker(&[16]).to_bytes()), "taken");
    case("a decision with two askers", asker(&[16, 17]));
    case(
        "a decision whose asker is no list",
        item(Kind::Decision, 5, &e(vec![Item::Bytes(&[16; 32])])[1..]),
    );
    case("a decision of seven items", without_asker);
    assert_eq!(word_of(&item(Kind::Approval, 3, &[3]).to_bytes()), "taken");
    assert_eq!(word_of(&item(Kind::Departed, 2, &[0]).to_bytes()), "taken");
    case("an approval of word 0", item(Kind::Approval, 3, &[0]));
    case("an approval of word 4", item(Kind::Approval, 3, &[4]));
    let grounds = |length| {
        let text = "a".repeat(length);
        item(Kind::Approval, 4, &e(vec![Item::Text(&text)])[1..])
    };
    assert_eq!(word_of(&grounds(0).to_bytes()), "taken");
    assert_eq!(word_of(&grounds(Grounds::BYTES_MAX).to_bytes()), "taken");
    case(
        "an approval with too long a reason",
        grounds(Grounds::BYTES_MAX + 1),
    );
    case("a departure that is 2", item(Kind::Departed, 2, &[2]));
    case(
        "a change to no policy",
        item(Kind::PolicyChange, 1, &e(vec![])),
    );
    case("a key released and withheld", withheld(&[0]));
    case("a key withheld twice", withheld(&[7, 7]));
    case("a page of 257", withheld(&(2..257).collect::<Vec<_>>()));
    page
}

#[test]
fn vectors_of_digests_hold() {
    for vector in vectors::read("recovery/digest.txt") {
        let signed = SignedStatement::parse(&vector.bytes("statement")).unwrap();
        let digest = if let Statement::Decision(decision) = signed.statement() {
            decision.digest()
        } else if let Statement::PolicyChange(change) = signed.statement() {
            let body = &Parts::of(&signed).body;
            let expected = h(&[b"strongroom/policy-change/v1\0", body]);
            assert_eq!(change.digest().as_bytes(), &expected);
            change.digest()
        } else if let Statement::Request(request) = signed.statement() {
            request.digest()
        } else {
            panic!("{vector}: {signed:?}")
        };
        assert_eq!(digest.to_string(), vector.one("digest"), "{vector}");
    }
}

#[test]
fn vectors_of_releases_open() {
    for vector in vectors::read("recovery/release.txt") {
        let signed = SignedStatement::parse(&vector.bytes("statement")).unwrap();
        let release = release_in(&signed);
        let secret = SecretKey::from_seed(&vector.array("secret"));
        let opening = secret.open_release(
            release.authority(),
            release.request(),
            release.decision(),
            release.encapsulation().unwrap(),
        );
        let key = &release.keys()[usize::try_from(vector.number("index")).unwrap()];
        let opened = key.open(&opening.unwrap()).unwrap();
        let plaintext = [vector.bytes("blinding"), vector.bytes("key")].concat();
        assert_eq!(*opened.to_plaintext(), plaintext, "{vector}");
    }
}

#[test]
fn vectors_of_recovery_to_refuse_are_refused_as_they_say() {
    for vector in vectors::read("recovery/reject.txt") {
        let error = word_of(&vector.bytes("statement"));
        assert_ne!(error, "taken", "{vector}");
        assert_eq!(error, vector.one("error"), "{vector}");
    }
}
