//! How many people a group takes, and whom: counted for a whole policy at once.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::policy::roll::{Member, Roll};
use crate::policy::{Officer, Policy};

/// How much is tried before it is left open how few people meet a group. Real policies take some thousand steps.
const STEPS_MAX: usize = 4_000_000;

/// The people of a policy's groups. Of groups that are not there nobody is.
pub(in super::super) struct People<'p> {
    policy: &'p Policy,
    roll: Roll<'p>,
    // By group, once they are asked for.
    in_group: OnceCell<Vec<Vec<usize>>>,
    enough_alone: OnceCell<Vec<Vec<usize>>>,
    indispensable: OnceCell<Vec<Vec<usize>>>,
    apparent: OnceCell<Vec<u64>>,
    fewest: BTreeMap<usize, Option<usize>>,
    steps: usize,
}

impl<'p> People<'p> {
    pub(in super::super) fn of(policy: &'p Policy) -> Self {
        Self {
            in_group: OnceCell::new(),
            enough_alone: OnceCell::new(),
            indispensable: OnceCell::new(),
            apparent: OnceCell::new(),
            fewest: BTreeMap::new(),
            steps: STEPS_MAX,
            roll: Roll::of(policy),
            policy,
        }
    }

    /// Counts the fewest distinct people that meet a group; none where that takes too long to tell.
    pub(in super::super) fn fewest(&mut self, group: &str) -> Option<usize> {
        let group = self.roll.group(group)?;
        if let Some(known) = self.fewest.get(&group) {
            return *known;
        }
        let fewest = self.count_fewest(group);
        self.fewest.insert(group, fewest);
        fewest
    }

    /// Returns the names of those of whom any one is enough for a group.
    pub(super) fn enough_alone(&self, group: &str) -> Vec<&'p str> {
        let found = self.enough_alone.get_or_init(|| self.roll.enough_alone());
        self.names(group, found)
    }

    /// Returns the names of those without whom a group is never met.
    pub(super) fn indispensable(&self, group: &str) -> Vec<&'p str> {
        let found = self.indispensable.get_or_init(|| self.roll.indispensable());
        self.names(group, found)
    }

    /// Returns the names of those of a group who are owners.
    pub(super) fn owners(&self, group: &str) -> BTreeSet<&'p str> {
        let found = self.in_group.get_or_init(|| self.roll.people());
        let officers = self.officers(group, found);
        let owners = officers.filter(|officer| officer.owner.is_some());
        owners.map(|officer| officer.name.as_str()).collect()
    }

    fn names(&self, group: &str, of: &[Vec<usize>]) -> Vec<&'p str> {
        let officers = self.officers(group, of);
        officers.map(|officer| officer.name.as_str()).collect()
    }

    fn officers<'s>(
        &'s self,
        group: &str,
        of: &'s [Vec<usize>],
    ) -> impl Iterator<Item = &'p Officer> + use<'s, 'p> {
        let places = self.roll.group(group).and_then(|group| of.get(group));
        let places = places.into_iter().flatten();
        places.filter_map(|place| self.policy.officers.get(*place))
    }

    /// Counts the people a group seems to take: as many as if nobody were in two of its groups.
    pub(super) fn apparent(&self, group: &str) -> u64 {
        let found = self.apparent.get_or_init(|| self.roll.apparent());
        let count = self.roll.group(group).and_then(|group| found.get(group));
        count.copied().unwrap_or(0)
    }

    fn count_fewest(&mut self, group: usize) -> Option<usize> {
        let alone = self.enough_alone.get_or_init(|| self.roll.enough_alone());
        if alone.get(group).is_some_and(|people| !people.is_empty()) {
            return Some(1);
        }
        // To sort the people is as much as to look at them once.
        let cost = cost(&self.roll, group);
        self.steps = self.steps.checked_sub(cost)?;
        let mut search = Search {
            classes: classes(&self.roll, group),
            group,
            cost,
            chosen: vec![false; self.policy.officers.len()],
            met: Vec::new(),
            roll: &self.roll,
            steps: self.steps,
        };
        let everybody = search.classes.iter().map(Vec::len).sum();
        let mut fewest = None;
        for count in 2..=everybody {
            match search.meets(0, count) {
                Some(false) => {}
                Some(true) => {
                    fewest = Some(count);
                    break;
                }
                None => break,
            }
        }
        self.steps = search.steps;
        fewest
    }
}

/// Sorts people by the groups they are in: who is in the same ones counts the same, so that a board of thirty is
/// thirty sets to try and not all of its subsets.
fn classes(roll: &Roll<'_>, group: usize) -> Vec<Vec<usize>> {
    let mut groups_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for inner in inner_groups(roll, group) {
        for member in roll.members(inner) {
            if let Member::Officer(officer) = member {
                groups_of.entry(*officer).or_default().push(inner);
            }
        }
    }
    let mut classes: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (person, groups) in groups_of {
        classes.entry(groups).or_default().push(person);
    }
    classes.into_values().collect()
}

/// Counts what is looked at to tell whether a group is met.
fn cost(roll: &Roll<'_>, group: usize) -> usize {
    let groups = inner_groups(roll, group).into_iter();
    groups.map(|group| 1 + roll.members(group).len()).sum()
}

/// Returns a group and the groups in it.
fn inner_groups(roll: &Roll<'_>, group: usize) -> Vec<usize> {
    let mut seen = BTreeSet::from([group]);
    let mut next = vec![group];
    while let Some(group) = next.pop() {
        for member in roll.members(group) {
            if let Member::Group(inner) = member
                && seen.insert(*inner)
            {
                next.push(*inner);
            }
        }
    }
    seen.into_iter().collect()
}

struct Search<'r> {
    roll: &'r Roll<'r>,
    group: usize,
    classes: Vec<Vec<usize>>,
    /// How many steps one set of people costs.
    cost: usize,
    /// By the officer's place.
    chosen: Vec<bool>,
    met: Vec<Option<bool>>,
    /// How many are left.
    steps: usize,
}

impl Search<'_> {
    /// Tells whether `count` people of the classes from one on, with those chosen already, meet the group; none out of breath.
    fn meets(&mut self, class: usize, count: usize) -> Option<bool> {
        self.steps = self.steps.checked_sub(1)?;
        if count == 0 {
            self.steps = self.steps.checked_sub(self.cost)?;
            return Some(self.roll.is_met(self.group, &self.chosen, &mut self.met));
        }
        let Some(people) = self.classes.get(class).map(Vec::len) else {
            return Some(false);
        };
        for taken in 0..=people.min(count) {
            self.choose(class, taken, true);
            let met = self.meets(class + 1, count - taken);
            self.choose(class, taken, false);
            if met != Some(false) {
                return met;
            }
        }
        Some(false)
    }

    /// Marks the first people of a class as chosen, or as not chosen any more.
    fn choose(&mut self, class: usize, taken: usize, is_chosen: bool) {
        let people = self.classes.get(class).into_iter().flatten().take(taken);
        for person in people {
            if let Some(chosen) = self.chosen.get_mut(*person) {
                *chosen = is_chosen;
            }
        }
    }
}
