//! The policy in sentences that an officer can read.

use super::text::wait_text;
use crate::policy::{Group, Owners, Policy, Rule};
use crate::statement::EvidenceKind;

/// Says what a policy says, a sentence for each of its parts.
#[must_use]
pub fn explain(policy: &Policy) -> Vec<String> {
    let mut sentences = Vec::new();
    let officers: Vec<&str> = policy.officers.iter().map(|it| it.name.as_str()).collect();
    sentences.push(match officers[..] {
        [] => "There are no officers.".to_owned(),
        [name] => format!("The one officer is {name}."),
        _ => format!("The officers are {}.", list(&officers, "and")),
    });
    for group in &policy.groups {
        sentences.push(format!(
            "Group `{}` is {}.",
            group.name,
            members(policy, group)
        ));
    }
    if policy.rules.is_empty() {
        sentences.push("There is no rule: nobody gets any key back.".to_owned());
    }
    for rule in &policy.rules {
        sentences.push(format!("Rule `{}`: {}", rule.name, rule_sentence(rule)));
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

fn rule_sentence(rule: &Rule) -> String {
    let owners = match &rule.owners {
        Owners::Any => String::new(),
        Owners::Departed => " an owner who has departed".to_owned(),
        Owners::These(owners) if owners.len() == 1 => " one owner it names".to_owned(),
        Owners::These(owners) => format!(" {} owners it names", owners.len()),
    };
    let who = match (&rule.asker, owners.as_str()) {
        (Some(group), "") => format!("anybody of `{group}` gets somebody else's keys"),
        (Some(group), owners) => format!("anybody of `{group}` gets the keys of{owners}"),
        (None, "") => "an owner gets their own keys".to_owned(),
        (None, owners) => format!("{} gets their own keys", owners.trim_start()),
    };
    let mut sentence = who;
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
    let mut with = Vec::new();
    if rule.evidence.contains(&EvidenceKind::RecoveryCode) {
        with.push("the owner's recovery code".to_owned());
    }
    if let Some(group) = &rule.approvals {
        with.push(format!(
            "the approval of `{group}`, of whom any one can deny it"
        ));
    }
    sentence += &format!(" with {}", with.join(" and "));
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
        with.push("the recovery code of every owner".to_owned());
    }
    let wait = match change.wait_millis {
        0 => "at once".to_owned(),
        wait => format!("after a wait of {}", wait_text(wait)),
    };
    format!("The policy is changed with {}, {wait}.", with.join(" and "))
}

/// `any 2 of ada, bob and cid`.
fn members(policy: &Policy, group: &Group) -> String {
    let names: Vec<String> = group
        .of
        .iter()
        .map(|name| match policy.group(name) {
            Some(_) => format!("`{name}`"),
            None => name.clone(),
        })
        .collect();
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
