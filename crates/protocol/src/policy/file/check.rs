//! What a policy says that was hardly meant: rules that can never match, that approve too easily, or that lock
//! everybody out. Not whether it makes sense at all: that is `Policy::validate`.

mod people;

use std::collections::BTreeSet;
use std::fmt;

use super::explain::list;
use super::text::wait_text;
use crate::id::OwnerId;
use crate::policy::{Asker, Group, Owners, Policy, Rule};
use crate::statement::EvidenceKind;

pub(super) use people::People;

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
    let mut people = People::of(policy);
    let scopes: Vec<RuleScope<'_>> = policy.rules.iter().map(RuleScope::of).collect();
    for (number, rule) in policy.rules.iter().enumerate() {
        findings.never_matches(policy, &people, rule);
        findings.is_shadowed(policy, &people, &scopes, number);
        findings.approves_too_easily(policy, &mut people, rule);
        findings.veto(&people, rule);
    }
    findings.owners_have_a_way(policy, &people);
    findings.groups(policy, &mut people);
    findings.departed(policy, &people);
    findings.change(policy, &mut people);
    findings.officers(policy);
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

    fn never_matches(&mut self, policy: &Policy, people: &People<'_>, rule: &Rule) {
        let name = &rule.name;
        if let Some(why) = never(policy, people, rule) {
            self.error(format!("rule `{name}` never matches: {why}"));
        }
        if let (Asker::Group(asker), Some(approvals)) = (&rule.asker, &rule.approvals) {
            let askers = people.owners(asker);
            let mut alone = people.indispensable(approvals);
            alone.retain(|person| askers.contains(person));
            if !alone.is_empty() && alone.len() < askers.len() {
                self.warning(format!(
                    "rule `{name}` never matches when {} asks: `{approvals}` is not enough without them",
                    list(&alone, "or")
                ));
            }
        }
    }

    /// Any rule that is met is enough, so one that asks for more than another changes nothing.
    fn is_shadowed(
        &mut self,
        policy: &Policy,
        people: &People<'_>,
        scopes: &[RuleScope<'_>],
        number: usize,
    ) {
        let Some(scope) = scopes.get(number) else {
            return;
        };
        let mut others = scopes.iter().enumerate();
        let by = others.find(|(other, by)| {
            *other != number
                && by.asks_for_no_more_than(scope)
                && (*other < number || !scope.asks_for_no_more_than(by))
        });
        if let Some((_, by)) = by.filter(|(_, by)| never(policy, people, by.rule).is_none()) {
            self.warning(format!(
                "rule `{}` never matters: `{}` is for all that it is for, and asks for no more",
                scope.rule.name, by.rule.name
            ));
        }
    }

    /// Names each way in which one person is enough, alone or by asking as well.
    fn approves_too_easily(&mut self, policy: &Policy, people: &mut People<'_>, rule: &Rule) {
        let name = &rule.name;
        if let (Asker::Group(asker), Some(group)) = (&rule.asker, &rule.approvals)
            && rule.evidence.is_empty()
        {
            let alone = people.enough_alone(group);
            if !alone.is_empty() {
                let at_once = if rule.wait_millis == 0 {
                    " at once"
                } else {
                    ""
                };
                self.warning(format!(
                    "rule `{name}` gives away another's keys{at_once} on one person's word: whoever of `{asker}` asks, {} \
                     alone is enough",
                    list(&alone, "or")
                ));
            }
        }
        if let (Asker::Anyone, Some(group)) = (&rule.asker, &rule.approvals) {
            if people.fewest(group) == Some(2) {
                self.warning(format!(
                    "rule `{name}` is for whoever says to be the owner, who may be one of those who approve: then one other \
                     person is enough for `{group}`"
                ));
            }
            if rule.wait_millis < Policy::DAY_MILLIS {
                self.warning(format!(
                    "rule `{name}` is for whoever says to be the owner, who has only {} to see it and say that it is not them",
                    wait_text(rule.wait_millis)
                ));
            }
        }
        let waits = rule.wait_millis > 0 && rule.veto;
        let code_alone = rule.approvals.is_none() && rule.asker == Asker::Owner;
        if code_alone && !waits && !policy.officers.is_empty() {
            self.warning(format!(
                "by rule `{name}` the recovery code alone is enough, without a wait and a veto, though there are \
                 officers: whoever finds it has the keys"
            ));
        }
    }

    fn veto(&mut self, people: &People<'_>, rule: &Rule) {
        let name = &rule.name;
        match &rule.overrule {
            _ if !rule.veto => {}
            None => self.warning(format!(
                "rule `{name}` has a veto that nobody can overrule: a thief with an old device can veto for ever"
            )),
            Some(group) => {
                let alone = people.enough_alone(group);
                if !alone.is_empty() {
                    self.warning(format!(
                        "by rule `{name}` one person overrules the owner's veto: {} alone is enough",
                        list(&alone, "or")
                    ));
                }
            }
        }
    }

    fn owners_have_a_way(&mut self, policy: &Policy, people: &People<'_>) {
        let own = policy.rules.iter();
        let own = own.filter(|rule| rule.asker.group().is_none());
        let own = own.filter(|rule| never(policy, people, rule).is_none());
        let mut own = own.peekable();
        if own.peek().is_none() {
            self.error("no owner can get their own keys back: there is no rule for it".to_owned());
        } else if !own.any(is_for_everything) {
            self.warning(
                "some owners cannot get all of their own keys back: no rule is for every owner, label and number of keys"
                    .to_owned(),
            );
        }
    }

    fn groups(&mut self, policy: &Policy, people: &mut People<'_>) {
        let rules = policy.rules.iter();
        let asked = rules.flat_map(|rule| rule.approvals.iter().chain(&rule.overrule));
        let asked: BTreeSet<&String> = asked
            .chain(&policy.change.approvals)
            .chain(&policy.departed)
            .collect();
        let asked_for = |group: &&Group| asked.contains(&group.name);
        for group in policy.groups.iter().filter(asked_for) {
            let name = &group.name;
            let apparent = people.apparent(name);
            match people.fewest(name) {
                None => self.warning(format!(
                    "how few people are enough for `{name}` was not counted: its groups have too much in common"
                )),
                Some(fewest) if (fewest as u64) < apparent => {
                    let who = match fewest {
                        1 => "one person alone is".to_owned(),
                        _ => format!("{fewest} people are"),
                    };
                    self.warning(format!(
                        "{who} enough for `{name}`, which seems to need {apparent}: somebody is in more than one of its \
                         groups"
                    ));
                }
                Some(_) => {}
            }
            let needed = people.indispensable(name);
            if !needed.is_empty() {
                self.warning(format!(
                    "`{name}` is never enough without {}: when they are away, ill or gone, nothing is approved",
                    list(&needed, "and")
                ));
            }
        }
    }

    fn departed(&mut self, policy: &Policy, people: &People<'_>) {
        let alone = policy.departed.as_ref();
        let alone = alone
            .map(|group| people.enough_alone(group))
            .unwrap_or_default();
        if !alone.is_empty() {
            self.warning(format!(
                "one person says that an owner has departed, who then has no veto: {} alone is enough",
                list(&alone, "or")
            ));
        }
    }

    fn change(&mut self, policy: &Policy, people: &mut People<'_>) {
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
            if people.indispensable(group).len() == policy.officers.len() {
                self.error(format!(
                    "no officer can ask for a change of the policy: `{group}` is not enough without any one of its people, \
                     and nobody approves their own"
                ));
            }
            let alone = people.enough_alone(group);
            if !alone.is_empty() && !change.codes {
                self.warning(format!(
                    "one person changes the policy: {} alone is enough, and may ask for the change as an owner whom nobody \
                     knows",
                    list(&alone, "or")
                ));
            }
        }
        if change.wait_millis == 0 && !policy.officers.is_empty() {
            self.warning(
                "the policy is changed at once: nobody has time to notice a change that was not meant".to_owned(),
            );
        }
        if change.codes && !policy.officers.is_empty() {
            self.warning(
                "the policy is changed with the recovery code of every owner: whoever enrolls and deposits one key has a \
                 say in every change, and can keep it from being made, as can an owner who is gone"
                    .to_owned(),
            );
        }
        let own = (change_people(policy, people), change.wait_millis);
        let mut is_stronger = |rule: &Rule| {
            let of_rule = (rule_people(people, rule), rule.wait_millis);
            own.0 <= of_rule.0 && own.1 <= of_rule.1 && own != of_rule
        };
        if !policy.rules.is_empty() && policy.rules.iter().all(&mut is_stronger) {
            self.warning(
                "changing the policy takes less than any rule does: whoever cannot get keys changes the policy first"
                    .to_owned(),
            );
        }
    }

    /// An officer whom the policy does not know as an owner can ask as that owner, and approve as an officer.
    fn officers(&mut self, policy: &Policy) {
        let unknown = policy.officers.iter();
        let unknown = unknown.filter(|officer| officer.owner.is_none());
        let unknown: Vec<&str> = unknown.map(|officer| officer.name.as_str()).collect();
        if !unknown.is_empty() {
            let has = if unknown.len() == 1 { "has" } else { "have" };
            self.warning(format!(
                "{} {has} no `owner`: whoever of them is an owner here approves what they ask for as that owner",
                list(&unknown, "and")
            ));
        }
    }
}

/// Says why no request ever meets a rule, if none does.
fn never(policy: &Policy, people: &People<'_>, rule: &Rule) -> Option<String> {
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
    let (asker, approvals) = (rule.asker.group()?, rule.approvals.as_ref()?);
    let askers = people.owners(asker);
    if askers.is_empty() {
        return Some(format!("nobody in `{asker}` has an owner's id to ask with"));
    }
    let indispensable: BTreeSet<&str> = people.indispensable(approvals).into_iter().collect();
    let alone = askers.is_subset(&indispensable);
    alone.then(|| format!("`{approvals}` is not enough without whoever of `{asker}` asks"))
}

/// Counts who has to take part in a request by a rule: people who approve, and the owner's code.
fn rule_people(people: &mut People<'_>, rule: &Rule) -> usize {
    let approvals = rule.approvals.as_ref();
    let code = rule.evidence.contains(&EvidenceKind::RecoveryCode);
    approvals
        .and_then(|group| people.fewest(group))
        .unwrap_or(0)
        + usize::from(code)
}

fn change_people(policy: &Policy, people: &mut People<'_>) -> usize {
    let approvals = policy.change.approvals.as_ref();
    approvals
        .and_then(|group| people.fewest(group))
        .unwrap_or(0)
        + usize::from(policy.change.codes)
}

fn is_for_everything(rule: &Rule) -> bool {
    rule.owners == Owners::Any && rule.labels.is_empty() && rule.keys_max.is_none()
}

/// A rule, with the owners it names, to be held against others.
struct RuleScope<'p> {
    rule: &'p Rule,
    owners: BTreeSet<OwnerId>,
}

impl<'p> RuleScope<'p> {
    fn of(rule: &'p Rule) -> Self {
        let owners = match &rule.owners {
            Owners::These(owners) => owners.iter().copied().collect(),
            Owners::Any | Owners::Departed => BTreeSet::new(),
        };
        Self { rule, owners }
    }

    /// Tells whether it is for all that another is for, and asks for no more.
    fn asks_for_no_more_than(&self, other: &Self) -> bool {
        let (rule, than) = (self.rule, other.rule);
        let owners = match (&rule.owners, &than.owners) {
            (Owners::Any, _) | (Owners::Departed, Owners::Departed) => true,
            (Owners::These(_), Owners::These(_)) => other.owners.is_subset(&self.owners),
            (Owners::Departed | Owners::These(_), _) => false,
        };
        let mut labels = rule.labels.iter();
        let keys = match (rule.keys_max, than.keys_max) {
            (None, _) => true,
            (Some(most), Some(others)) => others <= most,
            (Some(_), None) => false,
        };
        let mut evidence = rule.evidence.iter();
        let veto =
            !rule.veto || than.veto && (than.overrule.is_none() || than.overrule == rule.overrule);
        owners
            && labels.all(|(name, value)| than.labels.get(name) == Some(value))
            && keys
            && rule.asker == than.asker
            && evidence.all(|kind| than.evidence.contains(kind))
            && (rule.approvals.is_none() || rule.approvals == than.approvals)
            && rule.wait_millis <= than.wait_millis
            && veto
    }
}
