//! Statements: what is signed is read back, and nothing else is.

use std::sync::LazyLock;

use proptest::prelude::*;
use strongroom_protocol::policy::{Policy, Rule};
use strongroom_protocol::statement::{
    Checked, CheckedDeposit, Kind, ParseStatementError, PolicyChange, SignedStatement,
};

use crate::cast::{Cast, NOW, author, two_officers};
use crate::wire::{Item, Parts, e, error_of, h, label_of, raw_items};

#[test]
fn every_kind_reads_back_as_it_was_signed() {
    for signed in Cast::new().every_kind() {
        let read = SignedStatement::parse(signed.as_bytes()).unwrap();
        assert_eq!(read.as_bytes(), signed.as_bytes());
        assert_eq!(read.id(), signed.id());
        assert_eq!(read.kind(), signed.kind());
        assert_eq!(read.author(), signed.author());
        assert_eq!(read.authority(), signed.authority());
        assert_eq!(
            format!("{:?}", read.statement()),
            format!("{:?}", signed.statement())
        );
    }
}

#[test]
fn the_wire_form_is_five_items_and_the_id_hashes_what_was_signed_with_its_signature() {
    let cast = Cast::new();
    for (number, signed) in KINDS.into_iter().zip(cast.every_kind()) {
        let parts = Parts::of(&signed);
        assert_eq!(parts.kind, number);
        assert_eq!(parts.to_bytes(), signed.as_bytes());
        let label = label_of(signed.kind());
        let id = h(&[label.as_bytes(), &[0], &parts.body, &parts.signature]);
        assert_eq!(signed.id().as_bytes(), &id);
    }
    assert_eq!(
        cast.found.authority().as_bytes(),
        cast.found.id().as_bytes()
    );
}

#[test]
fn a_statement_cut_anywhere_is_refused() {
    for signed in Cast::new().every_kind() {
        for length in 0..signed.as_bytes().len() {
            let cut = &signed.as_bytes()[..length];
            assert!(
                SignedStatement::parse(cut).is_err(),
                "{signed:?} cut at {length}"
            );
        }
    }
}

#[test]
fn every_flipped_bit_in_a_deposit_and_what_it_carries_is_noticed() {
    refuses_flips(Kind::Deposit, &[0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn every_flipped_bit_in_a_short_statement_is_noticed() {
    for kind in [
        Kind::Enroll,
        Kind::Evidence,
        Kind::Veto,
        Kind::Decision,
        Kind::Approval,
        Kind::Departed,
        Kind::Restored,
        Kind::Checked,
        Kind::OwnBlob,
        Kind::Device,
        Kind::RsaKey,
    ] {
        refuses_flips(kind, &[0, 1, 2, 3, 4, 5, 6, 7]);
    }
}

/// These have long keys in them, and are parsed like the others: one bit of each byte does.
#[test]
fn a_flipped_bit_in_any_byte_of_a_long_statement_is_noticed() {
    for (bit, kind) in [
        (0, Kind::Found),
        (2, Kind::PolicyChange),
        (4, Kind::Request),
        (7, Kind::Release),
    ] {
        refuses_flips(kind, &[bit]);
    }
}

fn refuses_flips(kind: Kind, bits: &[u8]) {
    let signed = Cast::new().statement(kind);
    let mut bytes = signed.as_bytes().to_vec();
    for place in 0..bytes.len() {
        for bit in bits {
            bytes[place] ^= 1 << bit;
            let read = SignedStatement::parse(&bytes);
            assert!(read.is_err(), "{signed:?}, byte {place}, bit {bit}");
            bytes[place] ^= 1 << bit;
        }
    }
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    for signed in Cast::new().every_kind() {
        for kind in KINDS
            .into_iter()
            .filter(|kind| *kind != signed.kind().code())
        {
            let parts = Parts {
                kind,
                ..Parts::of(&signed)
            };
            let error = SignedStatement::parse(&parts.to_bytes()).unwrap_err();
            assert_eq!(
                error,
                ParseStatementError::Signature,
                "{signed:?} as {kind}"
            );
        }
    }
}

#[test]
fn a_body_of_one_kind_is_none_of_another_even_when_it_is_signed_as_such() {
    let cast = Cast::new();
    let statements = cast.every_kind();
    for signed in &statements {
        for other in &statements {
            if other.kind() == signed.kind() {
                continue;
            }
            let parts = Parts::of(signed);
            let forged = Parts::sign(other.kind(), &cast.device, parts.body, parts.carried);
            let error = SignedStatement::parse(&forged.to_bytes()).unwrap_err();
            let malformed = matches!(error, ParseStatementError::Malformed(_));
            assert!(malformed, "{signed:?} as {:?}: {error}", other.kind());
        }
    }
}

#[test]
fn a_body_that_names_its_key_is_by_that_key() {
    let cast = Cast::new();
    for signed in cast.every_kind() {
        let parts = Parts::of(&signed);
        let forged = Parts::sign(signed.kind(), &cast.stranger, parts.body, parts.carried);
        let read = SignedStatement::parse(&forged.to_bytes());
        if matches!(signed.kind(), Kind::Found | Kind::Enroll | Kind::Request) {
            assert_eq!(read.unwrap_err(), ParseStatementError::Author, "{signed:?}");
        } else {
            // Whether a stranger may say so is for the authority; it is another statement in any case.
            let read = read.unwrap();
            assert_eq!(*read.author(), cast.stranger.verifying_key());
            assert_ne!(read.id(), signed.id());
        }
    }
}

#[test]
fn a_statement_names_its_authority_in_what_is_signed() {
    let cast = Cast::new();
    let policy = Policy {
        lapse_millis: 1,
        ..Policy::code_alone()
    };
    let other = Cast::under(policy);
    assert_ne!(cast.authority, other.authority);
    for (here, there) in cast.every_kind().iter().zip(other.every_kind()) {
        assert_eq!(here.authority(), cast.authority);
        let (here, there) = (Parts::of(here), Parts::of(&there));
        assert_ne!(here.body, there.body);
        let moved = Parts {
            body: there.body,
            ..here
        };
        assert_eq!(moved.error(), "the statement's signature does not verify");
    }
}

#[test]
fn kinds_that_carry_nothing_carry_nothing() {
    for signed in Cast::new().every_kind() {
        let mut parts = Parts::of(&signed);
        if !matches!(signed.kind(), Kind::Deposit | Kind::Release) {
            assert!(parts.carried.is_empty());
        }
        parts.carried.push(0);
        assert!(parts.error().starts_with("malformed "), "{signed:?}");
    }
}

/// The numbers of the kinds.
const KINDS: [u64; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 21, 22];

#[test]
fn other_numbers_are_no_kinds() {
    let cast = Cast::new();
    for code in [0, 14, 19, 23, 24, 255, 256, u64::MAX] {
        assert_eq!(Kind::from_code(code), None);
        let parts = Parts {
            kind: code,
            ..Parts::of(&cast.found)
        };
        assert!(
            parts.error().starts_with("malformed statement kind"),
            "{code}"
        );
    }
    for code in KINDS {
        assert_eq!(Kind::from_code(code).unwrap().code(), code);
    }
}

#[test]
fn other_encodings_of_a_statement_are_refused() {
    let signed = Cast::new().statement(Kind::Veto);
    let bytes = signed.as_bytes();
    // 85, 06 and 5820 begin it: the array, the kind, the author's 32 bytes.
    assert_eq!(bytes[..4], [0x85, 0x06, 0x58, 0x20]);
    let others = [
        [bytes, &[0]].concat(),                                  // something behind
        [&[0x98, 0x05], &bytes[1..]].concat(),                   // a longer head of the array
        [&[0x9f], &bytes[1..], &[0xff]].concat(),                // an array without a length
        [&[0x85, 0x18, 0x06], &bytes[2..]].concat(),             // a longer integer
        [&[0x85, 0x06, 0x59, 0x00, 0x20], &bytes[4..]].concat(), // a longer length
        [&[0xc1], bytes].concat(),                               // a tag
        [&[0x86], &bytes[1..], &[0x40]].concat(),                // one item more
    ];
    for other in others {
        assert!(error_of(&other).starts_with("malformed "), "{other:02x?}");
    }
}

#[test]
fn other_encodings_of_a_body_are_refused_though_they_are_signed() {
    let cast = Cast::new();
    for signed in cast.every_kind() {
        let Parts { body, carried, .. } = Parts::of(&signed);
        let key = author(&cast, signed.kind());
        let items = body[0] - 0x80;
        let others = [
            [&body[..], &[0]].concat(),
            [&[0x98, items], &body[1..]].concat(),
            [&[0x9f], &body[1..], &[0xff]].concat(),
            [&[0x80 + items + 1], &body[1..], &[0x00]].concat(),
            [&[0x80 + items - 1], &body[1..]].concat(),
        ];
        for other in others {
            let forged = Parts::sign(signed.kind(), key, other, carried.clone());
            assert!(forged.error().starts_with("malformed "), "{signed:?}");
        }
    }
}

#[test]
fn a_statement_has_at_most_four_mebibytes() {
    let cast = Cast::new();
    let body = vec![0; SignedStatement::BYTES_MAX];
    let forged = Parts::sign(Kind::Veto, &cast.device, body, Vec::new());
    assert_eq!(forged.error(), "the statement is too long");
}

#[test]
fn lengths_that_lie_cost_nothing() {
    // An array, bytes and a text that claim to be as long as can be.
    for claim in [0x9b, 0x5b, 0x7b] {
        let mut bytes = vec![claim];
        bytes.extend([0xff; 8]);
        assert!(error_of(&bytes).starts_with("malformed statement"));
        let cast = Cast::new();
        let forged = Parts::sign(Kind::Veto, &cast.device, bytes, Vec::new());
        assert!(forged.error().starts_with("malformed Veto"));
    }
}

#[test]
fn a_policy_that_makes_no_sense_is_written_and_not_read() {
    for founds in [true, false] {
        let cast = Cast::new();
        let signed = |policy: Policy| match founds {
            true => Cast::under(policy).found,
            false => SignedStatement::sign(
                PolicyChange {
                    policy,
                    ..cast.policy_change()
                },
                &cast.device,
            ),
        };
        let nothing = Rule {
            evidence: Vec::new(),
            ..Rule::code_alone("nothing")
        };
        let policy = Policy {
            rules: vec![nothing],
            ..Policy::code_alone()
        };
        assert!(SignedStatement::parse(signed(two_officers()).as_bytes()).is_ok());
        let error = error_of(signed(policy).as_bytes());
        assert!(error.starts_with("malformed policy"), "{error}");
    }
}

#[test]
fn a_wrapping_key_that_is_none_is_refused() {
    let cast = Cast::new();
    let log_key = cast.log_key.verifying_key();
    let policy = raw_items(&Parts::of(&cast.found).body)[2].clone();
    // Coefficients that are not reduced (FIPS 203 §7.2).
    for wrap_key in [&[0xff; 1216][..], &[0; 1215], &[0; 1217]] {
        let body = e(vec![
            Item::Bytes(log_key.as_bytes()),
            Item::Bytes(wrap_key),
            Item::Raw(&policy),
            Item::Uint(NOW.as_millis()),
        ]);
        let forged = Parts::sign(Kind::Found, &cast.log_key, body, Vec::new());
        assert!(forged.error().starts_with("malformed wrapping key"));
    }
}

/// Parses a well-signed statement of whatever body: a peer signs what it likes.
fn parse_signed(kind: usize, body: Vec<u8>, carried: Vec<u8>) -> Option<SignedStatement> {
    let (cast, statements) = &*MADE;
    let kind = statements[kind].kind();
    let bytes = Parts::sign(kind, author(cast, kind), body, carried).to_bytes();
    let read = SignedStatement::parse(&bytes).ok()?;
    assert_eq!(read.as_bytes(), bytes);
    Some(read)
}

static MADE: LazyLock<(Cast, Vec<SignedStatement>)> = LazyLock::new(|| {
    let cast = Cast::new();
    let statements = cast.every_kind();
    (cast, statements)
});

proptest! {
    #[test]
    fn no_body_panics_that_is_signed_and_anything(
        kind in 0..11_usize,
        body in prop::collection::vec(any::<u8>(), 0..200),
        carried in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        prop_assert!(parse_signed(kind, body, carried).is_none());
    }

    #[test]
    fn whatever_of_a_changed_body_is_still_read_is_what_was_signed(
        kind in 0..11_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        in_carried in any::<bool>(),
    ) {
        let Parts { mut body, mut carried, .. } = Parts::of(&MADE.1[kind]);
        let bytes = if in_carried && !carried.is_empty() { &mut carried } else { &mut body };
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        parse_signed(kind, body, carried);
    }
}

#[test]
fn a_check_whose_numbers_do_not_fit_together_is_refused() {
    let cast = Cast::new();
    let good = cast.checked();
    let refuses = |change: &dyn Fn(&mut Checked)| {
        let mut checked = good.clone();
        change(&mut checked);
        let signed = SignedStatement::sign(checked, &cast.log_key);
        assert!(SignedStatement::parse(signed.as_bytes()).is_err());
    };
    refuses(&|checked| checked.named.reverse());
    refuses(&|checked| checked.named = vec![checked.named[0]; 2]);
    refuses(&|checked| checked.failed = 1);
    refuses(&|checked| checked.failed = 6);
    refuses(&|checked| checked.opened = 6);
    refuses(&|checked| {
        (checked.kept, checked.opened, checked.failed) = (9999, 9999, 9999);
        let named = (0..=Checked::NAMED_MAX as u64).map(|place| CheckedDeposit { entry: 7, place });
        checked.named = named.collect();
    });
    refuses(&|checked| checked.named[1].entry = checked.size);
    refuses(&|checked| checked.unread_named = vec![3]);
    refuses(&|checked| (checked.unread, checked.unread_named) = (2, vec![4, 3]));
    refuses(&|checked| (checked.unread, checked.unread_named) = (2, vec![3, 3]));
    refuses(&|checked| (checked.unread, checked.unread_named) = (1, vec![checked.size]));
    refuses(&|checked| checked.unread = checked.size + 1);
    assert!(good.is_complete());
    assert!(good.names(7, 3));
    assert!(!good.names(7, 1) && !good.names(6, 3));
    assert!(!good.is_clean());
    let mut partial = [good.clone(), good.clone(), good];
    partial[0].kept = 6;
    partial[1].unread = 1;
    partial[2].failed = 3;
    assert!(!partial.iter().any(Checked::is_complete));
}
