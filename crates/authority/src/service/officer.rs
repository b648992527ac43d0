//! What officers say (spec/policy.md#approval, #departed): on a request or a change, and of an owner.

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Time;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Approval, Departed, SignedStatement};

use super::Service;
use crate::store::{StoreError, Writing};

impl Service {
    /// A word is by an officer of the policy that decides, which the officer must have seen to be that one.
    ///
    /// It may come after an approval: a denial then stops what was not released yet. Whose word is not asked for is
    /// recorded too, and counts for nothing.
    pub(super) fn check_approval(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        approval: &Approval,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let Some(row) = store.subject(approval.subject)? else {
            return Ok(Err(Refusal::Author));
        };
        let subject = self.read_subject(store, &row, now)?.subject;
        let policy = subject.policy();
        let may =
            policy.officer(statement.author()).is_some() && policy.digest() == approval.policy;
        Ok(match (may, subject.is_over(now)) {
            (false, _) => Err(Refusal::Author),
            (true, true) => Err(Refusal::Ended),
            (true, false) => Ok(Outcome::Recorded),
        })
    }

    /// That an owner has departed is said by those whom the policy in force asks.
    pub(super) fn check_departed(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        departed: &Departed,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let in_force = self.policy_now(store)?;
        let policy = &in_force.policy;
        let group = policy
            .departed
            .as_deref()
            .and_then(|name| policy.group(name));
        let officer = policy.officer(statement.author());
        let may = match (group, officer) {
            (Some(group), Some(officer)) => group.people(policy).contains(officer.name.as_str()),
            _ => false,
        };
        let known = store.owner(departed.owner)?.is_some();
        Ok(if may && known {
            Ok(Outcome::Recorded)
        } else {
            Err(Refusal::Author)
        })
    }
}
