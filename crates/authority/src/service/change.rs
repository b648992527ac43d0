//! Changes of the policy (spec/policy.md#change): asked for, and decided by the policy they replace, before anything is
//! done that rests on it.

use strongroom_protocol::Refusal;
use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::{Around, Policy};
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{PolicyChange, SignedStatement, Statement};

use super::Service;
use super::request::is_timely;
use crate::identity;
use crate::log::Growth;
use crate::store::{ChangeRow, Damage, Snapshot, StoreError, Subject as SubjectRow, Writing};

impl Service {
    /// Anybody who has a part in the authority may ask: it is the policy in force that decides.
    pub(super) fn check_change(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        change: &PolicyChange,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let in_force = self.policy_now(store)?;
        let policy = &in_force.policy;
        let author = statement.author();
        let may =
            policy.officer(author).is_some() || identity::is_device(&self.log, store, author)?;
        if !may {
            return Ok(Err(Refusal::Author));
        }
        if change.replaces != policy.digest() {
            return Ok(Err(Refusal::Policy));
        }
        if !is_timely(policy, change.expires, now) {
            return Ok(Err(Refusal::Expiry));
        }
        // The same words signed by somebody else: approvals could not tell the two apart.
        if store.subject(change.digest())?.is_some() {
            return Ok(Err(Refusal::Author));
        }
        Ok(Ok(Outcome::Recorded))
    }

    /// Decides the changes that are due, before anything that rests on the policy in force.
    ///
    /// Only these are looked at: however many others are open, an act costs the same. One that is approved supersedes the
    /// rest, which are asked for under a policy that is not in force any more, and are not looked at again.
    pub(super) fn settle(&self, growth: &mut Growth<'_>, now: Time) -> Result<(), StoreError> {
        loop {
            let store = growth.store();
            let Some(row) = store.due_change(store.reign(u64::MAX)?, now)? else {
                return Ok(());
            };
            // Decided, or due later: either way it is not found again.
            self.decide_row(growth, &SubjectRow::Change(row), now)?;
        }
    }

    /// Reads what the log says around a change.
    pub(super) fn around_change(
        &self,
        store: &Snapshot<'_>,
        row: &ChangeRow,
        policy: &Policy,
        author: &VerifyingKey,
    ) -> Result<Around, StoreError> {
        let codes = if policy.change.codes {
            self.codes(store, row.entry)?
        } else {
            Vec::new()
        };
        let superseded = match store.next_reign(row.entry)? {
            // Its own approval put it in force, and did not overtake it.
            Some(next) if Some(next) != row.decision => Some(self.log.entry(store, next)?.time()),
            Some(_) | None => None,
        };
        Ok(Around::Change {
            author: asking_officer(store, policy, author)?,
            codes,
            superseded,
        })
    }

    /// Returns the public keys of the recovery codes of all owners who were enrolled before an entry.
    fn codes(&self, store: &Snapshot<'_>, before: u64) -> Result<Vec<VerifyingKey>, StoreError> {
        let code = |index| {
            let entry = self.log.entry(store, index)?;
            let Statement::Enroll(enroll) = entry.statement().statement() else {
                return Err(Damage::of_entry(index, "it is not an enrolment").into());
            };
            Ok(enroll.code_key)
        };
        store.owners(before)?.into_iter().map(code).collect()
    }
}

/// Returns an officer's key for a device of the officer's own: nobody approves what they asked for by another key.
fn asking_officer(
    store: &Snapshot<'_>,
    policy: &Policy,
    author: &VerifyingKey,
) -> Result<VerifyingKey, StoreError> {
    let owners = store.owners_of(author)?;
    let is_theirs = |owner: &OwnerId| owners.contains(owner);
    let mut officers = policy.officers.iter();
    let officer = officers.find(|officer| officer.owner.as_ref().is_some_and(is_theirs));
    let key = officer.and_then(|officer| officer.keys.first());
    Ok(*key.unwrap_or(author))
}
