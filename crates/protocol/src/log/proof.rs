//! Inclusion and consistency proofs, as whoever receives them checks them.

use tlog_tiles::Hash;

use super::{NodeHash, SIZE_MAX};

/// A proof that a tree has a leaf at an index (RFC 6962 §2.1.1): the leaf's sibling first, the root's child last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof(Vec<NodeHash>);

impl InclusionProof {
    /// The most hashes that a proof has.
    pub const HASHES_MAX: usize = 48;

    /// Takes the hashes of a proof, which proves nothing before it is verified.
    #[must_use]
    pub fn from_hashes(hashes: Vec<NodeHash>) -> Self {
        Self(hashes)
    }

    /// Returns the hashes.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.0
    }

    /// Checks that `leaf` has the place `index` in the tree of `size` leaves under `root`.
    ///
    /// # Errors
    ///
    /// Says so when this does not prove it.
    pub fn verify(
        &self,
        leaf: NodeHash,
        index: u64,
        size: u64,
        root: NodeHash,
    ) -> Result<(), NotIncluded> {
        // `check_record` copies the rest of the proof at each step and panics where its arithmetic fails: it
        // sees no long proof and no size near overflow.
        if size > SIZE_MAX || index >= size || self.0.len() > Self::HASHES_MAX {
            return Err(NotIncluded);
        }
        tlog_tiles::check_record(&foreign(&self.0), size, root.into(), index, leaf.into())
            .map_err(|_| NotIncluded)
    }
}

/// A proof that does not show the leaf in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not show the entry in the log")]
pub struct NotIncluded;

/// A proof that a tree begins with another (RFC 6962 §2.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof(Vec<NodeHash>);

impl ConsistencyProof {
    /// The most hashes that a proof has.
    pub const HASHES_MAX: usize = 49;

    /// Takes the hashes of a proof, which proves nothing before it is verified.
    #[must_use]
    pub fn from_hashes(hashes: Vec<NodeHash>) -> Self {
        Self(hashes)
    }

    /// Returns the hashes.
    #[must_use]
    pub fn hashes(&self) -> &[NodeHash] {
        &self.0
    }

    /// Checks that the tree of `new_size` leaves under `new_root` begins with that of `old_size` under `old_root`.
    ///
    /// Trees of one size are consistent when their roots are the same, and the proof is empty. Every tree begins
    /// with the empty one: from size 0 the proof is empty too, `old_root` is the empty tree's, and nothing is said
    /// of `new_root`.
    ///
    /// # Errors
    ///
    /// Says so when this does not prove it, as when the log shrank.
    pub fn verify(
        &self,
        old_size: u64,
        old_root: NodeHash,
        new_size: u64,
        new_root: NodeHash,
    ) -> Result<(), NotConsistent> {
        // As for `check_record` in `InclusionProof::verify`.
        if new_size > SIZE_MAX || old_size > new_size || self.0.len() > Self::HASHES_MAX {
            return Err(NotConsistent);
        }
        // `check_tree` refuses the empty tree, whose proof RFC 6962 leaves undefined.
        if old_size == 0 {
            let empty = old_root == NodeHash::of_nothing() && self.0.is_empty();
            let same = new_size > 0 || new_root == old_root;
            return if empty && same {
                Ok(())
            } else {
                Err(NotConsistent)
            };
        }
        tlog_tiles::check_tree(
            &foreign(&self.0),
            new_size,
            new_root.into(),
            old_size,
            old_root.into(),
        )
        .map_err(|_| NotConsistent)
    }
}

/// A proof that does not show one tree to begin with the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not show the log to extend the one seen before")]
pub struct NotConsistent;

fn foreign(hashes: &[NodeHash]) -> Vec<Hash> {
    hashes.iter().copied().map(Hash::from).collect()
}
