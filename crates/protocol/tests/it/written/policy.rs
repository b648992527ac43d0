use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Kind, SignedStatement, Statement};

use super::Page;
use crate::cast::{Cast, DAY, officer_key, two_officers};
use crate::vectors;
use crate::wire::{Item, Parts, e, h, raw_items};

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("policy/accept.txt", accept()),
        ("policy/reject.txt", reject()),
    ]
}

fn accept() -> Page {
    let mut page = Page::new("Policies (spec/policy.md): their encoding and its digest.");
    let cases = [
        ("code alone", Pieces::default()),
        (
            "no rule",
            Pieces {
                rules: vec![],
                ..Pieces::default()
            },
        ),
        ("something in each place", Pieces::two_officers()),
        (
            "for whoever says to be the owner",
            Pieces {
                rules: vec![for_anyone()],
                ..Pieces::two_officers()
            },
        ),
    ];
    for (name, pieces) in cases {
        let policy = pieces.encode();
        page.case(name)
            .hex("policy", &policy)
            .hex("digest", &h(&[b"strongroom/policy/v1\0", &policy]));
    }
    page
}

fn reject() -> Page {
    let mut page = Page::new("Encodings that are no policy (spec/policy.md).");
    for (name, policy) in wrong() {
        page.case(name).hex("policy", &policy);
    }
    page
}

fn wrong() -> Vec<(&'static str, Vec<u8>)> {
    let full = Pieces::two_officers;
    let rule = |change: fn(&mut Vec<Vec<u8>>)| {
        let mut rule = raw_items(&code_alone("r"));
        change(&mut rule);
        Pieces {
            rules: vec![array(rule)],
            ..full()
        }
    };
    let anyone = |change: fn(&mut Vec<Vec<u8>>)| {
        let mut rule = raw_items(&for_anyone());
        change(&mut rule);
        Pieces {
            rules: vec![array(rule)],
            ..full()
        }
    };
    let groups = |groups: Vec<Vec<u8>>| Pieces {
        groups,
        rules: vec![code_alone("r")],
        change: e(vec![Item::Uint(1), none(), Item::Uint(0)]),
        departed: e(vec![]),
        ..full()
    };
    let officers = |officers: Vec<Vec<u8>>| Pieces {
        officers,
        ..groups(vec![])
    };
    let change = |codes: u64, approvals: Item<'_>| Pieces {
        change: e(vec![Item::Uint(codes), approvals, Item::Uint(0)]),
        ..full()
    };
    let (one, other) = (key("ada"), key("bob"));
    let long = "x".repeat(257);
    let rules = |count: usize| Pieces {
        rules: (0..count)
            .map(|number| code_alone(&number.to_string()))
            .collect(),
        ..full()
    };
    // So that what follows is refused for what its name says.
    assert!(read(&rule(|_| ()).encode()).is_some());
    assert!(read(&anyone(|_| ()).encode()).is_some());
    assert!(read(&groups(vec![group("g", 1, &["ada"])]).encode()).is_some());
    assert!(read(&officers(vec![officer("ada", &[&one, &other])]).encode()).is_some());
    assert!(read(&change(1, none()).encode()).is_some());
    assert!(read(&rules(64).encode()).is_some());
    let circle = vec![group("g", 1, &["h", "ada"]), group("h", 1, &["g"])];
    let cases = vec![
        (
            "a rule that asks for nothing",
            rule(|rule| rule[5] = e(vec![])),
        ),
        (
            "evidence of kind 2",
            rule(|rule| rule[5] = e(vec![Item::Uint(2)])),
        ),
        (
            "evidence of 17 kinds",
            rule(|rule| rule[5] = e((0..17).map(|_| Item::Uint(1)).collect())),
        ),
        (
            "a veto that is neither 0 nor 1",
            rule(|rule| rule[8] = vec![2]),
        ),
        (
            "owners of kind 3",
            rule(|rule| rule[1] = e(vec![Item::Uint(3)])),
        ),
        (
            "departed owners and a list",
            rule(|rule| rule[1] = e(vec![Item::Uint(1), Item::Items(vec![])])),
        ),
        (
            "labels out of order",
            rule(|rule| rule[2] = e(vec![label("b"), label("a")])),
        ),
        (
            "a label twice",
            rule(|rule| rule[2] = e(vec![label("a"), label("a")])),
        ),
        (
            "two numbers of keys",
            rule(|rule| rule[3] = e(vec![Item::Uint(1), Item::Uint(1)])),
        ),
        (
            "approvals of no group",
            rule(|rule| rule[6] = e(vec![Item::Text("nobody")])),
        ),
        (
            "approvals of an officer",
            rule(|rule| rule[6] = e(vec![Item::Text("ada")])),
        ),
        (
            "an overruling group that is none",
            rule(|rule| rule[9] = e(vec![Item::Text("nobody")])),
        ),
        (
            "an asker group that is none",
            rule(|rule| {
                rule[4] = e(vec![Item::Uint(2), Item::Text("nobody")]);
                rule[6] = e(vec![Item::Text("both")]);
            }),
        ),
        (
            "another's keys without an approval",
            rule(|rule| rule[4] = e(vec![Item::Uint(2), Item::Text("both")])),
        ),
        (
            "an asker of kind 3",
            rule(|rule| rule[4] = e(vec![Item::Uint(3)])),
        ),
        (
            "an asker as an optional group",
            rule(|rule| {
                rule[4] = e(vec![Item::Text("both")]);
                rule[6] = e(vec![Item::Text("both")]);
            }),
        ),
        (
            "approvals without evidence for an owner",
            anyone(|rule| rule[4] = e(vec![Item::Uint(0)])),
        ),
        (
            "evidence by whoever says to be the owner",
            anyone(|rule| rule[5] = e(vec![Item::Uint(1)])),
        ),
        (
            "nothing but a wait for whoever says to be the owner",
            anyone(|rule| rule[6] = e(vec![])),
        ),
        (
            "one person's approval for whoever says to be the owner",
            anyone(|rule| rule[6] = e(vec![Item::Text("either")])),
        ),
        (
            "no wait for whoever says to be the owner",
            anyone(|rule| rule[7] = e(vec![Item::Uint(0)])[1..].to_vec()),
        ),
        (
            "no veto against whoever says to be the owner",
            anyone(|rule| rule[8] = vec![0]),
        ),
        (
            "whoever says to be an owner who has departed",
            anyone(|rule| rule[1] = e(vec![Item::Uint(1)])),
        ),
        (
            "a group named as whoever says to be the owner",
            groups(vec![group("Anyone", 1, &["ada"])]),
        ),
        (
            "an officer named as whoever says to be the owner",
            officers(vec![officer("anyone", &[&one])]),
        ),
        (
            "one owner who is two officers",
            officers(vec![
                officer_of("ada", &one, &[7; 32]),
                officer_of("bob", &other, &[7; 32]),
            ]),
        ),
        (
            "a rule of nine items",
            rule(|rule| {
                rule.pop();
            }),
        ),
        (
            "a name of 257 bytes",
            Pieces {
                rules: vec![code_alone(&long)],
                ..full()
            },
        ),
        (
            "two rules of one name",
            Pieces {
                rules: vec![code_alone("r"), code_alone("r")],
                ..full()
            },
        ),
        ("65 rules", rules(65)),
        (
            "a group that needs nobody",
            groups(vec![group("g", 0, &["ada"])]),
        ),
        (
            "a group that needs more than it has",
            groups(vec![group("g", 2, &["ada"])]),
        ),
        (
            "a group with a member twice",
            groups(vec![group("g", 1, &["ada", "ada"])]),
        ),
        (
            "a group of nobody known",
            groups(vec![group("g", 1, &["eve"])]),
        ),
        (
            "a group in itself",
            groups(vec![group("g", 1, &["g", "ada"])]),
        ),
        ("groups in a circle", groups(circle)),
        (
            "a group named as an officer",
            groups(vec![group("ada", 1, &["bob"])]),
        ),
        (
            "an officer without a key",
            officers(vec![officer("ada", &[])]),
        ),
        (
            "a key of two officers",
            officers(vec![officer("ada", &[&one]), officer("bob", &[&one])]),
        ),
        ("a key twice", officers(vec![officer("ada", &[&one, &one])])),
        (
            "two officers of one name",
            officers(vec![officer("ada", &[&one]), officer("ada", &[&other])]),
        ),
        ("a change that asks for nothing", change(0, none())),
        (
            "a change by no group",
            change(1, Item::Items(vec![Item::Text("nobody")])),
        ),
        (
            "departed by no group",
            Pieces {
                departed: e(vec![Item::Text("nobody")]),
                ..full()
            },
        ),
    ];
    let mut wrong: Vec<_> = cases
        .into_iter()
        .map(|(name, pieces)| (name, pieces.encode()))
        .collect();
    wrong.push(("two items", e(vec![Item::Items(vec![]), Item::Uint(1)])));
    wrong
}

/// The six items of a policy, each encoded, as spec/policy.md says.
struct Pieces {
    officers: Vec<Vec<u8>>,
    groups: Vec<Vec<u8>>,
    rules: Vec<Vec<u8>>,
    change: Vec<u8>,
    departed: Vec<u8>,
}

/// That of an embedded authority.
impl Default for Pieces {
    fn default() -> Self {
        Self {
            officers: vec![],
            groups: vec![],
            rules: vec![code_alone("recovery code")],
            change: e(vec![Item::Uint(1), none(), Item::Uint(0)]),
            departed: e(vec![]),
        }
    }
}

impl Pieces {
    /// The policy of `cast`.
    fn two_officers() -> Self {
        let asked_for = e(vec![
            Item::Text("asked for"),
            Item::Items(vec![
                Item::Uint(2),
                Item::Items(vec![Item::Bytes(&[3; 32])]),
            ]),
            Item::Items(vec![Item::Items(vec![
                Item::Text("team"),
                Item::Text("archive"),
            ])]),
            Item::Items(vec![Item::Uint(10)]),
            Item::Items(vec![Item::Uint(2), Item::Text("either")]),
            Item::Items(vec![]),
            Item::Items(vec![Item::Text("both")]),
            Item::Uint(DAY),
            Item::Uint(1),
            Item::Items(vec![Item::Text("both")]),
        ]);
        let ada = e(vec![
            Item::Text("ada"),
            Item::Items(vec![Item::Bytes(&key("ada"))]),
            Item::Items(vec![Item::Bytes(&[12; 32])]),
        ]);
        Self {
            officers: vec![ada, officer("bob", &[&key("bob")])],
            groups: vec![
                group("either", 1, &["ada", "bob"]),
                group("both", 2, &["ada", "bob"]),
            ],
            rules: vec![asked_for, code_alone("recovery code")],
            change: e(vec![
                Item::Uint(0),
                Item::Items(vec![Item::Text("both")]),
                Item::Uint(3 * DAY),
            ]),
            departed: e(vec![Item::Text("either")]),
        }
    }

    fn encode(self) -> Vec<u8> {
        let (officers, groups, rules) =
            (array(self.officers), array(self.groups), array(self.rules));
        let lapse = e(vec![Item::Uint(30 * DAY)]);
        array(vec![
            officers,
            groups,
            rules,
            self.change,
            self.departed,
            lapse[1..].to_vec(),
        ])
    }
}

fn array(items: Vec<Vec<u8>>) -> Vec<u8> {
    e(items.iter().map(|item| Item::Raw(item)).collect())
}

fn none() -> Item<'static> {
    Item::Items(vec![])
}

fn label(name: &str) -> Item<'_> {
    Item::Items(vec![Item::Text(name), Item::Text("")])
}

fn key(name: &str) -> [u8; 32] {
    *officer_key(name).verifying_key().as_bytes()
}

fn officer(name: &str, keys: &[&[u8; 32]]) -> Vec<u8> {
    let keys = keys.iter().map(|key| Item::Bytes(*key)).collect();
    e(vec![Item::Text(name), Item::Items(keys), none()])
}

fn group(name: &str, need: u64, of: &[&str]) -> Vec<u8> {
    let of = of.iter().map(|name| Item::Text(name)).collect();
    e(vec![Item::Text(name), Item::Uint(need), Item::Items(of)])
}

fn officer_of(name: &str, key: &[u8; 32], owner: &[u8; 32]) -> Vec<u8> {
    e(vec![
        Item::Text(name),
        Item::Items(vec![Item::Bytes(key)]),
        Item::Items(vec![Item::Bytes(owner)]),
    ])
}

/// A rule for whoever says to be the owner, of the groups of [`Pieces::two_officers`].
fn for_anyone() -> Vec<u8> {
    e(vec![
        Item::Text("anyone's"),
        Item::Items(vec![Item::Uint(0)]),
        none(),
        none(),
        Item::Items(vec![Item::Uint(1)]),
        none(),
        Item::Items(vec![Item::Text("both")]),
        Item::Uint(DAY),
        Item::Uint(1),
        none(),
    ])
}

/// A rule by which the code is enough, at once.
fn code_alone(name: &str) -> Vec<u8> {
    e(vec![
        Item::Text(name),
        Item::Items(vec![Item::Uint(0)]),
        none(),
        none(),
        Item::Items(vec![Item::Uint(0)]),
        Item::Items(vec![Item::Uint(1)]),
        none(),
        Item::Uint(0),
        Item::Uint(0),
        none(),
    ])
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
    let vectors = vectors::read("policy/accept.txt");
    for (made, vector) in [
        (Policy::code_alone(), &vectors[0]),
        (two_officers(), &vectors[2]),
    ] {
        assert_eq!(made.digest().to_string(), vector.one("digest"), "{vector}");
    }
}

#[test]
fn vectors_of_what_is_no_policy_are_refused() {
    for vector in vectors::read("policy/reject.txt") {
        assert_eq!(read(&vector.bytes("policy")), None, "{vector}");
    }
}
