//! Who decides, and when: an act, and nobody's looking. By whatever clock somebody looks, the log stays as it is.

use strongroom_protocol::policy::{Policy, Rule, SubjectState};
use strongroom_protocol::statement::{Verdict, Word};
use strongroom_protocol::{Authority, Select};

use super::people::{
    APPROVED, DAY, Staff, asked, assert_kept, assert_released, code_and, owner, say,
};
use super::{Setting, assert_refused};
use crate::listing::listed;
use crate::owner::{Owner, submit};
use crate::person::{Person, ask_change};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let staff = Staff::new();
    looking_lapses_no_request(&found(staff.policy()), &staff);
    looking_puts_no_policy_in_force(&found(staff.policy()), &staff);
    what_is_due_is_decided_when_it_is_asked_again(&found(patient()));
    a_release_decides_what_is_due(&found(patient()));
    a_word_decides_what_it_completes(&found(staff.policy()), &staff);
    a_change_that_is_due_is_in_force_for_who_acts_next(&found(staff.policy()), &staff);
    of_open_changes_only_one_comes_into_force(&found(staff.policy()), &staff);
}

/// The recovery code, after a day.
fn patient() -> Policy {
    Policy {
        rules: vec![Rule {
            wait_millis: DAY,
            ..Rule::code_alone("code")
        }],
        ..Policy::code_alone()
    }
}

/// Asks everything that can be asked, as everybody, and sees that nothing comes of it.
fn look_around(setting: &Setting, staff: &Staff, owner: &Owner) {
    let before = setting.size();
    let officer = setting.device(staff.ann.keys[0].verifying_key());
    let device = setting.device(owner.device.verifying_key());
    for session in [&setting.operator(), &officer, &device, &setting.anybody()] {
        session.about().unwrap();
        session.holdings(owner.id).unwrap();
        session.checkpoint().unwrap();
        session.consistency(1, before).unwrap();
        session.leaves(0).unwrap();
        for select in [Select::Open, Select::Owner(owner.id), Select::Subjects] {
            let Ok(page) = session.entries(select, 0) else {
                continue;
            };
            for item in page.items {
                let _ = session.subject(item.statement.id());
            }
        }
    }
    assert_eq!(setting.size(), before, "looking recorded something");
}

/// F4, first half: an officer whose clock is 60 days ahead looks at an open request.
fn looking_lapses_no_request(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut olga = owner(&*authority, 1);
    let request = asked(setting, &mut olga);
    let now = setting.now();
    setting.clock.advance_millis(60 * DAY);
    look_around(setting, staff, &olga);
    // To who looks by that clock it has lapsed; that is theirs to think, and not in the log.
    let lapsed = SubjectState::Decided(Verdict::Lapsed);
    let seen = setting.look(&request.statement);
    assert_eq!(seen.state, lapsed);
    assert!(seen.subject.decided().is_none());
    setting.clock.set(now);
    assert_eq!(
        setting.look(&request.statement).state,
        SubjectState::Requested
    );
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &request);
    assert_released(setting, &olga, &request);
}

/// F4, second half: a change has its approvals, and a stranger whose clock is 4 days ahead looks around.
fn looking_puts_no_policy_in_force(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let stranger = owner(&*authority, 1);
    let loose = Policy {
        rules: vec![code_and("desk")],
        ..staff.policy()
    };
    let change = ask(setting, loose, &staff.cas);
    approve(&*authority, &[&staff.ann, &staff.ben], &change);
    let now = setting.now();
    setting.clock.advance_millis(4 * DAY);
    look_around(setting, staff, &stranger);
    assert_eq!(setting.in_force(), staff.policy());
    setting.clock.set(now);
    let seen = setting.look(&change);
    assert_eq!(seen.state, SubjectState::Requested);
    assert!(seen.subject.decided().is_none());
}

fn what_is_due_is_decided_when_it_is_asked_again(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let (proved, other) = (asked(setting, &mut owner), asked(setting, &mut owner));
    submit(&*authority, &owner.evidence(&proved));
    setting.clock.advance_millis(DAY);
    let before = setting.size();
    let seen = setting.look(&proved.statement);
    assert_eq!(seen.state, SubjectState::Requested);
    assert!(seen.reasons.is_empty(), "nothing is missing but an act");
    let first = submit(&*authority, &proved.statement);
    assert_eq!(setting.size(), before + 1, "the decision, and nothing else");
    let decided = setting.look(&proved.statement);
    assert_eq!(decided.state, APPROVED);
    assert_eq!(decided.subject.decided().unwrap().time, setting.now());
    // Whoever has its words may send them; the entry is the same, and it is decided once.
    let again = setting.anybody().submit(&proved.statement).unwrap();
    let log_key = setting.about().found().log_key;
    let again = again.verify(&proved.statement, &log_key).unwrap();
    assert_eq!(again.index(), first.index());
    assert_eq!(setting.size(), before + 1);
    // What can't be decided is not, until it lapses.
    submit(&*authority, &other.statement);
    assert_eq!(setting.size(), before + 1);
    setting.clock.advance_millis(30 * DAY);
    submit(&*authority, &other.statement);
    assert_eq!(setting.size(), before + 2);
    let lapsed = setting.look(&other.statement);
    assert_eq!(lapsed.state, SubjectState::Decided(Verdict::Lapsed));
    assert_refused!(authority.submit(&owner.evidence(&other)), Ended);
}

fn a_release_decides_what_is_due(setting: &Setting) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let asked = asked(setting, &mut owner);
    submit(&*authority, &owner.evidence(&asked));
    assert_kept(&*authority, &asked);
    setting.clock.advance_millis(DAY);
    let before = setting.size();
    // A stranger's asking is no act: nothing is theirs here.
    let stranger = setting.device(Owner::new(&setting.about(), 7).device.verifying_key());
    for session in [stranger, setting.anybody()] {
        session.release(asked.statement.id(), 0).unwrap_err();
    }
    assert_eq!(setting.size(), before);
    assert_released(setting, &owner, &asked);
    assert_eq!(setting.size(), before + 2, "the decision and the release");
}

fn a_word_decides_what_it_completes(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let asked = asked(setting, &mut owner);
    let before = setting.size();
    say(&*authority, &[&staff.ann], Word::Approve, &asked);
    assert_eq!(setting.size(), before + 1);
    say(&*authority, &[&staff.ben], Word::Approve, &asked);
    assert_eq!(setting.size(), before + 3, "the word and the decision");
    assert_eq!(setting.look(&asked.statement).state, APPROVED);
}

fn a_change_that_is_due_is_in_force_for_who_acts_next(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let loose = Policy {
        rules: vec![code_and("desk")],
        ..staff.policy()
    };
    let change = ask(setting, loose.clone(), &staff.cas);
    approve(&*authority, &[&staff.ann, &staff.ben], &change);
    setting.clock.advance_millis(DAY);
    // Deposits do not rest on it.
    submit(&*authority, &owner.deposit(1));
    assert_eq!(setting.in_force(), staff.policy());
    // Under the old one it is too late by now, and that it is refused is decided under the new one.
    let late = owner.ask(owner.everything(&*authority), setting.now());
    assert_refused!(authority.submit(&late.statement), Policy);
    assert_eq!(setting.in_force(), loose);
    assert_eq!(setting.look(&change).state, APPROVED);
}

fn of_open_changes_only_one_comes_into_force(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let policies = ["desk", "board"].map(|group| Policy {
        rules: vec![code_and(group)],
        ..staff.policy()
    });
    let [one, other] = policies
        .clone()
        .map(|policy| ask(setting, policy, &staff.cas));
    for change in [&one, &other] {
        approve(&*authority, &[&staff.ann, &staff.ben], change);
    }
    setting.clock.advance_millis(DAY);
    let before = setting.size();
    let owner = Owner::enrolled(&*authority, 1);
    let said = staff.ann.say_departed(&setting.about(), owner.id, true);
    submit(&*authority, &said);
    assert_eq!(setting.in_force(), policies[0]);
    // The other is over without a decision of its own, and is not open any more.
    assert_eq!(setting.size(), before + 3);
    let seen = setting.look(&other);
    assert_eq!(seen.state, SubjectState::Decided(Verdict::Lapsed));
    assert!(seen.subject.decided().is_none());
    assert!(listed(&*authority, Select::Open).is_empty());
    let late = staff.cas.say_of_change(Word::Deny, &other);
    assert_refused!(authority.submit(&late), Ended);
    assert_eq!(setting.in_force(), policies[0]);
}

fn ask(
    setting: &Setting,
    policy: Policy,
    officer: &Person,
) -> strongroom_protocol::statement::SignedStatement {
    let (about, old) = (setting.about(), setting.in_force());
    let change = ask_change(&about, &old, policy, setting.now(), &officer.keys[0]);
    submit(&*setting.operator(), &change);
    change
}

fn approve(
    authority: &dyn Authority,
    people: &[&Person],
    change: &strongroom_protocol::statement::SignedStatement,
) {
    for person in people {
        submit(authority, &person.say_of_change(Word::Approve, change));
    }
}
