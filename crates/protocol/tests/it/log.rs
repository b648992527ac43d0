//! The log, against RFC 6962 §2.1 written down as it stands there.

mod texts;
mod tree;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};
use strongroom_protocol::log::{Frontier, NodeHash, ReadTiles, Tile, TileId, TiledLog, TreeError};

/// The leaf hashes that tests and vectors use: those of `entry 0`, `entry 1` and so on.
fn entries(range: Range<u64>) -> Vec<NodeHash> {
    range
        .map(|index| hash(&[b"\0", format!("entry {index}").as_bytes()]))
        .collect()
}

/// MTH of RFC 6962 §2.1, of leaves that are hashed already.
pub(crate) fn mth(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => hash(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            let (left, right) = (mth(left), mth(right));
            hash(&[b"\x01", left.as_bytes(), right.as_bytes()])
        }
    }
}

/// PATH of RFC 6962 §2.1.1.
pub(crate) fn path(index: usize, leaves: &[NodeHash]) -> Vec<NodeHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut hashes, other) = if index < k {
        (path(index, left), mth(right))
    } else {
        (path(index - k, right), mth(left))
    };
    hashes.push(other);
    hashes
}

/// PROOF of RFC 6962 §2.1.2.
fn proof(old: usize, leaves: &[NodeHash]) -> Vec<NodeHash> {
    sub_proof(old, leaves, true)
}

fn sub_proof(old: usize, leaves: &[NodeHash], complete: bool) -> Vec<NodeHash> {
    if old == leaves.len() {
        return if complete {
            Vec::new()
        } else {
            vec![mth(leaves)]
        };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut hashes, other) = if old <= k {
        (sub_proof(old, left, complete), mth(right))
    } else {
        (sub_proof(old - k, right, false), mth(left))
    };
    hashes.push(other);
    hashes
}

/// The largest power of two smaller than `count`.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn hash(parts: &[&[u8]]) -> NodeHash {
    let bytes = digest(&SHA256, &parts.concat());
    NodeHash::from_bytes(bytes.as_ref().try_into().unwrap())
}

/// An index as slices take it.
fn at(index: u64) -> usize {
    index.try_into().unwrap()
}

/// An authority's store: full tiles, and the leaf hashes of its entries.
struct Store {
    leaves: Vec<NodeHash>,
    frontier: Frontier,
    tiles: RefCell<BTreeMap<TileId, Vec<u8>>>,
}

impl Store {
    fn new() -> Self {
        Self {
            leaves: Vec::new(),
            frontier: Frontier::empty(),
            tiles: RefCell::default(),
        }
    }

    fn of(size: u64) -> Self {
        let mut store = Self::new();
        store.append(&entries(0..size));
        store
    }

    /// Appends a group as an authority does: entries, tree head, then the tiles that became full.
    fn append(&mut self, leaves: &[NodeHash]) {
        let old = self.frontier.size();
        self.leaves.extend_from_slice(leaves);
        for leaf in leaves {
            self.frontier.append(*leaf).unwrap();
        }
        for id in TileId::filled(old, self.frontier.size()) {
            let tile = self.log().fill(id).unwrap();
            let before = self.tiles.borrow_mut().insert(id, tile.to_bytes());
            assert_eq!(before, None, "{id} became full twice");
        }
    }

    fn log(&self) -> TiledLog<'_, Self> {
        self.log_at(self.frontier.size())
    }

    fn log_at(&self, size: u64) -> TiledLog<'_, Self> {
        TiledLog::new(size, self).unwrap()
    }
}

impl ReadTiles for Store {
    type Error = TreeError;

    fn tile(&self, id: TileId) -> Result<Tile, TreeError> {
        let tiles = self.tiles.borrow();
        Tile::from_bytes(id, tiles.get(&id).expect("only full tiles are read"))
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, TreeError> {
        assert!(entries.end - entries.start <= 256);
        let first = at(entries.start);
        let end = at(entries.end);
        Ok(self.leaves[first..end].to_vec())
    }
}
