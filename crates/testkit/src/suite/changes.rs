//! The policy protects itself: it is changed as it says, and what was asked under it stays under it.

use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Policy, Reason, Rule, SubjectState};
use strongroom_protocol::statement::{SignedStatement, Statement, Verdict, Word};
use strongroom_protocol::{Authority, Select};

use super::people::{
    APPROVED, CAS, DAY, DENIED, Staff, asked, assert_kept, assert_released, code_and, owner, say,
    state,
};
use super::{Setting, assert_refused};
use crate::listing::listed;
use crate::owner::{Owner, submit};
use crate::person::{self, Person, ask_change, change_of};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let staff = Staff::new();
    let mut setting = || found(staff.policy());
    a_change_is_approved_and_waited_for(&setting(), &staff);
    a_policy_loosened_and_put_back_gives_away_nothing(&setting(), &staff);
    an_officer_brought_in_by_the_asker_does_not_approve(&setting(), &staff);
    nobody_approves_the_change_they_asked_for(&setting(), &staff);
    a_change_that_was_overtaken_stays_so(&setting(), &staff);
    a_denied_change_is_over(&setting(), &staff);
    a_change_is_asked_for_by_those_who_may(&setting(), &staff);
    every_owners_code_changes_a_policy_of_codes(&found(Policy::code_alone()));
}

/// The code and one officer, and it is given.
fn loose(staff: &Staff) -> Policy {
    Policy {
        rules: vec![code_and("desk")],
        ..staff.policy()
    }
}

/// Asks for another policy than the one in force.
fn ask(setting: &Setting, policy: Policy, key: &SigningKey) -> SignedStatement {
    let authority = setting.operator();
    let replaces = setting.in_force();
    let change = ask_change(&setting.about(), &replaces, policy, setting.now(), key);
    submit(&*authority, &change);
    change
}

fn approve(authority: &dyn Authority, people: &[&Person], change: &SignedStatement) {
    for person in people {
        submit(authority, &person.say_of_change(Word::Approve, change));
    }
}

/// Has a change asked for by one officer and approved by two others, and waits until it is in force.
fn put_in_force(setting: &Setting, staff: &Staff, policy: Policy) -> SignedStatement {
    let authority = setting.operator();
    let change = ask(setting, policy, &staff.cas.keys[0]);
    approve(&*authority, &[&staff.ann, &staff.ben], &change);
    setting.clock.advance_millis(DAY);
    setting.ask_again(&change);
    assert_eq!(setting.in_force(), change_of(&change).policy);
    change
}

fn a_change_is_approved_and_waited_for(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let about = setting.about();
    assert_eq!(setting.in_force(), staff.policy());
    assert!(authority.about().unwrap().policy.is_none());
    let change = ask(setting, loose(staff), &staff.cas.keys[0]);
    assert_eq!(setting.ask_again(&change).state, SubjectState::Requested);
    let asked = setting.look(&change).subject;
    assert_eq!((asked.index(), asked.recorded()), (1, setting.now()));
    approve(&*authority, &[&staff.ann], &change);
    setting.clock.advance_millis(2 * DAY);
    assert_eq!(setting.in_force(), staff.policy(), "one of two");
    approve(&*authority, &[&staff.ben], &change);
    assert_eq!(setting.in_force(), loose(staff));
    let succession = authority.about().unwrap().policy.unwrap();
    assert_eq!(succession.change.id(), change.id());
    let log_key = &about.found().log_key;
    let decision = succession.decision.statement;
    let receipt = succession.decision.receipt;
    receipt.verify(&decision, log_key).unwrap();
    assert_eq!(decision.author(), log_key);
    let Statement::Decision(decided) = decision.statement() else {
        panic!("a decision");
    };
    assert_eq!(decided.request, change_of(&change).digest());
    assert_eq!(decided.policy, staff.policy().digest());
    assert_eq!(decided.verdict, Verdict::Approved);
    assert_eq!(decided.approvals.len(), 2);
    assert_eq!(setting.ask_again(&change).state, APPROVED);
    // Approved, it waits.
    let back = ask(setting, staff.policy(), &staff.cas.keys[0]);
    approve(&*authority, &[&staff.ann, &staff.ben], &back);
    setting.clock.advance_millis(DAY - 1);
    assert_eq!(setting.in_force(), loose(staff));
    let waits = setting.ask_again(&back).reasons;
    assert!(matches!(waits[..], [Reason::Waits { .. }]));
    setting.clock.advance_millis(1);
    // What depends on it decides it, unasked.
    let mut owner = owner(&*authority, 1);
    let scope = owner.everything(&*authority);
    let digest = loose(staff).digest();
    let late = owner.ask_with(scope, setting.now(), |request| request.policy = digest);
    assert_refused!(authority.submit(&late.statement), Policy);
    super::people::asked(setting, &mut owner);
}

fn a_policy_loosened_and_put_back_gives_away_nothing(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let strict = asked(setting, &mut owner);
    let loosened = put_in_force(setting, staff, loose(staff));
    // Asked before, it is decided as before: one officer's word is not enough, under either policy's name.
    let (id, digest) = (strict.request().authority, strict.request().digest());
    let loose_digest = loose(staff).digest();
    let ann = &staff.ann.keys[0];
    let moved = person::speak(Word::Approve, id, digest, loose_digest, ann);
    assert_refused!(authority.submit(&moved), Author);
    say(&*authority, &[&staff.ann], Word::Approve, &strict);
    assert_eq!(state(setting, &strict), SubjectState::Requested);
    assert_kept(&*authority, &strict);
    // Asked now, it is decided by the loose one, for ever.
    let scope = owner.everything(&*authority);
    let ask = |owner: &mut Owner| {
        let scope = scope.clone();
        owner.ask_with(scope, setting.now(), |request| {
            request.policy = loose_digest;
        })
    };
    let late = ask(&mut owner);
    submit(&*authority, &late.statement);
    let back = put_in_force(setting, staff, staff.policy());
    assert_kept(&*authority, &strict);
    submit(&*authority, &owner.evidence(&late));
    say(&*authority, &[&staff.ann], Word::Approve, &late);
    assert_released(setting, &owner, &late);
    // One more under the loose one comes too late.
    let more = ask(&mut owner);
    assert_refused!(authority.submit(&more.statement), Policy);
    // And all of it is in the log.
    let seen = listed(&*authority, Select::Subjects);
    assert!(
        [loosened.id(), back.id()]
            .iter()
            .all(|id| seen.contains(id))
    );
    let log_key = setting.about().found().log_key;
    for change in [&loosened, &back] {
        let receipt = authority.submit(change).unwrap();
        receipt.verify(change, &log_key).unwrap();
    }
    say(&*authority, &[&staff.ben], Word::Approve, &strict);
    assert_eq!(state(setting, &strict), APPROVED);
}

fn an_officer_brought_in_by_the_asker_does_not_approve(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
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
    let change = ask(setting, policy.clone(), &thief.device);
    approve(&*authority, &[&staff.ann, &staff.ben], &change);
    setting.clock.advance_millis(DAY);
    setting.ask_again(&change);
    assert_eq!(setting.in_force(), policy);
    let digest = policy.digest();
    let ask = |owner: &mut Owner| {
        let scope = owner.everything(&*authority);
        let asked = owner.ask_with(scope, setting.now(), |request| request.policy = digest);
        submit(&*authority, &asked.statement);
        setting.clock.advance_millis(1);
        asked
    };
    let own = ask(&mut thief);
    let by = thief.device.verifying_key();
    let sponsors = setting.look(&own.statement).scene().sponsors.clone();
    let brought_in = sponsors.iter().filter(|it| it.by.keys == [by]);
    let brought_in = brought_in.map(|it| it.officer.name.as_deref().unwrap());
    assert_eq!(brought_in.collect::<Vec<_>>(), ["ben", "zoe"]);
    assert!(
        sponsors
            .iter()
            .all(|it| it.by.keys != [by] || it.by.owners == [thief.id])
    );
    let three = [&staff.ann, &zoe, &mallory];
    say(&*authority, &three, Word::Approve, &own);
    assert_eq!(state(setting, &own), SubjectState::Requested);
    assert_kept(&*authority, &own);
    // For anybody else's, their word counts.
    let others = ask(&mut other);
    say(&*authority, &[&zoe, &mallory], Word::Approve, &others);
    assert_released(setting, &other, &others);
}

fn nobody_approves_the_change_they_asked_for(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let own = Owner::enrolled(&*authority, CAS);
    // By the officer's key, and by the device of the same person.
    let officer = ask(setting, loose(staff), &staff.cas.keys[0]);
    let none = Policy {
        rules: Vec::new(),
        ..staff.policy()
    };
    let owner = ask(setting, none, &own.device);
    for change in [&officer, &owner] {
        approve(&*authority, &[&staff.cas, &staff.ann], change);
    }
    setting.clock.advance_millis(2 * DAY);
    assert_eq!(setting.in_force(), staff.policy());
    for change in [&officer, &owner] {
        let reasons = setting.ask_again(change).reasons;
        assert!(matches!(reasons[..], [Reason::NeedsApprovals { .. }]));
    }
}

fn a_change_that_was_overtaken_stays_so(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let none = Policy {
        rules: Vec::new(),
        ..staff.policy()
    };
    let slow = ask(setting, none, &staff.cas.keys[0]);
    approve(&*authority, &[&staff.ann], &slow);
    put_in_force(setting, staff, loose(staff));
    let lapsed = SubjectState::Decided(Verdict::Lapsed);
    assert_eq!(setting.look(&slow).state, lapsed);
    // The policy it was to replace comes back, and it does not.
    put_in_force(setting, staff, staff.policy());
    let late = staff.ben.say_of_change(Word::Approve, &slow);
    assert_refused!(authority.submit(&late), Ended);
    assert_eq!(setting.in_force(), staff.policy());
    assert_eq!(setting.look(&slow).state, lapsed);
    // In its time it lapses by itself.
    let change = ask(setting, loose(staff), &staff.cas.keys[0]);
    setting.clock.advance_millis(31 * DAY);
    assert_eq!(setting.ask_again(&change).state, lapsed);
}

fn a_denied_change_is_over(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let change = ask(setting, loose(staff), &staff.cas.keys[0]);
    let denial = staff.ann.say_of_change(Word::Deny, &change);
    submit(&*authority, &denial);
    let late = staff.ben.say_of_change(Word::Approve, &change);
    assert_refused!(authority.submit(&late), Ended);
    let view = setting.look(&change);
    assert_eq!(view.state, DENIED);
    assert!(
        matches!(&view.reasons[..], [Reason::Denied { by, grounds, .. }]
        if by == "ann" && grounds.as_str() == "I deny it")
    );
}

fn a_change_is_asked_for_by_those_who_may(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let about = setting.about();
    let (now, old, new) = (setting.now(), staff.policy(), loose(staff));
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
    let asked = ask(setting, new, &owner.device);
    // The same words by somebody else are not another change.
    let resigned = SignedStatement::sign(change_of(&asked).clone(), ann);
    assert_refused!(authority.submit(&resigned), Author);
    // And an owner's code has no say where it is not asked.
    assert_refused!(authority.submit(&owner.evidence_for(&asked)), Author);
}

fn every_owners_code_changes_a_policy_of_codes(setting: &Setting) {
    let authority = setting.operator();
    let mut one = owner(&*authority, 1);
    let other = owner(&*authority, 2);
    // Who has no deposit has nothing that a policy disposes of.
    drop(Owner::enrolled(&*authority, 4));
    let patient = Policy {
        rules: vec![Rule {
            wait_millis: DAY,
            ..Rule::code_alone("code")
        }],
        ..Policy::code_alone()
    };
    let (old, now) = (Policy::code_alone(), setting.now());
    let change = ask(setting, patient.clone(), &one.device);
    let later = Owner::enrolled(&*authority, 3);
    assert_refused!(authority.submit(&later.evidence_for(&change)), Author);
    submit(&*authority, &one.evidence_for(&change));
    assert_eq!(setting.in_force(), old, "one of two owners");
    submit(&*authority, &other.evidence_for(&change));
    assert_eq!(setting.in_force(), patient);
    let late = ask_change(&setting.about(), &old, old.clone(), now, &one.device);
    assert_refused!(authority.submit(&late), Policy);
    let scope = one.everything(&*authority);
    let digest = patient.digest();
    let asked = one.ask_with(scope, now, |request| request.policy = digest);
    submit(&*authority, &asked.statement);
    submit(&*authority, &one.evidence(&asked));
    assert_kept(&*authority, &asked);
    setting.clock.advance_millis(DAY);
    assert_released(setting, &one, &asked);
}
