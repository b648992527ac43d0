//! The rows: what is stored of an entry, and what the questions of `index` are answered with. Unchecked, all of it.

use strongroom_protocol::id::{OwnerId, Serial, StatementId, Time};
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
    pub(crate) kind: u64,
    pub(crate) time: Time,
    pub(crate) salt: LeafSalt,
    pub(crate) attestation: Vec<u8>,
    pub(crate) signature: Signature,
}

impl From<&EntryRow> for LeafRow {
    fn from(row: &EntryRow) -> Self {
        Self {
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
}

/// Which rows of a listing somebody may see.
#[derive(Clone, Copy)]
pub(crate) enum Seen {
    All,
    /// What the key asked for, and what is asked of an owner that it speaks for.
    By(VerifyingKey),
}

/// A policy that came into force: the decision that put it there, and the change it is in.
pub(crate) struct PolicyRow {
    pub(crate) entry: u64,
    pub(crate) change: u64,
}
