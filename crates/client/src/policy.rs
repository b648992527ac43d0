//! The policy in force, believed as far as the authority's signature and log show it. That none came after it is the
//! authority's word: a policy that is no longer in force is refused when a request names it.

use strongroom_protocol::id::{Digest, Time};
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::{Acknowledgement, Receipt};
use strongroom_protocol::statement::{SignedStatement, Statement, Verdict};
use strongroom_protocol::{Founding, PolicyView};

use crate::connection::ExchangeError;

/// A policy that the authority was founded with, or that it decided to put in force: made by verifying, only.
#[derive(Clone, Debug)]
pub struct PolicyInForce {
    policy: Policy,
    digest: Digest,
    since: Time,
}

impl PolicyInForce {
    /// Verifies what put a policy in force (spec/policy.md#change): the founding, or a decision that is in the log.
    /// `verify` checks the decision's receipt.
    pub(crate) fn verify(
        about: &Founding,
        view: PolicyView,
        verify: impl FnOnce(&SignedStatement, &Receipt) -> Result<Acknowledgement, ExchangeError>,
    ) -> Result<Self, ExchangeError> {
        let found = about.found();
        let since = match &view.decided {
            None if view.policy == found.policy => found.created,
            None => return Err(ExchangeError::Policy),
            Some((change, decision, receipt)) => {
                if !puts_in_force(about, &view.policy, change, decision) {
                    return Err(ExchangeError::Policy);
                }
                verify(decision, receipt)?.time()
            }
        };
        Ok(Self {
            digest: view.policy.digest(),
            policy: view.policy,
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

/// Tells whether `decision` is the authority's yes to `change`, and `change` names the policy.
fn puts_in_force(
    about: &Founding,
    policy: &Policy,
    change: &SignedStatement,
    decision: &SignedStatement,
) -> bool {
    let (Statement::PolicyChange(asked), Statement::Decision(decided)) =
        (change.statement(), decision.statement())
    else {
        return false;
    };
    decision.author() == &about.found().log_key
        && decided.authority == about.authority()
        && decided.verdict == Verdict::Approved
        && decided.request == asked.digest()
        && decided.policy == asked.replaces
        && asked.authority == about.authority()
        && asked.policy == *policy
}
