//! What an operator can do about a store that may be damaged: check all of it, and make its map anew.

use strongroom_protocol::id::Time;
use strongroom_protocol::log::{Checkpoint, Frontier, ReadTiles, TileId, TiledLog};
use strongroom_protocol::statement::SignedStatement;

use super::Service;
use crate::index;
use crate::log::Log;
use crate::store::{Damage, Snapshot, StoreError, Writing};

impl Service {
    /// Checks the whole log: every statement and attestation, every leaf, tile and the head, as they were signed, and
    /// that times only go forward.
    ///
    /// # Errors
    ///
    /// Says what is damaged first, or that the store can't be read.
    pub fn verify_log(&self) -> Result<Checkpoint, StoreError> {
        self.store.read(|store| verify(&self.log, store))
    }

    /// Makes the map anew from the entries. Others may go on using the store; they see it before or after.
    ///
    /// # Errors
    ///
    /// Says which entry is damaged, or that the store can't be written; then the map is as it was.
    pub fn rebuild(&self) -> Result<(), StoreError> {
        self.store.write(|store| rebuild(&self.log, store))?;
        // What was read through rows that were wrong is to be read again.
        self.plans.clear();
        self.policies.clear();
        Ok(())
    }

    /// Returns the log's statements from an index on, at most `limit`, each with when it was recorded: for whoever runs
    /// the authority, and may see everything that was said.
    ///
    /// # Errors
    ///
    /// Says which entry is damaged, or that the store can't be read.
    pub fn statements(
        &self,
        from: u64,
        limit: u64,
    ) -> Result<Vec<(Time, SignedStatement)>, StoreError> {
        self.store.read(|store| {
            let size = self.log.checkpoint(store)?.checkpoint().size;
            let entry = |index| {
                let entry = self.log.entry(store, index)?;
                Ok((entry.time(), entry.into_statement()))
            };
            let end = size.min(from.saturating_add(limit));
            (from..end).map(entry).collect()
        })
    }
}

/// Proves the tree, its tiles and its head from the entries, and each entry by its signatures.
pub(crate) fn verify(log: &Log, store: &Snapshot<'_>) -> Result<Checkpoint, StoreError> {
    let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
    let mut frontier = Frontier::empty();
    let mut last = Time::from_millis(0);
    for index in 0..head.frontier.size() {
        let entry = log.entry(store, index)?;
        if entry.time() < last {
            return Err(Damage::of_entry(index, "its time is before that of the last one").into());
        }
        last = entry.time();
        let leaf = entry
            .attestation()
            .leaf(entry.statement().kind(), entry.salt());
        frontier.append(leaf.hash())?;
    }
    if frontier != head.frontier {
        return Err(Damage::of("the head is not that of the entries").into());
    }
    if store.entry(frontier.size())?.is_some() {
        return Err(Damage::of_entry(frontier.size(), "it is behind the head").into());
    }
    check_tiles(store, frontier.size())?;
    Ok(*log.checkpoint(store)?.checkpoint())
}

/// Makes the map anew from the entries.
pub(crate) fn rebuild(log: &Log, store: &Writing<'_>) -> Result<(), StoreError> {
    replay(log, store, |_, error| Err(error))
}

/// Makes the map anew from the entries that can be read: a damaged deposit costs itself, and no others.
///
/// That it is one is said by what the authority signed of it. Of nothing else can the log do without: not of an owner's
/// enrolment, which another could take the place of, nor of what somebody said of a request.
pub(crate) fn salvage(log: &Log, store: &Writing<'_>) -> Result<(), StoreError> {
    replay(log, store, |index, error| {
        if log.is_deposit(store, index)? {
            Ok(())
        } else {
            Err(error)
        }
    })
}

/// Adds entry after entry to an empty map; where one is damaged, `damaged` says whether to go on without it.
fn replay(
    log: &Log,
    store: &Writing<'_>,
    damaged: impl Fn(u64, StoreError) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    // So many entries of what they add are held in memory.
    const AT_ONCE: u64 = 256;
    store.clear_map()?;
    for index in 0..log.grow(store)?.size() {
        match log.entry(store, index) {
            Ok(entry) => index::add(store, &entry)?,
            Err(error @ StoreError::Damaged(_)) => damaged(index, error)?,
            Err(error) => return Err(error),
        }
        if index % AT_ONCE == AT_ONCE - 1 {
            store.flush()?;
        }
    }
    store.flush()
}

fn check_tiles(store: &Snapshot<'_>, size: u64) -> Result<(), StoreError> {
    let tiles = TiledLog::new(size, store)?;
    for id in TileId::filled(0, size) {
        let tile = store.tile(id)?;
        let root = store.tile_roots(id.level, id.index..id.index + 1)?;
        if tiles.fill(id)? != tile || root != [tile.root()] {
            return Err(Damage::of("a tile is not that of the entries").into());
        }
    }
    Ok(())
}
