use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};

use super::Page;
use crate::cast::Cast;
use crate::vectors;
use crate::wire::{Item, Parts, e, h};

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("policy/accept.txt", accept()),
        ("policy/reject.txt", reject()),
    ]
}

fn accept() -> Page {
    let mut page = Page::new("Policies (spec/recovery.md#policy): their encoding and its digest.");
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let cases = [
        (
            "code alone",
            policy(vec![rule("recovery code", vec![1], 0, 0)], 30 * DAY),
        ),
        ("no rule", policy(vec![], 0)),
        (
            "two rules, one of which waits",
            policy(
                vec![
                    rule("at once", vec![1], 0, 0),
                    rule("later", vec![1], DAY, 1),
                ],
                DAY * 2,
            ),
        ),
    ];
    for (name, policy) in cases {
        page.case(name)
            .hex("policy", &policy)
            .hex("digest", &h(&[b"strongroom/policy/v1\0", &policy]));
    }
    page
}

fn reject() -> Page {
    let mut page = Page::new("Encodings that are no policy (spec/recovery.md#policy).");
    let long = "x".repeat(257);
    let cases = [
        (
            "a rule without evidence",
            policy(vec![rule("r", vec![], 0, 0)], 1),
        ),
        (
            "evidence of kind 2",
            policy(vec![rule("r", vec![2], 0, 0)], 1),
        ),
        (
            "evidence of 17 kinds",
            policy(vec![rule("r", vec![1; 17], 0, 0)], 1),
        ),
        (
            "a veto that is neither 0 nor 1",
            policy(vec![rule("r", vec![1], 0, 2)], 1),
        ),
        (
            "a name of 257 bytes",
            policy(vec![rule(&long, vec![1], 0, 0)], 1),
        ),
        (
            "65 rules",
            policy((0..65).map(|_| rule("r", vec![1], 0, 0)).collect(), 1),
        ),
        ("one item", e(vec![Item::Items(vec![])])),
    ];
    for (name, policy) in cases {
        page.case(name).hex("policy", &policy);
    }
    page
}

fn rule(name: &str, evidence: Vec<u64>, wait_millis: u64, veto: u64) -> Item<'_> {
    Item::Items(vec![
        Item::Text(name),
        Item::Items(evidence.into_iter().map(Item::Uint).collect()),
        Item::Uint(wait_millis),
        Item::Uint(veto),
    ])
}

fn policy(rules: Vec<Item<'_>>, lapse_millis: u64) -> Vec<u8> {
    e(vec![Item::Items(rules), Item::Uint(lapse_millis)])
}

/// Reads a policy where one is read: in a founding statement.
fn read(policy: &[u8]) -> Option<Policy> {
    let cast = Cast::new();
    let (log_key, wrap_key) = (cast.log_key.verifying_key(), cast.wrap_key.public_key());
    let body = e(vec![
        Item::Bytes(log_key.as_bytes()),
        Item::Bytes(wrap_key.as_bytes()),
        Item::Raw(policy),
        Item::Uint(0),
    ]);
    let parts = Parts::sign(Kind::Found, &cast.log_key, body, Vec::new());
    let signed = SignedStatement::parse(&parts.to_bytes()).ok()?;
    let Statement::Found(found) = signed.statement() else {
        panic!("{signed:?} founds nothing")
    };
    Some(found.policy.clone())
}

#[test]
fn vectors_of_policies_are_read_and_have_their_digest() {
    for vector in vectors::read("policy/accept.txt") {
        let policy = read(&vector.bytes("policy")).unwrap_or_else(|| panic!("{vector}"));
        assert_eq!(
            policy.digest().to_string(),
            vector.one("digest"),
            "{vector}"
        );
    }
    let first = &vectors::read("policy/accept.txt")[0];
    assert_eq!(
        Policy::code_alone().digest().to_string(),
        first.one("digest")
    );
}

#[test]
fn vectors_of_what_is_no_policy_are_refused() {
    for vector in vectors::read("policy/reject.txt") {
        assert_eq!(read(&vector.bytes("policy")), None, "{vector}");
    }
}
