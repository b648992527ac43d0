//! What officers say (spec/policy.md#approval, #departed): on a request or a change, and of an owner.

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Time;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Approval, Departed, SignedStatement, Word};

use super::Service;
use super::limit::may_say_more;
use crate::store::{StoreError, Writing};

impl Service {
    /// A word is by an officer of the policy that decides, which the officer must have seen to be that one, and of the policy
    /// in force.
    ///
    /// It may come after an approval: a denial then stops what was not released yet. Whose word is not asked for is
    /// recorded too, and counts for nothing. What overrules comes after what it overrules.
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
        let by = statement.author();
        let in_force = self.policy_now(store)?;
        let policies = [policy, &in_force.policy];
        let may = policies.iter().all(|policy| policy.officer(by).is_some())
            && policy.digest() == approval.policy;
        Ok(if !may {
            Err(Refusal::Author)
        } else if subject.is_over(now) {
            Err(Refusal::Ended)
        } else if approval.word == Word::Overrule && !subject.is_vetoed() {
            Err(Refusal::NothingToOverrule)
        } else {
            may_say_more(&subject, by)
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
