//! The log while it grows: a group of entries, one checkpoint over all, and the time that they are recorded at.

use strongroom_protocol::id::Time;
use strongroom_protocol::log::{Frontier, LeafSalt, TileId, TiledLog};
use strongroom_protocol::receipt::{Attestation, Outcome, SignedAttestation};
use strongroom_protocol::statement::SignedStatement;

use super::{Entry, Log};
use crate::store::{EntryRow, Head, StoreError, Writing};

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

impl<'g> Growth<'g> {
    /// How far a clock may be behind the log: clocks of replicas differ, and one that is set right jumps a little. One
    /// that is further behind is wrong, or the log's last time was, and somebody has to look.
    pub(crate) const CLOCK_BEHIND_MAX_MILLIS: u64 = 10 * 60 * 1000;

    pub(super) fn of(log: &'g Log, store: &'g Writing<'g>) -> Result<Self, StoreError> {
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
            log,
            store,
            old_size,
            frontier,
            last,
        })
    }

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
        let entry = Entry::new(self.frontier.size(), statement, attestation, salt);
        let (statement, attestation) = (entry.statement(), entry.attestation());
        self.store.append(EntryRow {
            index: entry.index(),
            kind: statement.kind().code(),
            time,
            salt,
            statement: statement.as_bytes().to_vec(),
            attestation: attestation.as_bytes().to_vec(),
            signature: *attestation.signature(),
            id: statement.id(),
            leaf: entry.leaf(),
        });
        self.frontier.append(entry.leaf())?;
        // It was made here of what was verified, if it is one at all: nobody has to verify it again who reads it now.
        if entry.statement().reads_back() {
            self.log.verified.keep(&entry);
        }
        Ok(entry)
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
        self.log.keep_checkpoint(checkpoint);
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
