//! What the authority keeps, as rows: the entries of the log, which are the truth, and indexes made from them.
//! Not what the rows mean: `log` reads entries, `index` fills the indexes, `service` asks.

mod sqlite;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use strongroom_protocol::id::{OwnerId, Serial, StatementId, Time};
use strongroom_protocol::keys::{Signature, VerifyingKey};
use strongroom_protocol::log::{Frontier, LeafSalt, NodeHash, TreeError};
use strongroom_protocol::{QueryError, ReleaseError, Unavailable, UnavailableKind};

pub(crate) use sqlite::{Snapshot, Store, Writing};

/// An entry of the log as it is stored, unchecked.
pub(crate) struct EntryRow {
    pub(crate) index: u64,
    pub(crate) kind: u64,
    pub(crate) time: Time,
    pub(crate) salt: LeafSalt,
    pub(crate) statement: Vec<u8>,
    pub(crate) attestation: Vec<u8>,
    pub(crate) signature: Signature,
    pub(crate) id: StatementId,
    pub(crate) leaf: NodeHash,
}

/// The parts of an entry that its leaf is made of.
pub(crate) struct LeafRow {
    pub(crate) kind: u64,
    pub(crate) time: Time,
    pub(crate) salt: LeafSalt,
    pub(crate) attestation: Vec<u8>,
    pub(crate) signature: Signature,
}

/// The head of the log: its right edge, and the checkpoint that was signed over it.
pub(crate) struct Head {
    pub(crate) frontier: Frontier,
    pub(crate) checkpoint: String,
}

/// Where a deposited key lies: in the statement of an entry, at a place in its list.
#[derive(Clone, Copy)]
pub(crate) struct DepositRow {
    pub(crate) serial: Serial,
    pub(crate) entry: u64,
    pub(crate) place: u64,
}

/// Where the deposit lies that proved a SIMPLEBLOB.
pub(crate) struct BlobClaimRow {
    pub(crate) entry: u64,
    pub(crate) place: u64,
}

/// A public key that speaks for an owner, and the entry that made it so.
pub(crate) struct DeviceRow {
    pub(crate) key: VerifyingKey,
    pub(crate) entry: u64,
}

/// A recovery request, by the entry it came in.
pub(crate) struct RequestRow {
    pub(crate) entry: u64,
    pub(crate) owner: OwnerId,
    pub(crate) device: VerifyingKey,
    /// The other owner whose device it was.
    pub(crate) asker: Option<OwnerId>,
    /// How many deposits it is for.
    pub(crate) keys: u64,
    pub(crate) decision: Option<u64>,
}

/// A change of the policy, by the entry it came in.
pub(crate) struct ChangeRow {
    pub(crate) entry: u64,
    pub(crate) author: VerifyingKey,
    pub(crate) decision: Option<u64>,
}

/// What words are said of and decisions are made on.
pub(crate) enum Subject {
    Change(ChangeRow),
    Request(RequestRow),
}

impl Subject {
    /// Returns the entry of the request, or of the change.
    pub(crate) fn entry(&self) -> u64 {
        match self {
            Self::Change(row) => row.entry,
            Self::Request(row) => row.entry,
        }
    }

    /// Returns the entry of the decision, if there is one.
    pub(crate) fn decision(&self) -> Option<u64> {
        match self {
            Self::Change(row) => row.decision,
            Self::Request(row) => row.decision,
        }
    }
}

/// Entries that are listed together, in the log's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The changes of the policy.
    Changes,
    /// What concerns everybody.
    Everybody,
    /// The undecided changes of the policy that the entry put in force, 0 for the founding's. Once another policy is in
    /// force nobody asks for these any more.
    OpenChanges(u64),
    /// Of [`Self::Requests`] those that are open: not decided, or approved and not all released.
    OpenRequests,
    /// Of [`Self::RequestsBy`] those that are open.
    OpenRequestsBy(VerifyingKey),
    /// Of [`Self::RequestsOf`] those that are open.
    OpenRequestsOf(OwnerId),
    /// What concerns an owner.
    Owner(OwnerId),
    /// The requests.
    Requests,
    /// The requests that a key made.
    RequestsBy(VerifyingKey),
    /// The requests for an owner's keys, or by a device of theirs for another's.
    RequestsOf(OwnerId),
}

/// A policy that came into force: the decision that put it there, and the change it is in.
pub(crate) struct PolicyRow {
    pub(crate) entry: u64,
    pub(crate) change: u64,
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process held it for longer than anybody should.
    #[error("another process is holding the authority's store")]
    Busy,
    /// What is stored is not what was stored.
    #[error("the authority's store is damaged: {0}")]
    Damaged(Damage),
    /// The disk is full.
    #[error("the disk of the authority's store is full")]
    Full,
    /// The store's file went away, or another was put in its place, while it was open.
    #[error("the authority's store is gone from its place")]
    Missing,
    /// Made by a newer Strongroom.
    #[error("made by a newer Strongroom (its version is {found}, this one reads {known})")]
    Newer {
        /// The store's version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// A file of something else.
    #[error("not the store of a Strongroom authority")]
    NotOurs,
    /// It may be read only.
    #[error("the authority's store can't be written to")]
    ReadOnly,
    /// Something else went wrong below.
    #[error("the authority's store failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// What is damaged, and in which entry if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    entry: Option<u64>,
    what: &'static str,
}

impl Damage {
    pub(crate) fn of_entry(entry: u64, what: &'static str) -> Self {
        let entry = Some(entry);
        Self { entry, what }
    }

    pub(crate) fn of(what: &'static str) -> Self {
        Self { entry: None, what }
    }

    /// Returns the index of the damaged entry.
    #[must_use]
    pub fn entry(&self) -> Option<u64> {
        self.entry
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry}: {}", self.what),
            None => f.write_str(self.what),
        }
    }
}

impl From<Damage> for StoreError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl From<TreeError> for StoreError {
    fn from(error: TreeError) -> Self {
        match error {
            TreeError::TooLarge => Self::Failed(error.into()),
            TreeError::OutOfRange | TreeError::WrongCount | TreeError::WrongTile => {
                Self::Damaged(Damage::of("the tree's hashes do not fit together"))
            }
            _ => Self::Failed(error.into()),
        }
    }
}

impl StoreError {
    /// Says it as an authority's caller is told; the error may be that of a whole group.
    pub(crate) fn unavailable(self: Arc<Self>) -> Unavailable {
        Unavailable {
            kind: self.kind(),
            message: self.to_string(),
            source: match Arc::try_unwrap(self) {
                Ok(Self::Failed(cause)) => Some(cause),
                Ok(_) => None,
                Err(shared) => shared.source().map(|cause| cause.to_string().into()),
            },
        }
    }

    /// Returns what kind of trouble it is, for whoever has to do something about it.
    pub(crate) fn kind(&self) -> UnavailableKind {
        match self {
            Self::Busy => UnavailableKind::Busy,
            // Where the store was is something else: a backup helps, as with damage.
            Self::Damaged(_) | Self::NotOurs => UnavailableKind::Damaged,
            Self::Full => UnavailableKind::Full,
            Self::Missing => UnavailableKind::OutOfReach,
            Self::Newer { .. } => UnavailableKind::Newer,
            Self::ReadOnly => UnavailableKind::ReadOnly,
            Self::Failed(_) => UnavailableKind::Failed,
        }
    }
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Arc::new(error).unavailable()
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<StoreError> for ReleaseError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}
