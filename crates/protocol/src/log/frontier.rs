//! The right edge of the tree, which is all that appending needs.

use super::tree::read_all;
use super::{Node, NodeHash, ReadHashes, SIZE_MAX, TreeError};

/// The roots of the perfect subtrees that a tree consists of: one for each bit set in its size, at most 48.
///
/// An authority reads it, or keeps it beside its tree head, appends a group of leaves and signs the new root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    // Invariant: as many as `size` has bits set, the largest subtree first.
    roots: Vec<NodeHash>,
}

impl Frontier {
    /// Returns the frontier of the empty tree.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            size: 0,
            roots: Vec::new(),
        }
    }

    /// Takes the frontier of a tree of `size` leaves, the largest subtree first.
    ///
    /// # Errors
    ///
    /// Says so when the size is too large, or another number of roots belongs to it.
    pub fn from_roots(size: u64, roots: Vec<NodeHash>) -> Result<Self, TreeError> {
        if size > SIZE_MAX {
            return Err(TreeError::TooLarge);
        }
        if u32::try_from(roots.len()) != Ok(size.count_ones()) {
            return Err(TreeError::WrongCount);
        }
        Ok(Self { size, roots })
    }

    /// Reads the frontier of the tree of the first `size` entries.
    ///
    /// # Errors
    ///
    /// Those of the reader, and of a size that is too large.
    pub fn read<R: ReadHashes>(size: u64, reader: &R) -> Result<Self, R::Error> {
        if size > SIZE_MAX {
            return Err(TreeError::TooLarge.into());
        }
        let roots = read_all(&Node::of_frontier(size), reader)?;
        Ok(Self { size, roots })
    }

    /// Appends a leaf.
    ///
    /// # Errors
    ///
    /// Says so when the log is full.
    pub fn append(&mut self, leaf: NodeHash) -> Result<(), TreeError> {
        if self.size >= SIZE_MAX {
            return Err(TreeError::TooLarge);
        }
        // Each trailing one of the size is a subtree that the new leaf completes a larger one with.
        let kept = self.roots.len() - self.size.trailing_ones() as usize;
        let completed = self
            .roots
            .drain(kept..)
            .rev()
            .fold(leaf, |right, left| NodeHash::of_children(left, right));
        self.roots.push(completed);
        self.size += 1;
        Ok(())
    }

    /// Returns the number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the roots of the perfect subtrees, the largest first.
    #[must_use]
    pub fn roots(&self) -> &[NodeHash] {
        &self.roots
    }

    /// Returns the root of the tree.
    #[must_use]
    pub fn root(&self) -> NodeHash {
        self.roots
            .iter()
            .copied()
            .rev()
            .reduce(|right, left| NodeHash::of_children(left, right))
            .unwrap_or_else(NodeHash::of_nothing)
    }
}
