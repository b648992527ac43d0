//! Proofs that something was approved: made by deciding alone, and needed wherever a key leaves or a policy changes.

use super::Policy;
use crate::id::{AuthorityId, Digest, OwnerId, StatementId, Time};
use crate::statement::{Decision, PolicyChange, Request, Scope, Verdict};
use crate::wrap::PublicKey;

/// What a decision rests on.
#[derive(Clone, Debug)]
pub(super) struct Grounds {
    pub(super) rule: String,
    pub(super) evidence: Vec<StatementId>,
    pub(super) approvals: Vec<StatementId>,
    pub(super) not_after: Time,
}

impl Grounds {
    fn decision(
        &self,
        authority: AuthorityId,
        subject: Digest,
        policy: Digest,
        asker: Option<OwnerId>,
    ) -> Decision {
        Decision {
            authority,
            request: subject,
            policy,
            evidence: self.evidence.clone(),
            approvals: self.approvals.clone(),
            asker,
            verdict: Verdict::Approved,
            not_after: self.not_after,
        }
    }
}

/// That a request was approved: made by [`decide`](super::decide) alone, and needed wherever a key leaves.
#[derive(Debug)]
pub struct Approved {
    request: Box<Request>,
    policy: Digest,
    grounds: Grounds,
    asker: Option<OwnerId>,
}

impl Approved {
    pub(super) fn new(
        request: &Request,
        policy: &Policy,
        grounds: Grounds,
        asker: Option<OwnerId>,
    ) -> Self {
        Self {
            request: Box::new(request.clone()),
            policy: policy.digest(),
            grounds,
            asker,
        }
    }

    /// Returns whose keys may leave.
    #[must_use]
    pub fn owner(&self) -> OwnerId {
        self.request.owner
    }

    /// Returns which of them.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.request.scope
    }

    /// Returns the one key they may leave to: the one that everybody who approved saw.
    #[must_use]
    pub fn release_key(&self) -> &PublicKey {
        &self.request.release_key
    }

    /// Returns the rule that was met.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.grounds.rule
    }

    /// Returns the statement to log before anything is released.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let request = &self.request;
        self.grounds
            .decision(request.authority, request.digest(), self.policy, self.asker)
    }
}

/// That a change of the policy was approved: made by [`decide_change`](super::decide_change) alone.
#[derive(Debug)]
pub struct PolicyApproved {
    change: Box<PolicyChange>,
    grounds: Grounds,
}

impl PolicyApproved {
    pub(super) fn new(change: &PolicyChange, grounds: Grounds) -> Self {
        Self {
            change: Box::new(change.clone()),
            grounds,
        }
    }

    /// Returns the statement to log.
    #[must_use]
    pub fn decision(&self) -> Decision {
        let change = &self.change;
        self.grounds
            .decision(change.authority, change.digest(), change.replaces, None)
    }
}
