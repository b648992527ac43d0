//! What an operator can do about a store that may be damaged: check all of it, and make its indexes anew.

use strongroom_protocol::log::{Checkpoint, Frontier, ReadTiles, TileId, TiledLog};

use super::Service;
use crate::index;
use crate::log::Log;
use crate::store::{Damage, Snapshot, StoreError, Writing};

impl Service {
    /// Checks the whole log: every statement and attestation, every leaf, tile and the head, as they were signed.
    ///
    /// # Errors
    ///
    /// Says what is damaged first, or that the store can't be read.
    pub fn verify_log(&self) -> Result<Checkpoint, StoreError> {
        self.store.read(|store| verify(&self.log, store))
    }

    /// Makes every index anew from the entries. Others may go on using the store; they see it before or after.
    ///
    /// # Errors
    ///
    /// Says which entry is damaged, or that the store can't be written; then the indexes are as they were.
    pub fn rebuild(&self) -> Result<(), StoreError> {
        self.store.write(|store| rebuild(&self.log, store))?;
        // What was read through rows that were wrong is to be read again.
        self.plans.clear();
        self.policies.clear();
        Ok(())
    }
}

/// Proves the tree, its tiles and its head from the entries, and each entry by its signatures.
pub(super) fn verify(log: &Log, store: &Snapshot<'_>) -> Result<Checkpoint, StoreError> {
    let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
    let mut frontier = Frontier::empty();
    for index in 0..head.frontier.size() {
        let entry = log.entry(store, index)?;
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

/// Makes the indexes anew from the entries.
pub(super) fn rebuild(log: &Log, store: &Writing<'_>) -> Result<(), StoreError> {
    store.clear_indexes()?;
    for position in 0..log.grow(store)?.size() {
        index::add(store, &log.entry(store, position)?)?;
    }
    Ok(())
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
