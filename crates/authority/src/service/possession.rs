//! That what was deposited is there and would be released: read when somebody asks, all of it. And entries that somebody
//! gives back.

use std::collections::BTreeMap;

use strongroom_protocol::id::{OwnerId, Serial};
use strongroom_protocol::log::{TiledLog, prove_inclusion};
use strongroom_protocol::statement::Content;
use strongroom_protocol::{
    Challenge, EntryBytes, Listed, Possession, PossessionProof, QueryError, Recorded,
};

use super::Service;
use crate::Caller;
use crate::identity;
use crate::index;
use crate::log::Entry;
use crate::store::{Damage, DepositRow, EntryRow, Snapshot, StoreError, Writing};

impl Service {
    /// Shows of deposits that they are there: by their rows, as a release finds them, and by the bytes of their entries.
    pub(super) fn prove_possession(
        &self,
        caller: Caller,
        owner: OwnerId,
        challenge: &Challenge,
        serials: &[Serial],
    ) -> Result<Possession, QueryError> {
        if serials.len() > Possession::DEPOSITS_MAX {
            return Err(QueryError::NotFound);
        }
        let show = |store: &Snapshot<'_>| {
            if !caller.speaks_for(&self.log, store, owner)? {
                return Err(QueryError::NotFound);
            }
            self.check_recoverable(store, owner)?;
            let rows = store.deposits_of(owner, serials)?;
            let indexes = rows.iter().flatten().map(|row| row.entry).collect();
            let entries = self.log.readable(store, &indexes)?;
            // To it SIMPLEBLOBs are wrapped.
            let has_rsa_key = matches!(self.logged_rsa_key(store), Ok(Some(_)));
            let mut hashes = BTreeMap::new();
            for (index, entry) in &entries {
                if self.is_found(store, owner, entry)? {
                    hashes.insert(*index, hash(entry, challenge));
                }
            }
            let proof = |row: DepositRow| {
                let hash = *hashes.get(&row.entry)?;
                let (_, key) = entries.get(&row.entry)?.key(row.place)?;
                let is_it = key.label.serial == row.serial && key.label.owner == owner;
                let is_openable = has_rsa_key || key.label.content == Content::SessionKey;
                (is_it && is_openable).then_some(PossessionProof {
                    entry: row.entry,
                    place: row.place,
                    hash,
                })
            };
            let proofs = rows.into_iter().map(|row| row.and_then(proof)).collect();
            Ok(Possession { proofs })
        };
        // Somebody may have committed since this look at the store began, and have read the log further than it goes.
        match self.store.read(show) {
            Err(QueryError::Unavailable(_)) => self.store.read(show),
            shown => shown,
        }
    }

    /// Sees that whatever a recovery of the owner's would rest on is there and is what the log says: the tree, in which all
    /// that is said for it is to be proved; who the owner is, which policy is in force, and what else is asked for.
    fn check_recoverable(&self, store: &Snapshot<'_>, owner: OwnerId) -> Result<(), StoreError> {
        self.log.check_edge(store)?;
        let rests_on = |store: &Snapshot<'_>| {
            self.policy_now(store)?;
            identity::owner_keys(&self.log, store, owner)?;
            index::recovery_rows(store, owner)
        };
        let logged = self.by_the_log(store, (u64::MAX, 0), rests_on)?;
        if rests_on(store)? != logged {
            return Err(
                Damage::of("its indexes of who may recover are not what the log says").into(),
            );
        }
        Ok(())
    }

    /// Tells whether all rows are there by which a deposit is found, asked for and released.
    fn is_found(
        &self,
        store: &Snapshot<'_>,
        owner: OwnerId,
        entry: &Entry,
    ) -> Result<bool, StoreError> {
        Ok(index::lacking(&self.log, store, entry)?.is_empty()
            && self.is_by_device(store, owner, entry)?)
    }

    /// Puts entries back where they are lost or damaged. That each stood there is shown by its leaf, which the log key signed
    /// with all others.
    pub(super) fn mend_entries(&self, entries: &[Recorded]) -> Result<u64, QueryError> {
        if entries.len() > Recorded::PAGE_ITEMS {
            return Err(QueryError::NotFound);
        }
        let given: BTreeMap<u64, EntryRow> = entries
            .iter()
            .filter_map(|recorded| self.log.given_back(recorded))
            .map(|row| (row.index, row))
            .collect();
        let damaged = self.store.read(|store| self.damaged(store, given))?;
        if damaged.is_empty() {
            return Ok(0);
        }
        let put_back = self.store.write(|store| {
            // Somebody else may have been first.
            let damaged = self.damaged(store, damaged)?;
            self.put_back(store, &damaged)
        })?;
        if put_back > 0 {
            self.forget();
        }
        Ok(put_back)
    }

    /// Returns those that can't be read, or would not be found.
    fn damaged(
        &self,
        store: &Snapshot<'_>,
        mut given: BTreeMap<u64, EntryRow>,
    ) -> Result<BTreeMap<u64, EntryRow>, StoreError> {
        let size = self.log.checkpoint(store)?.checkpoint().size;
        let mut damaged = BTreeMap::new();
        given.retain(|index, _| *index < size);
        for (index, row) in given {
            let is_whole = match self.log.entry(store, index) {
                Ok(entry) => index::lacking(&self.log, store, &entry)?.is_empty(),
                Err(StoreError::Damaged(_)) => false,
                Err(error) => return Err(error),
            };
            if !is_whole {
                damaged.insert(index, row);
            }
        }
        Ok(damaged)
    }

    fn put_back(
        &self,
        store: &Writing<'_>,
        given: &BTreeMap<u64, EntryRow>,
    ) -> Result<u64, StoreError> {
        let head = *self.log.checkpoint(store)?.checkpoint();
        let mut before = BTreeMap::new();
        for (index, row) in given {
            before.insert(*index, readable_row(store, *index)?);
            store.put_back(*index, Some(row))?;
        }
        // All are there before any is proved: one leaf is proved by those beside it.
        let tree = TiledLog::new(head.size, &**store)?;
        let mut put_back = 0;
        for (index, row) in given {
            let proved = prove_inclusion(*index, head.size, &tree).is_ok_and(|proof| {
                let proof = proof.verify(row.leaf, *index, head.size, head.root);
                proof.is_ok()
            });
            if proved {
                self.mend_rows(store, *index)?;
                put_back += 1;
            } else {
                store.put_back(*index, before.get(index).and_then(Option::as_ref))?;
            }
        }
        Ok(put_back)
    }
}

/// Returns what stands in a place; a row that is none at all is as good as nothing.
fn readable_row(store: &Snapshot<'_>, index: u64) -> Result<Option<EntryRow>, StoreError> {
    match store.entry(index) {
        Err(StoreError::Damaged(_)) => Ok(None),
        row => row,
    }
}

fn hash(entry: &Entry, challenge: &Challenge) -> strongroom_protocol::id::Digest {
    let attested = entry.attestation();
    let bytes = EntryBytes {
        statement: entry.statement().as_bytes(),
        attestation: attested.as_bytes(),
        signature: attested.signature(),
        salt: entry.salt(),
    };
    bytes.hash(challenge)
}
