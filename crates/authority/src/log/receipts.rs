//! Receipts, all of them proved in the newest checkpoint, from hashes that are read once: a page of a listing has hundreds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use strongroom_protocol::Recorded;
use strongroom_protocol::log::{
    Node, NodeHash, ReadHashes, ReadTiles, SignedCheckpoint, Tile, TileId, TiledLog, TreeError,
    prove_inclusion,
};
use strongroom_protocol::receipt::Receipt;

use super::{Entry, Log};
use crate::store::{Damage, Snapshot, StoreError};

/// Receipts in one and the same checkpoint.
pub(crate) struct Receipts<'r> {
    checkpoint: SignedCheckpoint,
    hashes: Hashes<'r>,
    nodes: RefCell<BTreeMap<Node, NodeHash>>,
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
            nodes: RefCell::default(),
        })
    }

    /// Returns the size of the log by the checkpoint.
    pub(crate) fn size(&self) -> u64 {
        self.checkpoint.checkpoint().size
    }

    /// Returns the receipt of an entry. That the entry was read is what makes it one: no word is given on bytes that are
    /// gone.
    pub(crate) fn of(&self, entry: &Entry) -> Result<Receipt, StoreError> {
        let nodes = Nodes {
            tree: TiledLog::new(self.size(), &self.hashes)?,
            known: &self.nodes,
        };
        let inclusion = prove_inclusion(entry.index(), self.size(), &nodes)?;
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

/// The hashes of one commit's tree, each worked out once: the proofs of a page's entries have most of them in common.
struct Nodes<'r> {
    tree: TiledLog<'r, Hashes<'r>>,
    known: &'r RefCell<BTreeMap<Node, NodeHash>>,
}

impl ReadHashes for Nodes<'_> {
    type Error = StoreError;

    fn read(&self, nodes: &[Node]) -> Result<Vec<NodeHash>, StoreError> {
        let mut unknown = nodes.to_vec();
        unknown.retain(|node| !self.known.borrow().contains_key(node));
        let read = self.tree.read(&unknown)?;
        self.known
            .borrow_mut()
            .extend(unknown.into_iter().zip(read));
        let known = self.known.borrow();
        let hash = |node| known.get(node).copied().ok_or(TreeError::WrongCount);
        Ok(nodes.iter().map(hash).collect::<Result<_, _>>()?)
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
