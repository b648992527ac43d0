//! A policy's people and groups by number: what is asked of all of them takes time in proportion to what is written,
//! however groups stand in each other. Only of a policy whose groups are told, without a circle.

use std::collections::BTreeMap;

use super::Policy;

/// The officers and groups of a policy, by their places in it.
pub(super) struct Roll<'p> {
    officers: usize,
    groups: BTreeMap<&'p str, usize>,
    needs: Vec<u64>,
    members: Vec<Vec<Member>>,
    /// All groups, each behind those that are in it.
    order: Vec<usize>,
}

/// A member of a group, by its place among officers or groups.
#[derive(Clone, Copy)]
pub(super) enum Member {
    Group(usize),
    Officer(usize),
}

impl<'p> Roll<'p> {
    pub(super) fn of(policy: &'p Policy) -> Self {
        let officers = policy.officers.iter().zip(0..);
        let officers: BTreeMap<&str, usize> = officers
            .map(|(officer, place)| (officer.name.as_str(), place))
            .collect();
        let groups = policy.groups.iter().zip(0..);
        let groups: BTreeMap<&str, usize> = groups
            .map(|(group, place)| (group.name.as_str(), place))
            .collect();
        let member = |name: &String| {
            let group = groups.get(name.as_str()).copied().map(Member::Group);
            let officer = || officers.get(name.as_str()).copied().map(Member::Officer);
            group.or_else(officer)
        };
        let members = policy.groups.iter();
        let members: Vec<Vec<Member>> = members
            .map(|group| group.of.iter().filter_map(member).collect())
            .collect();
        Self {
            officers: policy.officers.len(),
            needs: policy.groups.iter().map(|group| group.need).collect(),
            order: inner_first(&members),
            groups,
            members,
        }
    }

    /// Returns a group's place.
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        self.groups.get(name).copied()
    }

    pub(super) fn members(&self, group: usize) -> &[Member] {
        self.members.get(group).map_or(&[], Vec::as_slice)
    }

    pub(super) fn need(&self, group: usize) -> u64 {
        self.needs.get(group).copied().unwrap_or(u64::MAX)
    }

    /// Returns, for each group, the officers in it, and in the groups in it.
    pub(super) fn people(&self) -> Vec<Vec<usize>> {
        self.officers_of(|_, hits| hits > 0)
    }

    /// Returns, for each group, the officers of whom any one is enough alone.
    pub(super) fn enough_alone(&self) -> Vec<Vec<usize>> {
        self.officers_of(|group, hits| hits >= self.need(group))
    }

    /// Returns, for each group, the officers without whom it is never met.
    pub(super) fn indispensable(&self) -> Vec<Vec<usize>> {
        let all = |group| self.members(group).len() as u64;
        self.officers_of(|group, hits| hits > 0 && all(group) - hits < self.need(group))
    }

    /// Counts, for each group, the people it takes if nobody is in two of its groups.
    pub(super) fn apparent(&self) -> Vec<u64> {
        let mut found = vec![0; self.members.len()];
        for group in &self.order {
            let members = self.members(*group).iter();
            let mut members: Vec<u64> = members
                .map(|member| match member {
                    Member::Group(inner) => found.get(*inner).copied().unwrap_or(0),
                    Member::Officer(_) => 1,
                })
                .collect();
            members.sort_unstable();
            let need = usize::try_from(self.need(*group)).unwrap_or(usize::MAX);
            let few = members.iter().take(need);
            let few = few.fold(0, |sum: u64, one| sum.saturating_add(*one));
            if let Some(found) = found.get_mut(*group) {
                *found = few;
            }
        }
        found
    }

    /// Returns, for each group, the officers of whom `is_so` holds, by the number of the group's members that they are, or
    /// of which the same holds.
    fn officers_of(&self, is_so: impl Fn(usize, u64) -> bool) -> Vec<Vec<usize>> {
        let mut found: Vec<Vec<usize>> = vec![Vec::new(); self.members.len()];
        for group in &self.order {
            let mut hits = vec![0_u64; self.officers];
            let mut hit = |officer: usize| {
                if let Some(hits) = hits.get_mut(officer) {
                    *hits += 1;
                }
            };
            for member in self.members(*group) {
                match member {
                    Member::Officer(officer) => hit(*officer),
                    Member::Group(inner) => {
                        let officers = found.get(*inner).into_iter().flatten();
                        officers.copied().for_each(&mut hit);
                    }
                }
            }
            let officers = hits.iter().zip(0..);
            let officers = officers.filter(|(hits, _)| is_so(*group, **hits));
            if let Some(found) = found.get_mut(*group) {
                *found = officers.map(|(_, officer)| officer).collect();
            }
        }
        found
    }

    /// Tells whether the officers marked in `chosen` meet a group. `met` is scratch of one place for each group.
    pub(super) fn is_met(
        &self,
        group: usize,
        chosen: &[bool],
        met: &mut Vec<Option<bool>>,
    ) -> bool {
        met.clear();
        met.resize(self.members.len(), None);
        self.is_met_knowing(group, chosen, met)
    }

    fn is_met_knowing(&self, group: usize, chosen: &[bool], met: &mut Vec<Option<bool>>) -> bool {
        if let Some(Some(known)) = met.get(group) {
            return *known;
        }
        let mut count = 0;
        for member in self.members(group) {
            count += u64::from(match member {
                Member::Officer(officer) => chosen.get(*officer) == Some(&true),
                Member::Group(inner) => self.is_met_knowing(*inner, chosen, met),
            });
        }
        let is_met = count >= self.need(group);
        if let Some(known) = met.get_mut(group) {
            *known = Some(is_met);
        }
        is_met
    }
}

/// Orders groups so that each stands behind those that are in it. One that is in itself stands nowhere.
fn inner_first(members: &[Vec<Member>]) -> Vec<usize> {
    let mut outer: Vec<Vec<usize>> = vec![Vec::new(); members.len()];
    let mut inner_left = vec![0_usize; members.len()];
    for (group, members) in members.iter().enumerate() {
        for member in members {
            if let Member::Group(inner) = member
                && let (Some(outer), Some(left)) =
                    (outer.get_mut(*inner), inner_left.get_mut(group))
            {
                outer.push(group);
                *left += 1;
            }
        }
    }
    let bare = inner_left
        .iter()
        .enumerate()
        .filter(|(_, left)| **left == 0);
    let mut order: Vec<usize> = bare.map(|(group, _)| group).collect();
    let mut at = 0;
    while let Some(group) = order.get(at).copied() {
        at += 1;
        for outer in outer.get(group).into_iter().flatten() {
            if let Some(left) = inner_left.get_mut(*outer) {
                *left -= 1;
                if *left == 0 {
                    order.push(*outer);
                }
            }
        }
    }
    order
}
