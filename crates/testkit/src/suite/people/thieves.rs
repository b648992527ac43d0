//! A thief with a stolen code or an old device, where there are officers to settle it, and where there are none.

use strongroom_protocol::ReleaseError;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::policy::{Policy, Reason, Rule, SubjectState};
use strongroom_protocol::statement::{Grounds, SignedStatement, Verdict, Veto, Word};

use super::{
    APPROVED, DAY, DENIED, Staff, asked, assert_kept, assert_released, owner, reasons, say, state,
};
use crate::owner::submit;
use crate::suite::{Setting, assert_refused};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let staff = Staff::new();
    requests_race_until_officers_deny_one(&found(staff.policy()), &staff);
    a_rival_that_lapses_freezes_no_more(&found(staff.policy()), &staff);
    a_request_from_the_same_device_is_no_rival(&found(staff.policy()));
    a_request_that_nobody_proved_freezes_nothing(&found(Policy::code_alone()));
    a_thiefs_veto_is_overruled(&found(staff.policy()), &staff);
    a_veto_is_void_once_its_owner_has_departed(&found(staff.policy()), &staff);
    let code = |veto, wait_millis| Policy {
        rules: vec![Rule {
            veto,
            wait_millis,
            ..Rule::code_alone("code")
        }],
        ..staff.policy()
    };
    one_officers_denial_settles_a_race_for_good(&found(code(false, DAY)), &staff);
    a_veto_that_nobody_can_overrule_ends_a_request(&found(code(true, 0)), &staff);
}

fn frozen(reasons: &[Reason]) -> bool {
    let frozen = |reason: &Reason| matches!(reason, Reason::Frozen { .. });
    reasons.iter().any(frozen)
}

fn requests_race_until_officers_deny_one(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let (thiefs, own) = (asked(setting, &mut owner), asked(setting, &mut owner));
    for request in [&thiefs, &own] {
        submit(&*authority, &owner.evidence(request));
    }
    setting.clock.advance_millis(2 * DAY);
    for request in [&thiefs, &own] {
        let view = setting.ask_again(&request.statement);
        assert_eq!(view.state, SubjectState::Requested);
        assert!(view.scene().rival && frozen(&view.reasons));
        assert_kept(&*authority, request);
    }
    say(&*authority, &[&staff.cas], Word::Deny, &thiefs);
    assert_eq!(state(setting, &own), APPROVED);
    assert_released(setting, &owner, &own);
    assert_eq!(state(setting, &thiefs), DENIED);
    assert_kept(&*authority, &thiefs);
    let late = staff.ann.say(Word::Approve, &thiefs);
    assert_refused!(authority.submit(&late), Ended);
}

fn one_officers_denial_settles_a_race_for_good(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let (thiefs, own) = (asked(setting, &mut owner), asked(setting, &mut owner));
    for request in [&thiefs, &own] {
        submit(&*authority, &owner.evidence(request));
        assert_eq!(state(setting, request), SubjectState::Requested);
    }
    setting.clock.advance_millis(DAY);
    let size = || authority.checkpoint().unwrap().checkpoint().size;
    let before = size();
    say(&*authority, &[&staff.ben], Word::Deny, &thiefs);
    // The denial and the decision, together: it does not come back when its rival is decided.
    assert_eq!(size(), before + 2);
    assert_released(setting, &owner, &own);
    let view = setting.ask_again(&thiefs.statement);
    assert_eq!(view.state, DENIED);
    assert!(!view.scene().rival);
    assert!(
        matches!(&view.reasons[..], [Reason::Denied { by, grounds, .. }]
        if by == "ben" && grounds.as_str() == "I deny it")
    );
    assert_kept(&*authority, &thiefs);
    let late = staff.ann.say(Word::Deny, &thiefs);
    assert_refused!(authority.submit(&late), Ended);
}

fn a_rival_that_lapses_freezes_no_more(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let thiefs = asked(setting, &mut owner);
    submit(&*authority, &owner.evidence(&thiefs));
    setting.clock.advance_millis(29 * DAY);
    let own = asked(setting, &mut owner);
    submit(&*authority, &owner.evidence(&own));
    // To ask took a millisecond, twice.
    setting.clock.advance_millis(DAY - 3);
    assert!(frozen(&reasons(setting, &own)));
    // A rule that asks officers does not wait for them to settle it.
    let other = asked(setting, &mut owner);
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &other);
    assert_eq!(state(setting, &other), APPROVED);
    setting.clock.advance_millis(1);
    assert_eq!(state(setting, &own), APPROVED);
    let lapsed = SubjectState::Decided(Verdict::Lapsed);
    assert_eq!(state(setting, &thiefs), lapsed);
}

fn a_request_from_the_same_device_is_no_rival(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let first = asked(setting, &mut owner);
    let device = SigningKey::from_seed(first.device.expose_seed());
    let scope = owner.everything(&*authority);
    let second = owner.ask_by(device, scope, setting.now(), |_| {});
    submit(&*authority, &second.statement);
    submit(&*authority, &owner.evidence(&second));
    setting.clock.advance_millis(DAY);
    assert_eq!(state(setting, &second), APPROVED);
}

fn a_request_that_nobody_proved_freezes_nothing(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let (one, other) = (asked(setting, &mut owner), asked(setting, &mut owner));
    submit(&*authority, &owner.evidence(&other));
    let view = setting.ask_again(&other.statement);
    assert!(!view.scene().rival);
    assert_eq!(view.state, APPROVED);
    assert_released(setting, &owner, &other);
    assert_eq!(state(setting, &one), SubjectState::Requested);
}

fn a_thiefs_veto_is_overruled(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let asked = asked(setting, &mut owner);
    submit(&*authority, &owner.evidence(&asked));
    // By the owner's old device, which a thief has.
    submit(&*authority, &owner.veto_by(&asked, &owner.device));
    setting.clock.advance_millis(DAY);
    let vetoed = |reason: &Reason| matches!(reason, Reason::Vetoed { .. });
    assert_eq!(state(setting, &asked), SubjectState::Requested);
    assert!(reasons(setting, &asked).iter().any(vetoed));
    say(&*authority, &[&staff.ann], Word::Overrule, &asked);
    assert_kept(&*authority, &asked);
    say(&*authority, &[&staff.ben], Word::Overrule, &asked);
    // Once and for all: more vetoes change nothing.
    let again = Veto {
        authority: asked.request().authority,
        request: asked.request().digest(),
        grounds: Grounds::default(),
        created: setting.now(),
    };
    submit(&*authority, &SignedStatement::sign(again, &owner.device));
    assert_released(setting, &owner, &asked);
}

fn a_veto_is_void_once_its_owner_has_departed(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = owner(&*authority, 1);
    let asked = asked(setting, &mut owner);
    submit(&*authority, &owner.evidence(&asked));
    submit(&*authority, &owner.veto_by(&asked, &owner.device));
    setting.clock.advance_millis(DAY);
    for officer in [&staff.ann, &staff.cas] {
        assert_kept(&*authority, &asked);
        let said = officer.say_departed(&about, owner.id, true);
        submit(&*authority, &said);
    }
    assert_released(setting, &owner, &asked);
}

fn a_veto_that_nobody_can_overrule_ends_a_request(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let about = setting.about();
    let mut owner = owner(&*authority, 1);
    let asked = asked(setting, &mut owner);
    submit(&*authority, &owner.veto_by(&asked, &owner.device));
    assert_refused!(authority.submit(&owner.evidence(&asked)), Ended);
    // It stays ended, also when the veto would not count any more.
    for officer in [&staff.ann, &staff.ben] {
        let said = officer.say_departed(&about, owner.id, true);
        submit(&*authority, &said);
    }
    let vetoed = SubjectState::Decided(Verdict::Vetoed);
    let view = setting.ask_again(&asked.statement);
    assert_eq!(view.state, vetoed);
    assert!(matches!(view.reasons[..], [Reason::Vetoed { .. }]));
    let refused = authority.release(asked.statement.id(), 0);
    assert!(matches!(refused, Err(ReleaseError::NotApproved { state, .. }) if state == vetoed));
}
