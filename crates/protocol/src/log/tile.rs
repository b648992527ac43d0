//! Tiles: 256 hashes side by side, eight levels of the tree at once (C2SP tlog-tiles). Only full tiles are
//! stored; the right edge is computed from them and from the newest entries.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::ops::Range;

use super::{Node, NodeHash, ReadHashes, SIZE_MAX, TreeError};

/// Levels of the tree in one tile.
const HEIGHT: u8 = 8;
/// Hashes in a full tile.
const WIDTH: usize = 1 << HEIGHT;

/// The place of a tile: its level, counted in tiles from the leaves, and its number within the level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// The level: 0 for tiles of leaves, at most 5.
    pub level: u8,
    /// The number within the level, from 0.
    pub index: u64,
}

impl TileId {
    /// The highest level of which a log can have a full tile.
    const LEVEL_MAX: u8 = 5;

    /// Returns the tiles that become full as a log grows from `old` entries to `new`, in the order of their levels:
    /// each tile's children come before it.
    pub fn filled(old: u64, new: u64) -> impl Iterator<Item = Self> {
        (0..=Self::LEVEL_MAX).flat_map(move |level| {
            (full_tiles(level, old)..full_tiles(level, new)).map(move |index| Self { level, index })
        })
    }

    /// Tells whether this tile is full in a log of `size` entries.
    #[must_use]
    pub fn is_full(self, size: u64) -> bool {
        self.level <= Self::LEVEL_MAX && self.index < full_tiles(self.level, size)
    }
}

/// Shows the path of the full tile, as C2SP tlog-tiles has it: `tile/0/x001/x234/067`.
impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let mut divisor = 1_000_000_000_000_000_000;
        while divisor > 1 {
            if self.index >= divisor {
                write!(f, "x{:03}/", self.index / divisor % 1000)?;
            }
            divisor /= 1000;
        }
        write!(f, "{:03}", self.index % 1000)
    }
}

/// Counts the full tiles of a level in a log of `size` entries.
fn full_tiles(level: u8, size: u64) -> u64 {
    size >> (HEIGHT * (level + 1))
}

/// A full tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    id: TileId,
    // Invariant: 256.
    hashes: Vec<NodeHash>,
}

impl Tile {
    /// The length in bytes.
    pub const BYTES: usize = WIDTH * NodeHash::BYTES;

    /// Reads the bytes of the tile `id`.
    ///
    /// # Errors
    ///
    /// Says so when the length is another.
    pub fn from_bytes(id: TileId, bytes: &[u8]) -> Result<Self, TreeError> {
        if bytes.len() != Self::BYTES {
            return Err(TreeError::WrongTile);
        }
        let (hashes, _) = bytes.as_chunks();
        let hashes = hashes.iter().copied().map(NodeHash::from_bytes).collect();
        Ok(Self { id, hashes })
    }

    /// Returns the tile's place.
    #[must_use]
    pub fn id(&self) -> TileId {
        self.id
    }

    /// Returns the tile's bytes, as they are stored and served.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes
            .iter()
            .flat_map(|hash| *hash.as_bytes())
            .collect()
    }

    /// Returns the root of the tile's subtree, which is one hash of a tile above.
    #[must_use]
    pub fn root(&self) -> NodeHash {
        root_of(&self.hashes)
    }
}

/// Where an authority keeps its full tiles and the leaf hashes of its entries.
pub trait ReadTiles {
    /// What can go wrong; it has room for a store that contradicts itself.
    type Error: From<TreeError>;

    /// Returns a full tile.
    ///
    /// # Errors
    ///
    /// Those of the store.
    fn tile(&self, id: TileId) -> Result<Tile, Self::Error>;

    /// Returns the leaf hashes of a range of entries, at most 256, none of them in a tile that was stored.
    ///
    /// # Errors
    ///
    /// Those of the store.
    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, Self::Error>;

    /// Returns the roots of a range of full tiles of one level, at most 256.
    ///
    /// It reads the tiles, up to 255 of them for one proof. A store that keeps each tile's root beside it can
    /// answer with less.
    ///
    /// # Errors
    ///
    /// Those of the store.
    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, Self::Error> {
        tiles
            .map(|index| Ok(read_tile(self, TileId { level, index })?.root()))
            .collect()
    }
}

/// A log of `size` entries in tiles: any node of its tree can be read.
///
/// It takes the store at its word. Whoever is shown a root or a proof checks it against what they saw before.
pub struct TiledLog<'s, S> {
    size: u64,
    store: &'s S,
}

impl<'s, S: ReadTiles> TiledLog<'s, S> {
    /// Reads a log of `size` entries, which are all that the store has, with the tiles that they fill.
    ///
    /// Roots and proofs of smaller sizes are made from it too.
    ///
    /// # Errors
    ///
    /// Says so when the size is too large.
    pub fn new(size: u64, store: &'s S) -> Result<Self, TreeError> {
        if size > SIZE_MAX {
            return Err(TreeError::TooLarge);
        }
        Ok(Self { size, store })
    }

    /// Makes a tile that has just become full, to be stored before those above it are made ([`TileId::filled`]).
    ///
    /// # Errors
    ///
    /// Those of the store, and of a tile that is not full.
    pub fn fill(&self, id: TileId) -> Result<Tile, S::Error> {
        if !id.is_full(self.size) {
            return Err(TreeError::OutOfRange.into());
        }
        let first = id.index << HEIGHT;
        let hashes = self.edge(id.level, first..first + WIDTH as u64)?;
        Ok(Tile { id, hashes })
    }

    /// Reads one node; `tiles` has those that nodes before it were in.
    fn node(&self, node: Node, tiles: &mut BTreeMap<TileId, Tile>) -> Result<NodeHash, S::Error> {
        if !node.is_within(self.size) {
            return Err(TreeError::OutOfRange.into());
        }
        // The node is the root of 2^height hashes that lie in one tile.
        let height = node.level % HEIGHT;
        let hashes = (node.index << height)..((node.index + 1) << height);
        let id = TileId {
            level: node.level / HEIGHT,
            index: hashes.start >> HEIGHT,
        };
        if !id.is_full(self.size) {
            return Ok(root_of(&self.edge(id.level, hashes)?));
        }
        let tile = match tiles.entry(id) {
            Entry::Occupied(tile) => tile.into_mut(),
            Entry::Vacant(place) => place.insert(read_tile(self.store, id)?),
        };
        let first = usize::try_from(hashes.start % WIDTH as u64).expect("less than 256");
        let row = tile.hashes.get(first..first + (1 << height));
        Ok(root_of(row.ok_or(TreeError::WrongTile)?))
    }

    /// Reads hashes of a tile that is not stored: leaves, or the roots of the full tiles below.
    fn edge(&self, level: u8, hashes: Range<u64>) -> Result<Vec<NodeHash>, S::Error> {
        let count = hashes.end - hashes.start;
        let read = match level.checked_sub(1) {
            None => self.store.leaves(hashes)?,
            Some(below) => self.store.tile_roots(below, hashes)?,
        };
        if read.len() as u64 != count {
            return Err(TreeError::WrongCount.into());
        }
        Ok(read)
    }
}

impl<S: ReadTiles> ReadHashes for TiledLog<'_, S> {
    type Error = S::Error;

    fn read(&self, nodes: &[Node]) -> Result<Vec<NodeHash>, S::Error> {
        // A proof asks for up to eight nodes of one tile.
        let mut tiles = BTreeMap::new();
        nodes
            .iter()
            .map(|node| self.node(*node, &mut tiles))
            .collect()
    }
}

fn read_tile<S: ReadTiles + ?Sized>(store: &S, id: TileId) -> Result<Tile, S::Error> {
    let tile = store.tile(id)?;
    if tile.id != id {
        return Err(TreeError::WrongTile.into());
    }
    Ok(tile)
}

/// Returns the root above a row of hashes, whose number is a power of two.
fn root_of(row: &[NodeHash]) -> NodeHash {
    match row {
        [] => NodeHash::of_nothing(),
        [hash] => *hash,
        _ => {
            let (left, right) = row.split_at(row.len() / 2);
            NodeHash::of_children(root_of(left), root_of(right))
        }
    }
}
