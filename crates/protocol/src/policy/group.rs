//! Groups: so many of these people, or of these groups.

use std::collections::{BTreeMap, BTreeSet};

use super::{Policy, PolicyError};
use crate::encoding::canonical_struct;
use crate::encoding::{Canonical, Malformed, Reader, Writer};

/// So many of its members: officers, or other groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the policy calls it.
    pub name: String,
    /// How many of its members it takes.
    pub need: u64,
    /// The names of officers and groups.
    pub of: Vec<String>,
}

canonical_struct!(Group { name, need, of });

impl Canonical for Vec<String> {
    fn write(&self, writer: &mut Writer) {
        writer.items(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.items(1024, "names")
    }
}

impl Group {
    /// Tells whether these people are enough, each counted once.
    ///
    /// Somebody in two groups of a group counts in both: a group says how many of its members agree, not how many
    /// heads there are. `policy check` warns where one person alone can so be enough.
    #[must_use]
    pub fn is_met(&self, policy: &Policy, people: &BTreeSet<&str>) -> bool {
        let groups = policy.groups.iter().map(|group| (&*group.name, group));
        self.is_met_knowing(&groups.collect(), people, &mut BTreeMap::new())
    }

    /// A group is looked at once, however many groups it is in: else sixty that name each other twice never end.
    fn is_met_knowing<'p>(
        &'p self,
        groups: &BTreeMap<&str, &'p Self>,
        people: &BTreeSet<&str>,
        known: &mut BTreeMap<&'p str, bool>,
    ) -> bool {
        if let Some(met) = known.get(self.name.as_str()) {
            return *met;
        }
        let mut met = 0;
        for member in &self.of {
            met += u64::from(match groups.get(member.as_str()) {
                Some(group) => group.is_met_knowing(groups, people, known),
                None => people.contains(member.as_str()),
            });
        }
        known.insert(&self.name, met >= self.need);
        met >= self.need
    }

    /// Returns the officers in it, and in the groups in it.
    #[must_use]
    pub fn people<'p>(&'p self, policy: &'p Policy) -> BTreeSet<&'p str> {
        let by_name = policy.groups.iter().map(|group| (&*group.name, group));
        let by_name: BTreeMap<&str, &Group> = by_name.collect();
        let mut people = BTreeSet::new();
        let mut seen = BTreeSet::from([self.name.as_str()]);
        let mut groups = vec![self];
        while let Some(group) = groups.pop() {
            for member in &group.of {
                match by_name.get(member.as_str()) {
                    Some(group) if seen.insert(&group.name) => groups.push(group),
                    Some(_) => {}
                    None => {
                        people.insert(member.as_str());
                    }
                }
            }
        }
        people
    }
}

/// Checks that groups name what there is, need what they have, and do not go in circles.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    let officers = policy.officers.iter().map(|officer| officer.name.as_str());
    let officers: BTreeSet<&str> = officers.collect();
    let groups: BTreeSet<&str> = policy.groups.iter().map(|group| &*group.name).collect();
    // Those whose members are not all told yet, and how many are not.
    let mut untold: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for group in &policy.groups {
        let members: BTreeSet<&str> = group.of.iter().map(String::as_str).collect();
        if members.len() != group.of.len() {
            return Err(PolicyError::NameTwice(group.name.clone()));
        }
        if group.need == 0 || group.need > group.of.len() as u64 {
            return Err(PolicyError::Need(group.name.clone()));
        }
        for name in members {
            if groups.contains(name) {
                *untold.entry(&group.name).or_default() += 1;
                groups_of.entry(name).or_default().push(&group.name);
            } else if !officers.contains(name) {
                return Err(PolicyError::NoSuchName {
                    name: name.to_owned(),
                    by: group.name.clone(),
                });
            }
        }
    }
    // Taken away one after another, those whose members are all told: what remains goes in circles.
    let is_told = |name: &&str| !untold.contains_key(name);
    let mut told: Vec<&str> = groups.iter().copied().filter(is_told).collect();
    while let Some(name) = told.pop() {
        for group in groups_of.get(name).into_iter().flatten() {
            if let Some(members) = untold.get_mut(group) {
                *members -= 1;
                if *members == 0 {
                    untold.remove(group);
                    told.push(group);
                }
            }
        }
    }
    match untold.keys().next() {
        Some(name) => Err(PolicyError::Circle((*name).to_owned())),
        None => Ok(()),
    }
}
