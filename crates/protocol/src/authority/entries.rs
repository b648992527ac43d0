//! Entries of the log as a caller is given them: which, and in what pages.

use serde::{Deserialize, Serialize};

use crate::id::{Digest, OwnerId};
use crate::receipt::Receipt;
use crate::statement::SignedStatement;

/// Which entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The changes of the policy, decided or not, to the one that has this digest.
    ///
    /// For those who may see changes: officers, the operator, and every owner's devices.
    ChangesTo(Digest),
    /// What is open of [`Self::Subjects`]: nothing that was decided, but for approved requests whose keys are not all out.
    Open,
    /// What concerns an owner: their enrolment, deposits and blobs; requests for their keys or by their devices, with what
    /// was said to them, decided and released; and what concerns everybody: the founding, changes of the policy with
    /// what was said to them and decided, the RSA key, checks, and that the authority was restored.
    ///
    /// For devices of the owner's, and the operator.
    Owner(OwnerId),
    /// The requests and changes of the policy that the caller may see: officers and the operator all of them, others the
    /// changes, and the requests that are for their keys or theirs.
    Subjects,
}

/// A statement that is in the log, with the receipt that shows it. The signature of the statement is verified, the
/// receipt is not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The statement.
    pub statement: SignedStatement,
    /// Its place in the log.
    pub receipt: Receipt,
}

/// A part of a listing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the listing's order.
    pub items: Vec<T>,
    /// The indexes of entries that belong here and can't be read: what is damaged costs itself, and is told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<u64>,
    /// The index in the log with which the next page begins: all that comes before it is in this page, or was in those
    /// before. At the end it is the size of the log.
    pub next: u64,
}
