//! What a log is made of: checkpoints, proofs and their texts, leaves, tiles and the right edge. All proofs that are drawn
//! lead to some root, and a checkpoint of that root is signed.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use strongroom_protocol::log::{
    Checkpoint, ConsistencyProof, Frontier, InclusionProof, Leaf, NodeHash, ReadTiles, SIZE_MAX,
    SignedCheckpoint, Tile, TileId, TiledLog, TlogProof, TreeError, prove_consistency,
    prove_inclusion, root,
};

use crate::cast::{cast, flip, unhex, vectors};
use crate::draw::{Draw, Seed};
use crate::tree;

/// Any text, signed as a checkpoint, with any lines behind the signature.
pub(crate) fn read_checkpoint(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let place = draw.number();
    let others = str::from_utf8(draw.bytes()).ok()?;
    let note = str::from_utf8(draw.rest()).ok()?;
    let (authority, key) = (cast().authority(), cast().log_key());
    let name = format!("strongroom/authority/{authority}");
    let text = tree::sign_note(note, &name, key) + others;
    let parse = |text: &str| SignedCheckpoint::parse(text, authority, &key.verifying_key());
    let signed = parse(&text).ok()?;
    assert_eq!(signed.as_text(), text);
    let Checkpoint { size, root, .. } = *signed.checkpoint();
    assert!(size <= SIZE_MAX);
    let root = BASE64_STANDARD.encode(root.as_bytes());
    assert_eq!(note, format!("{name}\n{size}\n{root}\n"));
    let ours = text.len() - others.len();
    assert_eq!(signed.checkpoint().sign(key).as_text(), &text[..ours]);
    assert!(SignedCheckpoint::parse(&text, authority, &cast().keys[1].verifying_key()).is_err());
    if let Ok(changed) = String::from_utf8(flip(&text.as_bytes()[..ours], place)) {
        assert!(parse(&changed).is_err(), "{changed}");
    }
    Some(())
}

/// The text of a proof: any text, or the one of a proof that holds.
pub(crate) fn read_proof(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    if draw.flag() {
        let text = str::from_utf8(draw.rest()).ok()?;
        let proof = TlogProof::parse(text).ok()?;
        assert_eq!(proof.to_string(), text);
        return Some(());
    }
    let place = draw.number();
    let (index, size) = (draw.number(), draw.number());
    let leaf = NodeHash::from_bytes(draw.array());
    let extra = draw.bytes();
    let hashes = hashes(draw);
    let led = tree::included(leaf, index, size, &hashes);
    let (authority, key) = (cast().authority(), cast().log_key());
    let root = led.unwrap_or(leaf);
    let checkpoint = Checkpoint {
        authority,
        size,
        root,
    }
    .sign(key);
    let inclusion = InclusionProof::from_hashes(hashes.clone());
    let holds = inclusion.verify(leaf, index, size, root).is_ok();
    assert_eq!(holds, led.is_some() && size <= SIZE_MAX);
    let proof = TlogProof::new(extra.to_vec(), index, inclusion.clone(), &checkpoint);
    let text = proof.to_string();
    let read = TlogProof::parse(&text).ok()?;
    assert_eq!(read, proof);
    assert_eq!(
        (read.extra(), read.index(), read.inclusion()),
        (extra, index, &inclusion)
    );
    let verify = |proof: &TlogProof, known| {
        let verified = proof.verify(leaf, authority, &key.verifying_key(), known);
        verified.ok()
    };
    let verified = verify(&read, None);
    assert_eq!(verified.is_some(), holds);
    assert_eq!(verify(&read, Some(&checkpoint)).is_some(), holds);
    let verified = verified?;
    assert_eq!(verified.as_text(), checkpoint.as_text());
    // In a text that holds no letter can be another, but in what the proof does not authenticate.
    let changed = flip(text.as_bytes(), place);
    if let Some(other) = String::from_utf8(changed)
        .ok()
        .and_then(|text| TlogProof::parse(&text).ok())
    {
        assert!(
            other.extra() != extra || verify(&other, None).is_none(),
            "{other}"
        );
    }
    let elsewhere = NodeHash::of_children(leaf, leaf);
    assert!(
        read.verify(elsewhere, authority, &key.verifying_key(), None)
            .is_err()
    );
    Some(())
}

/// Proofs that one tree begins with another.
pub(crate) fn read_consistency(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    let (old, new) = (draw.number(), draw.number());
    let (old_root, other) = (NodeHash::from_bytes(draw.array()), draw.number());
    let hashes = hashes(draw);
    let proof = ConsistencyProof::from_hashes(hashes.clone());
    assert_eq!(proof.hashes(), hashes);
    let led = tree::extends(old, old_root, new, &hashes);
    let (older, newer) = led.unwrap_or((old_root, old_root));
    let verifies = |older, newer| proof.verify(old, older, new, newer).is_ok();
    if old == 0 {
        // Every tree begins with the empty one, of which nothing is proved.
        let nothing = NodeHash::of_nothing();
        let empty = hashes.is_empty() && new <= SIZE_MAX && (new > 0 || old_root == nothing);
        assert_eq!(verifies(nothing, old_root), empty);
        return empty.then_some(());
    }
    assert_eq!(verifies(older, newer), led.is_some() && new <= SIZE_MAX);
    led.filter(|_| new <= SIZE_MAX)?;
    let changed = |hash: NodeHash| {
        let bytes = flip(hash.as_bytes(), other);
        NodeHash::from_bytes(bytes.try_into().unwrap())
    };
    assert!(!verifies(changed(older), newer) && !verifies(older, changed(newer)));
    Some(())
}

/// Leaves, the right edge and tiles.
pub(crate) fn read_tree(bytes: &[u8]) -> Option<()> {
    let mut draw = Draw::new(bytes);
    match draw.byte() % 3 {
        0 => {
            let bytes = draw.rest();
            let leaf = Leaf::from_bytes(bytes).ok()?;
            assert_eq!(leaf.to_bytes(), bytes);
            assert_eq!(leaf.hash(), NodeHash::of_leaf(bytes));
            let _ = (leaf.kind(), leaf.time().to_string());
        }
        1 => {
            let size = draw.number();
            let roots = hashes(draw);
            let mut frontier = Frontier::from_roots(size, roots.clone()).ok()?;
            let led = roots.iter().rev().copied();
            let led = led.reduce(|right, left| NodeHash::of_children(left, right));
            assert_eq!(frontier.root(), led.unwrap_or_else(NodeHash::of_nothing));
            let leaf = NodeHash::of_leaf(bytes);
            assert_eq!(frontier.append(leaf).is_ok(), size < SIZE_MAX);
            if size < SIZE_MAX {
                assert_eq!(frontier.roots().len(), (size + 1).count_ones() as usize);
            }
        }
        _ => return read_tiles(draw),
    }
    Some(())
}

/// A log of some hundred leaves, in a store that may lie of some of its tiles and leaves.
fn read_tiles(mut draw: Draw<'_>) -> Option<()> {
    let size = usize::try_from(draw.number() % 800).unwrap();
    let (old, lie) = (draw.number() % (size as u64 + 2), draw.number());
    let leaf = |number: usize| NodeHash::of_leaf(&number.to_be_bytes());
    let leaves: Vec<_> = (0..size).map(leaf).collect();
    let mut store = Leaves {
        leaves: leaves.clone(),
        lie,
    };
    let log = TiledLog::new(size as u64, &store).unwrap();
    let read = root(size as u64, &log);
    let proofs = (
        prove_inclusion(old, size as u64, &log),
        prove_consistency(old, size as u64, &log),
    );
    // What it may not answer, no lie makes it answer.
    assert!(proofs.0.is_err() || old < size as u64);
    assert!(proofs.1.is_err() || old <= size as u64);
    if lie != 0 {
        return read.ok().map(|_| ());
    }
    let old_leaves = usize::try_from(old).unwrap();
    assert_eq!(read, Ok(tree::root(&leaves)));
    let mut frontier = Frontier::empty();
    leaves
        .iter()
        .for_each(|leaf| frontier.append(*leaf).unwrap());
    assert_eq!(Frontier::read(size as u64, &log), Ok(frontier));
    if old_leaves < size {
        assert_eq!(proofs.0, Ok(tree::inclusion(old_leaves, &leaves)));
    }
    if old_leaves <= size {
        assert_eq!(proofs.1, Ok(tree::consistency(old_leaves, &leaves)));
    }
    for id in TileId::filled(old, size as u64) {
        let tile = log.fill(id).unwrap();
        assert_eq!(Tile::from_bytes(id, &tile.to_bytes()), Ok(tile));
    }
    // Another store's hash is another log.
    store
        .leaves
        .iter_mut()
        .for_each(|leaf| *leaf = NodeHash::of_children(*leaf, *leaf));
    let log = TiledLog::new(size as u64, &store).unwrap();
    assert_eq!(root(size as u64, &log) == read, size == 0);
    Some(())
}

struct Leaves {
    leaves: Vec<NodeHash>,
    /// What is wrong with its answers, by bits: one leaf or one root too few, another tile.
    lie: u64,
}

impl Leaves {
    fn of(&self, range: Range<u64>) -> &[NodeHash] {
        let [from, to] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
        &self.leaves[from..to]
    }
}

impl ReadTiles for Leaves {
    type Error = TreeError;

    fn tile(&self, id: TileId) -> Result<Tile, TreeError> {
        let below = 1 << (8 * id.level);
        let first = id.index * 256 * below;
        let roots = (0..256).map(|number| {
            let from = first + number * below;
            tree::root(self.of(from..from + below))
        });
        let bytes: Vec<u8> = roots.flat_map(|root| *root.as_bytes()).collect();
        let index = id.index + u64::from(self.lie & 4 != 0);
        Tile::from_bytes(TileId { index, ..id }, &bytes)
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, TreeError> {
        let mut leaves = self.of(entries).to_vec();
        if self.lie & 1 != 0 {
            leaves.pop();
        }
        Ok(leaves)
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, TreeError> {
        let roots = tiles.map(|index| Ok(self.tile(TileId { level, index })?.root()));
        let mut roots: Vec<NodeHash> = roots.collect::<Result<_, TreeError>>()?;
        if self.lie & 2 != 0 {
            roots.pop();
        }
        Ok(roots)
    }
}

fn hashes(draw: Draw<'_>) -> Vec<NodeHash> {
    let (hashes, _) = draw.rest().as_chunks();
    hashes.iter().copied().map(NodeHash::from_bytes).collect()
}

pub(crate) fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let name = format!("strongroom/authority/{}", cast().authority());
    let seed = |size: u64, others: &str| {
        let root = BASE64_STANDARD.encode([7; 32]);
        let note = format!("{name}\n{size}\n{root}\n");
        Seed::of([3])
            .bytes(others.as_bytes())
            .raw(note.as_bytes())
            .done()
    };
    let witness = tree::sign_note("", "witness.example", &cast().keys[1]);
    vec![
        seed(0, ""),
        seed(1, ""),
        seed(SIZE_MAX, ""),
        seed(40, witness.trim_start_matches('\n')),
    ]
}

pub(crate) fn proof_seeds() -> Vec<Vec<u8>> {
    let lines = vectors("log/proof-accept.txt", "line");
    let text = lines.iter().map(|line| format!("{line}\n"));
    // The first of the vectors.
    let text: String = text.take(2).chain(["\nanything".to_owned()]).collect();
    let mut seeds = vec![Seed::of([1]).raw(text.as_bytes()).done()];
    for (index, size) in [(0, 1), (2, 4), (5, 7), (299, 300), (SIZE_MAX - 1, SIZE_MAX)] {
        let hashes = vec![7; 32 * hashes_of(index, size)];
        let seed = Seed::of([0, 9]).number(index).number(size).raw(&[5; 32]);
        seeds.push(seed.bytes(b"extra").raw(&hashes).done());
    }
    seeds
}

fn hashes_of(index: u64, size: u64) -> usize {
    let leaf = NodeHash::of_nothing();
    let holds = |count: &usize| tree::included(leaf, index, size, &vec![leaf; *count]).is_some();
    (0..50).find(holds).unwrap()
}

pub(crate) fn consistency_seeds() -> Vec<Vec<u8>> {
    let sizes = [
        (0, 0),
        (0, 7),
        (1, 1),
        (3, 7),
        (4, 7),
        (6, 8),
        (255, 300),
        (1, SIZE_MAX),
    ];
    let seed = |(old, new): (u64, u64)| {
        let hash = NodeHash::of_nothing();
        let leads = |count: &usize| {
            old == 0 || tree::extends(old, hash, new, &vec![hash; *count]).is_some()
        };
        let count = (0..50).find(leads).unwrap();
        let seed = Seed::default()
            .number(old)
            .number(new)
            .raw(hash.as_bytes())
            .byte(3);
        seed.raw(&vec![8; 32 * count]).done()
    };
    sizes.into_iter().map(seed).collect()
}

pub(crate) fn tree_seeds() -> Vec<Vec<u8>> {
    let leaves = vectors("log/leaf.txt", "leaf");
    let leaves = leaves
        .iter()
        .map(|leaf| Seed::of([0]).raw(&unhex(leaf)).done());
    let frontiers = [0_u64, 1, 6, 255, SIZE_MAX - 1].map(|size| {
        let roots = vec![9; 32 * size.count_ones() as usize];
        Seed::of([1]).number(size).raw(&roots).done()
    });
    let tiles = [
        (0, 0, 0),
        (1, 0, 0),
        (300, 255, 0),
        (799, 512, 0),
        (100, 7, 4),
        (600, 513, 0),
    ];
    let tiles =
        tiles.map(|(size, old, lie)| Seed::of([2]).number(size).number(old).number(lie).done());
    leaves.chain(frontiers).chain(tiles).collect()
}

/// The text of a checkpoint of the cast's authority.
pub(crate) fn checkpoint_text() -> String {
    let head = Checkpoint {
        authority: cast().authority(),
        size: 1,
        root: NodeHash::of_nothing(),
    };
    head.sign(cast().log_key()).as_text().to_owned()
}
