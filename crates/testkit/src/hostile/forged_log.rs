//! A log that goes on from a real one, in memory: every proof in it holds, and only what it says is false.

use strongroom_protocol::id::{AuthorityId, StatementId, Time};
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{
    Checkpoint, ConsistencyProof, Frontier, Leaf, LeafSalt, Node, NodeHash, ReadHashes,
    SignedCheckpoint, TreeError, prove_consistency, prove_inclusion,
};
use strongroom_protocol::receipt::{Attestation, Outcome, Receipt, SignedAttestation};
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{Authority, pages};

use crate::listing::ListingError;

pub(super) struct ForgedLog {
    authority: AuthorityId,
    leaves: Leaves,
    /// When its last entry was recorded.
    last: Time,
}

impl ForgedLog {
    /// Begins with all that the authority's log has now.
    pub(super) fn from(authority: &dyn Authority) -> Self {
        let (mut leaves, mut last) = (Vec::new(), Time::from_millis(0));
        let size = authority.checkpoint().unwrap().checkpoint().size;
        let fetch = |from| Ok::<_, ListingError>(authority.leaves(from)?);
        for page in pages(0, size, fetch) {
            let page = page.unwrap();
            leaves.extend(page.items.iter().map(|leaf| NodeHash::of_leaf(leaf)));
            let newest = page.items.last();
            last = newest.map_or(last, |leaf| Leaf::from_bytes(leaf).unwrap().time());
        }
        Self {
            authority: authority.about().unwrap().authority(),
            leaves: Leaves(leaves),
            last,
        }
    }

    /// Returns when the last entry was recorded: what is added then makes no time go back.
    pub(super) fn last(&self) -> Time {
        self.last
    }

    /// Adds what became of a statement, at a time.
    pub(super) fn append(
        &mut self,
        statement: &SignedStatement,
        outcome: Outcome,
        time: Time,
        key: &SigningKey,
    ) -> Receipt {
        let attestation = Attestation {
            authority: self.authority,
            statement: statement.id(),
            outcome,
            time,
        };
        self.last = time;
        let attestation = SignedAttestation::sign(attestation, key);
        let salt = LeafSalt::from_bytes([7; 32]);
        let index = self.leaves.size();
        self.leaves
            .0
            .push(attestation.leaf(statement.kind(), &salt).hash());
        let inclusion = prove_inclusion(index, index + 1, &self.leaves).unwrap();
        Receipt::new(salt, &attestation, index, inclusion, &self.checkpoint(key))
    }

    /// Proves what a receipt says in this log instead, which begins with the one that it was given in.
    pub(super) fn prove_anew(&self, receipt: &Receipt, index: u64, key: &SigningKey) -> Receipt {
        let inclusion = prove_inclusion(index, self.leaves.size(), &self.leaves).unwrap();
        let attestation = Attestation {
            authority: self.authority,
            statement: StatementId::from_bytes([0; 32]),
            outcome: Outcome::Recorded,
            time: Time::from_millis(0),
        };
        let attestation = SignedAttestation::sign(attestation, key);
        let salt = LeafSalt::from_bytes([0; 32]);
        let other = Receipt::new(salt, &attestation, index, inclusion, &self.checkpoint(key));
        // What it says stands before the index, and how it is proved from there on.
        let (text, other) = (receipt.to_text(), other.to_text());
        let says = text.split_once("\nindex ").unwrap().0;
        let proof = other.split_once("\nindex ").unwrap().1;
        Receipt::parse(&format!("{says}\nindex {proof}")).unwrap()
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
