//! The decisions: pure functions of a policy, what was asked and what was said to it, as of some time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::approved::{Approved, Grounds, PolicyApproved};
use super::{Inapplicable, Officer, OwnerKeys, Owners, Policy, Reason, Rule, Standing};
use crate::id::{AuthorityId, Digest, OwnerId, StatementId, Time};
use crate::keys::VerifyingKey;
use crate::statement::{
    self, EvidenceKind, PolicyChange, Request, SignedStatement, Statement, Verdict, Word,
};

/// All that a request is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'c> {
    /// The policy in force when the request was recorded.
    pub policy: &'c Policy,
    /// The request.
    pub request: &'c Request,
    /// When the authority recorded it.
    pub recorded: Time,
    /// The keys of the owner it is about.
    pub owner: &'c OwnerKeys,
    /// What else the log says that matters.
    pub scene: &'c Scene,
    /// What was said to it, in any order; what does not count is passed over.
    pub statements: &'c [SignedStatement],
}

/// What the log says around a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// The other owner whose device asks; none if the owner's own device asks, or a new one.
    pub asker: Option<OwnerId>,
    /// That owner's keys, the recovery code's too.
    pub asker_keys: Vec<VerifyingKey>,
    /// How many keys are asked for.
    pub keys: u64,
    /// The labels that every deposit asked for has.
    pub labels: BTreeMap<String, String>,
    /// Whether the owner has departed.
    pub departed: bool,
    /// Whether another request for this owner, of another device, is open.
    pub rival: bool,
    /// By whom officers came into the policy, where a change brought them in: an officer's name, and the key that
    /// asked for the change.
    pub sponsors: Vec<(String, VerifyingKey)>,
}

/// What the policy says now of a request, or of its own change.
#[derive(Debug)]
pub enum Ruling<A = Approved> {
    /// What it asks for is there.
    Approved(A),
    /// It will not be approved any more, and why.
    Ended(Verdict, Vec<Reason>),
    /// What it still needs.
    Pending(Vec<Reason>),
}

/// Decides a request, as of `now`.
///
/// A pure function: the same case and time get the same ruling, whoever asks and in whatever order things were said.
#[must_use]
pub fn decide(case: &Case<'_>, now: Time) -> Ruling {
    // Nothing is looked at before it was recorded, whatever the clock of whoever looks says.
    let now = now.max(case.recorded);
    let deadline = deadline(case.policy, case.recorded, case.request.expires);
    if now >= deadline {
        return Ruling::Ended(Verdict::Lapsed, vec![Reason::Lapsed { at: deadline }]);
    }
    let mut pending = Vec::new();
    let mut stopped = Vec::new();
    let mut verdict = Verdict::Denied;
    for rule in &case.policy.rules {
        match case.examine(rule, now) {
            Examined::Inapplicable(_) => {}
            Examined::Met(evidence, approvals) => {
                let grounds = Grounds {
                    rule: rule.name.clone(),
                    evidence,
                    approvals,
                    not_after: deadline,
                };
                let asker = case.scene.asker;
                return Ruling::Approved(Approved::new(case.request, case.policy, grounds, asker));
            }
            Examined::Missing(reasons) => pending.extend(reasons),
            Examined::Stopped(how, reason) => {
                verdict = how;
                stopped.push(reason);
            }
        }
    }
    if pending.is_empty() {
        if stopped.is_empty() {
            stopped.push(Reason::NoRule);
        }
        return Ruling::Ended(verdict, stopped);
    }
    pending.extend(stopped);
    Ruling::Pending(pending)
}

/// Returns when something that was asked lapses: when it says, or when the policy does, if that is earlier.
pub(super) fn deadline(policy: &Policy, recorded: Time, expires: Time) -> Time {
    recorded.plus_millis(policy.lapse_millis).min(expires)
}

/// Returns how a request stands with each rule of the policy, in their order, as of `now`.
#[must_use]
pub fn standings(case: &Case<'_>, now: Time) -> Vec<Standing> {
    let rules = case.policy.rules.iter();
    let examined = rules.map(|rule| match case.examine(rule, now) {
        Examined::Inapplicable(why) => Standing::Inapplicable(why),
        Examined::Met(..) => Standing::Met,
        Examined::Missing(reasons) => Standing::Missing(reasons),
        Examined::Stopped(_, reason) => Standing::Stopped(reason),
    });
    examined.collect()
}

enum Examined {
    Inapplicable(Inapplicable),
    /// What it rests on: evidence, and approvals, each sorted.
    Met(Vec<StatementId>, Vec<StatementId>),
    Missing(Vec<Reason>),
    Stopped(Verdict, Reason),
}

impl Case<'_> {
    /// Finds why a rule is not for this request, if it is not.
    fn inapplicable(&self, rule: &Rule) -> Option<Inapplicable> {
        let scene = self.scene;
        // A rule that asks for nothing would give keys to whoever waits; no policy that was read has one.
        if rule.evidence.is_empty() && rule.approvals.is_none() {
            return Some(Inapplicable::AsksNothing);
        }
        match (&scene.asker, &rule.asker) {
            (None, Some(_)) => return Some(Inapplicable::ForOthers),
            (Some(_), None) => return Some(Inapplicable::ForOwners),
            (Some(asker), Some(group)) if !self.is_in(*asker, group) => {
                return Some(Inapplicable::Asker {
                    group: group.clone(),
                });
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        match &rule.owners {
            Owners::Departed if !scene.departed => return Some(Inapplicable::NotDeparted),
            Owners::These(owners) if !owners.contains(&self.request.owner) => {
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

    fn is_in(&self, owner: OwnerId, group: &str) -> bool {
        let Some(group) = self.policy.group(group) else {
            return false;
        };
        let people = group.people(self.policy);
        let known = |officer: &&Officer| officer.owner == Some(owner);
        let mut officers = self.policy.officers.iter().filter(known);
        officers.any(|officer| people.contains(officer.name.as_str()))
    }

    fn examine(&self, rule: &Rule, now: Time) -> Examined {
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
            Some(group) => self.words(Word::Approve, group),
        };
        if let Some(name) = &rule.approvals
            && !self.is_met(name, &approvals)
        {
            missing.push(Reason::NeedsApprovals {
                rule: rule_name(),
                group: name.clone(),
                have: approvals.keys().map(|name| (*name).to_owned()).collect(),
            });
        }
        // Where nobody is there to settle it, there are no officers in the policy.
        let settled = rule.approvals.is_some() || self.policy.officers.is_empty();
        if self.scene.rival && !settled {
            missing.push(Reason::Frozen { rule: rule_name() });
        }
        let until = self.recorded.plus_millis(rule.wait_millis);
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

    fn is_met(&self, group: &str, words: &BTreeMap<&str, Spoken<'_>>) -> bool {
        let people: BTreeSet<&str> = words.keys().copied().collect();
        self.policy
            .group(group)
            .is_some_and(|group| group.is_met(self.policy, &people))
    }

    /// Finds evidence of this kind, by whoever has to give it, for this very request: where there is more than one,
    /// always the same, whatever their order.
    fn evidence(&self, kind: EvidenceKind) -> Option<StatementId> {
        let by = match kind {
            EvidenceKind::RecoveryCode => self.owner.code_key?,
        };
        self.said().evidence(&by, kind)
    }

    /// Finds the device that vetoed, if that counts: any of the owner's but the one that asks.
    fn veto(&self, rule: &Rule) -> Option<VerifyingKey> {
        if !rule.veto || self.scene.departed {
            return None;
        }
        let overruled = rule
            .overrule
            .as_ref()
            .is_some_and(|group| self.is_met(group, &self.words(Word::Overrule, group)));
        if overruled {
            return None;
        }
        let request = self.request.digest();
        self.statements
            .iter()
            .filter(|signed| {
                matches!(signed.statement(), Statement::Veto(veto)
                    if veto.request == request && veto.authority == self.request.authority)
            })
            .map(|signed| *signed.author())
            .filter(|author| {
                *author != self.request.device_key && self.owner.devices.contains(author)
            })
            .min()
    }

    /// Finds somebody who said no and is asked: one of the rule's group, or, where requests freeze each other and the
    /// rule has no group, any officer, to settle it.
    fn denial(&self, rule: &Rule) -> Option<Reason> {
        let denials = match &rule.approvals {
            Some(group) => self.words(Word::Deny, group),
            None if self.scene.rival => one_each(self.said().words(Word::Deny)),
            None => BTreeMap::new(),
        };
        let (name, denial) = denials.first_key_value()?;
        Some(denial.denied(&rule.name, name))
    }

    /// Returns who of a group said this of the request and may, each person once.
    fn words(&self, word: Word, group: &str) -> BTreeMap<&str, Spoken<'_>> {
        let Some(group) = self.policy.group(group) else {
            return BTreeMap::new();
        };
        let people = group.people(self.policy);
        let words = self.said().words(word);
        let counts = |(officer, _): &(&Officer, _)| {
            people.contains(officer.name.as_str())
                // To say no to one's own request is not refused.
                && (word == Word::Deny || !self.is_own(officer))
        };
        one_each(words.filter(counts))
    }

    fn said(&self) -> Said<'_> {
        Said {
            policy: self.policy,
            authority: self.request.authority,
            subject: self.request.digest(),
            statements: self.statements,
        }
    }

    /// Tells whether a request is an officer's own: the owner's, the asker's, or that of somebody who brought the
    /// officer in.
    fn is_own(&self, officer: &Officer) -> bool {
        let principals = [Some(self.request.owner), self.scene.asker];
        let is_principal = |officer: &Officer| {
            officer.owner.is_some() && principals.contains(&officer.owner)
                || officer.keys.iter().any(|key| self.is_principals_key(key))
        };
        let sponsors = self.scene.sponsors.iter();
        let brought_in = sponsors
            .filter(|(name, _)| *name == officer.name)
            .any(|(_, by)| {
                self.is_principals_key(by) || self.policy.officer(by).is_some_and(is_principal)
            });
        is_principal(officer) || brought_in
    }

    fn is_principals_key(&self, key: &VerifyingKey) -> bool {
        *key == self.request.device_key
            || self.owner.code_key == Some(*key)
            || self.owner.devices.contains(key)
            || self.scene.asker_keys.contains(key)
    }
}

/// All that a change of the policy is decided on.
#[derive(Clone, Copy, Debug)]
pub struct ChangeCase<'c> {
    /// The policy in force now, which the change has to replace.
    pub policy: &'c Policy,
    /// The change.
    pub change: &'c PolicyChange,
    /// Who asked for it.
    pub author: &'c VerifyingKey,
    /// When the authority recorded it.
    pub recorded: Time,
    /// The public keys of the recovery codes of every owner that was enrolled when it was recorded.
    pub codes: &'c [VerifyingKey],
    /// What was said to it.
    pub statements: &'c [SignedStatement],
}

/// The name under which reasons speak of the change of a policy.
const CHANGE: &str = "change";

/// Decides a change of the policy by the policy that it replaces, as of `now`.
#[must_use]
pub fn decide_change(case: &ChangeCase<'_>, now: Time) -> Ruling<PolicyApproved> {
    let (policy, change) = (case.policy, case.change);
    let now = now.max(case.recorded);
    let deadline = deadline(policy, case.recorded, change.expires);
    if now >= deadline || change.replaces != policy.digest() {
        let at = deadline.min(now);
        return Ruling::Ended(Verdict::Lapsed, vec![Reason::Lapsed { at }]);
    }
    let said = Said {
        policy,
        authority: change.authority,
        subject: change.digest(),
        statements: case.statements,
    };
    let mut missing = Vec::new();
    let mut approvals = BTreeMap::new();
    if let Some(name) = &policy.change.approvals {
        // A group that there is not is nobody, and never enough.
        let group = policy.group(name);
        let people = group.map(|group| group.people(policy)).unwrap_or_default();
        let denials = one_each(said.words(Word::Deny));
        let mut denials = denials.iter();
        if let Some((name, denial)) = denials.find(|(name, _)| people.contains(*name)) {
            return Ruling::Ended(Verdict::Denied, vec![denial.denied(CHANGE, name)]);
        }
        // No one approves their own request.
        let others = said.words(Word::Approve).filter(|(officer, _)| {
            people.contains(officer.name.as_str()) && !officer.keys.contains(case.author)
        });
        approvals = one_each(others);
        let agreed: BTreeSet<&str> = approvals.keys().copied().collect();
        if !group.is_some_and(|group| group.is_met(policy, &agreed)) {
            missing.push(Reason::NeedsApprovals {
                rule: CHANGE.to_owned(),
                group: name.clone(),
                have: agreed.into_iter().map(str::to_owned).collect(),
            });
        }
    } else if !policy.change.codes {
        // It would ask for nothing; no policy that was read does.
        return Ruling::Ended(Verdict::Denied, vec![Reason::NoRule]);
    }
    let kind = EvidenceKind::RecoveryCode;
    let mut codes = Vec::new();
    if policy.change.codes {
        for code in case.codes {
            codes.extend(said.evidence(code, kind));
        }
        if codes.is_empty() || codes.len() < case.codes.len() {
            let rule = CHANGE.to_owned();
            missing.push(Reason::NeedsEvidence { rule, kind });
        }
    }
    let until = case.recorded.plus_millis(policy.change.wait_millis);
    if now < until {
        let rule = CHANGE.to_owned();
        missing.push(Reason::Waits { rule, until });
    }
    if !missing.is_empty() {
        return Ruling::Pending(missing);
    }
    codes.sort_unstable();
    codes.dedup();
    let grounds = Grounds {
        rule: CHANGE.to_owned(),
        evidence: codes,
        approvals: sorted_ids(&approvals),
        not_after: deadline,
    };
    Ruling::Approved(PolicyApproved::new(change, grounds))
}

/// What was said to one authority of one subject; all else that is among the statements does not count.
struct Said<'s> {
    policy: &'s Policy,
    authority: AuthorityId,
    /// H(Q) of the request, or the digest of the change.
    subject: Digest,
    statements: &'s [SignedStatement],
}

impl<'s> Said<'s> {
    /// Finds evidence of a kind by this key: of more than one always the same.
    fn evidence(&self, by: &VerifyingKey, kind: EvidenceKind) -> Option<StatementId> {
        let is_it = |signed: &&SignedStatement| {
            matches!(signed.statement(), Statement::Evidence(evidence)
                if evidence.authority == self.authority
                    && evidence.request == self.subject
                    && evidence.kind == kind)
        };
        let by_key = self
            .statements
            .iter()
            .filter(|signed| signed.author() == by);
        by_key.filter(is_it).map(SignedStatement::id).min()
    }

    /// Returns what officers said under this policy and no other.
    fn words(&self, word: Word) -> impl Iterator<Item = (&'s Officer, Spoken<'s>)> + use<'s> {
        let (policy, authority, subject) = (self.policy, self.authority, self.subject);
        let digest = policy.digest();
        self.statements.iter().filter_map(move |signed| {
            let Statement::Approval(approval) = signed.statement() else {
                return None;
            };
            let said = approval.authority == authority
                && approval.subject == subject
                && approval.policy == digest
                && approval.word == word;
            let officer = policy.officer(signed.author()).filter(|_| said)?;
            let (id, why) = (signed.id(), &approval.grounds);
            Some((officer, Spoken { id, why }))
        })
    }
}

/// An officer's word: by which statement, and why.
#[derive(Clone, Copy)]
struct Spoken<'s> {
    id: StatementId,
    why: &'s statement::Grounds,
}

impl Spoken<'_> {
    /// Says that this officer denied a rule, and why.
    fn denied(&self, rule: &str, officer: &str) -> Reason {
        Reason::Denied {
            rule: rule.to_owned(),
            by: officer.to_owned(),
            grounds: self.why.clone(),
        }
    }
}

fn sorted_ids(words: &BTreeMap<&str, Spoken<'_>>) -> Vec<StatementId> {
    let mut ids: Vec<StatementId> = words.values().map(|spoken| spoken.id).collect();
    ids.sort_unstable();
    ids
}

/// Keeps one statement a person, always the same.
fn one_each<'o>(
    words: impl Iterator<Item = (&'o Officer, Spoken<'o>)>,
) -> BTreeMap<&'o str, Spoken<'o>> {
    let mut each = BTreeMap::new();
    for (officer, spoken) in words {
        let first: &mut Spoken<'_> = each.entry(officer.name.as_str()).or_insert(spoken);
        if spoken.id < first.id {
            *first = spoken;
        }
    }
    each
}
