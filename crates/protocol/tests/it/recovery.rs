//! Requests and decisions: what they name, frozen (spec/recovery.md#request, #decision).

use strongroom_protocol::id::{Serial, StatementId};
use strongroom_protocol::statement::{
    Decision, Grounds, Kind, Request, Scope, SignedStatement, Statement, Verdict,
};

use crate::cast::{Cast, NOW, serial};
use crate::wire::{Item, Parts, e, h};

#[test]
fn a_scope_is_sorted_and_names_each_serial_once() {
    let scope = Scope::of([serial(3), serial(1), serial(2), serial(1)]).unwrap();
    assert_eq!(scope, Scope::Serials(vec![serial(1), serial(2), serial(3)]));
}

#[test]
fn a_scope_names_1_to_131072_serials() {
    assert!(Scope::of([]).is_err());
    assert!(Scope::of((0..131_072).map(serial)).is_ok());
    assert!(Scope::of((0..131_073).map(serial)).is_err());
    assert!(Scope::of(std::iter::repeat_n(serial(1), 131_073)).is_ok());
}

#[test]
fn the_largest_request_fits_into_a_statement() {
    let cast = Cast::new();
    let request = Request {
        scope: Scope::of((0..Scope::SERIALS_MAX).map(serial)).unwrap(),
        grounds: Grounds::new("x".repeat(Grounds::BYTES_MAX)).unwrap(),
        ..cast.request()
    };
    let signed = SignedStatement::sign(request, &cast.asking);
    assert!(SignedStatement::parse(signed.as_bytes()).is_ok());
}

#[test]
fn serials_out_of_order_or_said_twice_are_refused() {
    let serials =
        |numbers: &[usize]| -> Vec<_> { numbers.iter().map(|number| serial(*number)).collect() };
    let request = |serials: &[Serial]| {
        let serials = serials
            .iter()
            .map(|serial| Item::Bytes(serial.as_bytes()))
            .collect();
        forge(vec![Item::Items(serials)])
    };
    assert!(SignedStatement::parse(&request(&serials(&[1, 2, 3])).to_bytes()).is_ok());
    for wrong in [&[][..], &[2, 1], &[1, 1], &[1, 3, 2]] {
        let error = request(&serials(wrong)).error();
        assert!(error.starts_with("malformed serials"), "{error}");
    }
}

#[test]
fn the_digest_of_serials_is_under_its_label() {
    let digest = Scope::serials_digest(&[serial(1), serial(2)]);
    let expected = h(&[
        b"strongroom/serials/v1\0",
        serial(1).as_bytes(),
        serial(2).as_bytes(),
    ]);
    assert_eq!(digest.as_bytes(), &expected);
    assert_ne!(digest, Scope::serials_digest(&[serial(2), serial(1)]));
    assert_ne!(digest, Scope::serials_digest(&[serial(1)]));
}

#[test]
fn a_requests_digest_is_of_its_ten_items() {
    let cast = Cast::new();
    let request = cast.request();
    let (serials, policy) = ([serial(0), serial(1)], request.policy);
    let serials = serials
        .iter()
        .map(|serial| Item::Bytes(serial.as_bytes()))
        .collect();
    let (release_key, device_key) = (cast.release_key.public_key(), cast.asking.verifying_key());
    let encoded = e(vec![
        Item::Bytes(cast.authority.as_bytes()),
        Item::Bytes(&[10; 16]),
        Item::Bytes(cast.owner.as_bytes()),
        Item::Items(vec![Item::Items(serials)]),
        Item::Bytes(release_key.as_bytes()),
        Item::Bytes(device_key.as_bytes()),
        Item::Text("the disk broke"),
        Item::Bytes(policy.as_bytes()),
        Item::Uint(NOW.as_millis()),
        Item::Uint(NOW.as_millis() + 30 * 24 * 60 * 60 * 1000),
    ]);
    assert_eq!(request.digest().as_bytes(), &h(&[&encoded]));
    assert_eq!(Parts::of(&cast.statement(Kind::Request)).body, encoded);
}

#[test]
fn everything_is_three_items_that_freeze_it() {
    let all = Item::Bytes(&[7; 32]);
    let forged = forge(vec![Item::Uint(100), Item::Uint(3), all]);
    let read = SignedStatement::parse(&forged.to_bytes()).unwrap();
    let Statement::Request(request) = read.statement() else {
        panic!()
    };
    let Scope::Everything {
        tree_size,
        count,
        serials,
    } = request.scope
    else {
        panic!()
    };
    assert_eq!((tree_size, count, serials.as_bytes()), (100, 3, &[7; 32]));
    for wrong in [
        vec![],
        vec![Item::Uint(100), Item::Uint(3)],
        vec![Item::Uint(100), Item::Uint(3), Item::Bytes(&[7; 31])],
        vec![
            Item::Uint(100),
            Item::Uint(3),
            Item::Bytes(&[7; 32]),
            Item::Uint(0),
        ],
    ] {
        assert!(forge(wrong).error().starts_with("malformed "));
    }
}

#[test]
fn a_reason_has_at_most_4096_bytes() {
    assert!(Grounds::new("x".repeat(4096)).is_ok());
    assert!(Grounds::new("x".repeat(4097)).is_err());
    let cast = Cast::new();
    let veto = |length| {
        let (request, grounds) = (cast.request().digest(), "x".repeat(length));
        let body = e(vec![
            Item::Bytes(cast.authority.as_bytes()),
            Item::Bytes(request.as_bytes()),
            Item::Text(&grounds),
            Item::Uint(0),
        ]);
        Parts::sign(Kind::Veto, &cast.device, body, Vec::new())
    };
    assert!(SignedStatement::parse(&veto(4096).to_bytes()).is_ok());
    assert!(veto(4097).error().starts_with("malformed reason"));
}

#[test]
fn a_decision_names_what_it_rests_on_in_order_and_once() {
    let cast = Cast::new();
    let decision = |evidence: &[u8]| {
        let evidence = evidence
            .iter()
            .map(|byte| StatementId::from_bytes([*byte; 32]));
        let decision = Decision {
            evidence: evidence.collect(),
            ..cast.decision()
        };
        SignedStatement::sign(decision, &cast.log_key)
    };
    for good in [&[][..], &[1], &[1, 2]] {
        assert!(SignedStatement::parse(decision(good).as_bytes()).is_ok());
    }
    for bad in [&[2, 1][..], &[1, 1]] {
        assert!(SignedStatement::parse(decision(bad).as_bytes()).is_err());
    }
}

/// Of every officer there can be, and of more owners' codes than an authority that changes by codes will have.
#[test]
fn a_decision_rests_on_as_many_statements_as_can_count() {
    let cast = Cast::new();
    let ids = |count: u64| -> Vec<_> {
        let id = |number: u64| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            StatementId::from_bytes(bytes)
        };
        (0..count).map(id).collect()
    };
    let decision = |count| Decision {
        evidence: ids(count),
        approvals: ids(count),
        ..cast.decision()
    };
    let most = SignedStatement::sign(decision(32_768), &cast.log_key);
    assert!(SignedStatement::parse(most.as_bytes()).is_ok());
    let more = SignedStatement::sign(decision(32_769), &cast.log_key);
    assert!(SignedStatement::parse(more.as_bytes()).is_err());
}

#[test]
fn verdicts_have_their_numbers() {
    let cast = Cast::new();
    for (number, verdict) in [
        (1, Verdict::Approved),
        (2, Verdict::Denied),
        (3, Verdict::Vetoed),
        (4, Verdict::Lapsed),
    ] {
        let decision = Decision {
            verdict,
            ..cast.decision()
        };
        let body = Parts::of(&SignedStatement::sign(decision.clone(), &cast.log_key)).body;
        let ids = |ids: &[StatementId]| ids.iter().map(|id| *id.as_bytes()).collect::<Vec<_>>();
        let evidence = ids(&decision.evidence);
        let encoded = |number| {
            e(vec![
                Item::Bytes(decision.authority.as_bytes()),
                Item::Bytes(decision.request.as_bytes()),
                Item::Bytes(decision.policy.as_bytes()),
                Item::Items(evidence.iter().map(|id| Item::Bytes(id)).collect()),
                Item::Items(Vec::new()),
                Item::Items(Vec::new()),
                Item::Uint(number),
                Item::Uint(decision.not_after.as_millis()),
            ])
        };
        assert_eq!(body, encoded(number));
        assert_eq!(decision.digest().as_bytes(), &h(&[&body]));
        for wrong in [0, 5] {
            let forged = Parts::sign(Kind::Decision, &cast.log_key, encoded(wrong), Vec::new());
            assert!(forged.error().starts_with("malformed verdict"));
        }
    }
}

/// A request of this scope.
fn forge(scope: Vec<Item<'_>>) -> Parts {
    let cast = Cast::new();
    let (release_key, device_key) = (cast.release_key.public_key(), cast.asking.verifying_key());
    let body = e(vec![
        Item::Bytes(cast.authority.as_bytes()),
        Item::Bytes(&[10; 16]),
        Item::Bytes(cast.owner.as_bytes()),
        Item::Items(scope),
        Item::Bytes(release_key.as_bytes()),
        Item::Bytes(device_key.as_bytes()),
        Item::Text(""),
        Item::Bytes(&[11; 32]),
        Item::Uint(1),
        Item::Uint(2),
    ]);
    Parts::sign(Kind::Request, &cast.asking, body, Vec::new())
}
