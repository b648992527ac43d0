//! Whose word counts: an officer's under the policy that decides, and under the one that is in force when it is counted.

use super::{Group, Officer, Person, Policy};
use crate::keys::VerifyingKey;

/// The policy that decides something, beside the one in force now.
#[derive(Clone, Copy)]
pub struct Offices<'p> {
    /// The policy that decides.
    pub policy: &'p Policy,
    /// The policy in force, if that is another.
    pub in_force: Option<&'p Policy>,
}

impl<'p> Offices<'p> {
    /// Returns the officer of the policy that decides who speaks for a group of it by this key.
    ///
    /// They are of that group under the policy in force, too: by the same key, and as one person. Whom that has as the same
    /// person as another officer of the policy that decides is none of the two.
    #[must_use]
    pub fn speaker(&self, key: &VerifyingKey, group: &Group) -> Option<&'p Officer> {
        let officer = self.policy.officer(key)?;
        let is_in = |policy: &Policy, group: &Group, officer: &Officer| {
            group.people(policy).contains(officer.name.as_str())
        };
        if !is_in(self.policy, group, officer) {
            return None;
        }
        let Some(in_force) = self.in_force else {
            return Some(officer);
        };
        let now = in_force.officer(key)?;
        let mut then = now.keys.iter().filter_map(|key| self.policy.officer(key));
        let is_one = then.all(|other| other.name == officer.name);
        let speaks = is_one && is_in(in_force, in_force.group(&group.name)?, now);
        speaks.then_some(officer)
    }

    /// Tells whether somebody of the policy in force may be this officer: what stops something stands where it is in doubt.
    #[must_use]
    pub fn may_still_hold(&self, officer: &Officer) -> bool {
        let Some(in_force) = self.in_force else {
            return true;
        };
        let person = Person::from(officer);
        let mut officers = in_force.officers.iter();
        officers.any(|now| Person::from(now).is(&person))
    }
}
