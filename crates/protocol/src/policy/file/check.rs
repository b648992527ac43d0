//! What a policy says that was hardly meant: rules that can never match, that approve too easily, or that lock
//! everybody out. Not whether it makes sense at all: that is `Policy::validate`.

mod fewest;

use std::collections::BTreeSet;
use std::fmt;

use super::explain::list;
use super::text::wait_text;
use crate::policy::{Group, Owners, Policy, Rule};
use crate::statement::EvidenceKind;

use fewest::{apparent, fewest};

/// Something in a policy that was hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in a sentence without its full stop.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, and somebody will be sorry.
    Warning,
    /// Something in it does not work at all.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.text)
    }
}

/// Looks for what was hardly meant in a policy that makes sense (spec/policy.md#file).
#[must_use]
pub fn check(policy: &Policy) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    for (number, rule) in policy.rules.iter().enumerate() {
        findings.never_matches(policy, rule);
        findings.is_shadowed(policy, number, rule);
        findings.approves_too_easily(policy, rule);
        if rule.veto && rule.overrule.is_none() {
            findings.warning(format!(
                "rule `{}` has a veto that nobody can overrule: a thief with an old device can veto for ever",
                rule.name
            ));
        }
    }
    findings.owners_have_a_way(policy);
    findings.groups(policy);
    findings.change(policy);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, text: String) {
        self.0.push(Finding {
            severity: Severity::Error,
            text,
        });
    }

    fn warning(&mut self, text: String) {
        self.0.push(Finding {
            severity: Severity::Warning,
            text,
        });
    }

    fn never_matches(&mut self, policy: &Policy, rule: &Rule) {
        let name = &rule.name;
        if let Some(why) = never(policy, rule) {
            self.error(format!("rule `{name}` never matches: {why}"));
        }
        if let (Some(asker), Some(approvals)) = (&rule.asker, &rule.approvals) {
            let askers = askers(policy, asker);
            let alone = askers
                .iter()
                .filter(|asker| !is_met_without(policy, approvals, asker));
            let alone: Vec<&str> = alone.copied().collect();
            if !alone.is_empty() && alone.len() < askers.len() {
                self.warning(format!(
                    "rule `{name}` never matches when {} asks: `{approvals}` is not enough without them",
                    list(&alone, "or")
                ));
            }
        }
    }

    /// Any rule that is met is enough, so one that asks for more than another changes nothing.
    fn is_shadowed(&mut self, policy: &Policy, number: usize, rule: &Rule) {
        let by = policy.rules.iter().enumerate().find(|(other, by)| {
            let first = *other < number || !(covers(rule, by) && asks_for_no_more(rule, by));
            *other != number && first && covers(by, rule) && asks_for_no_more(by, rule)
        });
        if let Some((_, by)) = by.filter(|(_, by)| never(policy, by).is_none()) {
            self.warning(format!(
                "rule `{}` never matters: `{}` is for all that it is for, and asks for no more",
                rule.name, by.name
            ));
        }
    }

    fn approves_too_easily(&mut self, policy: &Policy, rule: &Rule) {
        let name = &rule.name;
        let people = rule
            .approvals
            .as_ref()
            .and_then(|group| people(policy, group));
        if rule.asker.is_some()
            && rule.evidence.is_empty()
            && rule.wait_millis == 0
            && people == Some(1)
        {
            self.warning(format!(
                "rule `{name}` gives away another's keys at once on one person's word"
            ));
        }
        let waits = rule.wait_millis > 0 && rule.veto;
        let code_alone = rule.approvals.is_none() && rule.asker.is_none();
        if code_alone && !waits && !policy.officers.is_empty() {
            self.warning(format!(
                "by rule `{name}` the recovery code alone is enough, without a wait and a veto, though there are \
                 officers: whoever finds it has the keys"
            ));
        }
    }

    fn owners_have_a_way(&mut self, policy: &Policy) {
        let own = policy.rules.iter().filter(|rule| rule.asker.is_none());
        let mut own = own.filter(|rule| never(policy, rule).is_none()).peekable();
        if own.peek().is_none() {
            self.error("no owner can get their own keys back: there is no rule for it".to_owned());
        } else if !own.any(is_for_everything) {
            self.warning(
                "some owners cannot get all of their own keys back: no rule is for every owner, label and number of keys"
                    .to_owned(),
            );
        }
    }

    fn groups(&mut self, policy: &Policy) {
        let rules = policy.rules.iter();
        let asked = rules.flat_map(|rule| rule.approvals.iter().chain(&rule.overrule));
        let asked: BTreeSet<&String> = asked
            .chain(&policy.change.approvals)
            .chain(&policy.departed)
            .collect();
        let asked_for = |group: &&Group| asked.contains(&group.name);
        for group in policy.groups.iter().filter(asked_for) {
            let name = &group.name;
            let (fewest, apparent) = (fewest(policy, group), apparent(policy, group));
            if let Some(fewest) = fewest.filter(|fewest| (*fewest as u64) < apparent) {
                let who = match fewest {
                    1 => "one person alone is".to_owned(),
                    _ => format!("{fewest} people are"),
                };
                self.warning(format!(
                    "{who} enough for `{name}`, which seems to need {apparent}: somebody is in more than one of its \
                     groups"
                ));
            }
            let people = group.people(policy);
            let needed = people
                .iter()
                .filter(|person| !is_met_without(policy, name, person));
            let needed: Vec<&str> = needed.copied().collect();
            if !needed.is_empty() {
                self.warning(format!(
                    "`{name}` is never enough without {}: when they are away, ill or gone, nothing is approved",
                    list(&needed, "and")
                ));
            }
        }
    }

    fn change(&mut self, policy: &Policy) {
        let change = &policy.change;
        if change.wait_millis >= policy.lapse_millis {
            self.error(format!(
                "the policy can never be changed: that waits {}, and lapses after {}",
                wait_text(change.wait_millis),
                wait_text(policy.lapse_millis)
            ));
        }
        if let Some(group) = &change.approvals {
            // Who asks for a change does not approve it.
            let mut officers = policy.officers.iter();
            if officers.all(|officer| !is_met_without(policy, group, &officer.name)) {
                self.error(format!(
                    "no officer can ask for a change of the policy: `{group}` is not enough without any one of its people, \
                     and nobody approves their own"
                ));
            }
        }
        if change.wait_millis == 0 && !policy.officers.is_empty() {
            self.warning(
                "the policy is changed at once: nobody has time to notice a change that was not meant".to_owned(),
            );
        }
        let own = (change_people(policy), change.wait_millis);
        let is_stronger = |rule: &Rule| {
            let of_rule = (rule_people(policy, rule), rule.wait_millis);
            own.0 <= of_rule.0 && own.1 <= of_rule.1 && own != of_rule
        };
        if !policy.rules.is_empty() && policy.rules.iter().all(is_stronger) {
            self.warning(
                "changing the policy takes less than any rule does: whoever cannot get keys changes the policy first"
                    .to_owned(),
            );
        }
    }
}

/// Says why no request ever meets a rule, if none does.
fn never(policy: &Policy, rule: &Rule) -> Option<String> {
    if rule.wait_millis >= policy.lapse_millis {
        let (wait, lapse) = (wait_text(rule.wait_millis), wait_text(policy.lapse_millis));
        return Some(format!("it waits {wait}, and requests lapse after {lapse}"));
    }
    if rule.keys_max == Some(0) {
        return Some("it is for no key at all".to_owned());
    }
    match &rule.owners {
        Owners::Departed if policy.departed.is_none() => {
            return Some("it is for owners who have departed, and nobody can say so".to_owned());
        }
        Owners::These(owners) if owners.is_empty() => {
            return Some("it is for no owner".to_owned());
        }
        Owners::Any | Owners::Departed | Owners::These(_) => {}
    }
    let (asker, approvals) = (rule.asker.as_ref()?, rule.approvals.as_ref()?);
    let askers = askers(policy, asker);
    if askers.is_empty() {
        return Some(format!("nobody in `{asker}` has an owner's id to ask with"));
    }
    let alone = askers
        .iter()
        .all(|asker| !is_met_without(policy, approvals, asker));
    alone.then(|| format!("`{approvals}` is not enough without whoever of `{asker}` asks"))
}

/// Returns who of a group can ask for somebody else's keys: those who are owners.
fn askers<'p>(policy: &'p Policy, group: &str) -> Vec<&'p str> {
    let people = policy.group(group).map(|group| group.people(policy));
    let people = people.unwrap_or_default();
    let officers = policy.officers.iter();
    officers
        .filter(|officer| officer.owner.is_some() && people.contains(officer.name.as_str()))
        .map(|officer| officer.name.as_str())
        .collect()
}

/// Tells whether a group is met when all but one person agree.
fn is_met_without(policy: &Policy, group: &str, person: &str) -> bool {
    policy.group(group).is_some_and(|group| {
        let mut people = group.people(policy);
        people.remove(person);
        group.is_met(policy, &people)
    })
}

fn people(policy: &Policy, group: &str) -> Option<usize> {
    policy.group(group).and_then(|group| fewest(policy, group))
}

/// Counts who has to take part in a request by a rule: people who approve, and the owner's code.
fn rule_people(policy: &Policy, rule: &Rule) -> usize {
    let approvals = rule.approvals.as_ref();
    let code = rule.evidence.contains(&EvidenceKind::RecoveryCode);
    approvals
        .and_then(|group| people(policy, group))
        .unwrap_or(0)
        + usize::from(code)
}

fn change_people(policy: &Policy) -> usize {
    let approvals = policy.change.approvals.as_ref();
    approvals
        .and_then(|group| people(policy, group))
        .unwrap_or(0)
        + usize::from(policy.change.codes)
}

fn is_for_everything(rule: &Rule) -> bool {
    rule.owners == Owners::Any && rule.labels.is_empty() && rule.keys_max.is_none()
}

/// Tells whether all that `other` is for, `rule` is for too.
fn covers(rule: &Rule, other: &Rule) -> bool {
    let owners = match (&rule.owners, &other.owners) {
        (Owners::Any, _) | (Owners::Departed, Owners::Departed) => true,
        (Owners::These(all), Owners::These(some)) => some.iter().all(|owner| all.contains(owner)),
        (Owners::Departed | Owners::These(_), _) => false,
    };
    let mut labels = rule.labels.iter();
    let keys = match (rule.keys_max, other.keys_max) {
        (None, _) => true,
        (Some(most), Some(others)) => others <= most,
        (Some(_), None) => false,
    };
    owners
        && labels.all(|(name, value)| other.labels.get(name) == Some(value))
        && keys
        && rule.asker == other.asker
}

fn asks_for_no_more(rule: &Rule, other: &Rule) -> bool {
    let mut evidence = rule.evidence.iter();
    let veto =
        !rule.veto || other.veto && (other.overrule.is_none() || other.overrule == rule.overrule);
    evidence.all(|kind| other.evidence.contains(kind))
        && (rule.approvals.is_none() || rule.approvals == other.approvals)
        && rule.wait_millis <= other.wait_millis
        && veto
}
