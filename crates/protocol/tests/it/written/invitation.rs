use strongroom_protocol::id::{AuthorityId, OwnerId};
use strongroom_protocol::invitation::{ExchangeFiles, Invitation, InvitationCode, InvitationError};
use strongroom_protocol::statement::DeviceName;
use zeroize::Zeroizing;

use super::Page;
use crate::cast::{Cast, DAY, NOW};
use crate::rng::Counting;
use crate::vectors;
use crate::wire::{Item, e};

pub(super) fn pages() -> Vec<(&'static str, Page)> {
    vec![
        ("invitation/accept.txt", accept()),
        ("invitation/reject.txt", reject()),
        ("invitation/code.txt", codes()),
    ]
}

const LABEL: &[u8] = b"strongroom/invitation/v1\0";

/// The items of an invitation, written by hand.
struct Pieces<'p> {
    kind: u64,
    address: &'p str,
    seed: &'p [u8],
    name: Vec<Item<'p>>,
    identity: &'p [u8],
    exchange: Vec<Item<'p>>,
    more: Vec<Item<'p>>,
}

impl Default for Pieces<'_> {
    fn default() -> Self {
        Self {
            kind: 1,
            address: "/mnt/other disk/authority",
            seed: &[0x1f; 32],
            name: Vec::new(),
            identity: b"AGE-SECRET-KEY-1..\n",
            exchange: Vec::new(),
            more: Vec::new(),
        }
    }
}

impl Pieces<'_> {
    fn encode(self) -> Vec<u8> {
        let cast = Cast::new();
        let items = [
            Item::Uint(self.kind),
            Item::Bytes(cast.authority.as_bytes()),
            Item::Bytes(cast.owner.as_bytes()),
            Item::Text(self.address),
            Item::Bytes(self.seed),
            Item::Uint(NOW.plus_millis(7 * DAY).as_millis()),
            Item::Items(self.name),
            Item::Bytes(self.identity),
            Item::Items(self.exchange),
        ];
        let body = e(items.into_iter().chain(self.more).collect());
        [LABEL, &body].concat()
    }
}

fn rsa_key<'p>(sealed: u64) -> Vec<Item<'p>> {
    let items = vec![
        Item::Uint(sealed),
        Item::Bytes(b"private"),
        Item::Bytes(b"public"),
    ];
    vec![Item::Items(items)]
}

fn accept() -> Page {
    let mut page = Page::new(
        "What invitations hold (spec/invitation.md#contents); `key` is the public key of `seed`.",
    );
    let cases = [
        ("a machine", Pieces::default()),
        (
            "a machine with a name, and an RSA key",
            Pieces {
                name: vec![Item::Text("the desk")],
                exchange: rsa_key(1),
                ..Pieces::default()
            },
        ),
    ];
    for (name, pieces) in cases {
        page.case(name)
            .hex("invitation", &pieces.encode())
            .field("key", Cast::invitation_key().verifying_key());
    }
    page
}

fn reject() -> Page {
    let mut page = Page::new(
        "Bytes that are no invitation (spec/invitation.md#contents). `error` is `other` where they begin otherwise or are
        more than there can be, `kind` where the kind is not known, and `malformed` else.",
    );
    let good = Pieces::default().encode();
    let long = "x".repeat(4097);
    let cases = [
        ("nothing", Vec::new()),
        ("the label alone", LABEL.to_vec()),
        (
            "another label",
            [b"strongroom/invitation/v2\0", &good[LABEL.len()..]].concat(),
        ),
        ("cut", good[..good.len() - 1].to_vec()),
        ("a byte behind it", [&good[..], &[0]].concat()),
        (
            "another kind, of which nothing else is known",
            [LABEL, &[0x82, 0x02, 0x40]].concat(),
        ),
        (
            "kind 0",
            Pieces {
                kind: 0,
                ..Pieces::default()
            }
            .encode(),
        ),
        (
            "ten items",
            Pieces {
                more: vec![Item::Uint(0)],
                ..Pieces::default()
            }
            .encode(),
        ),
        (
            "a seed of 31 bytes",
            Pieces {
                seed: &[0x1f; 31],
                ..Pieces::default()
            }
            .encode(),
        ),
        (
            "an address of 4,097 bytes",
            Pieces {
                address: &long,
                ..Pieces::default()
            }
            .encode(),
        ),
        (
            "a name with a line feed",
            Pieces {
                name: vec![Item::Text("the\ndesk")],
                ..Pieces::default()
            }
            .encode(),
        ),
        (
            "two names",
            Pieces {
                name: vec![Item::Text("a"), Item::Text("b")],
                ..Pieces::default()
            }
            .encode(),
        ),
        (
            "an RSA key that is neither sealed nor open",
            Pieces {
                exchange: rsa_key(2),
                ..Pieces::default()
            }
            .encode(),
        ),
        (
            "a longer integer",
            [LABEL, &[0x89, 0x18, 0x01], &good[LABEL.len() + 2..]].concat(),
        ),
    ];
    for (name, bytes) in cases {
        page.case(name)
            .field("error", word_of(&bytes))
            .hex("invitation", &bytes);
    }
    page
}

fn word_of(bytes: &[u8]) -> &'static str {
    match Invitation::from_bytes(bytes) {
        Ok(_) => "taken",
        Err(InvitationError::Kind { .. }) => "kind",
        Err(InvitationError::Malformed(_)) => "malformed",
        Err(InvitationError::Other) => "other",
        Err(error) => panic!("{error}"),
    }
}

fn codes() -> Page {
    let mut page = Page::new(
        "Codes of invitations (spec/invitation.md#sealing): as `typed`, and as `shown`, or the `error`.",
    );
    let shown = InvitationCode::generate(&mut Counting(1));
    let shown = shown.expose();
    let cases = [
        ("as shown", shown.to_owned()),
        (
            "in lower case, with spaces",
            shown.to_lowercase().replace('-', " "),
        ),
        (
            "letters that look like digits",
            "oOiI1lLl-qqqq-qqqq-qqqq".to_owned(),
        ),
        ("empty", String::new()),
        ("one character missing", shown.get(..23).unwrap().to_owned()),
        ("one character too many", format!("{shown}q")),
        (
            "a character that no code has",
            format!("b{}", shown.get(1..).unwrap()),
        ),
    ];
    for (name, typed) in cases {
        page.case(name).field("typed", &typed);
        match InvitationCode::parse(&typed) {
            Ok(code) => page.field("shown", code.expose()),
            Err(error) => page.field("error", error),
        };
    }
    page
}

#[test]
fn vectors_of_invitations_are_read() {
    for vector in vectors::read("invitation/accept.txt") {
        let bytes = vector.bytes("invitation");
        let invitation =
            Invitation::from_bytes(&bytes).unwrap_or_else(|error| panic!("{vector}: {error}"));
        assert_eq!(*invitation.to_bytes(), bytes, "{vector}");
        assert_eq!(
            invitation.key.verifying_key().to_string(),
            vector.one("key"),
            "{vector}"
        );
    }
}

#[test]
fn vectors_of_what_is_no_invitation_are_refused_as_they_say() {
    for vector in vectors::read("invitation/reject.txt") {
        let error = word_of(&vector.bytes("invitation"));
        assert_ne!(error, "taken", "{vector}");
        assert_eq!(error, vector.one("error"), "{vector}");
    }
}

#[test]
fn vectors_of_codes_of_invitations_are_read_as_they_say() {
    for vector in vectors::read("invitation/code.txt") {
        let typed = vector.all("typed").concat();
        match InvitationCode::parse(&typed) {
            Ok(code) => assert_eq!(code.expose(), vector.one("shown"), "{vector}"),
            Err(error) => assert_eq!(error.to_string(), vector.one("error"), "{vector}"),
        }
    }
}

#[test]
fn the_longest_invitation_is_read_and_a_longer_one_is_not() {
    let invitation = |identity| Invitation {
        authority: AuthorityId::from_bytes([1; 32]),
        owner: OwnerId::from_bytes([2; 32]),
        address: "x".repeat(Invitation::ADDRESS_BYTES_MAX),
        key: Cast::invitation_key(),
        until: NOW,
        name: DeviceName::new("n".repeat(DeviceName::BYTES_MAX)).ok(),
        identity: Zeroizing::new(vec![b'#'; identity]),
        exchange: Some(ExchangeFiles {
            is_sealed: false,
            private: Zeroizing::new(vec![1; ExchangeFiles::BYTES_MAX]),
            public: vec![2; ExchangeFiles::BYTES_MAX],
        }),
    };
    let longest = invitation(Invitation::IDENTITY_BYTES_MAX).to_bytes();
    assert!(longest.len() <= Invitation::BYTES_MAX);
    assert!(Invitation::from_bytes(&longest).is_ok());
    let longer = invitation(Invitation::IDENTITY_BYTES_MAX + 1).to_bytes();
    assert_eq!(word_of(&longer), "malformed");
}
