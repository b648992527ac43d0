//! The append-only Merkle log: RFC 6962's tree in C2SP tiles, with its proofs and checkpoints (spec/log.md).
//! Not what is logged, nor where it is stored: entries are leaves here, and hashes are read through a trait.

use std::fmt;

use crate::encoding::{Canonical, Malformed, Reader, Writer};
use crate::id::Digest;

mod checkpoint;
mod frontier;
mod leaf;
mod proof;
mod tile;
mod tlog_proof;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
pub use frontier::Frontier;
pub use leaf::{Leaf, LeafSalt};
pub use proof::{ConsistencyProof, InclusionProof, NotConsistent, NotIncluded};
pub use tile::{ReadTiles, Tile, TileId, TiledLog};
pub use tlog_proof::{MalformedProof, ProofError, TlogProof};
pub use tree::{Node, ReadHashes, TreeError, prove_consistency, prove_inclusion, root};

/// The largest number of entries in a log.
///
/// It bounds every proof (48 hashes, 49 for consistency) and keeps all arithmetic on sizes and node numbers far
/// from overflow.
pub const SIZE_MAX: u64 = 1 << 48;

/// The hash of a node of the tree: of a leaf, or of a subtree.
///
/// Shown as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeHash([u8; NodeHash::BYTES]);

impl NodeHash {
    /// The length in bytes.
    pub const BYTES: usize = 32;

    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the root of the empty tree: SHA-256 of nothing (RFC 6962 §2.1).
    #[must_use]
    pub fn of_nothing() -> Self {
        Self(*Digest::of(&[]).as_bytes())
    }

    /// Hashes the bytes of a leaf (RFC 6962 §2.1).
    #[must_use]
    pub fn of_leaf(bytes: &[u8]) -> Self {
        Self(*Digest::of(&[&[0], bytes]).as_bytes())
    }

    /// Hashes two subtrees into the one that holds both (RFC 6962 §2.1).
    #[must_use]
    pub fn of_children(left: Self, right: Self) -> Self {
        Self(*Digest::of(&[&[1], &left.0, &right.0]).as_bytes())
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeHash({self})")
    }
}

impl Canonical for NodeHash {
    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.byte_array("node hash").map(Self)
    }
}

impl From<tlog_tiles::Hash> for NodeHash {
    fn from(hash: tlog_tiles::Hash) -> Self {
        Self(hash.0)
    }
}

impl From<NodeHash> for tlog_tiles::Hash {
    fn from(hash: NodeHash) -> Self {
        Self(hash.0)
    }
}
