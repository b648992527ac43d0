//! The authority as its callers see it, whether it is a folder on their own disk or a service: what it is asked, and
//! what answers that. Not what an operator does: that is the authority's own.

mod about;
mod entries;
mod error;
mod json;
mod pages;
mod possession;
mod release;
mod subject;

use crate::id::{OwnerId, Serial, StatementId};
use crate::log::{ConsistencyProof, SignedCheckpoint};
use crate::receipt::Receipt;
use crate::statement::SignedStatement;

pub use about::{About, Founding, Holdings, Succession};
pub use entries::{Page, Recorded, Select};
pub use error::{QueryError, Refusal, ReleaseError, SubmitError, Unavailable, UnavailableKind};
pub use json::MalformedView;
pub use pages::{EndlessListing, Listed, pages};
pub use possession::{Challenge, EntryBytes, Possession, PossessionProof};
pub use release::ReleasePage;
pub use subject::SubjectView;

/// A backup authority, as somebody meets it: what it shows depends on who they have shown to be.
///
/// It blocks, and it is object-safe. There is one write, and one that puts back what was written; everything else reads what
/// the log says, and decides nothing.
pub trait Authority: Send + Sync {
    /// Returns who this is: what it was founded as, and what it said of itself since.
    ///
    /// # Errors
    ///
    /// The authority can't be reached, or can't work.
    fn about(&self) -> Result<About, QueryError>;

    /// Records a statement, and returns what became of it with its place in the log.
    ///
    /// The same statement again gets the same entry; of a request or a change of the policy, what is due by now is
    /// decided then. A statement whose author may not make it is refused and is not recorded; what an enrolled owner's
    /// deposits come to is in the receipt, refusals included.
    ///
    /// # Errors
    ///
    /// The statement is refused, and why; or the authority can't be reached, and the statement may or may not have been
    /// recorded: the same bytes are to be sent again.
    fn submit(&self, statement: &SignedStatement) -> Result<Receipt, SubmitError>;

    /// Returns the entries that `select` picks, in the log's order, beginning with index `from`.
    ///
    /// A page is full ([`Listed`]), or goes to the end of the log.
    ///
    /// # Errors
    ///
    /// There is no such owner, or their entries are not the caller's to see; or the authority can't be reached.
    fn entries(&self, select: Select, from: u64) -> Result<Page<Recorded>, QueryError>;

    /// Shows of an owner's deposits, at most [`Possession::DEPOSITS_MAX`], that they are there and would be found: all bytes
    /// of their entries are read, and hashed with the challenge. For who sees the owner's entries.
    ///
    /// # Errors
    ///
    /// There is no such owner, or their deposits are not the caller's to ask about, or too many are asked about; or the
    /// authority can't be reached.
    fn prove_possession(
        &self,
        owner: OwnerId,
        challenge: &Challenge,
        serials: &[Serial],
    ) -> Result<Possession, QueryError>;

    /// Puts entries back into the places that they had in the log, where they are lost or damaged, at most
    /// [`Recorded::PAGE_ITEMS`](Listed::PAGE_ITEMS): whoever has them may give them back. Nothing in the log changes. Returns
    /// how many were put back; what is there, or never was, is passed over.
    ///
    /// # Errors
    ///
    /// There are too many; or the authority can't be reached, or can't work.
    fn mend(&self, entries: &[Recorded]) -> Result<u64, QueryError>;

    /// Returns a request or a change of the policy with all that it is decided on. Looking decides nothing.
    ///
    /// # Errors
    ///
    /// There is none of that id that the caller may see; or the authority can't be reached.
    fn subject(&self, asked: StatementId) -> Result<SubjectView, QueryError>;

    /// Returns what a request for everything of an owner's has to name. An owner nobody knows has nothing.
    ///
    /// # Errors
    ///
    /// The authority can't be reached, or can't work.
    fn holdings(&self, owner: OwnerId) -> Result<Holdings, QueryError>;

    /// Returns one page of what a request was approved for, re-wrapped for the key that it names: the `page`-th 256
    /// deposits in the log's order, from 0. Asked again, it is answered with the same bytes.
    ///
    /// Pages are released one after another. It is an act of whoever asks: a request that can be decided by now is.
    ///
    /// # Errors
    ///
    /// The request is not approved; there is no such request or page, or the page before it was not released yet; or the
    /// authority can't be reached.
    fn release(&self, request: StatementId, page: u64) -> Result<ReleasePage, ReleaseError>;

    /// Returns the newest checkpoint, as text that the caller verifies.
    ///
    /// # Errors
    ///
    /// The authority can't be reached, or can't work.
    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError>;

    /// Returns the proof that the log's first `new` entries extend its first `old` ones.
    ///
    /// # Errors
    ///
    /// The log has not so many entries; or the authority can't be reached.
    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError>;

    /// Returns the leaves of the log from index `from` on, as they were hashed. They name nobody.
    ///
    /// # Errors
    ///
    /// The authority can't be reached, or can't work.
    fn leaves(&self, from: u64) -> Result<Page<Vec<u8>>, QueryError>;
}
