//! Which policy is in force (spec/policy.md#change): the founding's, and after it each that was decided by the one
//! before. Not how a change is asked for and decided: that is `change`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use strongroom_protocol::Succession;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Officer, Person, Policy, Sponsorship};
use strongroom_protocol::statement::Statement;

use super::Service;
use crate::identity;
use crate::log::{self, Entry, Receipts};
use crate::store::{Damage, PolicyRow, Snapshot, StoreError};

/// A policy that is in force, or was.
pub(super) struct InForce {
    pub(super) policy: Policy,
    /// Through whom officers came into it, and into those before it.
    pub(super) sponsors: Vec<Sponsorship>,
    /// The change and the decision that put it in force; none for the founding's.
    decided: Option<(Entry, Entry)>,
}

impl Service {
    /// Returns the policy in force now.
    pub(super) fn policy_now(&self, store: &Snapshot<'_>) -> Result<Arc<InForce>, StoreError> {
        self.policy_at(store, u64::MAX)
    }

    /// Returns the policy that was in force when an entry was recorded.
    ///
    /// The index says which decisions there are. That each is one, and on a change of the policy before it, is read
    /// from the log: rows can hide the last changes, and put no other policy in force. What was read once is kept by the
    /// decision it rests on, before which nothing changes any more.
    pub(super) fn policy_at(
        &self,
        store: &Snapshot<'_>,
        entry: u64,
    ) -> Result<Arc<InForce>, StoreError> {
        let reign = store.reign(entry)?;
        let replayed = store.is_replayed();
        if let Some(known) = self.policies.get(&(reign, replayed)) {
            return Ok(known);
        }
        let mut in_force = Arc::new(InForce {
            policy: self.about.found().policy.clone(),
            sponsors: Vec::new(),
            decided: None,
        });
        for row in store.policies(entry)? {
            in_force = match self.policies.get(&(row.entry, replayed)) {
                Some(known) => known,
                None => Arc::new(self.succeed(store, &in_force, &row)?),
            };
        }
        // One that was not committed may be undone, and another decision get its place.
        if reign < self.committed.load(Ordering::SeqCst) {
            self.policies.keep((reign, replayed), in_force.clone());
        }
        Ok(in_force)
    }

    fn succeed(
        &self,
        store: &Snapshot<'_>,
        before: &InForce,
        row: &PolicyRow,
    ) -> Result<InForce, StoreError> {
        let wrong = || Damage::of_entry(row.entry, "it puts no policy in force");
        let asked = self.log.entry(store, row.change)?;
        let decided = self.log.entry(store, row.entry)?;
        let Statement::PolicyChange(change) = asked.statement().statement() else {
            return Err(wrong().into());
        };
        let decision = log::approval(&decided, &self.log.verifying_key()).ok_or_else(wrong)?;
        let replaced = before.policy.digest();
        let follows = decision.request == change.digest()
            && decision.policy == replaced
            && change.replaces == replaced
            && row.change < row.entry;
        if !follows {
            return Err(wrong().into());
        }
        let policy = change.policy.clone();
        let author = asked.statement().author();
        let owners = identity::owners_of(&self.log, store, author, row.change)?;
        let asking = Person {
            name: None,
            keys: vec![*author],
            owners,
        };
        Ok(InForce {
            sponsors: sponsors(before, &policy, asking),
            policy,
            decided: Some((asked, decided)),
        })
    }
}

impl InForce {
    /// Returns what put it in force; nothing for the founding's.
    pub(super) fn succession(
        &self,
        receipts: &Receipts<'_>,
    ) -> Result<Option<Succession>, StoreError> {
        let Some((change, decision)) = &self.decided else {
            return Ok(None);
        };
        Ok(Some(Succession {
            change: change.statement().clone(),
            decision: receipts.recorded(decision)?,
        }))
    }
}

/// Returns through whom officers came into a policy, and into those before it: what was once so stays so, whoever leaves and
/// whatever happens to anybody's keys.
///
/// Who has a key that was not theirs before came in through whoever asked for the change; and who is known by something else
/// than before came in through who they were.
fn sponsors(before: &InForce, policy: &Policy, asking: Person) -> Vec<Sponsorship> {
    let officers =
        |policy: &Policy| -> Vec<Person> { policy.officers.iter().map(Person::from).collect() };
    let (old, new) = (officers(&before.policy), officers(policy));
    let as_officer = old.iter().filter(|officer| officer.is(&asking)).cloned();
    let askers: Vec<Person> = as_officer.chain([asking.clone()]).collect();
    let was_theirs = |officer: &Officer, key: &VerifyingKey| {
        let before = before.policy.officer(key);
        before.is_some_and(|before| before.name == officer.name)
    };
    let is_new = |officer: &Officer| !officer.keys.iter().all(|key| was_theirs(officer, key));
    let mut sponsors = before.sponsors.clone();
    for (officer, person) in policy.officers.iter().zip(&new) {
        let brought_in = is_new(officer).then_some(&askers).into_iter().flatten();
        let earlier = old.iter().filter(|old| old.is(person) && *old != person);
        sponsors.extend(brought_in.chain(earlier).map(|by| Sponsorship {
            officer: person.clone(),
            by: by.clone(),
        }));
    }
    sponsors.sort_unstable();
    sponsors.dedup();
    sponsors
}
