//! RFC 6962's tree and the checks of RFC 9162, as they stand there and by themselves, so that they share no mistake with
//! what is tested; and checkpoints with any text.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use strongroom_protocol::id::Digest;
use strongroom_protocol::keys::SigningKey;
use strongroom_protocol::log::{ConsistencyProof, InclusionProof, NodeHash};

/// RFC 6962 §2.1: the root over leaves.
pub(crate) fn root(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => NodeHash::of_nothing(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            NodeHash::of_children(root(left), root(right))
        }
    }
}

/// RFC 6962 §2.1.1: the proof of a leaf.
pub(crate) fn inclusion(index: usize, leaves: &[NodeHash]) -> InclusionProof {
    InclusionProof::from_hashes(path(index, leaves))
}

fn path(index: usize, leaves: &[NodeHash]) -> Vec<NodeHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, beside) = if index < left.len() {
        (path(index, left), root(right))
    } else {
        (path(index - left.len(), right), root(left))
    };
    below.push(beside);
    below
}

/// RFC 6962 §2.1.2: the proof that the tree begins with its first `old` leaves.
pub(crate) fn consistency(old: usize, leaves: &[NodeHash]) -> ConsistencyProof {
    let hashes = if old == 0 || old == leaves.len() {
        Vec::new()
    } else {
        subproof(old, leaves, true)
    };
    ConsistencyProof::from_hashes(hashes)
}

fn subproof(old: usize, leaves: &[NodeHash], whole: bool) -> Vec<NodeHash> {
    if old == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, beside) = if old <= left.len() {
        (subproof(old, left, whole), root(right))
    } else {
        (subproof(old - left.len(), right, false), root(left))
    };
    below.push(beside);
    below
}

/// The largest power of two below a length of at least two.
fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}

/// RFC 9162 §2.1.3.2: the root that a proof of inclusion leads to, if it can be one.
pub(crate) fn included(
    leaf: NodeHash,
    index: u64,
    size: u64,
    proof: &[NodeHash],
) -> Option<NodeHash> {
    let mut at = Place {
        node: index,
        last: size.checked_sub(1)?,
    };
    let mut root = (index < size).then_some(leaf)?;
    for hash in proof {
        root = if at.climb()? {
            NodeHash::of_children(*hash, root)
        } else {
            NodeHash::of_children(root, *hash)
        };
    }
    (at.last == 0).then_some(root)
}

/// RFC 9162 §2.1.4.2: the old and the new root that a proof of consistency leads to, if it can be one. `old_root` is only
/// looked at where the proof has to begin with it.
pub(crate) fn extends(
    old: u64,
    old_root: NodeHash,
    new: u64,
    proof: &[NodeHash],
) -> Option<(NodeHash, NodeHash)> {
    if old == new {
        return proof.is_empty().then_some((old_root, old_root));
    }
    if old == 0 || old > new || proof.is_empty() {
        return None;
    }
    let mut at = Place {
        node: old - 1,
        last: new - 1,
    };
    while at.node & 1 == 1 {
        at.up();
    }
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        (*proof.first()?, &proof[1..])
    };
    let (mut older, mut newer) = (first, first);
    for hash in rest {
        if at.climb()? {
            older = NodeHash::of_children(*hash, older);
            newer = NodeHash::of_children(*hash, newer);
        } else {
            newer = NodeHash::of_children(newer, *hash);
        }
    }
    (at.last == 0).then_some((older, newer))
}

/// Where a proof is in the tree: `fn` and `sn` of RFC 9162.
struct Place {
    node: u64,
    last: u64,
}

impl Place {
    /// Goes to where the next hash is, and tells whether that hash is on the left.
    fn climb(&mut self) -> Option<bool> {
        if self.last == 0 {
            return None;
        }
        let is_left = self.node & 1 == 1 || self.node == self.last;
        if is_left {
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
        }
        self.up();
        Some(is_left)
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}

/// Signs any text as a checkpoint under a name (C2SP signed-note).
pub(crate) fn sign_note(text: &str, name: &str, key: &SigningKey) -> String {
    let public = key.verifying_key();
    let id = Digest::of(&[name.as_bytes(), b"\n\x01", public.as_bytes()]);
    let pair = Ed25519KeyPair::from_seed_unchecked(key.expose_seed()).unwrap();
    let signature = [&id.as_bytes()[..4], pair.sign(text.as_bytes()).as_ref()].concat();
    format!("{text}\n— {name} {}\n", BASE64_STANDARD.encode(signature))
}
