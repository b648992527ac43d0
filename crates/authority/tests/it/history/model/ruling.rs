//! The rules, one sentence after another: what a policy says of a request, or of its own change, at some time.

use std::collections::BTreeSet;

use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Asker, Officer, Owners, Policy, Rule};
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
                && self.has_proved(other)
                && !matches!(self.ruling_beside(other, now, true), Ruling::Ended(_))
        });
        self.ruling_beside(asked, now, rival)
    }

    /// Whether the evidence is there that some rule asks which asks nothing else.
    fn has_proved(&self, asked: &Subject<Request>) -> bool {
        let code = self.owners[&asked.what.owner].code;
        let rules = &self.policy_of(asked.index).rules;
        let mut rules = rules.iter().filter(|rule| rule.approvals.is_none());
        proved(asked, &code) && rules.any(|rule| self.is_for(rule, asked))
    }

    /// The policies by which an officer has to be one: the one that decides, and the one in force now.
    fn both(&self, index: u64) -> [&Policy; 2] {
        [self.policy_of(index), self.policy()]
    }

    /// Who of a group said a word to this, and may.
    fn heard<T>(&self, asked: &Subject<T>, group: &str, what: Word) -> BTreeSet<String> {
        let [policy, now] = self.both(asked.index);
        let mut heard = BTreeSet::new();
        for (officer, key) in said_by(policy, asked, what) {
            let in_group = people(policy, group).contains(&officer.name);
            let stays = policy == now || self.speaks(policy, now, officer, &key, group, what);
            if in_group && stays {
                heard.insert(officer.name.clone());
            }
        }
        heard
    }

    /// Whether an officer of an old policy speaks for a group of it still. A no is heard from whoever may still be one.
    fn speaks(
        &self,
        old: &Policy,
        now: &Policy,
        officer: &Officer,
        key: &VerifyingKey,
        group: &str,
        what: Word,
    ) -> bool {
        if what == Word::Deny {
            return is_still(now, officer);
        }
        let Some(new) = now.officers.iter().find(|new| new.keys.contains(key)) else {
            return false;
        };
        let of_another = |key: &VerifyingKey| {
            let mut others = old
                .officers
                .iter()
                .filter(|other| other.name != officer.name);
            others.any(|other| other.keys.contains(key))
        };
        let has_group = now.groups.iter().any(|known| known.name == group);
        has_group && people(now, group).contains(&new.name) && !new.keys.iter().any(of_another)
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
        let request = &asked.what;
        let owners = match &rule.owners {
            Owners::Any => true,
            Owners::Departed => self.has_departed(request.owner, asked.index),
            Owners::These(owners) => owners.contains(&request.owner),
        };
        let asker = match (self.asker(asked), &rule.asker) {
            (None, Asker::Owner) => true,
            // Who is gone does not say that it is not them.
            (None, Asker::Anyone) => !self.has_departed(request.owner, asked.index),
            (Some(asker), Asker::Group(group)) => {
                self.both(asked.index).into_iter().all(|policy| {
                    let mut officers = policy.officers.iter();
                    policy.group(group).is_some()
                        && officers.any(|who| {
                            who.owner == Some(asker) && people(policy, group).contains(&who.name)
                        })
                })
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
        let denied = match &rule.approvals {
            Some(group) => !self.heard(asked, group, Word::Deny).is_empty(),
            None => {
                let said = said_by(policy, asked, Word::Deny);
                let now = self.policy();
                let mut said = said.iter();
                rival && said.any(|(officer, _)| policy == now || is_still(now, officer))
            }
        };
        if denied {
            return Ruling::Ended(Verdict::Denied);
        }
        let others = |asked: &Subject<Request>, group: &str, word| -> BTreeSet<String> {
            let said = self.heard(asked, group, word).into_iter();
            let is_own = |name: &String| self.is_own(name, asked);
            said.filter(|name| !is_own(name)).collect()
        };
        if rule.veto && !self.has_departed(request.owner, asked.index) {
            let mut devices = BTreeSet::new();
            for (place, word) in asked.words.iter().enumerate() {
                let by = word.author();
                let is_veto = matches!(word.statement(), Statement::Veto(_))
                    && *by != request.device_key
                    && self.was_device(by, request.owner);
                if !is_veto || !devices.insert(*by) {
                    continue;
                }
                let Some(group) = &rule.overrule else {
                    return Ruling::Ended(Verdict::Vetoed);
                };
                // What was said before it was not said of it.
                let mut since = asked.clone();
                since.words.drain(..place);
                if !agree(policy, group, &others(&since, group, Word::Overrule)) {
                    return Ruling::Pending;
                }
            }
        }
        let code = rule.evidence.is_empty() || proved(asked, &owner.code);
        let approved = match &rule.approvals {
            Some(group) => agree(policy, group, &others(asked, group, Word::Approve)),
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
        let mut known = Marks::from([format!("{:?}", asked.what.device_key)]);
        for owner in &owners {
            let person = &self.owners[owner];
            known.insert(format!("{owner:?}"));
            known.insert(format!("{:?}", person.code));
            known.extend(
                person
                    .devices
                    .iter()
                    .map(|(_, device)| format!("{device:?}")),
            );
        }
        // Whoever is known by any of these is one of them, by either policy.
        let asking = known.clone();
        let policies = self.both(asked.index).into_iter();
        for officer in policies.flat_map(|policy| &policy.officers) {
            let marks = marks(officer);
            if !marks.is_disjoint(&asking) {
                known.extend(marks);
            }
        }
        // And whoever came in through one of them, until nobody is added.
        loop {
            let before = known.len();
            for (officer, by) in &reign.sponsors {
                if !by.is_disjoint(&known) {
                    known.extend(officer.iter().cloned());
                }
            }
            if known.len() == before {
                break;
            }
        }
        let mut officers = reign.policy.officers.iter();
        officers.any(|officer| officer.name == name && !marks(officer).is_disjoint(&known))
    }

    /// Whether enough of those who are asked said so last.
    fn has_departed(&self, owner: OwnerId, index: u64) -> bool {
        let [policy, now] = self.both(index);
        let Some(group) = &policy.departed else {
            return false;
        };
        let mut say_so = BTreeSet::new();
        for (_, by, departed) in self.departed.iter().filter(|(whom, ..)| *whom == owner) {
            let Some(officer) = policy.officer(by) else {
                continue;
            };
            let word = if *departed { Word::Approve } else { Word::Deny };
            if policy != now && !self.speaks(policy, now, officer, by, group, word) {
                continue;
            }
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
    let said = said_by(policy, asked, what).into_iter();
    said.map(|(officer, _)| officer.name.clone()).collect()
}

/// The same, with the keys they said it by.
fn said_by<'p, T>(
    policy: &'p Policy,
    asked: &Subject<T>,
    what: Word,
) -> Vec<(&'p Officer, VerifyingKey)> {
    let is_it = |word: &&SignedStatement| {
        matches!(word.statement(), Statement::Approval(said)
            if said.word == what && said.subject == asked.digest && said.policy == policy.digest())
    };
    let words = asked.words.iter().filter(is_it);
    let by = |word: &SignedStatement| Some((policy.officer(word.author())?, *word.author()));
    words.filter_map(by).collect()
}

/// Whether a policy has somebody who may be this officer of another one.
fn is_still(now: &Policy, officer: &Officer) -> bool {
    let known = marks(officer);
    now.officers
        .iter()
        .any(|new| !marks(new).is_disjoint(&known))
}

/// What people are known by: names, keys, owners' ids.
pub(super) type Marks = BTreeSet<String>;

pub(super) fn marks(officer: &Officer) -> Marks {
    let keys = officer.keys.iter().map(|key| format!("{key:?}"));
    let owner = officer.owner.map(|owner| format!("{owner:?}"));
    keys.chain(owner)
        .chain([format!("named {}", officer.name)])
        .collect()
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
