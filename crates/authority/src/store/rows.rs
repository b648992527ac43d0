//! The rows: what is stored of an entry, and what the questions of `index` are answered with. Unchecked, all of it.

use strongroom_protocol::id::{Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::keys::{Signature, VerifyingKey};
use strongroom_protocol::log::{Frontier, LeafSalt, NodeHash};

/// An entry of the log as it is stored.
#[derive(Clone)]
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
    pub(crate) index: u64,
    pub(crate) kind: u64,
    pub(crate) time: Time,
    pub(crate) salt: LeafSalt,
    pub(crate) attestation: Vec<u8>,
    pub(crate) signature: Signature,
    /// The hash that it is stored with.
    pub(crate) leaf: NodeHash,
}

impl From<&EntryRow> for LeafRow {
    fn from(row: &EntryRow) -> Self {
        Self {
            index: row.index,
            leaf: row.leaf,
            kind: row.kind,
            time: row.time,
            salt: row.salt,
            attestation: row.attestation.clone(),
            signature: row.signature,
        }
    }
}

/// The head of the log: its right edge, and the checkpoint that was signed over it.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) frontier: Frontier,
    pub(crate) checkpoint: String,
}

/// Where a deposited key lies: in the statement of an entry, at a place in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DepositRow {
    pub(crate) serial: Serial,
    pub(crate) entry: u64,
    pub(crate) place: u64,
}

/// Where the deposit lies that proved a SIMPLEBLOB.
#[derive(Clone, Copy)]
pub(crate) struct BlobClaimRow {
    pub(crate) entry: u64,
    pub(crate) place: u64,
}

/// A public key that speaks for an owner, or did: the entry that made it so, and the one that revoked it.
pub(crate) struct DeviceRow {
    pub(crate) key: VerifyingKey,
    pub(crate) entry: u64,
    pub(crate) revoked: Option<u64>,
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
    /// When it lapses, by its own word; the policy may say earlier.
    pub(crate) expires: Time,
    pub(crate) decision: Option<u64>,
}

/// A change of the policy, by the entry it came in.
pub(crate) struct ChangeRow {
    pub(crate) entry: u64,
    pub(crate) author: VerifyingKey,
    pub(crate) decision: Option<u64>,
}

/// When a change of the policy that is not decided is to be looked at next.
#[derive(Clone, Copy)]
pub(crate) enum Due {
    /// It lacks nothing but time, or was not looked at yet: from then on it can be decided.
    Decision(Time),
    /// It lacks something, and lapses then if that does not come.
    Lapse(Time),
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
    /// The changes of the policy, by their rows.
    Changes,
    /// What concerns everybody.
    Everybody,
    /// The changes to the policy of this digest.
    ChangesTo(Digest),
    /// The undecided changes of the policy that the entry put in force, 0 for the founding's. Once another policy is in
    /// force nobody asks for these any more.
    OpenChanges(u64),
    /// Of these, those that a key asked for.
    OpenChangesBy(u64, VerifyingKey),
    /// Of [`Self::Requests`] those that are open: not decided, or approved and not all released.
    OpenRequests,
    /// The undecided requests for an owner's keys that the owner's evidence was given for.
    ProvedRequestsOf(OwnerId),
    /// Of [`Self::RequestsBy`] those that are open.
    OpenRequestsBy(VerifyingKey),
    /// Of [`Self::RequestsOf`] those that are open.
    OpenRequestsOf(OwnerId),
    /// What concerns an owner.
    Owner(OwnerId),
    /// The requests, by their rows.
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
