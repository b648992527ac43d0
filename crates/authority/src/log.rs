//! The authority's log over its store: entries are appended in groups under one checkpoint, and read back verified.
//! Its times only go forward. Not what may be recorded: `service` decides that.

mod entry;
mod logged;
mod receipts;

use std::collections::{BTreeMap, BTreeSet};

use strongroom_protocol::id::{AuthorityId, StatementId, Time};
use strongroom_protocol::keys::{SigningKey, VerifyingKey};
use strongroom_protocol::log::{
    Checkpoint, ConsistencyProof, Frontier, Leaf, LeafSalt, SignedCheckpoint, TileId, TiledLog,
    prove_consistency,
};
use strongroom_protocol::receipt::{Attestation, Outcome, SignedAttestation};
use strongroom_protocol::statement::{Decision, SignedStatement, Statement};

use crate::store::{Damage, EntryRow, Head, LeafRow, Snapshot, StoreError, Writing};

pub(crate) use entry::Entry;
pub(crate) use logged::{Logged, approval};
pub(crate) use receipts::Receipts;

/// Who writes the log: the authority's name and its log key.
pub(crate) struct Log {
    authority: AuthorityId,
    key: SigningKey,
}

impl Log {
    pub(crate) fn new(authority: AuthorityId, key: SigningKey) -> Self {
        Self { authority, key }
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

    /// Begins to append, under the store's lock.
    pub(crate) fn grow<'g>(&'g self, store: &'g Writing<'g>) -> Result<Growth<'g>, StoreError> {
        let frontier = match store.head()? {
            Some(head) => head.frontier,
            None => Frontier::empty(),
        };
        let old_size = frontier.size();
        // The row is taken at its word. Edited to a later time, it makes this log's go at most as far ahead of the clock
        // as that may be behind.
        let last = match old_size.checked_sub(1) {
            Some(last) => store.leaf_rows(last, 1)?.pop().map(|row| row.time),
            None => None,
        };
        Ok(Growth {
            log: self,
            store,
            old_size,
            frontier,
            last,
        })
    }

    /// Reads an entry, and checks that it is what this authority recorded at this place.
    pub(crate) fn entry(&self, store: &Snapshot<'_>, index: u64) -> Result<Entry, StoreError> {
        let row = store.entry(index)?;
        let row = row.ok_or(Damage::of_entry(index, "it is missing"))?;
        Entry::check(row, self.authority, &self.key.verifying_key())
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
        let log_key = self.verifying_key();
        let entries = rows.into_iter().filter_map(|row| {
            let entry = Entry::check(row, self.authority, &log_key).ok()?;
            Some((entry.index(), entry))
        });
        Ok(entries.collect())
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
        let entry = Entry::check(row, self.authority, &self.verifying_key()).ok();
        if entry.is_some() {
            store.mend(index, statement.as_bytes().to_vec());
        }
        Ok(entry)
    }

    /// Tells whether an entry, which may be damaged, has become of a deposit: by what was signed of it.
    pub(crate) fn is_deposit(&self, store: &Snapshot<'_>, index: u64) -> Result<bool, StoreError> {
        let Some(row) = store.entry(index)? else {
            return Ok(false);
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
        let checkpoint =
            SignedCheckpoint::parse(&head.checkpoint, self.authority, &self.verifying_key())
                .map_err(|_| Damage::of("the checkpoint is not this authority's"))?;
        if *checkpoint.checkpoint() != self.checkpoint_of(&head.frontier) {
            return Err(Damage::of("the checkpoint is not of this log").into());
        }
        Ok(checkpoint)
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
        prove_consistency(old, new, &TiledLog::new(size, store)?)
    }

    fn checkpoint_of(&self, frontier: &Frontier) -> Checkpoint {
        Checkpoint {
            authority: self.authority,
            size: frontier.size(),
            root: frontier.root(),
        }
    }
}

/// The log while it grows, in one transaction: entries one by one, then one checkpoint over all.
///
/// The checkpoint is signed inside the transaction that stores it, and read from the store after its commit; so a
/// checkpoint that anybody saw is one that the disk has. The head is locked before anything is appended, so that
/// there is one log of each size; and Ed25519 signs the same bytes the same way, so that there is one checkpoint.
pub(crate) struct Growth<'g> {
    log: &'g Log,
    store: &'g Writing<'g>,
    old_size: u64,
    frontier: Frontier,
    /// When the last entry before these was recorded.
    last: Option<Time>,
}

impl Growth<'_> {
    /// How far a clock may be behind the log: clocks of replicas differ, and one that is set right jumps a little. One
    /// that is further behind is wrong, or the log's last time was, and somebody has to look.
    pub(crate) const CLOCK_BEHIND_MAX_MILLIS: u64 = 10 * 60 * 1000;

    /// Returns when what is appended now is recorded: the later of what the clock says and the last entry's time.
    ///
    /// The clock is asked under the lock, so that times grow with indexes where it goes forward itself.
    pub(crate) fn time(&self, clock: Time) -> Result<Time, StoreError> {
        let last = self.last.unwrap_or(clock);
        if last > clock.plus_millis(Self::CLOCK_BEHIND_MAX_MILLIS) {
            return Err(StoreError::ClockBehind { clock, last });
        }
        Ok(clock.max(last))
    }

    /// Does something that stands as a whole, or leaves nothing.
    pub(crate) fn apart<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (store, frontier) = (self.store, self.frontier.clone());
        let done = store.apart(|| act(self));
        if done.is_err() {
            self.frontier = frontier;
        }
        done
    }

    /// Appends what became of a statement, and returns its index.
    pub(crate) fn append(
        &mut self,
        statement: SignedStatement,
        outcome: Outcome,
        time: Time,
        salt: LeafSalt,
    ) -> Result<Entry, StoreError> {
        let attestation = Attestation {
            authority: self.log.authority,
            statement: statement.id(),
            outcome,
            time,
        };
        let attestation = SignedAttestation::sign(attestation, &self.log.key);
        let leaf = attestation.leaf(statement.kind(), &salt).hash();
        let index = self.frontier.size();
        self.store.append(EntryRow {
            index,
            kind: statement.kind().code(),
            time,
            salt,
            statement: statement.as_bytes().to_vec(),
            attestation: attestation.as_bytes().to_vec(),
            signature: *attestation.signature(),
            id: statement.id(),
            leaf,
        });
        self.frontier.append(leaf)?;
        Ok(Entry::appended(index, statement, attestation, salt))
    }

    /// Adds the tiles that became full, and the checkpoint over all there is. With nothing new, does nothing.
    pub(crate) fn seal(self) -> Result<(), StoreError> {
        let size = self.frontier.size();
        if size == self.old_size {
            return Ok(());
        }
        let tiles = TiledLog::new(size, &**self.store)?;
        for id in TileId::filled(self.old_size, size) {
            self.store.put_tile(tiles.fill(id)?);
        }
        let checkpoint = self.log.checkpoint_of(&self.frontier).sign(&self.log.key);
        self.store.put_head(Head {
            frontier: self.frontier,
            checkpoint: checkpoint.as_text().to_owned(),
        });
        Ok(())
    }

    /// Tells how many entries there are, those of this transaction too.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Returns the store, with what this transaction has done.
    pub(crate) fn store(&self) -> &Writing<'_> {
        self.store
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
