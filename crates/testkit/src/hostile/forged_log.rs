//! A log that goes on from a real one, in memory: every proof in it holds, and only what it says is false.

use strongroom_protocol::Authority;
use strongroom_protocol::id::{AuthorityId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{
    Checkpoint, ConsistencyProof, Frontier, LeafSalt, Node, NodeHash, ReadHashes, SignedCheckpoint,
    TreeError, prove_consistency, prove_inclusion,
};
use strongroom_protocol::receipt::{Attestation, Outcome, Receipt, SignedAttestation};
use strongroom_protocol::statement::SignedStatement;

pub(super) struct ForgedLog {
    authority: AuthorityId,
    leaves: Leaves,
}

impl ForgedLog {
    /// Begins with all that the authority's log has now.
    pub(super) fn from(authority: &dyn Authority) -> Self {
        let mut leaves = Vec::new();
        loop {
            let page = authority.leaves(leaves.len() as u64).unwrap();
            leaves.extend(page.items.iter().map(|leaf| NodeHash::of_leaf(leaf)));
            if !page.more {
                break;
            }
        }
        Self {
            authority: authority.about().unwrap().authority(),
            leaves: Leaves(leaves),
        }
    }

    pub(super) fn append(
        &mut self,
        statement: &SignedStatement,
        outcome: Outcome,
        key: &SigningKey,
    ) -> Receipt {
        let attestation = Attestation {
            authority: self.authority,
            statement: statement.id(),
            outcome,
            time: Time::from_millis(1_767_225_600_000),
        };
        let attestation = SignedAttestation::sign(attestation, key);
        let salt = LeafSalt::from_bytes([7; 32]);
        let index = self.leaves.size();
        self.leaves
            .0
            .push(attestation.leaf(statement.kind(), &salt).hash());
        let inclusion = prove_inclusion(index, index + 1, &self.leaves).unwrap();
        Receipt::new(salt, &attestation, index, inclusion, &self.checkpoint(key))
    }

    pub(super) fn checkpoint(&self, key: &SigningKey) -> SignedCheckpoint {
        let mut frontier = Frontier::empty();
        for leaf in &self.leaves.0 {
            frontier.append(*leaf).unwrap();
        }
        let head = Checkpoint {
            authority: self.authority,
            size: frontier.size(),
            root: frontier.root(),
        };
        head.sign(key)
    }

    pub(super) fn consistency(&self, old: u64, new: u64) -> Option<ConsistencyProof> {
        let known = new <= self.leaves.size();
        known.then(|| prove_consistency(old, new, &self.leaves).ok())?
    }
}

struct Leaves(Vec<NodeHash>);

impl Leaves {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn hash(&self, node: Node) -> NodeHash {
        let Some(below) = node.level.checked_sub(1) else {
            return self.0[usize::try_from(node.index).unwrap()];
        };
        let child = |index| {
            self.hash(Node {
                level: below,
                index,
            })
        };
        NodeHash::of_children(child(node.index * 2), child(node.index * 2 + 1))
    }
}

impl ReadHashes for Leaves {
    type Error = TreeError;

    fn read(&self, nodes: &[Node]) -> Result<Vec<NodeHash>, TreeError> {
        Ok(nodes.iter().map(|node| self.hash(*node)).collect())
    }
}
