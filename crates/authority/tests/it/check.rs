//! Checks of what was deposited long ago: what does not match is named, and that it was done is on record.

use strongroom_authority::{Caller, CheckReport, Extent};
use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::statement::{Checked, SignedStatement, Statement};
use strongroom_testkit::{Forged, Owner, TestRng, forge_deposit, submit};

use crate::Embedded;
use crate::map::{DEPOSIT, Map};

/// Verifies the report as a client does, and returns what it says.
fn verified(embedded: &Embedded, report: &CheckReport) -> Checked {
    let log_key = embedded.service.about().found().log_key;
    report.receipt.verify(&report.statement, &log_key).unwrap();
    assert_eq!(*report.statement.author(), log_key);
    let read = SignedStatement::parse(report.statement.as_bytes()).unwrap();
    let Statement::Checked(checked) = read.statement() else {
        panic!("{read:?} is no check");
    };
    assert_eq!(*checked, report.checked);
    checked.clone()
}

#[test]
fn a_check_of_all_opens_all_and_is_logged() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let (mut one, mut other) = (Owner::enrolled(&session, 1), Owner::enrolled(&session, 2));
    submit(&session, &one.deposit(5));
    submit(&session, &other.deposit(2));
    let report = embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    let checked = verified(&embedded, &report);
    assert_eq!((checked.size, checked.kept, checked.opened), (5, 7, 7));
    assert!(checked.is_complete() && checked.named.is_empty());
    assert_eq!(embedded.service.verify_log().unwrap().size, 6);
    // At the same moment nothing else would be said, but the log has grown.
    let again = embedded.service.check(Extent::All, &mut |_, _| {}).unwrap();
    assert_eq!(again.checked.size, 6);
}

#[test]
fn a_sample_is_of_the_size_asked_for_and_never_claims_to_be_all() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    for _ in 0..10 {
        submit(&session, &owner.deposit(3));
    }
    for (asked, opened) in [(0, 0), (1, 1), (12, 12), (30, 30), (u64::MAX, 30)] {
        let report = embedded
            .service
            .check(Extent::Sample(asked), &mut |_, _| {})
            .unwrap();
        let checked = verified(&embedded, &report);
        assert_eq!((checked.kept, checked.opened), (30, opened));
        assert_eq!(checked.is_complete(), opened == 30);
    }
}

#[test]
fn what_was_taken_unopened_and_does_not_match_is_named() {
    let embedded = Embedded::found();
    let code = RecoveryCode::generate(&mut TestRng::new(5));
    embedded.service.seal(&code).unwrap();
    let sealed = embedded.open_again(6);
    let session = sealed.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    submit(&session, &owner.deposit(2));
    // Two keys of one statement, of which the second has the first one's ciphertext.
    let good = owner.deposit(2);
    let Statement::Deposit(deposit) = good.statement() else {
        panic!("a deposit is no {good:?}");
    };
    let mut keys = deposit.keys().to_vec();
    keys[1].sealed = keys[0].sealed.clone();
    let serial = keys[1].label.serial;
    let forged = Forged {
        authority: deposit.authority(),
        owner: owner.id,
        wrap_key: deposit.wrap_key(),
        encapsulation: deposit.encapsulation().clone(),
        keys,
    };
    let taken = submit(&session, &forge_deposit(forged, &owner.device));
    assert!(taken.states().iter().all(|state| state.is_kept()));
    sealed.unlock(&code).unwrap();
    let report = sealed.check(Extent::All, &mut |_, _| {}).unwrap();
    let checked = verified(&embedded, &report);
    assert_eq!((checked.opened, checked.failed), (4, 1));
    assert!(checked.is_complete() && checked.names(taken.index(), 1));
    let named = &report.named[0];
    assert_eq!((named.owner, named.serial), (owner.id, serial));
    assert_eq!(checked.named.len(), 1);
}

#[test]
fn entries_that_can_not_be_read_are_counted_and_the_rest_is_checked() {
    let embedded = Embedded::found();
    let session = embedded.service.session(Caller::Operator);
    let mut owner = Owner::enrolled(&session, 1);
    let statements = [owner.deposit(1), owner.deposit(1), owner.deposit(1)];
    for statement in &statements {
        submit(&session, statement);
    }
    let garble = "UPDATE entry SET statement = x'00' WHERE idx = 3";
    embedded.sql().execute_batch(garble).unwrap();
    // A deposit that an index does not show is not passed over.
    Map::of(&embedded).remove_all(&[DEPOSIT]);
    for extent in [Extent::All, Extent::Sample(100)] {
        let checked = embedded
            .service
            .check(extent, &mut |_, _| {})
            .unwrap()
            .checked;
        assert_eq!((checked.opened, checked.unread), (2, 1));
        assert!(!checked.is_complete());
    }
}
