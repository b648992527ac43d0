//! Groups: so many of these people, or of these groups.

use std::collections::BTreeSet;

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
        let met = self.of.iter().filter(|member| match policy.group(member) {
            Some(group) => group.is_met(policy, people),
            None => people.contains(member.as_str()),
        });
        met.count() as u64 >= self.need
    }

    /// Returns the officers in it, and in the groups in it.
    #[must_use]
    pub fn people<'p>(&'p self, policy: &'p Policy) -> BTreeSet<&'p str> {
        let mut people = BTreeSet::new();
        for member in &self.of {
            match policy.group(member) {
                Some(group) => people.extend(group.people(policy)),
                None => {
                    people.insert(member.as_str());
                }
            }
        }
        people
    }
}

/// Checks that groups name what there is, need what they have, and do not go in circles.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    for group in &policy.groups {
        let members: BTreeSet<&String> = group.of.iter().collect();
        if members.len() != group.of.len() {
            return Err(PolicyError::NameTwice(group.name.clone()));
        }
        if group.need == 0 || group.need > group.of.len() as u64 {
            return Err(PolicyError::Need(group.name.clone()));
        }
        for name in &group.of {
            let known = policy.group(name).is_some()
                || policy.officers.iter().any(|officer| officer.name == *name);
            if !known {
                return Err(PolicyError::NoSuchName {
                    name: name.clone(),
                    by: group.name.clone(),
                });
            }
        }
    }
    // Taken away one after another, those whose members are all told: what remains goes in circles.
    let mut told: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = told.len();
        for group in &policy.groups {
            let is_told =
                |name: &String| policy.group(name).is_none() || told.contains(name.as_str());
            if group.of.iter().all(is_told) {
                told.insert(&group.name);
            }
        }
        if told.len() == before {
            break;
        }
    }
    match policy
        .groups
        .iter()
        .find(|group| !told.contains(group.name.as_str()))
    {
        Some(group) => Err(PolicyError::Circle(group.name.clone())),
        None => Ok(()),
    }
}
