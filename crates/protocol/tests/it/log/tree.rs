//! Roots, tiles and proofs.

use std::ops::Range;

use strongroom_protocol::log::{
    ConsistencyProof, Frontier, InclusionProof, Node, NodeHash, ReadHashes, ReadTiles, SIZE_MAX,
    Tile, TileId, TiledLog, TreeError, prove_consistency, prove_inclusion, root,
};

use super::{Store, at, entries, mth, path, proof};
use crate::vectors::{self, Vector};

#[test]
fn roots_of_all_small_sizes_are_those_of_the_rfc() {
    let leaves = entries(0..700);
    let store = Store::of(700);
    let mut frontier = Frontier::empty();
    for size in 0..=700 {
        let expected = mth(&leaves[..size]);
        let log = store.log_at(size as u64);
        assert_eq!(frontier.root(), expected, "size {size}");
        assert_eq!(root(size as u64, &log), Ok(expected), "size {size}");
        assert_eq!(Frontier::read(size as u64, &log).as_ref(), Ok(&frontier));
        let kept = Frontier::from_roots(size as u64, frontier.roots().to_vec());
        assert_eq!(kept.as_ref(), Ok(&frontier));
        if let Some(leaf) = leaves.get(size) {
            frontier.append(*leaf).unwrap();
        }
    }
}

#[test]
fn inclusion_proofs_of_all_small_sizes_are_those_of_the_rfc() {
    let leaves = entries(0..700);
    let store = Store::of(700);
    for size in (1..=70).chain([255, 256, 257, 511, 512, 513, 700]) {
        let tree = &leaves[..size];
        let root = mth(tree);
        let step = if size <= 70 { 1 } else { 51 };
        for index in (0..size).step_by(step).chain([size - 1]) {
            let log = store.log_at(size as u64);
            let proof = prove_inclusion(index as u64, size as u64, &log).unwrap();
            assert_eq!(proof.hashes(), path(index, tree), "{index} of {size}");
            proof
                .verify(tree[index], index as u64, size as u64, root)
                .unwrap();
        }
    }
}

#[test]
fn consistency_proofs_of_all_small_sizes_are_those_of_the_rfc() {
    let leaves = entries(0..700);
    let store = Store::of(700);
    for new in (1..=70).chain([255, 256, 257, 511, 512, 513, 700]) {
        let new_root = mth(&leaves[..new]);
        let step = if new <= 70 { 1 } else { 51 };
        for old in (1..=new).step_by(step).chain([new]) {
            let made =
                prove_consistency(old as u64, new as u64, &store.log_at(new as u64)).unwrap();
            assert_eq!(made.hashes(), proof(old, &leaves[..new]), "{old} to {new}");
            made.verify(old as u64, mth(&leaves[..old]), new as u64, new_root)
                .unwrap();
        }
    }
}

#[test]
fn a_log_with_tiles_above_tiles_has_the_root_and_the_proofs_of_the_rfc() {
    let size = 65_536 + 300;
    let leaves = entries(0..size);
    let store = Store::of(size);
    let log = store.log();
    assert_eq!(store.tiles.borrow().len(), 257 + 1);
    assert_eq!(store.frontier.root(), mth(&leaves));
    assert_eq!(root(size, &log), Ok(mth(&leaves)));
    for index in [0, 40_000, 65_536, size - 1] {
        let proof = prove_inclusion(index, size, &log).unwrap();
        assert_eq!(proof.hashes(), path(at(index), &leaves), "{index}");
    }
    for old in [300, 65_536, 65_800] {
        let made = prove_consistency(old, size, &log).unwrap();
        assert_eq!(made.hashes(), proof(at(old), &leaves), "{old}");
    }
    // Before the tile of level 1 is full, its row comes from the tiles below.
    for size in [40_000, 65_535] {
        let log = store.log_at(size);
        let tree = &leaves[..at(size)];
        assert_eq!(root(size, &log), Ok(mth(tree)));
        let proof = prove_inclusion(300, size, &log).unwrap();
        assert_eq!(proof.hashes(), path(300, tree));
    }
}

#[test]
fn growing_in_groups_fills_every_tile_once_with_what_tlog_tiles_says() {
    let size = 65_536 + 1000;
    let leaves = entries(0..size);
    let mut store = Store::new();
    let mut rest = &leaves[..];
    for group in [1, 254, 1, 1, 255, 0, 600, 3, 64_000, 500]
        .into_iter()
        .chain(std::iter::repeat(97))
    {
        let (now, later) = rest.split_at(group.min(rest.len()));
        store.append(now);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let tiles = store.tiles.borrow();
    assert_eq!(tiles.len(), 259 + 1);
    for (id, bytes) in tiles.iter() {
        let span = 256_usize.pow(id.level.into());
        let first = at(id.index) * 256 * span;
        // MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l]), C2SP tlog-tiles
        let expected: Vec<u8> = (0..256)
            .map(|i| mth(&leaves[first + i * span..first + (i + 1) * span]))
            .flat_map(|hash| *hash.as_bytes())
            .collect();
        assert_eq!(*bytes, expected, "{id}");
        let tile = Tile::from_bytes(*id, bytes).unwrap();
        assert_eq!(tile.root(), mth(&leaves[first..first + 256 * span]));
    }
}

#[test]
fn a_proof_with_anything_changed_is_refused() {
    let leaves = entries(0..40);
    let root = mth(&leaves);
    let other = entries(1000..1001)[0];
    for index in [0, 7, 31, 32, 38] {
        let hashes = path(index, &leaves);
        let verify = |hashes: &[NodeHash], leaf, index: usize, size, root| {
            InclusionProof::from_hashes(hashes.to_vec()).verify(leaf, index as u64, size, root)
        };
        let leaf = leaves[index];
        verify(&hashes, leaf, index, 40, root).unwrap();
        verify(&hashes, other, index, 40, root).unwrap_err();
        verify(&hashes, leaf, index + 1, 40, root).unwrap_err();
        verify(&hashes, leaf, index, 40, other).unwrap_err();
        verify(&hashes, leaf, index, index as u64, root).unwrap_err();
        verify(&hashes, leaf, index, u64::MAX, root).unwrap_err();
        verify(&hashes[1..], leaf, index, 40, root).unwrap_err();
        verify(&[&hashes[..], &[other]].concat(), leaf, index, 40, root).unwrap_err();
        for place in 0..hashes.len() {
            let mut hashes = hashes.clone();
            hashes[place] = other;
            verify(&hashes, leaf, index, 40, root).unwrap_err();
        }
    }
    for old in [1, 7, 16, 32, 39, 40] {
        let hashes = proof(old, &leaves);
        let old_root = mth(&leaves[..old]);
        let verify = |hashes: &[NodeHash], old: usize, old_root, new, new_root| {
            ConsistencyProof::from_hashes(hashes.to_vec())
                .verify(old as u64, old_root, new, new_root)
        };
        verify(&hashes, old, old_root, 40, root).unwrap();
        verify(&hashes, old, other, 40, root).unwrap_err();
        verify(&hashes, old, old_root, 40, other).unwrap_err();
        verify(&hashes, old, old_root, old as u64 - 1, root).unwrap_err();
        verify(&hashes, old, old_root, u64::MAX, root).unwrap_err();
        verify(&[&hashes[..], &[other]].concat(), old, old_root, 40, root).unwrap_err();
        for place in 0..hashes.len() {
            let mut hashes = hashes.clone();
            hashes[place] = other;
            verify(&hashes, old, old_root, 40, root).unwrap_err();
            hashes.remove(place);
            verify(&hashes, old, old_root, 40, root).unwrap_err();
        }
    }
}

#[test]
fn no_proof_of_any_length_or_size_panics() {
    let leaf = entries(0..1)[0];
    let sizes = [
        0,
        1,
        2,
        255,
        SIZE_MAX - 1,
        SIZE_MAX,
        SIZE_MAX + 1,
        u64::MAX / 2,
        u64::MAX,
    ];
    for length in [0, 1, 2, 47, 48, 49, 50, 10_000] {
        let hashes = vec![leaf; length];
        for first in sizes {
            for second in sizes {
                let inclusion = InclusionProof::from_hashes(hashes.clone());
                let included = inclusion.verify(leaf, first, second, leaf);
                assert_eq!(included.is_ok(), length == 0 && first == 0 && second == 1);
                let consistency = ConsistencyProof::from_hashes(hashes.clone());
                let consistent = consistency.verify(first, leaf, second, leaf);
                let same = first == second && (1..=SIZE_MAX).contains(&first);
                assert_eq!(
                    consistent.is_ok(),
                    length == 0 && same,
                    "{first} {second} {length}"
                );
            }
        }
    }
}

#[test]
fn every_log_begins_with_the_empty_one_and_with_itself() {
    let leaves = entries(0..3);
    let empty = mth(&[]);
    let nothing = ConsistencyProof::from_hashes(Vec::new());
    nothing.verify(0, empty, 0, empty).unwrap();
    nothing.verify(0, empty, 3, mth(&leaves)).unwrap();
    nothing.verify(3, mth(&leaves), 3, mth(&leaves)).unwrap();
    nothing.verify(0, empty, 0, leaves[0]).unwrap_err();
    nothing.verify(0, leaves[0], 3, mth(&leaves)).unwrap_err();
    nothing.verify(3, leaves[0], 3, mth(&leaves)).unwrap_err();
    let something = ConsistencyProof::from_hashes(vec![leaves[0]]);
    something.verify(0, empty, 3, mth(&leaves)).unwrap_err();
    something
        .verify(3, mth(&leaves), 3, mth(&leaves))
        .unwrap_err();
    let store = Store::of(3);
    assert_eq!(prove_consistency(0, 3, &store.log()), Ok(nothing.clone()));
    assert_eq!(prove_consistency(3, 3, &store.log()), Ok(nothing));
}

#[test]
fn what_lies_outside_the_log_is_an_error() {
    let store = Store::of(300);
    let log = store.log();
    assert_eq!(prove_inclusion(300, 300, &log), Err(TreeError::OutOfRange));
    assert_eq!(prove_inclusion(5, 4, &log), Err(TreeError::OutOfRange));
    assert_eq!(prove_inclusion(0, 301, &log), Err(TreeError::OutOfRange));
    assert_eq!(
        prove_consistency(301, 300, &log),
        Err(TreeError::OutOfRange)
    );
    assert_eq!(prove_inclusion(0, u64::MAX, &log), Err(TreeError::TooLarge));
    assert_eq!(root(SIZE_MAX + 1, &log), Err(TreeError::TooLarge));
    assert_eq!(
        TiledLog::new(SIZE_MAX + 1, &store).err(),
        Some(TreeError::TooLarge)
    );
    for (level, index) in [
        (0, 300),
        (0, u64::MAX),
        (8, 1),
        (9, 0),
        (64, 0),
        (255, u64::MAX),
    ] {
        assert_eq!(
            log.read(&[Node { level, index }]),
            Err(TreeError::OutOfRange)
        );
    }
    for (level, index) in [(0, 1), (1, 0), (9, 0), (255, u64::MAX)] {
        assert_eq!(
            log.fill(TileId { level, index }),
            Err(TreeError::OutOfRange)
        );
    }
    let roots = vec![NodeHash::of_nothing(); 3];
    assert_eq!(
        Frontier::from_roots(3, roots.clone()),
        Err(TreeError::WrongCount)
    );
    assert_eq!(
        Frontier::from_roots(u64::MAX, roots),
        Err(TreeError::TooLarge)
    );
    let mut full = Frontier::from_roots(SIZE_MAX, vec![NodeHash::of_nothing()]).unwrap();
    assert_eq!(
        full.append(NodeHash::of_nothing()),
        Err(TreeError::TooLarge)
    );
}

#[test]
fn a_reader_that_answers_for_too_few_nodes_is_an_error() {
    struct Forgetful;
    impl ReadHashes for Forgetful {
        type Error = TreeError;
        fn read(&self, nodes: &[Node]) -> Result<Vec<NodeHash>, TreeError> {
            Ok(vec![NodeHash::of_nothing(); nodes.len() - 1])
        }
    }
    assert_eq!(root(9, &Forgetful), Err(TreeError::WrongCount));
    assert_eq!(
        prove_inclusion(3, 9, &Forgetful),
        Err(TreeError::WrongCount)
    );
    assert_eq!(
        prove_consistency(3, 9, &Forgetful),
        Err(TreeError::WrongCount)
    );
}

#[test]
fn a_store_that_answers_with_another_tile_or_too_few_leaves_is_an_error() {
    struct Confused(Store);
    impl ReadTiles for Confused {
        type Error = TreeError;
        fn tile(&self, id: TileId) -> Result<Tile, TreeError> {
            let index = 1 - id.index;
            self.0.tile(TileId { index, ..id })
        }
        fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, TreeError> {
            self.0.leaves(entries.start..entries.end - 1)
        }
    }
    let store = Confused(Store::of(600));
    let log = TiledLog::new(600, &store).unwrap();
    let read = |level, index| log.read(&[Node { level, index }]);
    assert_eq!(read(0, 3), Err(TreeError::WrongTile));
    assert_eq!(read(0, 599), Err(TreeError::WrongCount));
}

#[test]
fn a_tile_of_another_length_is_an_error() {
    let id = TileId { level: 0, index: 0 };
    for length in [0, 32, 8191, 8193] {
        assert_eq!(
            Tile::from_bytes(id, &vec![0; length]),
            Err(TreeError::WrongTile)
        );
    }
}

#[test]
fn vectors_of_tile_paths() {
    for vector in vectors::read("log/tile.txt") {
        let level = u8::try_from(vector.number("level")).unwrap();
        let index = vector.number("index");
        assert_eq!(TileId { level, index }.to_string(), vector.one("path"));
    }
}

#[test]
fn vectors_of_roots() {
    for vector in vectors::read("log/root.txt") {
        let leaves = entries(0..vector.number("size"));
        let expected = hash_of(&vector, "root");
        assert_eq!(mth(&leaves), expected, "the vector is wrong");
        let mut frontier = Frontier::empty();
        for leaf in leaves {
            frontier.append(leaf).unwrap();
        }
        assert_eq!(frontier.root(), expected);
    }
}

#[test]
fn vectors_of_inclusion() {
    for vector in vectors::read("log/inclusion-accept.txt") {
        let leaves = entries(0..vector.number("size"));
        let index = at(vector.number("index"));
        assert_eq!(
            hash_of(&vector, "leaf"),
            leaves[index],
            "the vector is wrong"
        );
        assert_eq!(
            hash_of(&vector, "root"),
            mth(&leaves),
            "the vector is wrong"
        );
        assert_eq!(
            hashes_of(&vector),
            path(index, &leaves),
            "the vector is wrong"
        );
        assert!(is_included(&vector), "{vector}");
    }
    for vector in vectors::read("log/inclusion-reject.txt") {
        assert!(!is_included(&vector), "{vector}");
    }
}

#[test]
fn vectors_of_consistency() {
    for vector in vectors::read("log/consistency-accept.txt") {
        let leaves = entries(0..vector.number("new-size"));
        let old = at(vector.number("old-size"));
        assert_eq!(
            hash_of(&vector, "old-root"),
            mth(&leaves[..old]),
            "the vector is wrong"
        );
        assert_eq!(
            hash_of(&vector, "new-root"),
            mth(&leaves),
            "the vector is wrong"
        );
        let expected = if old == 0 {
            Vec::new()
        } else {
            proof(old, &leaves)
        };
        assert_eq!(hashes_of(&vector), expected, "the vector is wrong");
        assert!(is_consistent(&vector), "{vector}");
    }
    for vector in vectors::read("log/consistency-reject.txt") {
        assert!(!is_consistent(&vector), "{vector}");
    }
}

fn is_included(vector: &Vector) -> bool {
    let leaf = hash_of(vector, "leaf");
    let root = hash_of(vector, "root");
    InclusionProof::from_hashes(hashes_of(vector))
        .verify(leaf, vector.number("index"), vector.number("size"), root)
        .is_ok()
}

fn is_consistent(vector: &Vector) -> bool {
    let old_root = hash_of(vector, "old-root");
    let new_root = hash_of(vector, "new-root");
    ConsistencyProof::from_hashes(hashes_of(vector))
        .verify(
            vector.number("old-size"),
            old_root,
            vector.number("new-size"),
            new_root,
        )
        .is_ok()
}

fn hash_of(vector: &Vector, key: &str) -> NodeHash {
    NodeHash::from_bytes(vector.array(key))
}

fn hashes_of(vector: &Vector) -> Vec<NodeHash> {
    let hashes = vector.all("hash").into_iter();
    hashes
        .map(|hash| NodeHash::from_bytes(vectors::unhex(hash).try_into().unwrap()))
        .collect()
}
