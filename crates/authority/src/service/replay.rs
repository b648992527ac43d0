//! What the log itself says of owners, devices, requests, words and policies: made from its entries anew, and asked before
//! anything is decided, released or enrolled. Whoever edits rows of the map has edited nothing of this.
//!
//! Every leaf is hashed and held against the signed head, so that no entry passes for another kind and none is left out
//! unseen. Deposits, which are most of a log, decide nothing, and are read no further than that.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_protocol::log::{Frontier, Leaf, NodeHash, ReadTiles, TileId};

use super::Service;
use crate::index;
use crate::log::Log;
use crate::store::{Beside, Damage, Head, LeafRow, Snapshot, StoreError, Writing};

/// The part of the map that is decided on, as the entries make it. It is kept: what was read of the log once stays so.
#[derive(Default)]
pub(super) struct Replay(Mutex<State>);

struct State {
    map: Beside,
    /// The leaves up to where it was made.
    frontier: Frontier,
    /// Entries of which it can't be told what they said.
    holes: BTreeSet<u64>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            map: Beside::default(),
            frontier: Frontier::empty(),
            holes: BTreeSet::new(),
        }
    }
}

impl Service {
    /// Asks the log: `ask` is given the store with this part of its map made anew, of the log's first `size` entries.
    ///
    /// An entry behind `since` that can't be read could say anything of what is asked about; then nothing is answered.
    pub(super) fn by_the_log<T>(
        &self,
        store: &Snapshot<'_>,
        (since, size): (u64, u64),
        ask: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut state = self.replay.lock();
        // Who only looks may have begun before the commit up to which it was read.
        state.catch_up(&self.log, store, size == 0)?;
        if let Some(hole) = state.holes.range(since..).next() {
            let what = "it can't be read, and may be a word on what is to be decided; what is asked for now stands behind it";
            return Err(Damage::of_entry(*hole, what).into());
        }
        // What the group under way has appended is not committed, and may come to nothing.
        let committed = state.frontier.size();
        let more = |map: &Writing<'_>| {
            (committed..size).try_for_each(|entry| add(&self.log, store, map, entry).map(drop))
        };
        state.map.ask(store, index::is_decided_on, more, ask)
    }
}

impl Service {
    /// Keeps what the log came to in the store, if much was appended since that was done last: at the beginning of a commit,
    /// when all of the log is committed.
    pub(super) fn keep_replay(&self, store: &Writing<'_>, size: u64) -> Result<(), StoreError> {
        if !kept::is_due(store, size)? {
            return Ok(());
        }
        let mut state = self.replay.lock();
        match state.catch_up(&self.log, store, false) {
            Ok(()) => kept::keep(&self.log, store, &state),
            // It is told to who asks for what rests on it.
            Err(StoreError::Damaged(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Replay {
    /// Whoever panicked here left it as it was: what is added to it is added at once.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets it, so that it is made anew.
    pub(super) fn clear(&self) {
        *self.lock() = State::default();
    }
}

impl State {
    /// Reads what is new in the log up to its signed head.
    fn catch_up(
        &mut self,
        log: &Log,
        store: &Snapshot<'_>,
        is_look: bool,
    ) -> Result<(), StoreError> {
        let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
        // What was held against a checkpoint once stays so.
        if head.frontier == self.frontier {
            return Ok(());
        }
        log.checkpoint(store)?;
        if head.frontier.size() < self.frontier.size() && is_look {
            return Ok(());
        }
        if head.frontier.size() <= self.frontier.size() {
            return Err(Damage::of("the log is not the one that it was").into());
        }
        let leaves = self.leaves(log, store, &head)?;
        let holes = self.map.add(|map| {
            let mut holes = leaves.holes.clone();
            for entry in leaves.decisive {
                if !holes.contains(&entry) && !add(log, store, map, entry)? {
                    holes.insert(entry);
                }
            }
            Ok(holes)
        })?;
        self.holes.extend(holes);
        self.frontier = head.frontier;
        Ok(())
    }
}

impl State {
    /// Reads the leaves behind what was read already: where nothing was, behind what is kept.
    fn leaves(
        &mut self,
        log: &Log,
        store: &Snapshot<'_>,
        head: &Head,
    ) -> Result<Leaves, StoreError> {
        if self.frontier.size() == 0
            && let Some(kept) = kept::read(log, store)?
            && kept.frontier.size() <= head.frontier.size()
            && let Ok(leaves) = Leaves::read(store, &kept.frontier, head)
        {
            *self = kept;
            return Ok(leaves);
        }
        Leaves::read(store, &self.frontier, head)
    }
}

/// Adds what follows from an entry; tells whether it could be read and makes sense behind those before it.
fn add(log: &Log, store: &Snapshot<'_>, map: &Writing<'_>, entry: u64) -> Result<bool, StoreError> {
    let read = log.entry(store, entry);
    let added = read.and_then(|entry| {
        if index::is_undecisive(entry.statement().kind().code()) {
            return Ok(());
        }
        map.apart(|| index::add(map, &entry))
    });
    match added {
        Ok(()) => Ok(true),
        Err(StoreError::Damaged(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What new leaves show of their entries.
struct Leaves {
    /// Those on which something is decided.
    decisive: Vec<u64>,
    /// Those whose rows are not what their leaves were made of.
    holes: BTreeSet<u64>,
}

impl Leaves {
    /// Reads the leaves from where `before` ends up to the head, which they must make.
    fn read(store: &Snapshot<'_>, before: &Frontier, head: &Head) -> Result<Self, StoreError> {
        let range = before.size()..head.frontier.size();
        let rows = leaf_rows(store, range.clone())?;
        let made = |row: &LeafRow| {
            Leaf::new(
                row.kind,
                row.time,
                &row.salt,
                &row.attestation,
                &row.signature,
            )
            .hash()
        };
        // Where a row is not what it says, its leaf may be known still: from the row, or from the tile that it fills.
        for by_tiles in [false, true] {
            let mut tiles = BTreeMap::new();
            let mut frontier = before.clone();
            let mut leaves = Self {
                decisive: Vec::new(),
                holes: BTreeSet::new(),
            };
            for index in range.clone() {
                let row = rows.get(&index);
                let in_tile = if by_tiles || row.is_none() {
                    tile_leaf(store, &mut tiles, index, head.frontier.size())?
                } else {
                    None
                };
                let Some(leaf) = in_tile.or(row.map(|row| row.leaf)) else {
                    return Err(
                        Damage::of_entry(index, "it is missing, and its leaf with it").into(),
                    );
                };
                match row {
                    Some(row) if made(row) == leaf => {
                        if !index::is_undecisive(row.kind) {
                            leaves.decisive.push(index);
                        }
                    }
                    Some(_) | None => drop(leaves.holes.insert(index)),
                }
                frontier.append(leaf)?;
            }
            if frontier == head.frontier {
                return Ok(leaves);
            }
        }
        Err(Damage::of("the head is not that of the entries").into())
    }
}

/// Returns the kinds of the log's entries, as their leaves prove them.
pub(super) fn kinds(store: &Snapshot<'_>) -> Result<BTreeMap<u64, u64>, StoreError> {
    let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
    let holes = match Leaves::read(store, &Frontier::empty(), &head) {
        Ok(leaves) => leaves.holes,
        Err(StoreError::Damaged(_)) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut rows = leaf_rows(store, 0..head.frontier.size())?;
    rows.retain(|index, _| !holes.contains(index));
    Ok(rows
        .into_iter()
        .map(|(index, row)| (index, row.kind))
        .collect())
}

/// Reads what leaves are made of; one that is no leaf at all is left out, and hides no others.
fn leaf_rows(
    store: &Snapshot<'_>,
    range: std::ops::Range<u64>,
) -> Result<BTreeMap<u64, LeafRow>, StoreError> {
    let count = range.end - range.start;
    let rows = match store.leaf_rows(range.start, count) {
        Err(StoreError::Damaged(_)) => range
            .filter_map(|index| store.leaf_rows(index, 1).ok()?.pop())
            .collect(),
        rows => rows?,
    };
    Ok(rows.into_iter().map(|row| (row.index, row)).collect())
}

/// Returns a leaf's hash as it stands in its tile, if that is full and is there.
fn tile_leaf(
    store: &Snapshot<'_>,
    tiles: &mut BTreeMap<u64, Option<Vec<u8>>>,
    index: u64,
    size: u64,
) -> Result<Option<NodeHash>, StoreError> {
    const WIDTH: u64 = 256;
    let id = TileId {
        level: 0,
        index: index / WIDTH,
    };
    let tile = match tiles.get(&id.index) {
        Some(tile) => tile,
        None => {
            let tile = if id.is_full(size) {
                match store.tile(id) {
                    Ok(tile) => Some(tile.to_bytes()),
                    Err(StoreError::Damaged(_)) => None,
                    Err(error) => return Err(error),
                }
            } else {
                None
            };
            tiles.entry(id.index).or_insert(tile)
        }
    };
    let at = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
    let (hashes, _) = tile.as_deref().unwrap_or_default().as_chunks();
    Ok(hashes.get(at).copied().map(NodeHash::from_bytes))
}
