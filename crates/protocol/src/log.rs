//! The Merkle log: tree, proofs, checkpoints, tiles.
