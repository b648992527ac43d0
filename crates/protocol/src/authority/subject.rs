//! A request or a change of the policy, as an authority shows it: statements that speak for themselves, and the
//! authority's word on what is around them.

use serde::{Deserialize, Serialize};

use super::entries::Recorded;
use crate::policy::{Around, Decided, LoggedWord, Policy, Subject};
use crate::receipt::Acknowledgement;
use crate::statement::{SignedStatement, Statement};

/// A subject with all that it is decided on. Nothing of it is verified but the signatures of statements.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubjectView {
    /// The request, or the change.
    pub asked: Recorded,
    /// The policy that decides it: the one whose digest it names.
    pub policy: Policy,
    /// What was said to it, in the log's order: evidence, vetoes, officers' words.
    pub words: Vec<LoggedWord>,
    /// The decision, once there is one.
    pub decision: Option<Recorded>,
    /// What else the log says, by the authority's word.
    pub around: Around,
}

impl SubjectView {
    /// Puts the subject together from what the caller verified: the receipt of what was asked, and that of the decision.
    ///
    /// None if what was asked is neither a request nor a change, names another policy, or the decision is not on it, by
    /// that policy. Who signed the decision is the caller's to check, and that the receipts are of these statements.
    #[must_use]
    pub fn into_subject(
        self,
        asked: &Acknowledgement,
        decision: Option<&Acknowledgement>,
    ) -> Option<Subject> {
        let (digest, policy) = self.asked.statement.statement().asks()?;
        // A policy is what its digest says, whoever shows it.
        if self.policy.digest() != policy {
            return None;
        }
        let decided = match (self.decision, decision) {
            (Some(recorded), Some(acknowledged)) => {
                let decided = decided(&recorded.statement, acknowledged)?;
                let decision = &decided.decision;
                // An authority must not pass off a decision on something else, or one made by another policy.
                let is_on_it = decision.authority == self.asked.statement.authority()
                    && decision.request == digest
                    && decision.policy == policy;
                Some(is_on_it.then_some(decided)?)
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        Subject::new(
            self.asked.statement,
            (asked.index(), asked.time()),
            self.policy,
            self.words,
            decided,
            self.around,
        )
    }
}

fn decided(signed: &SignedStatement, acknowledged: &Acknowledgement) -> Option<Decided> {
    let Statement::Decision(decision) = signed.statement() else {
        return None;
    };
    Some(Decided {
        decision: decision.clone(),
        time: acknowledged.time(),
    })
}
