//! The decision on a change of the policy, by the policy that it replaces.

use std::collections::{BTreeMap, BTreeSet};

use super::said::{Said, one_each, sorted_ids};
use super::{Ruling, deadline};
use crate::id::Time;
use crate::keys::VerifyingKey;
use crate::policy::approved::{Grounds, PolicyApproved};
use crate::policy::{Discount, LoggedWord, Policy, Reason};
use crate::statement::{EvidenceKind, PolicyChange, Statement, Verdict, Word};

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
    /// The public keys of the recovery codes that are asked for it.
    pub codes: &'c [VerifyingKey],
    /// What was said to it.
    pub words: &'c [LoggedWord],
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
    let said = said_to(case);
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
        let others = said.words(Word::Approve).into_iter().filter(|spoken| {
            people.contains(spoken.officer.name.as_str())
                && !spoken.officer.keys.contains(case.author)
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

/// Says why an officer's word on a change does not count, if it does not. The policy that decides it is in force as long as it
/// is open.
pub(in super::super) fn discount_of_change(
    case: &ChangeCase<'_>,
    word: &LoggedWord,
) -> Option<Discount> {
    let Statement::Approval(approval) = word.statement.statement() else {
        return None;
    };
    if approval.word == Word::Overrule {
        return Some(Discount::NothingToOverrule);
    }
    let words = said_to(case).words(approval.word);
    let spoken = words.into_iter().find(|spoken| spoken.index == word.index);
    let group = case.policy.change.approvals.as_ref();
    let group = group.and_then(|name| case.policy.group(name));
    let people = group
        .map(|group| group.people(case.policy))
        .unwrap_or_default();
    let spoken = spoken.filter(|spoken| people.contains(spoken.officer.name.as_str()));
    match spoken {
        None => Some(Discount::NotAsked),
        Some(spoken) if approval.word == Word::Approve => {
            let is_own = spoken.officer.keys.contains(case.author);
            is_own.then_some(Discount::Own)
        }
        Some(_) => None,
    }
}

fn said_to<'c>(case: &ChangeCase<'c>) -> Said<'c> {
    Said {
        policy: case.policy,
        digest: case.policy.digest(),
        authority: case.change.authority,
        subject: case.change.digest(),
        words: case.words,
    }
}
