//! People across policies: who somebody is once a name, a key or an owner's id has changed, and through whom they came in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Officer;
use crate::id::OwnerId;
use crate::keys::VerifyingKey;

/// Somebody, as the log knew them at some time. Whoever shares a name, a key or an owner's id with them is taken for the
/// same person: in doubt, an approval does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// What a policy called them, if they were an officer.
    pub name: Option<String>,
    /// The keys that were theirs.
    pub keys: Vec<VerifyingKey>,
    /// Who they were as an owner.
    pub owners: Vec<OwnerId>,
}

/// That an officer came into the policy, or got a key in it, by a change that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sponsorship {
    /// Who came in, as the policy that they came into has them.
    pub officer: Person,
    /// Who asked for that change, as they were known then.
    pub by: Person,
}

impl Person {
    /// Tells whether this may be the same person as another.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let marks: BTreeSet<Mark<'_>> = other.marks().collect();
        self.marks().any(|mark| marks.contains(&mark))
    }

    fn marks(&self) -> impl Iterator<Item = Mark<'_>> {
        let keys = self.keys.iter().map(Mark::Key);
        let owners = self.owners.iter().copied().map(Mark::Owner);
        let name = self.name.as_deref().map(Mark::Name);
        name.into_iter().chain(keys).chain(owners)
    }
}

impl From<&Officer> for Person {
    fn from(officer: &Officer) -> Self {
        Self {
            name: Some(officer.name.clone()),
            keys: officer.keys.clone(),
            owners: officer.owner.into_iter().collect(),
        }
    }
}

/// What somebody is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark<'p> {
    Key(&'p VerifyingKey),
    Name(&'p str),
    Owner(OwnerId),
}

/// People, and all whom they brought in, and whom these did.
pub(super) struct Circle<'p>(BTreeSet<Mark<'p>>);

impl<'p> Circle<'p> {
    /// Follows who brought in whom to the end, however often it comes back to where it began.
    pub(super) fn around(
        people: impl Iterator<Item = &'p Person>,
        sponsorships: &'p [Sponsorship],
    ) -> Self {
        let mut brought_in: BTreeMap<Mark<'p>, Vec<&'p Person>> = BTreeMap::new();
        for Sponsorship { officer, by } in sponsorships {
            for mark in by.marks() {
                brought_in.entry(mark).or_default().push(officer);
            }
        }
        let mut circle = BTreeSet::new();
        let mut next: Vec<Mark<'p>> = people.flat_map(Person::marks).collect();
        while let Some(mark) = next.pop() {
            if circle.insert(mark) {
                let officers = brought_in.remove(&mark).unwrap_or_default();
                next.extend(officers.into_iter().flat_map(Person::marks));
            }
        }
        Self(circle)
    }

    pub(super) fn has(&self, person: &Person) -> bool {
        person.marks().any(|mark| self.0.contains(&mark))
    }
}
