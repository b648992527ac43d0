//! Nodes of the tree, and the proofs that an authority makes from those it stored. Not how proofs are checked.

use std::cell::Cell;
use std::ops::Range;

use tlog_tiles::{Hash, HashReader};

use super::{ConsistencyProof, Frontier, InclusionProof, NodeHash, SIZE_MAX};

/// A perfect subtree: `2^level` leaves, from `index * 2^level` on. A leaf has level 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The height above the leaves.
    pub level: u8,
    /// The number among the nodes of its level, from 0.
    pub index: u64,
}

impl Node {
    /// Tells whether a tree of `size` leaves has all leaves of this node.
    #[must_use]
    pub fn is_within(self, size: u64) -> bool {
        let whole = size.checked_shr(self.level.into()).unwrap_or(0);
        self.index < whole
    }

    /// Returns the perfect subtrees that a tree of `size` leaves consists of, the largest first.
    pub(super) fn of_frontier(size: u64) -> Vec<Self> {
        (0..=SIZE_MAX.ilog2())
            .rev()
            .filter(|level| size >> level & 1 == 1)
            .map(|level| Self {
                level: u8::try_from(level).expect("levels are below 64"),
                // What stands left of this subtree is a multiple of its own length.
                index: (size >> level) - 1,
            })
            .collect()
    }
}

/// Where the hashes of stored nodes are read.
///
/// Only nodes that lie wholly within the size at hand are asked for.
pub trait ReadHashes {
    /// What can go wrong; it has room for a store that contradicts itself.
    type Error: From<TreeError>;

    /// Returns the hash of each of `nodes`, in their order.
    ///
    /// # Errors
    ///
    /// Those of the store.
    fn read(&self, nodes: &[Node]) -> Result<Vec<NodeHash>, Self::Error>;
}

/// A size, entry or answer of the store that does not fit the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The entry, node or older size is not within the size given.
    #[error("the log has no such entry or size")]
    OutOfRange,
    /// The log is full, or a size is beyond what a log can have.
    #[error("a log has at most 2^48 entries")]
    TooLarge,
    /// The store answered with more or fewer hashes than were asked for.
    #[error("the store answered with a wrong number of hashes")]
    WrongCount,
    /// A tile is not 8,192 bytes long, or is another than the one asked for.
    #[error("the store answered with a wrong tile")]
    WrongTile,
}

/// Returns the root of the tree of the first `size` entries.
///
/// # Errors
///
/// Those of the reader, and of a size that is too large.
pub fn root<R: ReadHashes>(size: u64, reader: &R) -> Result<NodeHash, R::Error> {
    Ok(Frontier::read(size, reader)?.root())
}

/// Proves that entry `index` is in the tree of the first `size` entries (RFC 6962 §2.1.1).
///
/// # Errors
///
/// Those of the reader, and of an index or a size that is out of range.
pub fn prove_inclusion<R: ReadHashes>(
    index: u64,
    size: u64,
    reader: &R,
) -> Result<InclusionProof, R::Error> {
    check_range(index..size)?;
    if index == size {
        return Err(TreeError::OutOfRange.into());
    }
    let hashes = Stored::run(reader, |stored| {
        tlog_tiles::prove_record(size, index, stored)
    })?;
    Ok(InclusionProof::from_hashes(hashes))
}

/// Proves that the tree of the first `old` entries is the beginning of the one of the first `new` (RFC 6962 §2.1.2).
///
/// The proof is empty when `old` is 0 or equals `new`.
///
/// # Errors
///
/// Those of the reader, and of sizes that are out of range.
pub fn prove_consistency<R: ReadHashes>(
    old: u64,
    new: u64,
    reader: &R,
) -> Result<ConsistencyProof, R::Error> {
    check_range(old..new)?;
    if old == 0 {
        return Ok(ConsistencyProof::from_hashes(Vec::new()));
    }
    let hashes = Stored::run(reader, |stored| tlog_tiles::prove_tree(new, old, stored))?;
    Ok(ConsistencyProof::from_hashes(hashes))
}

/// `tlog_tiles` numbers nodes densely, with sums that overflow for sizes near 2^64, and panics where its own
/// arithmetic fails: it sees no size or index that was not checked here.
fn check_range(range: Range<u64>) -> Result<(), TreeError> {
    if range.end > SIZE_MAX {
        return Err(TreeError::TooLarge);
    }
    if range.start > range.end {
        return Err(TreeError::OutOfRange);
    }
    Ok(())
}

/// Reads `nodes`, and sees that the reader answered for each.
pub(super) fn read_all<R: ReadHashes>(
    nodes: &[Node],
    reader: &R,
) -> Result<Vec<NodeHash>, R::Error> {
    let hashes = reader.read(nodes)?;
    if hashes.len() != nodes.len() {
        return Err(TreeError::WrongCount.into());
    }
    Ok(hashes)
}

/// A reader as `tlog_tiles` wants it, which has an error type of its own: ours waits in `failure` meanwhile.
struct Stored<'r, R: ReadHashes> {
    reader: &'r R,
    failure: Cell<Option<R::Error>>,
}

impl<'r, R: ReadHashes> Stored<'r, R> {
    fn run(
        reader: &'r R,
        prove: impl FnOnce(&Self) -> Result<Vec<Hash>, tlog_tiles::Error>,
    ) -> Result<Vec<NodeHash>, R::Error> {
        let stored = Self {
            reader,
            failure: Cell::new(None),
        };
        match prove(&stored) {
            Ok(hashes) => Ok(hashes.into_iter().map(NodeHash::from).collect()),
            Err(_) => Err(stored
                .failure
                .take()
                .unwrap_or_else(|| TreeError::OutOfRange.into())),
        }
    }
}

impl<R: ReadHashes> HashReader for Stored<'_, R> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let nodes: Vec<Node> = indexes
            .iter()
            .map(|dense| tlog_tiles::split_stored_hash_index(*dense))
            .map(|(level, index)| Node { level, index })
            .collect();
        match read_all(&nodes, self.reader) {
            Ok(hashes) => Ok(hashes.into_iter().map(Hash::from).collect()),
            Err(error) => {
                self.failure.set(Some(error));
                Err(tlog_tiles::Error::IndexesNotInTree)
            }
        }
    }
}
