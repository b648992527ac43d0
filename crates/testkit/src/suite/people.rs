//! Officers and what they say, who may ask for what, and how far a thief gets among them.

mod askers;
mod officers;
mod thieves;

use strongroom_protocol::Authority;
use strongroom_protocol::policy::{Asker, Group, Policy, Reason, Rule, SubjectState};
use strongroom_protocol::statement::{Verdict, Word};

use super::Setting;
use crate::TestClock;
use crate::owner::{Asked, Owner, submit};
use crate::person::Person;

pub(super) fn all(found: &mut dyn FnMut(Policy) -> Setting) {
    officers::all(found);
    askers::all(found);
    thieves::all(found);
}

/// Three officers, of whom one is also an owner.
pub(super) struct Staff {
    pub(super) ann: Person,
    pub(super) ben: Person,
    pub(super) cas: Person,
}

/// The seed of the owner that is an officer, too.
pub(super) const CAS: u64 = 77;

pub(super) const DAY: u64 = TestClock::DAY_MILLIS;

impl Staff {
    pub(super) fn new() -> Self {
        let mut cas = Person::new("cas", 1);
        cas.owner = Some(Owner::id_of(CAS));
        Self {
            ann: Person::new("ann", 2),
            ben: Person::new("ben", 1),
            cas,
        }
    }

    /// The recovery code after a day, with a veto that two can overrule; two of three as soon as can be.
    pub(super) fn policy(&self) -> Policy {
        let officers = [&self.ann, &self.ben, &self.cas];
        let mut policy = Policy::code_alone();
        policy.officers = officers.iter().map(|person| person.officer()).collect();
        policy.groups = vec![
            group("board", 2, &["ann", "ben", "cas"]),
            group("desk", 1, &["ann", "ben", "cas"]),
        ];
        policy.rules = vec![
            Rule {
                wait_millis: DAY,
                veto: true,
                overrule: Some("board".to_owned()),
                ..Rule::code_alone("code")
            },
            by("board"),
        ];
        policy.change.codes = false;
        policy.change.approvals = Some("board".to_owned());
        policy.change.wait_millis = DAY;
        policy.departed = Some("board".to_owned());
        policy
    }
}

/// A rule by which a group approves for whoever says to be the owner: as soon as such a rule can.
pub(super) fn by(group: &str) -> Rule {
    Rule {
        asker: Asker::Anyone,
        evidence: Vec::new(),
        approvals: Some(group.to_owned()),
        wait_millis: 1,
        veto: true,
        ..Rule::code_alone(group)
    }
}

/// A rule by which a group approves for who has the code, at once.
pub(super) fn code_and(group: &str) -> Rule {
    Rule {
        approvals: Some(group.to_owned()),
        ..Rule::code_alone(group)
    }
}

pub(super) fn group(name: &str, need: u64, of: &[&str]) -> Group {
    Group {
        name: name.to_owned(),
        need,
        of: of.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// An owner with two deposits.
pub(super) fn owner(authority: &dyn Authority, seed: u64) -> Owner {
    let mut owner = Owner::enrolled(authority, seed);
    submit(authority, &owner.deposit(2));
    owner
}

/// A request for everything from a new device, recorded a moment ago.
pub(super) fn asked(setting: &Setting, owner: &mut Owner) -> Asked {
    let authority = setting.operator();
    let scope = owner.everything(&*authority);
    let asked = owner.ask(scope, setting.now());
    submit(&*authority, &asked.statement);
    setting.clock.advance_millis(1);
    asked
}

/// Records a word of each.
pub(super) fn say(authority: &dyn Authority, people: &[&Person], word: Word, asked: &Asked) {
    for person in people {
        submit(authority, &person.say(word, asked));
    }
}

/// Where a request stands, once it was asked again.
pub(super) fn state(setting: &Setting, asked: &Asked) -> SubjectState {
    setting.ask_again(&asked.statement).state
}

pub(super) fn reasons(setting: &Setting, asked: &Asked) -> Vec<Reason> {
    setting.ask_again(&asked.statement).reasons
}

pub(super) const APPROVED: SubjectState = SubjectState::Decided(Verdict::Approved);
pub(super) const DENIED: SubjectState = SubjectState::Decided(Verdict::Denied);

/// Sees that keys are released, all of an owner's.
pub(super) fn assert_released(setting: &Setting, owner: &Owner, asked: &Asked) {
    let page = setting.operator().release(asked.statement.id(), 0).unwrap();
    assert_eq!(asked.open(&setting.about(), &page), owner.keys);
}

/// Sees that nothing is released.
pub(super) fn assert_kept(authority: &dyn Authority, asked: &Asked) {
    let released = authority.release(asked.statement.id(), 0);
    assert!(
        matches!(
            released,
            Err(strongroom_protocol::ReleaseError::NotApproved { .. })
        ),
        "{released:?}"
    );
}
