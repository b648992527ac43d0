//! The policy in force, believed as far as the authority's signature and log show it. That none came after it is the
//! authority's word: a policy that is no longer in force is refused when a request names it.

use strongroom_protocol::id::{Digest, Time};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::statement::{Statement, Verdict};
use strongroom_protocol::{Founding, Recorded, Succession};

use crate::connection::{Connection, ExchangeError};

/// A policy that the authority was founded with, or that it decided to put in force: made by verifying, only.
#[derive(Clone, Debug)]
pub struct PolicyInForce {
    policy: Policy,
    digest: Digest,
    since: Time,
}

impl PolicyInForce {
    /// Verifies what put a policy in force (spec/policy.md#change): the founding, or a decision that is in the log.
    pub(crate) fn verify(
        connection: &Connection<'_>,
        succession: Option<Succession>,
    ) -> Result<Self, ExchangeError> {
        let founding = connection.founding();
        let (policy, since) = match succession {
            None => (founding.found().policy.clone(), founding.found().created),
            Some(succession) => {
                let policy = put_in_force(founding, &succession).ok_or(ExchangeError::Policy)?;
                let Recorded { statement, receipt } = &succession.decision;
                (policy, connection.acknowledge(statement, receipt)?.time())
            }
        };
        Ok(Self {
            digest: policy.digest(),
            policy,
            since,
        })
    }

    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns its digest, which requests name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns since when it is in force, by the authority's clock.
    #[must_use]
    pub fn since(&self) -> Time {
        self.since
    }
}

/// Returns the policy that a change asked for, if the decision is the authority's yes to it.
fn put_in_force(founding: &Founding, succession: &Succession) -> Option<Policy> {
    let decision = &succession.decision.statement;
    let (Statement::PolicyChange(asked), Statement::Decision(decided)) =
        (succession.change.statement(), decision.statement())
    else {
        return None;
    };
    let follows = *decision.author() == founding.found().log_key
        && decided.authority == founding.authority()
        && decided.verdict == Verdict::Approved
        && decided.request == asked.digest()
        && decided.policy == asked.replaces
        && asked.authority == founding.authority();
    follows.then(|| asked.policy.clone())
}
