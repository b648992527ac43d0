//! The policy in sentences that an officer can read.

use std::collections::BTreeSet;

use super::check::People;
use super::text::wait_text;
use crate::policy::{Asker, Group, Owners, Policy, Rule};
use crate::statement::EvidenceKind;

/// Says what a policy says, a sentence for each of its parts.
#[must_use]
pub fn explain(policy: &Policy) -> Vec<String> {
    let mut people = People::of(policy);
    let mut sentences = Vec::new();
    let officers: Vec<&str> = policy.officers.iter().map(|it| it.name.as_str()).collect();
    sentences.push(match officers[..] {
        [] => "There are no officers.".to_owned(),
        [name] => format!("The one officer is {name}."),
        _ => format!("The officers are {}.", list(&officers, "and")),
    });
    let groups: BTreeSet<&str> = policy.groups.iter().map(|it| it.name.as_str()).collect();
    for group in &policy.groups {
        sentences.push(format!(
            "Group `{}` is {}.",
            group.name,
            members(&groups, group)
        ));
    }
    if policy.rules.is_empty() {
        sentences.push("There is no rule: nobody gets any key back.".to_owned());
    }
    for rule in &policy.rules {
        let sentence = rule_sentence(rule, &mut people);
        sentences.push(format!("Rule `{}`: {sentence}", rule.name));
    }
    sentences.push(match &policy.departed {
        Some(group) => {
            format!("`{group}` can say that an owner has departed, who then has no veto.")
        }
        None => "Nobody can say that an owner has departed.".to_owned(),
    });
    let lapse = wait_text(policy.lapse_millis);
    sentences.push(format!("What is not approved within {lapse} lapses."));
    sentences.push(change_sentence(policy));
    sentences
}

fn rule_sentence(rule: &Rule, people: &mut People<'_>) -> String {
    let owners = match &rule.owners {
        Owners::Any => "an owner".to_owned(),
        Owners::Departed => "an owner who has departed".to_owned(),
        Owners::These(owners) if owners.len() == 1 => "one owner it names".to_owned(),
        Owners::These(owners) => format!("one of {} owners it names", owners.len()),
    };
    let has_code = rule.evidence.contains(&EvidenceKind::RecoveryCode);
    let (mut sentence, mut with) = match &rule.asker {
        Asker::Group(group) => (
            format!("anybody of `{group}` gets the keys of {owners}"),
            has_code.then(|| "the owner's recovery code".to_owned()),
        ),
        Asker::Anyone => (format!("whoever says to be {owners} gets their keys"), None),
        Asker::Owner => (
            format!("whoever has the recovery code of {owners} gets their keys"),
            None,
        ),
    };
    let labels = rule
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let labels: Vec<String> = labels.collect();
    if !labels.is_empty() {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        sentence += &format!(" that are labelled {}", list(&labels, "and"));
    }
    if let Some(most) = rule.keys_max {
        sentence += &format!(", at most {most} at a time,");
    }
    if let Some(group) = &rule.approvals {
        let mut approval = format!("the approval of `{group}`, of whom any one can deny it");
        if rule.asker == Asker::Anyone {
            approval += " and who asks may be one";
            if let Some(fewest) = people.fewest(group) {
                approval += &format!(", so that it takes {} more", fewest.saturating_sub(1));
            }
        }
        with = Some(match with {
            Some(code) => format!("{code} and {approval}"),
            None => approval,
        });
    }
    if let Some(with) = with {
        sentence += &format!(" with {with}");
    }
    sentence += &match rule.wait_millis {
        0 => ", at once".to_owned(),
        wait => format!(", after a wait of {}", wait_text(wait)),
    };
    if rule.veto {
        sentence += ", unless a device of the owner's vetoes it";
        if let Some(group) = &rule.overrule {
            sentence += &format!(" and `{group}` does not overrule that");
        }
    }
    sentence + "."
}

fn change_sentence(policy: &Policy) -> String {
    let change = &policy.change;
    let mut with = Vec::new();
    if let Some(group) = &change.approvals {
        with.push(format!(
            "the approval of `{group}`, of whom any one can deny it"
        ));
    }
    if change.codes {
        with.push("the recovery code of every owner who has a deposit".to_owned());
    }
    let wait = match change.wait_millis {
        0 => "at once".to_owned(),
        wait => format!("after a wait of {}", wait_text(wait)),
    };
    format!("The policy is changed with {}, {wait}.", with.join(" and "))
}

/// `any 2 of ada, bob and cid`.
fn members(groups: &BTreeSet<&str>, group: &Group) -> String {
    let name = |name: &String| match groups.contains(name.as_str()) {
        true => format!("`{name}`"),
        false => name.clone(),
    };
    let names: Vec<String> = group.of.iter().map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let [name] = names[..] {
        return format!("{name} alone");
    }
    if group.need == group.of.len() as u64 {
        return format!("all of {}", list(&names, "and"));
    }
    format!("any {} of {}", group.need, list(&names, "and"))
}

/// `a, b and c`.
pub(super) fn list(names: &[&str], and: &str) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}
