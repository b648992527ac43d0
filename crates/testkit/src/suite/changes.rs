//! The policy protects itself: it is changed as it says, and what was asked under it stays under it.

use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Policy, Reason, Rule};
use strongroom_protocol::statement::{SignedStatement, Statement, Verdict, Word};
use strongroom_protocol::{Authority, ChangeView, RequestState};

use super::people::{
    APPROVED, CAS, DAY, DENIED, Staff, asked, assert_kept, assert_released, by, owner, say, state,
};
use super::{Subject, assert_refused};
use crate::owner::{Owner, submit};
use crate::person::{self, Person, ask_change, change_of};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Subject) {
    let staff = Staff::new();
    let mut subject = || found(staff.policy());
    a_change_is_approved_and_waited_for(&subject(), &staff);
    a_policy_loosened_and_put_back_gives_away_nothing(&subject(), &staff);
    an_officer_brought_in_by_the_asker_does_not_approve(&subject(), &staff);
    nobody_approves_the_change_they_asked_for(&subject(), &staff);
    a_change_that_was_overtaken_stays_so(&subject(), &staff);
    a_denied_change_is_over(&subject(), &staff);
    a_change_is_asked_for_by_those_who_may(&subject(), &staff);
    changes_are_seen_by_officers_and_whoever_asked(&subject(), &staff);
    every_owners_code_changes_a_policy_of_codes(&found(Policy::code_alone()));
}

/// One officer, and it is given.
fn loose(staff: &Staff) -> Policy {
    Policy {
        rules: vec![by("desk")],
        ..staff.policy()
    }
}

fn in_force(authority: &dyn Authority) -> Policy {
    authority.policy().unwrap().policy
}

fn view(authority: &dyn Authority, change: &SignedStatement) -> ChangeView {
    let mut listed = authority.changes(None).unwrap().items.into_iter();
    listed.find(|view| view.change.id() == change.id()).unwrap()
}

/// Asks for another policy than the one in force.
fn ask(subject: &Subject, policy: Policy, key: &SigningKey) -> SignedStatement {
    let authority = subject.operator();
    let replaces = in_force(&*authority);
    let change = ask_change(&subject.about(), &replaces, policy, subject.now(), key);
    submit(&*authority, &change);
    change
}

fn approve(authority: &dyn Authority, people: &[&Person], change: &SignedStatement) {
    for person in people {
        submit(authority, &person.say_of_change(Word::Approve, change));
    }
}

/// Has a change asked for by one officer and approved by two others, and waits until it is in force.
fn put_in_force(subject: &Subject, staff: &Staff, policy: Policy) -> SignedStatement {
    let authority = subject.operator();
    let change = ask(subject, policy, &staff.cas.keys[0]);
    approve(&*authority, &[&staff.ann, &staff.ben], &change);
    subject.clock.advance_millis(DAY);
    assert_eq!(in_force(&*authority), change_of(&change).policy);
    change
}

fn a_change_is_approved_and_waited_for(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let about = subject.about();
    let founding = authority.policy().unwrap();
    assert_eq!(founding.policy, staff.policy());
    assert!(founding.decided.is_none());
    let change = ask(subject, loose(staff), &staff.cas.keys[0]);
    let asked = view(&*authority, &change);
    assert_eq!(asked.state, RequestState::Requested);
    assert_eq!((asked.index, asked.recorded), (1, subject.now()));
    approve(&*authority, &[&staff.ann], &change);
    subject.clock.advance_millis(2 * DAY);
    assert_eq!(in_force(&*authority), staff.policy(), "one of two");
    approve(&*authority, &[&staff.ben], &change);
    let policy = authority.policy().unwrap();
    assert_eq!(policy.policy, loose(staff));
    let (asked, decision, receipt) = policy.decided.unwrap();
    assert_eq!(asked.id(), change.id());
    let log_key = &about.found().log_key;
    receipt.verify(&decision, log_key).unwrap();
    assert_eq!(decision.author(), log_key);
    let Statement::Decision(decided) = decision.statement() else {
        panic!("a decision");
    };
    assert_eq!(decided.request, change_of(&change).digest());
    assert_eq!(decided.policy, staff.policy().digest());
    assert_eq!(decided.verdict, Verdict::Approved);
    assert_eq!(decided.approvals.len(), 2);
    assert_eq!(view(&*authority, &change).state, APPROVED);
    // Approved, it waits.
    let back = ask(subject, staff.policy(), &staff.cas.keys[0]);
    approve(&*authority, &[&staff.ann, &staff.ben], &back);
    subject.clock.advance_millis(DAY - 1);
    assert_eq!(in_force(&*authority), loose(staff));
    let waits = view(&*authority, &back).reasons;
    assert!(matches!(waits[..], [Reason::Waits { .. }]));
    subject.clock.advance_millis(1);
    // What depends on it decides it, unasked.
    let mut owner = owner(&*authority, 1);
    let scope = owner.everything(&*authority);
    let digest = loose(staff).digest();
    let late = owner.ask_with(scope, subject.now(), |request| request.policy = digest);
    assert_refused!(authority.submit(&late.statement), Policy);
    super::people::asked(subject, &mut owner);
}

fn a_policy_loosened_and_put_back_gives_away_nothing(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let mut owner = owner(&*authority, 1);
    let strict = asked(subject, &mut owner);
    let loosened = put_in_force(subject, staff, loose(staff));
    // Asked before, it is decided as before: one officer's word is not enough, under either policy's name.
    let (id, digest) = (strict.request().authority, strict.request().digest());
    let loose_digest = loose(staff).digest();
    let ann = &staff.ann.keys[0];
    let moved = person::speak(Word::Approve, id, digest, loose_digest, ann);
    assert_refused!(authority.submit(&moved), Author);
    say(&*authority, &[&staff.ann], Word::Approve, &strict);
    assert_eq!(state(&*authority, &strict), RequestState::Requested);
    assert_kept(&*authority, &strict);
    // Asked now, it is decided by the loose one, for ever.
    let scope = owner.everything(&*authority);
    let ask = |owner: &mut Owner| {
        let scope = scope.clone();
        owner.ask_with(scope, subject.now(), |request| {
            request.policy = loose_digest;
        })
    };
    let late = ask(&mut owner);
    submit(&*authority, &late.statement);
    let back = put_in_force(subject, staff, staff.policy());
    assert_kept(&*authority, &strict);
    say(&*authority, &[&staff.ann], Word::Approve, &late);
    assert_released(subject, &owner, &late);
    // One more under the loose one comes too late.
    let more = ask(&mut owner);
    assert_refused!(authority.submit(&more.statement), Policy);
    // And all of it is in the log.
    let listed = authority.changes(None).unwrap().items;
    let listed: Vec<_> = listed.iter().map(|view| view.change.id()).collect();
    assert_eq!(listed, [loosened.id(), back.id()]);
    let log_key = subject.about().found().log_key;
    for change in [&loosened, &back] {
        let receipt = authority.receipt(change.id()).unwrap();
        receipt.verify(change, &log_key).unwrap();
    }
    say(&*authority, &[&staff.ben], Word::Approve, &strict);
    assert_eq!(state(&*authority, &strict), APPROVED);
}

fn an_officer_brought_in_by_the_asker_does_not_approve(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let mut thief = owner(&*authority, 1);
    let mut other = owner(&*authority, 2);
    let zoe = Person::new("zoe", 1);
    // A key of the thief's among Ben's.
    let mallory = Person::new("mallory", 1);
    let mut policy = staff.policy();
    policy.officers.push(zoe.officer());
    policy.officers[1].keys.extend(mallory.officer().keys);
    assert_eq!(policy.officers[1].name, "ben");
    for group in &mut policy.groups {
        group.of.push("zoe".to_owned());
    }
    let change = ask(subject, policy.clone(), &thief.device);
    approve(&*authority, &[&staff.ann, &staff.ben], &change);
    subject.clock.advance_millis(DAY);
    assert_eq!(in_force(&*authority), policy);
    let digest = policy.digest();
    let ask = |owner: &mut Owner| {
        let scope = owner.everything(&*authority);
        let asked = owner.ask_with(scope, subject.now(), |request| request.policy = digest);
        submit(&*authority, &asked.statement);
        asked
    };
    let own = ask(&mut thief);
    let view = authority.request(own.statement.id()).unwrap();
    let by = thief.device.verifying_key();
    let sponsors = [("ben".to_owned(), by), ("zoe".to_owned(), by)];
    assert_eq!(view.scene.sponsors, sponsors);
    let three = [&staff.ann, &zoe, &mallory];
    say(&*authority, &three, Word::Approve, &own);
    assert_eq!(state(&*authority, &own), RequestState::Requested);
    assert_kept(&*authority, &own);
    // For anybody else's, their word counts.
    let others = ask(&mut other);
    say(&*authority, &[&zoe, &mallory], Word::Approve, &others);
    assert_released(subject, &other, &others);
}

fn nobody_approves_the_change_they_asked_for(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let own = Owner::enrolled(&*authority, CAS);
    // By the officer's key, and by the device of the same person.
    let officer = ask(subject, loose(staff), &staff.cas.keys[0]);
    let none = Policy {
        rules: Vec::new(),
        ..staff.policy()
    };
    let owner = ask(subject, none, &own.device);
    for change in [&officer, &owner] {
        approve(&*authority, &[&staff.cas, &staff.ann], change);
    }
    subject.clock.advance_millis(2 * DAY);
    assert_eq!(in_force(&*authority), staff.policy());
    for change in [&officer, &owner] {
        let reasons = view(&*authority, change).reasons;
        assert!(matches!(reasons[..], [Reason::NeedsApprovals { .. }]));
    }
}

fn a_change_that_was_overtaken_stays_so(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let none = Policy {
        rules: Vec::new(),
        ..staff.policy()
    };
    let slow = ask(subject, none, &staff.cas.keys[0]);
    approve(&*authority, &[&staff.ann], &slow);
    put_in_force(subject, staff, loose(staff));
    let lapsed = RequestState::Decided(Verdict::Lapsed);
    assert_eq!(view(&*authority, &slow).state, lapsed);
    // The policy it was to replace comes back, and it does not.
    put_in_force(subject, staff, staff.policy());
    let late = staff.ben.say_of_change(Word::Approve, &slow);
    assert_refused!(authority.submit(&late), Ended);
    assert_eq!(in_force(&*authority), staff.policy());
    assert_eq!(view(&*authority, &slow).state, lapsed);
    // In its time it lapses by itself.
    let change = ask(subject, loose(staff), &staff.cas.keys[0]);
    subject.clock.advance_millis(31 * DAY);
    assert_eq!(view(&*authority, &change).state, lapsed);
}

fn a_denied_change_is_over(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let change = ask(subject, loose(staff), &staff.cas.keys[0]);
    let denial = staff.ann.say_of_change(Word::Deny, &change);
    submit(&*authority, &denial);
    let late = staff.ben.say_of_change(Word::Approve, &change);
    assert_refused!(authority.submit(&late), Ended);
    let view = view(&*authority, &change);
    assert_eq!(view.state, DENIED);
    assert!(
        matches!(&view.reasons[..], [Reason::Denied { by, grounds, .. }]
        if by == "ann" && grounds.as_str() == "I deny it")
    );
}

fn a_change_is_asked_for_by_those_who_may(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let about = subject.about();
    let (now, old, new) = (subject.now(), staff.policy(), loose(staff));
    let owner = Owner::enrolled(&*authority, 1);
    for key in [&owner.code, &Person::new("zoe", 1).keys[0]] {
        for replaces in [&old, &new] {
            let refused = ask_change(&about, replaces, new.clone(), now, key);
            assert_refused!(authority.submit(&refused), Author);
        }
    }
    let ann = &staff.ann.keys[1];
    let refused = ask_change(&about, &new, old.clone(), now, ann);
    assert_refused!(authority.submit(&refused), Policy);
    let mut change = change_of(&ask_change(&about, &old, new.clone(), now, ann)).clone();
    for expires in [now, now.plus_millis(32 * DAY)] {
        change.expires = expires;
        let refused = SignedStatement::sign(change.clone(), ann);
        assert_refused!(authority.submit(&refused), Expiry);
    }
    let asked = ask(subject, new, &owner.device);
    // The same words by somebody else are not another change.
    let resigned = SignedStatement::sign(change_of(&asked).clone(), ann);
    assert_refused!(authority.submit(&resigned), Author);
    // And an owner's code has no say where it is not asked.
    assert_refused!(authority.submit(&owner.evidence_for(&asked)), Author);
}

fn changes_are_seen_by_officers_and_whoever_asked(subject: &Subject, staff: &Staff) {
    let authority = subject.operator();
    let one = Owner::enrolled(&*authority, 1);
    let other = Owner::enrolled(&*authority, 2);
    let change = ask(subject, loose(staff), &one.device);
    let seen = |key: &SigningKey| {
        let session = subject.device(key.verifying_key());
        session.changes(None).unwrap().items.len()
    };
    assert_eq!(seen(&staff.ben.keys[0]), 1);
    assert_eq!(seen(&one.device), 1);
    assert_eq!(seen(&other.device), 0);
    let index = view(&*authority, &change).index;
    assert!(authority.changes(Some(index)).unwrap().items.is_empty());
}

fn every_owners_code_changes_a_policy_of_codes(subject: &Subject) {
    let authority = subject.operator();
    let mut one = owner(&*authority, 1);
    let other = Owner::enrolled(&*authority, 2);
    let patient = Policy {
        rules: vec![Rule {
            wait_millis: DAY,
            ..Rule::code_alone("code")
        }],
        ..Policy::code_alone()
    };
    let (old, now) = (Policy::code_alone(), subject.now());
    let change = ask(subject, patient.clone(), &one.device);
    let later = Owner::enrolled(&*authority, 3);
    assert_refused!(authority.submit(&later.evidence_for(&change)), Author);
    submit(&*authority, &one.evidence_for(&change));
    assert_eq!(in_force(&*authority), old, "one of two owners");
    submit(&*authority, &other.evidence_for(&change));
    assert_eq!(in_force(&*authority), patient);
    let late = ask_change(&subject.about(), &old, old.clone(), now, &one.device);
    assert_refused!(authority.submit(&late), Policy);
    let scope = one.everything(&*authority);
    let digest = patient.digest();
    let asked = one.ask_with(scope, now, |request| request.policy = digest);
    submit(&*authority, &asked.statement);
    submit(&*authority, &one.evidence(&asked));
    assert_kept(&*authority, &asked);
    subject.clock.advance_millis(DAY);
    assert_released(subject, &one, &asked);
}
