//! What officers say counts once for each person, for what they saw and no more.

use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Policy, Reason, SubjectState};
use strongroom_protocol::statement::{Scope, Verdict, Word};
use strongroom_protocol::{QueryError, ReleaseError, Select};

use super::{
    APPROVED, CAS, DAY, DENIED, Staff, asked, assert_kept, assert_released, by, group, owner,
    reasons, say, state,
};
use crate::listing::{listed, look};
use crate::owner::{Owner, submit};
use crate::person::{self, Person};
use crate::suite::{Setting, assert_refused};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let staff = Staff::new();
    let mut setting = || found(staff.policy());
    two_officers_approve(&setting(), &staff);
    two_keys_of_one_officer_count_once(&setting(), &staff);
    nobody_approves_their_own_request(&setting(), &staff);
    a_denial_stops_the_rule_that_asks_for_it(&setting(), &staff);
    a_denial_after_the_approval_stops_what_was_not_released(&setting(), &staff);
    a_word_is_by_an_officer_under_the_policy_that_decides(&setting(), &staff);
    a_word_for_another_request_counts_for_nothing(&setting(), &staff);
    what_was_not_approved_in_time_has_lapsed(&setting(), &staff);
    officers_see_every_request_and_take_no_key(&setting(), &staff);
    let mut nested = staff.policy();
    nested.groups = vec![
        group("all", 2, &["some", "cas"]),
        group("some", 1, &["ann", "ben"]),
    ];
    nested.rules = vec![by("all")];
    nested.change.approvals = Some("all".to_owned());
    nested.departed = None;
    groups_of_groups_are_met_by_their_members(&found(nested), &staff);
}

fn two_officers_approve(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let asked = asked(setting, &mut owner);
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, SubjectState::Requested);
    assert_eq!((view.scene().keys, view.scene().asker), (2, None));
    say(&*authority, &[&staff.ann], Word::Approve, &asked);
    assert_eq!(state(setting, &asked), SubjectState::Requested);
    let have =
        |reason: &Reason| matches!(reason, Reason::NeedsApprovals { have, .. } if have == &["ann"]);
    assert!(reasons(setting, &asked).iter().any(have));
    assert_kept(&*authority, &asked);
    let word = staff.ben.say(Word::Approve, &asked);
    submit(&*authority, &word);
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, APPROVED);
    assert_eq!(view.subject.words().len(), 2);
    assert_eq!(view.subject.words()[1].statement.id(), word.id());
    assert_released(setting, &owner, &asked);
    // The owner has a device again.
    owner.device = asked.device;
    submit(&*authority, &owner.deposit(1));
}

fn two_keys_of_one_officer_count_once(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let asked = asked(setting, &mut owner(&*authority, 1));
    for key in &staff.ann.keys {
        submit(&*authority, &person::say(Word::Approve, &asked, key));
    }
    assert_eq!(state(setting, &asked), SubjectState::Requested);
    assert_kept(&*authority, &asked);
    say(&*authority, &[&staff.ben], Word::Approve, &asked);
    assert_eq!(state(setting, &asked), APPROVED);
}

fn nobody_approves_their_own_request(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut own = owner(&*authority, CAS);
    assert_eq!(Some(own.id), staff.cas.owner);
    let asked = asked(setting, &mut own);
    let two = [&staff.cas, &staff.ann];
    say(&*authority, &two, Word::Approve, &asked);
    assert_eq!(state(setting, &asked), SubjectState::Requested);
    assert_kept(&*authority, &asked);
    say(&*authority, &[&staff.ben], Word::Approve, &asked);
    assert_released(setting, &own, &asked);
}

fn a_denial_stops_the_rule_that_asks_for_it(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let asked = asked(setting, &mut owner(&*authority, 1));
    say(&*authority, &[&staff.ann], Word::Deny, &asked);
    let two = [&staff.ben, &staff.cas];
    say(&*authority, &two, Word::Approve, &asked);
    // The rule by code asks no officer.
    assert_eq!(state(setting, &asked), SubjectState::Requested);
    let denied = |reason: &Reason| {
        matches!(reason, Reason::Denied { by, grounds, .. }
            if by == "ann" && grounds.as_str() == "I deny it")
    };
    assert!(reasons(setting, &asked).iter().any(denied));
    assert_kept(&*authority, &asked);
}

fn a_denial_after_the_approval_stops_what_was_not_released(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    for count in [256, 1] {
        submit(&*authority, &owner.deposit(count));
    }
    let asked = asked(setting, &mut owner);
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &asked);
    let first = authority.release(asked.statement.id(), 0).unwrap();
    say(&*authority, &[&staff.cas], Word::Deny, &asked);
    let refused = authority.release(asked.statement.id(), 1);
    assert!(matches!(refused, Err(ReleaseError::NotApproved { .. })));
    let again = authority.release(asked.statement.id(), 0).unwrap();
    assert_eq!(
        again.release.statement.as_bytes(),
        first.release.statement.as_bytes()
    );
}

fn a_word_is_by_an_officer_under_the_policy_that_decides(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = owner(&*authority, 1);
    let recorded = asked(setting, &mut owner);
    let (id, digest) = (about.authority(), recorded.request().digest());
    let other = Policy::code_alone().digest();
    let ann = &staff.ann.keys[0];
    let scope = owner.everything(&*authority);
    let unknown = owner.ask(scope, setting.now());
    let (nobody, zoe) = (Owner::id_of(99), Person::new("zoe", 1));
    for refused in [
        person::speak(Word::Approve, id, digest, other, ann),
        person::say(Word::Approve, &recorded, &owner.device),
        person::say(Word::Approve, &recorded, &recorded.device),
        person::say(Word::Deny, &recorded, &owner.code),
        staff.ann.say(Word::Approve, &unknown),
        person::say(Word::Approve, &unknown, &owner.device),
        staff.ann.say_departed(&about, nobody, true),
        zoe.say_departed(&about, owner.id, true),
        zoe.say_departed(&about, nobody, true),
    ] {
        assert_refused!(authority.submit(&refused), Author);
    }
    setting.clock.advance_millis(31 * DAY);
    let late = staff.ann.say(Word::Approve, &recorded);
    assert_refused!(authority.submit(&late), Ended);
    let late = person::say(Word::Approve, &recorded, &owner.device);
    assert_refused!(authority.submit(&late), Author);
}

fn a_word_for_another_request_counts_for_nothing(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let serials: Vec<_> = owner.keys.keys().copied().collect();
    let one = Scope::of([serials[0]]).unwrap();
    let small = owner.ask(one, setting.now());
    submit(&*authority, &small.statement);
    setting.clock.advance_millis(1);
    let both = [&staff.ann, &staff.ben];
    say(&*authority, &both, Word::Approve, &small);
    assert_eq!(state(setting, &small), APPROVED);
    let of_small = small.request().clone();
    let device = || SigningKey::from_seed(small.device.expose_seed());
    // It grows: of the same number, by the same device, for the same key, and another request all the same.
    let all = Scope::of(serials).unwrap();
    let grown = owner.ask_by(device(), all, setting.now(), |request| {
        request.request = of_small.request;
        request.release_key = of_small.release_key.clone();
    });
    // And for another key, with all else the same.
    let scope = of_small.scope.clone();
    let moved = owner.ask_by(device(), scope, setting.now(), |request| {
        request.request = of_small.request;
    });
    for other in [&grown, &moved] {
        submit(&*authority, &other.statement);
        setting.clock.advance_millis(1);
        assert_eq!(state(setting, other), SubjectState::Requested);
        assert_kept(&*authority, other);
    }
    say(&*authority, &both, Word::Approve, &grown);
    assert_eq!(state(setting, &grown), APPROVED);
    assert_eq!(state(setting, &moved), SubjectState::Requested);
}

fn what_was_not_approved_in_time_has_lapsed(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let asked = asked(setting, &mut owner(&*authority, 1));
    say(&*authority, &[&staff.ann], Word::Approve, &asked);
    setting.clock.advance_millis(30 * DAY);
    let late = staff.ben.say(Word::Approve, &asked);
    assert_refused!(authority.submit(&late), Ended);
    let lapsed = SubjectState::Decided(Verdict::Lapsed);
    assert_eq!(state(setting, &asked), lapsed);
    assert_kept(&*authority, &asked);
}

fn officers_see_every_request_and_take_no_key(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut one = owner(&*authority, 1);
    let mut other = owner(&*authority, 2);
    let (first, second) = (asked(setting, &mut one), asked(setting, &mut other));
    let listed = |key: &SigningKey| listed(&*setting.device(key.verifying_key()), Select::Subjects);
    let (a, b) = (first.statement.id(), second.statement.id());
    assert_eq!(listed(&staff.ann.keys[1]), [a, b]);
    assert_eq!(listed(&one.device), [a]);
    assert_eq!(listed(&second.device), [b]);
    assert!(listed(&one.code).is_empty());
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &first);
    let officer = setting.device(staff.ann.keys[0].verifying_key());
    let seen = look(&*officer, a).unwrap();
    assert_eq!(seen.standing(setting.now()).0, APPROVED);
    assert_eq!(seen.words().len(), 2);
    let refused = officer.release(a, 0);
    assert!(matches!(refused, Err(ReleaseError::NotFound)));
    let stranger = setting.device(other.device.verifying_key());
    assert!(matches!(stranger.subject(a), Err(QueryError::NotFound)));
}

fn groups_of_groups_are_met_by_their_members(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let asked = asked(setting, &mut owner(&*authority, 1));
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &asked);
    assert_eq!(state(setting, &asked), SubjectState::Requested);
    say(&*authority, &[&staff.cas], Word::Approve, &asked);
    assert_eq!(state(setting, &asked), APPROVED);
    let other = super::asked(setting, &mut owner(&*authority, 2));
    say(&*authority, &[&staff.ben], Word::Deny, &other);
    assert_eq!(state(setting, &other), DENIED);
}
