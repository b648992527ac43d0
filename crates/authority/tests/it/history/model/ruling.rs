//! The rules, one sentence after another: what a policy says of a request, or of its own change, at some time.

use std::collections::BTreeSet;

use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Officer, Owners, Policy, Rule};
use strongroom_protocol::statement::{
    PolicyChange, Request, SignedStatement, Statement, Verdict, Word,
};

use super::{Model, Subject};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Ruling {
    Approved,
    Ended(Verdict),
    Pending,
}

impl Model {
    /// Whether a request is approved now.
    pub(in super::super) fn ruling(&self, asked: &Subject<Request>, now: Time) -> Ruling {
        let rival = self.requests.iter().any(|other| {
            other.what.owner == asked.what.owner
                && other.what.device_key != asked.what.device_key
                && other.decision.is_none()
                && !matches!(self.ruling_beside(other, now, true), Ruling::Ended(_))
        });
        self.ruling_beside(asked, now, rival)
    }

    fn ruling_beside(&self, asked: &Subject<Request>, now: Time, rival: bool) -> Ruling {
        let policy = self.policy_of(asked.index);
        // It lapses when it says, or when the policy does.
        if now >= asked.what.expires || now >= asked.time.plus_millis(policy.lapse_millis) {
            return Ruling::Ended(Verdict::Lapsed);
        }
        let rules = policy.rules.iter();
        let rulings: Vec<Ruling> = rules
            .filter(|rule| self.is_for(rule, asked))
            .map(|rule| self.rule(rule, asked, now, rival))
            .collect();
        // One rule is enough, and one that may still be met keeps it open.
        if rulings.contains(&Ruling::Approved) {
            Ruling::Approved
        } else if rulings.contains(&Ruling::Pending) {
            Ruling::Pending
        } else {
            *rulings.last().unwrap_or(&Ruling::Ended(Verdict::Denied))
        }
    }

    fn is_for(&self, rule: &Rule, asked: &Subject<Request>) -> bool {
        let policy = self.policy_of(asked.index);
        let request = &asked.what;
        let owners = match &rule.owners {
            Owners::Any => true,
            Owners::Departed => self.has_departed(request.owner, policy),
            Owners::These(owners) => owners.contains(&request.owner),
        };
        let asker = match (self.asker(asked), &rule.asker) {
            (None, None) => true,
            (Some(asker), Some(group)) => {
                let people = people(policy, group);
                let mut officers = policy.officers.iter();
                officers.any(|who| who.owner == Some(asker) && people.contains(&who.name))
            }
            _ => false,
        };
        let serials = self.scope(request).unwrap();
        let kept = &self.owners[&request.owner].kept;
        let labels = rule.labels.iter().all(|(name, value)| {
            let has = |serial| kept[serial].particulars.labels().get(name) == Some(value);
            serials.iter().all(has)
        });
        let few = rule
            .keys_max
            .is_none_or(|most| serials.len() as u64 <= most);
        owners && asker && labels && few
    }

    fn rule(&self, rule: &Rule, asked: &Subject<Request>, now: Time, rival: bool) -> Ruling {
        let policy = self.policy_of(asked.index);
        let (request, owner) = (&asked.what, &self.owners[&asked.what.owner]);
        let said = |word| said(policy, asked, word);
        let denied = match &rule.approvals {
            Some(group) => !said(Word::Deny).is_disjoint(&people(policy, group)),
            None => rival && !said(Word::Deny).is_empty(),
        };
        if denied {
            return Ruling::Ended(Verdict::Denied);
        }
        let others = |word| -> BTreeSet<String> {
            let said = said(word).into_iter();
            let is_own = |name: &String| self.is_own(name, asked);
            said.filter(|name| !is_own(name)).collect()
        };
        let vetoed = asked.words.iter().any(|word| {
            matches!(word.statement(), Statement::Veto(_))
                && *word.author() != request.device_key
                && self.was_device(word.author(), request.owner)
        });
        let counts = rule.veto && vetoed && !self.has_departed(request.owner, policy);
        match &rule.overrule {
            None if counts => return Ruling::Ended(Verdict::Vetoed),
            Some(group) if counts && !agree(policy, group, &others(Word::Overrule)) => {
                return Ruling::Pending;
            }
            _ => {}
        }
        let code = rule.evidence.is_empty() || proved(asked, &owner.code);
        let approved = match &rule.approvals {
            Some(group) => agree(policy, group, &others(Word::Approve)),
            None => true,
        };
        let frozen = rival && rule.approvals.is_none() && !policy.officers.is_empty();
        let waited = now >= asked.time.plus_millis(rule.wait_millis);
        if code && approved && !frozen && waited {
            Ruling::Approved
        } else {
            Ruling::Pending
        }
    }

    /// Whether a change of the policy is approved now.
    pub(in super::super) fn change_ruling(
        &self,
        asked: &Subject<PolicyChange>,
        now: Time,
    ) -> Ruling {
        let policy = self.policy_of(asked.index);
        let late = now >= asked.what.expires || now >= asked.time.plus_millis(policy.lapse_millis);
        if late || self.reigns.last().unwrap().since > asked.index {
            return Ruling::Ended(Verdict::Lapsed);
        }
        let mut enough = now >= asked.time.plus_millis(policy.change.wait_millis);
        if let Some(group) = &policy.change.approvals {
            if !said(policy, asked, Word::Deny).is_disjoint(&people(policy, group)) {
                return Ruling::Ended(Verdict::Denied);
            }
            let author = asked.signed.author();
            let is_author = |name: &String| {
                let officers = policy.officers.iter();
                let mut officer = officers.filter(|officer| officer.name == *name);
                officer.any(|officer| {
                    officer.keys.contains(author)
                        || officer
                            .owner
                            .is_some_and(|own| self.is_device_before(author, own, asked.index))
                })
            };
            let approvals = said(policy, asked, Word::Approve).into_iter();
            let others = approvals.filter(|name| !is_author(name)).collect();
            enough &= agree(policy, group, &others);
        }
        if policy.change.codes {
            let codes = self.codes_of(asked);
            enough &= !codes.is_empty() && codes.iter().all(|code| proved(asked, code));
        }
        if enough {
            Ruling::Approved
        } else {
            Ruling::Pending
        }
    }

    /// Whether an officer has a part in a request: as its owner or its asker, or brought in by one of them.
    fn is_own(&self, name: &str, asked: &Subject<Request>) -> bool {
        let reign = self.reign(asked.index);
        let mut owners = vec![asked.what.owner];
        owners.extend(self.asker(asked));
        let mut keys = vec![asked.what.device_key];
        for owner in &owners {
            let person = &self.owners[owner];
            keys.push(person.code);
            keys.extend(person.devices.iter().map(|(_, device)| *device));
        }
        let is_part = |officer: &Officer| {
            officer.owner.is_some_and(|owner| owners.contains(&owner))
                || officer.keys.iter().any(|key| keys.contains(key))
        };
        let by_part = |by: &VerifyingKey| {
            let officer = reign.policy.officer(by);
            keys.contains(by) || officer.is_some_and(is_part)
        };
        let mut officers = reign.policy.officers.iter();
        let mut sponsors = reign.sponsors.iter();
        officers.any(|officer| officer.name == name && is_part(officer))
            || sponsors.any(|(whom, by)| whom == name && by_part(by))
    }

    /// Whether enough of those who are asked said so last.
    fn has_departed(&self, owner: OwnerId, policy: &Policy) -> bool {
        let Some(group) = &policy.departed else {
            return false;
        };
        let mut say_so = BTreeSet::new();
        for (_, by, departed) in self.departed.iter().filter(|(whom, ..)| *whom == owner) {
            let Some(officer) = policy.officer(by) else {
                continue;
            };
            if *departed {
                say_so.insert(officer.name.clone());
            } else {
                say_so.remove(&officer.name);
            }
        }
        agree(policy, group, &say_so)
    }
}

/// The people who said a word to this, and of this policy.
fn said<T>(policy: &Policy, asked: &Subject<T>, what: Word) -> BTreeSet<String> {
    let is_it = |word: &&SignedStatement| {
        matches!(word.statement(), Statement::Approval(said)
            if said.word == what && said.subject == asked.digest && said.policy == policy.digest())
    };
    let words = asked.words.iter().filter(is_it);
    let officers = words.filter_map(|word| policy.officer(word.author()));
    officers.map(|officer| officer.name.clone()).collect()
}

fn proved<T>(asked: &Subject<T>, code: &VerifyingKey) -> bool {
    asked.words.iter().any(|word| {
        word.author() == code
            && matches!(word.statement(), Statement::Evidence(said) if said.request == asked.digest)
    })
}

/// The people in a group, and in the groups in it.
pub(super) fn people(policy: &Policy, group: &str) -> BTreeSet<String> {
    let Some(group) = policy.group(group) else {
        return BTreeSet::from([group.to_owned()]);
    };
    let members = group.of.iter();
    members.flat_map(|member| people(policy, member)).collect()
}

/// Whether so many of a group's members say so as it needs.
fn agree(policy: &Policy, group: &str, who: &BTreeSet<String>) -> bool {
    let Some(group) = policy.group(group) else {
        return who.contains(group);
    };
    let members = group.of.iter();
    let agreed = members.filter(|member| agree(policy, member, who)).count();
    agreed as u64 >= group.need
}
