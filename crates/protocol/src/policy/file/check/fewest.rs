//! How many people a group takes, at least: with people in more than one of its groups, fewer than it seems.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::{Group, Policy};

/// Sets of people that are tried before the question is left open. Real groups take some tens.
const TRIES_MAX: usize = 2_000;

/// Counts the fewest distinct people that meet a group; none where that takes too long to tell.
pub(super) fn fewest(policy: &Policy, group: &Group) -> Option<usize> {
    let classes = classes(policy, group);
    let everybody = classes.iter().map(Vec::len).sum();
    let mut tries = 0;
    for count in 1..=everybody {
        match meets(
            policy,
            group,
            &classes,
            count,
            &mut BTreeSet::new(),
            &mut tries,
        ) {
            Some(true) => return Some(count),
            Some(false) => {}
            None => return None,
        }
    }
    None
}

/// Sorts people by the groups they are in: who is in the same ones counts the same, so that a board of thirty is
/// thirty sets to try and not all of its subsets.
fn classes<'p>(policy: &'p Policy, group: &'p Group) -> Vec<Vec<&'p str>> {
    let mut groups_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut seen = BTreeSet::from([group.name.as_str()]);
    let mut groups = vec![group];
    while let Some(group) = groups.pop() {
        for member in &group.of {
            match policy.group(member) {
                Some(inner) if seen.insert(&inner.name) => groups.push(inner),
                Some(_) => {}
                None => {
                    groups_of.entry(member).or_default().insert(&group.name);
                }
            }
        }
    }
    let mut classes: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
    for (person, groups) in groups_of {
        classes.entry(groups).or_default().push(person);
    }
    classes.into_values().collect()
}

/// Tells whether `count` people of these classes, with those chosen already, meet the group; none out of breath.
fn meets<'p>(
    policy: &Policy,
    group: &Group,
    classes: &[Vec<&'p str>],
    count: usize,
    chosen: &mut BTreeSet<&'p str>,
    tries: &mut usize,
) -> Option<bool> {
    let Some((class, rest)) = classes.split_first() else {
        *tries += 1;
        let met = count == 0 && group.is_met(policy, chosen);
        return (*tries <= TRIES_MAX).then_some(met);
    };
    for taken in 0..=class.len().min(count) {
        let people = class.iter().take(taken);
        chosen.extend(people.clone());
        let met = meets(policy, group, rest, count - taken, chosen, tries);
        for person in people {
            chosen.remove(person);
        }
        if met != Some(false) {
            return met;
        }
    }
    Some(false)
}

/// Counts the people a group seems to take: as many as if nobody were in two of its groups.
pub(super) fn apparent(policy: &Policy, group: &Group) -> u64 {
    fn count<'p>(policy: &'p Policy, group: &'p Group, known: &mut BTreeMap<&'p str, u64>) -> u64 {
        if let Some(count) = known.get(group.name.as_str()) {
            return *count;
        }
        let members = group.of.iter().map(|member| match policy.group(member) {
            Some(group) => count(policy, group, known),
            None => 1,
        });
        let mut members: Vec<u64> = members.collect();
        members.sort_unstable();
        let need = usize::try_from(group.need).unwrap_or(usize::MAX);
        let all = members.iter().take(need);
        let all = all.fold(0, |sum: u64, one| sum.saturating_add(*one));
        known.insert(&group.name, all);
        all
    }
    count(policy, group, &mut BTreeMap::new())
}
