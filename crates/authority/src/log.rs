//! The authority's log over its store: entries are appended in groups under one checkpoint, and read back verified.
//! Its times only go forward. Not what may be recorded: `service` decides that.

mod entry;
mod growth;
mod logged;
mod receipts;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_protocol::Recorded;
use strongroom_protocol::cores::on_all_cores;
use strongroom_protocol::id::{AuthorityId, Digest, StatementId};
use strongroom_protocol::keys::{Signature, SigningKey, VerifyingKey};
use strongroom_protocol::label::Label;
use strongroom_protocol::log::{
    Checkpoint, ConsistencyProof, Frontier, Leaf, SignedCheckpoint, TiledLog, prove_consistency,
    root,
};
use strongroom_protocol::receipt::{Outcome, SignedAttestation};
use strongroom_protocol::statement::{Decision, SignedStatement, Statement};

use crate::store::{Damage, EntryRow, LeafRow, Snapshot, StoreError, Writing};

pub(crate) use entry::Entry;
pub(crate) use growth::Growth;
pub(crate) use logged::{Logged, approval};
pub(crate) use receipts::Receipts;
use verified::Verified;

/// Who writes the log: the authority's name and its log key.
pub(crate) struct Log {
    authority: AuthorityId,
    key: SigningKey,
    verified: Verified,
    /// The checkpoint that was signed or verified here last.
    checkpoint: Mutex<Option<SignedCheckpoint>>,
}

impl Log {
    pub(crate) fn new(authority: AuthorityId, key: SigningKey) -> Self {
        Self {
            authority,
            key,
            verified: Verified::new(),
            checkpoint: Mutex::default(),
        }
    }

    pub(crate) fn authority(&self) -> AuthorityId {
        self.authority
    }

    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// Signs a statement of the authority's own.
    pub(crate) fn sign(&self, statement: impl Into<Statement>) -> SignedStatement {
        SignedStatement::sign(statement, &self.key)
    }

    /// Signs a decision; none if it rests on more statements than one can name.
    pub(crate) fn sign_decision(&self, decision: Decision) -> Option<SignedStatement> {
        let signed = self.sign(decision);
        // What can't be read back would damage the log.
        SignedStatement::parse(signed.as_bytes()).ok()
    }

    /// Signs what a replay of the log came to.
    pub(crate) fn sign_replay(&self, replay: &Digest) -> Signature {
        self.key.sign(Label::REPLAY, replay.as_bytes())
    }

    /// Begins to append, under the store's lock.
    pub(crate) fn grow<'g>(&'g self, store: &'g Writing<'g>) -> Result<Growth<'g>, StoreError> {
        Growth::of(self, store)
    }

    /// Reads an entry, and checks that it is what this authority recorded at this place.
    pub(crate) fn entry(&self, store: &Snapshot<'_>, index: u64) -> Result<Entry, StoreError> {
        let row = store.entry(index)?;
        let row = row.ok_or(Damage::of_entry(index, "it is missing"))?;
        self.check(&row)
    }

    /// Checks an entry as it was read from the store. What was checked before is compared: the same bytes are the same entry.
    fn check(&self, row: &EntryRow) -> Result<Entry, StoreError> {
        if let Some(entry) = self.verified.find(row) {
            return Ok(entry);
        }
        let entry = Entry::check(row, self.authority, &self.verifying_key())?;
        self.verified.keep(&entry);
        Ok(entry)
    }

    /// Reads the entries at these places that can be read: a damaged one costs itself, and no others.
    pub(crate) fn readable(
        &self,
        store: &Snapshot<'_>,
        indexes: &BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, Entry>, StoreError> {
        let indexes: Vec<u64> = indexes.iter().copied().collect();
        let rows = match store.entries(&indexes) {
            // A row that is none at all, and hides the others.
            Err(StoreError::Damaged(_)) => indexes
                .iter()
                .filter_map(|index| store.entry(*index).ok().flatten())
                .collect(),
            rows => rows?,
        };
        let entries = on_all_cores(&rows, |row| self.check(row).ok());
        let entries = entries.into_iter().flatten();
        Ok(entries.map(|entry| (entry.index(), entry)).collect())
    }

    /// Puts the bytes of a statement back where it was recorded, if they are damaged there; returns the entry then.
    ///
    /// What was signed of it, its id and its leaf stay what they are, so that the log does not change. Where these are
    /// damaged too, nothing is done.
    pub(crate) fn mend(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        index: u64,
    ) -> Result<Option<Entry>, StoreError> {
        let Some(mut row) = store.entry(index)? else {
            return Ok(None);
        };
        if row.statement == statement.as_bytes() {
            return Ok(None);
        }
        row.statement = statement.as_bytes().to_vec();
        let entry = Entry::check(&row, self.authority, &self.verifying_key()).ok();
        if entry.is_some() {
            store.mend(index, statement.as_bytes().to_vec());
        }
        Ok(entry)
    }

    /// Returns the row that an entry had by its statement and its receipt: none, if this authority did not sign that. Whether
    /// it stood in that place is for the tree to say.
    pub(crate) fn given_back(&self, recorded: &Recorded) -> Option<EntryRow> {
        let Recorded { statement, receipt } = recorded;
        let (salt, signed) = receipt.attested(&self.verifying_key()).ok()?;
        let row = EntryRow {
            index: receipt.index(),
            kind: statement.kind().code(),
            time: signed.attestation().time,
            salt,
            statement: statement.as_bytes().to_vec(),
            attestation: signed.as_bytes().to_vec(),
            signature: *signed.signature(),
            id: statement.id(),
            leaf: signed.leaf(statement.kind(), &salt).hash(),
        };
        let whole = Entry::check(&row, self.authority, &self.verifying_key());
        whole.is_ok().then_some(row)
    }

    /// Tells whether an entry, which may be damaged, has become of a deposit: by what was signed of it. Its statement can be
    /// put back then.
    pub(crate) fn is_deposit(&self, store: &Snapshot<'_>, index: u64) -> Result<bool, StoreError> {
        let row = match store.entry(index) {
            Ok(Some(row)) => row,
            Ok(None) | Err(StoreError::Damaged(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let signed =
            SignedAttestation::parse(&row.attestation, row.signature, &self.verifying_key());
        Ok(signed.is_ok_and(|signed| {
            let attested = signed.attestation();
            attested.statement == row.id && matches!(attested.outcome, Outcome::Deposited(_))
        }))
    }

    /// Returns the newest checkpoint.
    pub(crate) fn checkpoint(&self, store: &Snapshot<'_>) -> Result<SignedCheckpoint, StoreError> {
        let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
        let checkpoint = self.verified_checkpoint(&head.checkpoint)?;
        if *checkpoint.checkpoint() != self.checkpoint_of(&head.frontier) {
            return Err(Damage::of("the checkpoint is not of this log").into());
        }
        Ok(checkpoint)
    }

    /// Verifies a checkpoint, unless it is the very text that was verified last: each question begins with the newest.
    fn verified_checkpoint(&self, text: &str) -> Result<SignedCheckpoint, StoreError> {
        let last = self.last_checkpoint();
        if let Some(last) = last.as_ref().filter(|last| last.as_text() == text) {
            return Ok(last.clone());
        }
        drop(last);
        let checkpoint = SignedCheckpoint::parse(text, self.authority, &self.verifying_key())
            .map_err(|_| Damage::of("the checkpoint is not this authority's"))?;
        self.keep_checkpoint(checkpoint.clone());
        Ok(checkpoint)
    }

    /// Keeps a checkpoint that was signed or verified here.
    fn keep_checkpoint(&self, checkpoint: SignedCheckpoint) {
        *self.last_checkpoint() = Some(checkpoint);
    }

    fn last_checkpoint(&self) -> MutexGuard<'_, Option<SignedCheckpoint>> {
        self.checkpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees that the right edge of the tree is what the head was signed over: what is appended next is proved by it.
    pub(crate) fn check_edge(&self, store: &Snapshot<'_>) -> Result<(), StoreError> {
        self.checkpoint(store)?;
        let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
        let size = head.frontier.size();
        if Frontier::read(size, &TiledLog::new(size, store)?)? != head.frontier {
            return Err(Damage::of("the tree's hashes are not those of its head").into());
        }
        if store.leaf_rows(size, 1)?.pop().is_some() {
            return Err(Damage::of_entry(size, "it is behind the head").into());
        }
        Ok(())
    }

    /// Begins to give receipts, all of them proved in the newest checkpoint.
    pub(crate) fn receipts<'r>(
        &'r self,
        store: &'r Snapshot<'r>,
    ) -> Result<Receipts<'r>, StoreError> {
        Receipts::of_log(self, store)
    }

    /// Proves that the first `new` entries extend the first `old`; there must be so many.
    pub(crate) fn consistency(
        &self,
        store: &Snapshot<'_>,
        old: u64,
        new: u64,
    ) -> Result<ConsistencyProof, StoreError> {
        let size = self.checkpoint(store)?.checkpoint().size;
        let tree = TiledLog::new(size, store)?;
        let proof = prove_consistency(old, new, &tree)?;
        // Hashes may be damaged: what nobody would believe is no proof, and no other log either.
        let head = *self.checkpoint(store)?.checkpoint();
        let new_root = if new == head.size {
            head.root
        } else {
            root(new, &tree)?
        };
        proof
            .verify(old, root(old, &tree)?, new, new_root)
            .map_err(|_| Damage::of("the tree's hashes do not fit together"))?;
        Ok(proof)
    }

    fn checkpoint_of(&self, frontier: &Frontier) -> Checkpoint {
        Checkpoint {
            authority: self.authority,
            size: frontier.size(),
            root: frontier.root(),
        }
    }
}

/// Finds where a statement is in the log.
pub(crate) fn find(store: &Snapshot<'_>, id: StatementId) -> Result<Option<u64>, StoreError> {
    store.entry_of(id)
}

/// Returns the bytes of an entry's leaf.
pub(crate) fn leaf_bytes(row: &LeafRow) -> Vec<u8> {
    Leaf::new(
        row.kind,
        row.time,
        &row.salt,
        &row.attestation,
        &row.signature,
    )
    .to_bytes()
}
