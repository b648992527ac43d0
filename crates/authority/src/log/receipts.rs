//! Receipts, all of them proved in the newest checkpoint, from hashes that are read once: a page of a listing has hundreds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use strongroom_protocol::Recorded;
use strongroom_protocol::log::{
    NodeHash, ReadTiles, SignedCheckpoint, Tile, TileId, TiledLog, prove_inclusion,
};
use strongroom_protocol::receipt::Receipt;

use super::{Entry, Log};
use crate::store::{Damage, Snapshot, StoreError};

/// Receipts in one and the same checkpoint.
pub(crate) struct Receipts<'r> {
    checkpoint: SignedCheckpoint,
    hashes: Hashes<'r>,
}

impl<'r> Receipts<'r> {
    pub(super) fn of_log(log: &Log, store: &'r Snapshot<'r>) -> Result<Self, StoreError> {
        let hashes = Hashes {
            store,
            tiles: RefCell::default(),
            leaves: RefCell::default(),
            roots: RefCell::default(),
        };
        Ok(Self {
            checkpoint: log.checkpoint(store)?,
            hashes,
        })
    }

    /// Returns the size of the log by the checkpoint.
    pub(crate) fn size(&self) -> u64 {
        self.checkpoint.checkpoint().size
    }

    /// Returns the receipt of an entry. That the entry was read is what makes it one: no word is given on bytes that are
    /// gone.
    pub(crate) fn of(&self, entry: &Entry) -> Result<Receipt, StoreError> {
        let tree = TiledLog::new(self.size(), &self.hashes)?;
        let inclusion = prove_inclusion(entry.index(), self.size(), &tree)?;
        // Hashes beside it may be damaged: a proof that nobody would believe is none.
        let head = self.checkpoint.checkpoint();
        inclusion
            .verify(entry.leaf(), entry.index(), head.size, head.root)
            .map_err(|_| {
                Damage::of_entry(entry.index(), "its place in the tree can't be proved")
            })?;
        Ok(Receipt::new(
            *entry.salt(),
            entry.attestation(),
            entry.index(),
            inclusion,
            &self.checkpoint,
        ))
    }

    /// Returns an entry with its receipt.
    pub(crate) fn recorded(&self, entry: &Entry) -> Result<Recorded, StoreError> {
        Ok(Recorded {
            statement: entry.statement().clone(),
            receipt: self.of(entry)?,
        })
    }
}

/// The hashes of one commit's tree, kept as they were read.
struct Hashes<'r> {
    store: &'r Snapshot<'r>,
    tiles: RefCell<BTreeMap<TileId, Tile>>,
    leaves: RefCell<BTreeMap<(u64, u64), Vec<NodeHash>>>,
    roots: RefCell<BTreeMap<(u8, u64, u64), Vec<NodeHash>>>,
}

impl ReadTiles for Hashes<'_> {
    type Error = StoreError;

    fn tile(&self, id: TileId) -> Result<Tile, StoreError> {
        kept(&self.tiles, id, || self.store.tile(id))
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        let key = (entries.start, entries.end);
        kept(&self.leaves, key, || self.store.leaves(entries))
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        let key = (level, tiles.start, tiles.end);
        kept(&self.roots, key, || self.store.tile_roots(level, tiles))
    }
}

/// Returns what was kept under a key, or reads it.
fn kept<K: Ord, V: Clone>(
    all: &RefCell<BTreeMap<K, V>>,
    key: K,
    read: impl FnOnce() -> Result<V, StoreError>,
) -> Result<V, StoreError> {
    if let Some(value) = all.borrow().get(&key) {
        return Ok(value.clone());
    }
    let value = read()?;
    all.borrow_mut().insert(key, value.clone());
    Ok(value)
}
