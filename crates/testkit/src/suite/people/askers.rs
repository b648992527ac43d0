//! Which rule is for which request: whose keys, which labels, how many, and who asks.

use std::collections::BTreeMap;

use strongroom_protocol::Select;
use strongroom_protocol::id::Serial;
use strongroom_protocol::policy::{Asker, Owners, Policy, Reason, Rule, SubjectState};
use strongroom_protocol::statement::{Scope, Word};

use super::{
    APPROVED, CAS, DENIED, Staff, asked, assert_kept, assert_released, code_and, owner, reasons,
    say, state,
};
use crate::listing::listed;
use crate::owner::{Asked, Owner, submit};
use crate::person::Person;
use crate::suite::{Setting, assert_refused};

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    let staff = Staff::new();
    let mut with = |rule: Rule| {
        found(Policy {
            rules: vec![rule],
            ..staff.policy()
        })
    };
    somebody_else_asks_only_under_a_rule_for_that(&with(code_and("desk")), &staff);
    let others = Rule {
        asker: Asker::Group("desk".to_owned()),
        evidence: Vec::new(),
        ..code_and("board")
    };
    who_may_ask_for_somebody_else_gets_keys_and_no_more(&with(others.clone()), &staff);
    let leaver = Rule {
        owners: Owners::Departed,
        ..others
    };
    a_leavers_keys_are_given_once_they_have_departed(&with(leaver), &staff);
    let few = Rule {
        keys_max: Some(1),
        ..code_and("desk")
    };
    a_rule_for_few_keys_is_not_for_more(&with(few), &staff);
    let labelled = Rule {
        labels: BTreeMap::from([("team".to_owned(), "lab".to_owned())]),
        ..code_and("desk")
    };
    a_rule_for_a_label_asks_it_of_every_deposit(&with(labelled), &staff);
    let named = Rule {
        owners: Owners::These(vec![Owner::id_of(1)]),
        ..code_and("desk")
    };
    a_rule_for_some_owners_is_not_for_others(&with(named), &staff);
}

fn somebody_else_asks_only_under_a_rule_for_that(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut victim = owner(&*authority, 1);
    let mut boss = Owner::enrolled(&*authority, CAS);
    let foreign = ask_for(setting, &mut boss, &victim);
    let view = setting.ask_again(&foreign.statement);
    assert_eq!(view.scene().asker, Some(boss.id));
    assert_eq!(view.state, DENIED);
    assert_eq!(view.reasons, [Reason::NoRule]);
    let late = staff.ann.say(Word::Approve, &foreign);
    assert_refused!(authority.submit(&late), Ended);
    assert_kept(&*authority, &foreign);
    // From a device that is nobody's it is the owner who asks; whether it is, officers judge.
    let own = asked(setting, &mut victim);
    let view = setting.ask_again(&own.statement);
    assert_eq!(view.scene().asker, None);
    submit(&*authority, &victim.evidence(&own));
    say(&*authority, &[&staff.ann], Word::Approve, &own);
    assert_eq!(state(setting, &own), APPROVED);
}

fn who_may_ask_for_somebody_else_gets_keys_and_no_more(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let victim = owner(&*authority, 1);
    let mut stranger = Owner::enrolled(&*authority, 2);
    let refused = ask_for(setting, &mut stranger, &victim);
    assert_eq!(state(setting, &refused), DENIED);

    let mut boss = Owner::enrolled(&*authority, CAS);
    let asked = ask_for(setting, &mut boss, &victim);
    // Whoever asks does not approve.
    let two = [&staff.cas, &staff.ann];
    say(&*authority, &two, Word::Approve, &asked);
    assert_eq!(state(setting, &asked), SubjectState::Requested);
    // The owner is told.
    let own = setting.device(victim.device.verifying_key());
    assert!(listed(&*own, Select::Subjects).contains(&asked.statement.id()));
    say(&*authority, &[&staff.ben], Word::Approve, &asked);
    assert_released(setting, &victim, &asked);
    // The asker's device has not become the owner's.
    let device = setting.device(boss.device.verifying_key());
    assert!(device.entries(Select::Owner(victim.id), 0).is_err());
    let own_id = std::mem::replace(&mut boss.id, victim.id);
    assert_refused!(authority.submit(&boss.deposit(1)), Author);
    boss.id = own_id;
    submit(&*authority, &boss.deposit(1));
}

fn a_leavers_keys_are_given_once_they_have_departed(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let about = setting.about();
    let leaver = owner(&*authority, 1);
    let mut boss = Owner::enrolled(&*authority, CAS);
    let tell = |person: &Person, departed| {
        let said = person.say_departed(&about, leaver.id, departed);
        submit(&*authority, &said);
    };
    let early = ask_for(setting, &mut boss, &leaver);
    assert_eq!(state(setting, &early), DENIED);
    tell(&staff.ann, true);
    let early = ask_for(setting, &mut boss, &leaver);
    assert_eq!(state(setting, &early), DENIED, "one of two");
    tell(&staff.ben, true);
    let asked = ask_for(setting, &mut boss, &leaver);
    let view = setting.ask_again(&asked.statement);
    assert!(view.scene().departed);
    let two = [&staff.ann, &staff.ben];
    say(&*authority, &two, Word::Approve, &asked);
    assert_eq!(state(setting, &asked), APPROVED);
    // They have not, after all: the last word counts, and what was not released yet stays.
    tell(&staff.ben, false);
    assert_kept(&*authority, &asked);
    let view = setting.ask_again(&asked.statement);
    assert!(!view.scene().departed);
    // What was denied before stays so, whatever is said later.
    assert_eq!(state(setting, &early), DENIED);
}

fn a_rule_for_few_keys_is_not_for_more(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = owner(&*authority, 1);
    let many = asked(setting, &mut owner);
    assert_eq!(state(setting, &many), DENIED);
    let serial = *owner.keys.keys().next().unwrap();
    let one = owner.ask(Scope::of([serial]).unwrap(), setting.now());
    submit(&*authority, &one.statement);
    submit(&*authority, &owner.evidence(&one));
    say(&*authority, &[&staff.ann], Word::Approve, &one);
    assert_eq!(state(setting, &one), APPROVED);
}

fn a_rule_for_a_label_asks_it_of_every_deposit(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut owner = Owner::enrolled(&*authority, 1);
    let lab = [
        owner.draft_labelled(&[("team", "lab"), ("year", "1")]),
        owner.draft_labelled(&[("team", "lab"), ("year", "2")]),
    ];
    let home = [owner.draft_labelled(&[("team", "home")])];
    let drafts = lab.iter().chain(&home);
    let serials: Vec<Serial> = drafts.map(|draft| draft.serial).collect();
    submit(&*authority, &owner.deposit_of(&lab));
    submit(&*authority, &owner.deposit_of(&home));
    let mut ask = |serials: &[Serial]| {
        let scope = Scope::of(serials.iter().copied()).unwrap();
        let asked = owner.ask(scope, setting.now());
        submit(&*authority, &asked.statement);
        asked
    };
    assert_eq!(state(setting, &ask(&serials)), DENIED);
    let some = ask(&serials[..2]);
    let view = setting.ask_again(&some.statement);
    let team = BTreeMap::from([("team".to_owned(), "lab".to_owned())]);
    assert_eq!(view.scene().labels, team);
    assert_eq!(view.state, SubjectState::Requested);
    submit(&*authority, &owner.evidence(&some));
    say(&*authority, &[&staff.ben], Word::Approve, &some);
    let page = authority.release(some.statement.id(), 0).unwrap();
    assert_eq!(some.open(&setting.about(), &page).len(), 2);
}

fn a_rule_for_some_owners_is_not_for_others(setting: &Setting, staff: &Staff) {
    let authority = setting.operator();
    let mut named = owner(&*authority, 1);
    let refused = asked(setting, &mut owner(&*authority, 2));
    assert_eq!(state(setting, &refused), DENIED);
    assert_eq!(reasons(setting, &refused), [Reason::NoRule]);
    let asked = asked(setting, &mut named);
    submit(&*authority, &named.evidence(&asked));
    say(&*authority, &[&staff.ann], Word::Approve, &asked);
    assert_released(setting, &named, &asked);
}

fn ask_for(setting: &Setting, asker: &mut Owner, owner: &Owner) -> Asked {
    let authority = setting.operator();
    let scope = owner.everything(&*authority);
    let asked = asker.ask_for(owner, scope, setting.now());
    submit(&*authority, &asked.statement);
    asked
}
