//! A request held against one rule after another: who may ask by it, who said what, and which of that counts.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::said::{Said, Spoken, one_each, sorted_ids};
use crate::id::{OwnerId, StatementId, Time};
use crate::keys::VerifyingKey;
use crate::policy::person::Circle;
use crate::policy::{
    Asker, Discount, Inapplicable, LoggedWord, Officer, Offices, Owners, Person, Reason, Rule,
};
use crate::statement::{EvidenceKind, Statement, Verdict, Word};

/// Tells whether a request has all the evidence that a rule without approvals asks: then another one like it, by another
/// device, is its rival. What anybody can ask, without evidence, is nobody's.
pub(in super::super) fn is_proved(case: &Case<'_>) -> bool {
    let hearing = Hearing::of(case);
    let mut rules = case.policy.rules.iter();
    rules.any(|rule| {
        let mut evidence = rule.evidence.iter();
        rule.approvals.is_none()
            && hearing.inapplicable(rule).is_none()
            && evidence.all(|kind| hearing.evidence(*kind).is_some())
    })
}

/// Says why an officer's word on a request does not count, if it does not.
pub(in super::super) fn discount(case: &Case<'_>, word: &LoggedWord) -> Option<Discount> {
    let Statement::Approval(approval) = word.statement.statement() else {
        return None;
    };
    let hearing = Hearing::of(case);
    let spoken = hearing.said.words(approval.word);
    let Some(spoken) = spoken.into_iter().find(|spoken| spoken.index == word.index) else {
        return Some(Discount::NotAsked);
    };
    if approval.word == Word::Overrule && !hearing.answers_a_veto(&spoken) {
        return Some(Discount::NothingToOverrule);
    }
    let groups = case
        .policy
        .rules
        .iter()
        .filter_map(|rule| match approval.word {
            Word::Overrule => rule.overrule.as_ref(),
            Word::Approve | Word::Deny => rule.approvals.as_ref(),
        });
    let groups = groups.filter_map(|name| case.policy.group(name));
    let mut asked = groups
        .filter(|group| {
            group
                .people(case.policy)
                .contains(spoken.officer.name.as_str())
        })
        .peekable();
    let settles = approval.word == Word::Deny && case.scene.rival;
    if asked.peek().is_none() && !settles {
        return Some(Discount::NotAsked);
    }
    if approval.word == Word::Deny {
        let is_in_office = hearing.offices.may_still_hold(spoken.officer);
        return (!is_in_office).then_some(Discount::OutOfOffice);
    }
    if hearing.is_own(spoken.officer) {
        return Some(Discount::Own);
    }
    let speaks = asked.any(|group| hearing.offices.speaker(spoken.author, group).is_some());
    (!speaks).then_some(Discount::OutOfOffice)
}

/// How a request stands with a rule.
pub(super) enum Examined {
    Inapplicable(Inapplicable),
    /// What it rests on: evidence, and approvals, each sorted.
    Met(Vec<StatementId>, Vec<StatementId>),
    Missing(Vec<Reason>),
    Stopped(Verdict, Reason),
}

/// A case, with what is asked of it for each rule.
pub(super) struct Hearing<'c> {
    case: &'c Case<'c>,
    said: Said<'c>,
    offices: Offices<'c>,
    /// The first veto of each device that counts: its index, and the device.
    vetoes: Vec<(u64, VerifyingKey)>,
    /// The names of the officers whose own request it is.
    own: BTreeSet<&'c str>,
}

impl<'c> Hearing<'c> {
    pub(super) fn of(case: &'c Case<'c>) -> Self {
        Self {
            case,
            said: Said {
                policy: case.policy,
                digest: case.policy.digest(),
                authority: case.request.authority,
                subject: case.request.digest(),
                words: case.words,
            },
            offices: Offices {
                policy: case.policy,
                in_force: case.scene.in_force.as_ref(),
            },
            vetoes: vetoes(case),
            own: own(case),
        }
    }

    /// Finds why a rule is not for this request, if it is not.
    fn inapplicable(&self, rule: &Rule) -> Option<Inapplicable> {
        let scene = self.case.scene;
        // A rule that asks for nothing would give keys to whoever waits; no policy that was read has one.
        if rule.evidence.is_empty() && rule.approvals.is_none() {
            return Some(Inapplicable::AsksNothing);
        }
        match (&scene.asker, &rule.asker) {
            (None, Asker::Group(_)) => return Some(Inapplicable::ForOthers),
            (Some(_), Asker::Owner | Asker::Anyone) => return Some(Inapplicable::ForOwners),
            (Some(asker), Asker::Group(group)) if !self.may_ask(*asker, group) => {
                return Some(Inapplicable::Asker {
                    group: group.clone(),
                });
            }
            // Nobody is there any more to say that it is not them.
            (None, Asker::Anyone) if scene.departed => return Some(Inapplicable::Departed),
            (None, Asker::Owner | Asker::Anyone) | (Some(_), Asker::Group(_)) => {}
        }
        match &rule.owners {
            Owners::Departed if !scene.departed => return Some(Inapplicable::NotDeparted),
            Owners::These(owners) if !owners.contains(&self.case.request.owner) => {
                return Some(Inapplicable::OtherOwner);
            }
            Owners::Any | Owners::Departed | Owners::These(_) => {}
        }
        let lacks = |(name, value): &(&String, &String)| scene.labels.get(*name) != Some(*value);
        if let Some((name, value)) = rule.labels.iter().find(lacks) {
            return Some(Inapplicable::Label {
                name: name.clone(),
                value: value.clone(),
            });
        }
        let most = rule.keys_max.filter(|most| scene.keys > *most)?;
        Some(Inapplicable::TooMany { most })
    }

    /// Tells whether an owner is of a group that may ask, under the policy that decides and under the one in force.
    fn may_ask(&self, owner: OwnerId, group: &str) -> bool {
        let policies = [Some(self.case.policy), self.offices.in_force];
        policies.into_iter().flatten().all(|policy| {
            let people = policy.group(group).map(|group| group.people(policy));
            let people = people.unwrap_or_default();
            let known = |officer: &&Officer| officer.owner == Some(owner);
            let mut officers = policy.officers.iter().filter(known);
            officers.any(|officer| people.contains(officer.name.as_str()))
        })
    }

    pub(super) fn examine(&self, rule: &Rule, now: Time) -> Examined {
        if let Some(why) = self.inapplicable(rule) {
            return Examined::Inapplicable(why);
        }
        if let Some(reason) = self.denial(rule) {
            return Examined::Stopped(Verdict::Denied, reason);
        }
        if let Some(by) = self.veto(rule) {
            let reason = Reason::Vetoed {
                rule: rule.name.clone(),
                by,
            };
            // Else a thief with an old device would end every request before anybody could overrule it.
            return match rule.overrule {
                Some(_) => Examined::Missing(vec![reason]),
                None => Examined::Stopped(Verdict::Vetoed, reason),
            };
        }
        let rule_name = || rule.name.clone();
        let mut evidence = Vec::new();
        let mut missing = Vec::new();
        for kind in &rule.evidence {
            match self.evidence(*kind) {
                Some(id) => evidence.push(id),
                None => missing.push(Reason::NeedsEvidence {
                    rule: rule_name(),
                    kind: *kind,
                }),
            }
        }
        let approvals = match &rule.approvals {
            None => BTreeMap::new(),
            Some(group) => one_each(self.words(Word::Approve, group)),
        };
        if let Some(name) = &rule.approvals
            && !self.is_met(name, approvals.keys().copied())
        {
            missing.push(Reason::NeedsApprovals {
                rule: rule_name(),
                group: name.clone(),
                have: approvals.keys().map(|name| (*name).to_owned()).collect(),
            });
        }
        // Where nobody is there to settle it, there are no officers in the policy.
        let settled = rule.approvals.is_some() || self.case.policy.officers.is_empty();
        if self.case.scene.rival && !settled {
            missing.push(Reason::Frozen { rule: rule_name() });
        }
        let until = self.case.recorded.plus_millis(rule.wait_millis);
        if now < until {
            missing.push(Reason::Waits {
                rule: rule_name(),
                until,
            });
        }
        if !missing.is_empty() {
            return Examined::Missing(missing);
        }
        evidence.sort_unstable();
        evidence.dedup();
        Examined::Met(evidence, sorted_ids(&approvals))
    }

    fn is_met<'o>(&self, group: &str, people: impl Iterator<Item = &'o str>) -> bool {
        let policy = self.case.policy;
        let people: BTreeSet<&str> = people.collect();
        policy
            .group(group)
            .is_some_and(|group| group.is_met(policy, &people))
    }

    /// Finds evidence of this kind, by whoever has to give it, for this very request: where there is more than one,
    /// always the same, whatever their order.
    fn evidence(&self, kind: EvidenceKind) -> Option<StatementId> {
        let by = match kind {
            EvidenceKind::RecoveryCode => self.case.owner.code_key.as_ref()?,
        };
        self.said.evidence(by, kind)
    }

    /// Finds a device that vetoed and was not overruled since, if that counts for a rule.
    fn veto(&self, rule: &Rule) -> Option<VerifyingKey> {
        if !rule.veto || self.case.scene.departed {
            return None;
        }
        let overrules = rule.overrule.as_ref();
        let overrules = overrules.map(|group| (group, self.words(Word::Overrule, group)));
        // What overrules a veto comes after it: nobody does before it is said.
        let stands = |(index, _): &&(u64, VerifyingKey)| {
            let overruled = overrules.as_ref().is_some_and(|(group, words)| {
                let later = words.iter().filter(|word| word.index > *index);
                self.is_met(group, later.map(|word| word.officer.name.as_str()))
            });
            !overruled
        };
        let standing = self.vetoes.iter().filter(stands);
        standing.map(|(_, device)| *device).min()
    }

    /// Tells whether a word comes after a veto.
    fn answers_a_veto(&self, word: &Spoken<'_>) -> bool {
        self.vetoes.iter().any(|(index, _)| *index < word.index)
    }

    /// Finds somebody who said no and is asked: one of the rule's group, or, where requests freeze each other and the
    /// rule has no group, any officer, to settle it.
    fn denial(&self, rule: &Rule) -> Option<Reason> {
        let denials = match &rule.approvals {
            Some(group) => one_each(self.words(Word::Deny, group)),
            None if self.case.scene.rival => {
                let denials = self.said.words(Word::Deny).into_iter();
                one_each(denials.filter(|denial| self.offices.may_still_hold(denial.officer)))
            }
            None => BTreeMap::new(),
        };
        let (name, denial) = denials.first_key_value()?;
        Some(denial.denied(&rule.name, name))
    }

    /// Returns what those of a group said of the request who may.
    fn words(&self, word: Word, group: &str) -> Vec<Spoken<'c>> {
        let Some(group) = self.case.policy.group(group) else {
            return Vec::new();
        };
        let mut words = self.said.words(word);
        words.retain(|spoken| match word {
            // To say no to one's own request is not refused.
            Word::Deny => {
                let people = group.people(self.case.policy);
                people.contains(spoken.officer.name.as_str())
                    && self.offices.may_still_hold(spoken.officer)
            }
            Word::Approve | Word::Overrule => {
                self.offices.speaker(spoken.author, group).is_some() && !self.is_own(spoken.officer)
            }
        });
        words
    }

    fn is_own(&self, officer: &Officer) -> bool {
        self.own.contains(officer.name.as_str())
    }
}

/// Finds the first veto of each of the owner's devices but the one that asks.
pub(in super::super) fn vetoes(case: &Case<'_>) -> Vec<(u64, VerifyingKey)> {
    let request = case.request.digest();
    let is_it = |word: &&LoggedWord| {
        let author = word.statement.author();
        matches!(word.statement.statement(), Statement::Veto(veto)
            if veto.request == request && veto.authority == case.request.authority)
            && *author != case.request.device_key
            && case.owner.devices.contains(author)
    };
    let mut first: BTreeMap<&VerifyingKey, u64> = BTreeMap::new();
    for word in case.words.iter().filter(is_it) {
        let index = first.entry(word.statement.author()).or_insert(word.index);
        *index = word.index.min(*index);
    }
    let vetoes = first.into_iter();
    vetoes.map(|(device, index)| (index, *device)).collect()
}

/// Finds the officers whose own request it is: the owner, the asker, and whoever came in through them, or through one who did.
fn own<'c>(case: &Case<'c>) -> BTreeSet<&'c str> {
    let (owner, scene) = (case.owner, case.scene);
    let keys = std::iter::once(&case.request.device_key).chain(&owner.code_key);
    let keys = keys.chain(&owner.devices).chain(&scene.asker_keys);
    let owners = [Some(case.request.owner), scene.asker];
    let asking = Person {
        name: None,
        keys: keys.copied().collect(),
        owners: owners.into_iter().flatten().collect(),
    };
    // By both policies: what one does not know of an officer, the other may.
    let policies = [Some(case.policy), scene.in_force.as_ref()];
    let officers = policies.into_iter().flatten();
    let officers = officers
        .flat_map(|policy| &policy.officers)
        .map(Person::from);
    let mut people: Vec<Person> = officers.filter(|officer| officer.is(&asking)).collect();
    people.push(asking);
    let circle = Circle::around(people.iter(), &scene.sponsors);
    let officers = case.policy.officers.iter();
    officers
        .filter(|officer| circle.has(&Person::from(*officer)))
        .map(|officer| officer.name.as_str())
        .collect()
}
