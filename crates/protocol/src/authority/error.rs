//! What an authority answers when it does not do what was asked.

use crate::id::Serial;
use crate::policy::SubjectState;

/// Why a statement was not recorded.
#[derive(Debug, thiserror::Error)]
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
    Holdings {
        /// The first of those that were named and are not there.
        missing: Option<Serial>,
    },
    /// It revokes the only device that its owner has.
    #[error("it is the only device that its owner has")]
    LastDevice,
    /// No veto was said that could be overruled.
    #[error("no device of the owner's vetoed it: there is nothing to overrule")]
    NothingToOverrule,
    /// For another authority.
    #[error("it is for another authority")]
    OtherAuthority,
    /// The owner's id is taken.
    #[error("there is an owner of this id already")]
    OwnerExists,
    /// It names a policy that is not in force.
    #[error("it names a policy that is not in force")]
    Policy,
    /// The key of an invitation that had its device join, or that is known otherwise.
    #[error("the invitation was used already")]
    Used,
    /// Its author has asked for, or said, as much as the authority keeps open for one.
    #[error("the same key has too much open already")]
    TooMany,
    /// Sealed to a key that is not the authority's.
    #[error("it is sealed to a key that is not the authority's")]
    WrapKey,
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
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
pub enum ReleaseError {
    /// There is no such request or page, or it is not the caller's.
    #[error("the authority has no such request for this owner")]
    NotFound,
    /// The request is not approved; why is in its [subject](super::Authority::subject).
    #[error("the request is {}", .state.as_str())]
    NotApproved {
        /// Where it stands.
        state: SubjectState,
    },
    /// The authority can't be reached, or can't work.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<QueryError> for ReleaseError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NotFound => Self::NotFound,
            QueryError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// An authority that does not answer. What its user does about it follows from the kind.
#[derive(Debug, thiserror::Error)]
#[error("the authority can't do this now: {message}")]
pub struct Unavailable {
    /// What kind of trouble it is.
    pub kind: UnavailableKind,
    /// What happened, as a sentence without a full stop.
    pub message: String,
    /// What it was caused by.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Unavailable {
    /// Says what happened.
    #[must_use]
    pub fn new(kind: UnavailableKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }
}

/// The kinds of trouble that an authority can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnavailableKind {
    /// Others are at work: the same can be asked again.
    Busy,
    /// The clock of its machine is behind its own log.
    Clock,
    /// What it stores is not what it stored.
    Damaged,
    /// Something else went wrong.
    Failed,
    /// Its disk is full.
    Full,
    /// It was made by a newer version.
    Newer,
    /// It is not where it is looked for, or does not answer.
    OutOfReach,
    /// It can be read, and not be written to.
    ReadOnly,
    /// The key that opens deposits is sealed, and was not unlocked.
    Sealed,
}

impl UnavailableKind {
    /// Tells whether the same may do later, with nothing changed here.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::Busy | Self::Full | Self::OutOfReach => true,
            Self::Clock
            | Self::Damaged
            | Self::Failed
            | Self::Newer
            | Self::ReadOnly
            | Self::Sealed => false,
        }
    }
}
