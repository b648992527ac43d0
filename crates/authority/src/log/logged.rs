//! What was decided and is in the log: without it custody opens nothing.

use strongroom_protocol::id::Digest;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::Approved;
use strongroom_protocol::statement::{Decision, Statement, Verdict};

use super::{Entry, Log};

/// A value whose decision was committed to the log and read back from there.
///
/// [`Approved`] says that the policy lets the keys go now; an [`Entry`] with the decision says that the log has it
/// first. There is no other way to make one.
pub(crate) struct Logged<T> {
    value: T,
    decision: Digest,
    is_by_officers: bool,
}

impl Logged<Approved> {
    /// Joins an approval, decided now, to the decision that was logged when it was decided first.
    ///
    /// None if what was logged is not an approval of this very request, by this very policy, by this authority.
    pub(crate) fn confirm(approved: Approved, entry: &Entry, log: &Log) -> Option<Self> {
        let now = approved.decision();
        let logged = approval(entry, &log.verifying_key())?;
        let same = logged.authority == now.authority
            && logged.authority == log.authority()
            && logged.request == now.request
            && logged.policy == now.policy;
        same.then(|| Self {
            value: approved,
            decision: logged.digest(),
            is_by_officers: !logged.approvals.is_empty(),
        })
    }

    /// Returns what was approved.
    pub(crate) fn approved(&self) -> &Approved {
        &self.value
    }

    /// Returns H(Q) of the request.
    pub(crate) fn request(&self) -> Digest {
        self.value.decision().request
    }

    /// Tells whether the decision in the log rests on an officer's approval, among other things.
    pub(crate) fn is_by_officers(&self) -> bool {
        self.is_by_officers
    }

    /// Returns the digest of the decision in the log.
    pub(crate) fn decision(&self) -> Digest {
        self.decision
    }
}

/// Returns the approval that an entry is, if this authority made it.
pub(crate) fn approval<'e>(entry: &'e Entry, log_key: &VerifyingKey) -> Option<&'e Decision> {
    let signed = entry.statement();
    let Statement::Decision(decision) = signed.statement() else {
        return None;
    };
    let approves = decision.verdict == Verdict::Approved && signed.author() == log_key;
    approves.then_some(decision)
}
