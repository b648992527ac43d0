//! The authority as its callers see it, whether it is a folder on their own disk or a service.
//! Not what an operator does: that is the authority's own.

use crate::id::{AuthorityId, Digest, OwnerId, Serial, StatementId, Time};
use crate::log::{ConsistencyProof, SignedCheckpoint};
use crate::policy::{Policy, Reason, Scene};
use crate::receipt::{DepositState, Receipt};
use crate::statement::{DepositLabel, Found, Particulars, SignedStatement, Statement, Verdict};

/// A backup authority.
///
/// It blocks, and it is object-safe. There is one write; everything else reads what the log says.
pub trait Authority: Send + Sync {
    /// Returns who this is: what it was founded as.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn about(&self) -> Result<About, QueryError>;

    /// Records a statement, and returns what became of it with its place in the log.
    ///
    /// The same statement again gets the same entry. A statement whose author may not make it is refused and is
    /// not recorded; what an enrolled owner's deposits come to is in the receipt, refusals included.
    ///
    /// # Errors
    ///
    /// Says whether the statement is refused, and why, or the authority can't be reached; then it may or may not
    /// have been recorded, and the same bytes are to be sent again.
    fn submit(&self, statement: &SignedStatement) -> Result<Receipt, SubmitError>;

    /// Returns the receipt of a statement again, proved in the newest checkpoint.
    ///
    /// # Errors
    ///
    /// Says so when there is no such statement, or the authority can't be reached.
    fn receipt(&self, statement: StatementId) -> Result<Receipt, QueryError>;

    /// Returns a deposit statement of an owner's, so that a home that was lost can be filled again.
    ///
    /// # Errors
    ///
    /// Says so when there is none that the caller may see, or the authority can't be reached.
    fn statement(&self, statement: StatementId) -> Result<SignedStatement, QueryError>;

    /// Returns an owner's deposits, sorted by serial, beginning behind `after`.
    ///
    /// # Errors
    ///
    /// Says so when the caller may not see them, or the authority can't be reached.
    fn deposits(
        &self,
        owner: OwnerId,
        after: Option<Serial>,
    ) -> Result<Page<Deposited>, QueryError>;

    /// Returns what a request for everything of an owner's has to name. An owner nobody knows has nothing.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn holdings(&self, owner: OwnerId) -> Result<Holdings, QueryError>;

    /// Returns the statement of the authority's RSA key, if it has one: a SIMPLEBLOB wrapped to it can be deposited. Its
    /// [receipt](Self::receipt) shows that it is in the log.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn rsa_key(&self) -> Result<Option<SignedStatement>, QueryError>;

    /// Returns the policy in force, with what put it there.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn policy(&self) -> Result<PolicyView, QueryError>;

    /// Returns the changes of the policy that were asked for, in the log's order, beginning behind index `after`:
    /// officers and the operator see them, and whoever asked.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn changes(&self, after: Option<u64>) -> Result<Page<ChangeView>, QueryError>;

    /// Returns the requests that the caller may see, in the log's order, beginning behind index `after`: all of them
    /// for officers and the operator, those for their owner and those they made for a device.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn requests(&self, after: Option<u64>) -> Result<Page<RequestView>, QueryError>;

    /// Returns where a request stands, having decided it where that can be done now.
    ///
    /// # Errors
    ///
    /// Says so when there is no such request of the caller's, or the authority can't be reached.
    fn request(&self, request: StatementId) -> Result<RequestView, QueryError>;

    /// Returns one page of what a request was approved for, re-wrapped for the key it names: the `page`-th 256
    /// serials in their order, from 0. Asked again, it is answered with the same bytes.
    ///
    /// # Errors
    ///
    /// Says so when the request is not approved, and why; when there is no such request or page; or when the
    /// authority can't be reached.
    fn release(&self, request: StatementId, page: u64) -> Result<ReleasePage, ReleaseError>;

    /// Returns the newest checkpoint, as text that the caller verifies.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn checkpoint(&self) -> Result<SignedCheckpoint, QueryError>;

    /// Returns the proof that the log's first `new` entries extend its first `old` ones.
    ///
    /// # Errors
    ///
    /// Says so when the log has not so many entries, or the authority can't be reached.
    fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, QueryError>;

    /// Returns the leaves of the log from index `from` on, as they were hashed. They name nobody.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    fn leaves(&self, from: u64) -> Result<Page<Vec<u8>>, QueryError>;
}

/// Who an authority is: its founding statement, from which its id, keys and first policy follow.
#[derive(Clone, Debug)]
pub struct About {
    founding: SignedStatement,
    found: Found,
}

impl About {
    /// Takes a founding statement; any other is none.
    #[must_use]
    pub fn new(founding: SignedStatement) -> Option<Self> {
        let Statement::Found(found) = founding.statement() else {
            return None;
        };
        let found = (**found).clone();
        Some(Self { founding, found })
    }

    /// Returns the authority's id: the founding statement's.
    #[must_use]
    pub fn authority(&self) -> AuthorityId {
        self.founding.authority()
    }

    /// Returns the founding statement as signed.
    #[must_use]
    pub fn founding(&self) -> &SignedStatement {
        &self.founding
    }

    /// Returns what it says.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }
}

/// A part of a listing.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items, in the listing's order; the next page begins behind the last.
    pub items: Vec<T>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// A deposit that the authority keeps.
#[derive(Clone, Debug)]
pub struct Deposited {
    /// What it is bound to.
    pub label: DepositLabel,
    /// What its owner said of it.
    pub particulars: Particulars,
    /// What the authority knows of it.
    pub state: DepositState,
    /// When it was deposited, by the authority's clock.
    pub time: Time,
    /// The statement it came in.
    pub statement: StatementId,
    /// SHA-256 of the SIMPLEBLOBs that a file of this deposit had for its owner, by the owner's word: the newest first.
    pub own_blobs: Vec<Digest>,
}

impl Deposited {
    /// The most [`own_blobs`](Self::own_blobs) that are listed.
    pub const OWN_BLOBS_MAX: usize = 16;
}

/// What a request for everything freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// The size of the log.
    pub tree_size: u64,
    /// How many deposits of the owner's it holds.
    pub count: u64,
    /// [`Scope::serials_digest`](crate::statement::Scope::serials_digest) of their serials.
    pub serials: Digest,
}

/// Where a recovery request stands.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// The request.
    pub request: SignedStatement,
    /// Its index in the log.
    pub index: u64,
    /// When the authority recorded it.
    pub recorded: Time,
    /// What the log says around it.
    pub scene: Scene,
    /// What was said to it: evidence, vetoes, officers' words.
    pub statements: Vec<SignedStatement>,
    /// Where it stands.
    pub state: RequestState,
    /// Why it stands there.
    pub reasons: Vec<Reason>,
}

/// The policy in force.
#[derive(Clone, Debug)]
pub struct PolicyView {
    /// The policy.
    pub policy: Policy,
    /// The change that put it there, the decision on it, and that decision's place in the log; nothing for the policy
    /// that the authority was founded with.
    pub decided: Option<(SignedStatement, SignedStatement, Receipt)>,
}

/// Where a change of the policy stands.
#[derive(Clone, Debug)]
pub struct ChangeView {
    /// The change.
    pub change: SignedStatement,
    /// Its index in the log.
    pub index: u64,
    /// When the authority recorded it.
    pub recorded: Time,
    /// What was said to it: evidence, officers' words.
    pub statements: Vec<SignedStatement>,
    /// Where it stands.
    pub state: RequestState,
    /// Why it stands there.
    pub reasons: Vec<Reason>,
}

/// The states of a recovery request: requested, then decided, then, if approved, released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// It needs something still.
    Requested,
    /// It is decided.
    Decided(Verdict),
    /// It was approved, and all its keys have been handed out.
    Released,
}

impl RequestState {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Decided(verdict) => verdict.as_str(),
            Self::Released => "released",
        }
    }
}

/// One page of a release.
#[derive(Clone, Debug)]
pub struct ReleasePage {
    /// The decision it rests on, signed by the authority.
    pub decision: SignedStatement,
    /// The release, signed by the authority.
    pub release: SignedStatement,
    /// Its place in the log.
    pub receipt: Receipt,
    /// Whether there are pages behind it.
    pub more: bool,
}

/// Why a statement was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The authority won't have it.
    #[error("the authority refuses this: {0}")]
    Refused(#[from] Refusal),
    /// The authority can't be reached, or can't work.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why an authority won't record a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Only the authority itself makes such statements.
    #[error("only the authority makes such statements")]
    AuthoritysOwn,
    /// Its author is not somebody who may make it: unknown, or not for this owner or request. One answer for all.
    #[error("it is not signed by anybody who may ask for this")]
    Author,
    /// The request is over.
    #[error("the request is over")]
    Ended,
    /// A request whose time is out, or lasts longer than the policy allows.
    #[error("its time is over, or too far away")]
    Expiry,
    /// What the request is for is not what the log holds: a serial that is not there, or another number of them.
    #[error("it asks for what is not there")]
    Holdings,
    /// For another authority.
    #[error("it is for another authority")]
    OtherAuthority,
    /// The owner's id is taken.
    #[error("there is an owner of this id already")]
    OwnerExists,
    /// It names a policy that is not in force.
    #[error("it names a policy that is not in force")]
    Policy,
    /// Sealed to a key that is not the authority's.
    #[error("it is sealed to a key that is not the authority's")]
    WrapKey,
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// There is no such thing, or it is not the caller's to see.
    #[error("the authority has nothing of that name for this owner")]
    NotFound,
    /// The authority can't be reached, or can't work.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why no key was released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// There is no such request or page, or it is not the caller's.
    #[error("the authority has no such request for this owner")]
    NotFound,
    /// The request is not approved.
    #[error("the request is {}", .state.as_str())]
    Not {
        /// Where it stands.
        state: RequestState,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The authority can't be reached, or can't work.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// An authority that does not answer: its disk, its network, its version.
#[derive(Debug, thiserror::Error)]
#[error("the authority can't do this now: {message}")]
pub struct Unavailable {
    /// What happened, as a sentence without a full stop.
    pub message: String,
    /// What may help, as a sentence without a full stop.
    pub hint: Option<String>,
    /// Whether trying again later may do.
    pub retry: bool,
    /// What it was caused by.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
