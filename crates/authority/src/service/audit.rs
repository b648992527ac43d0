//! What an operator can do about a store that may be damaged: check all of it, and make its map anew.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_protocol::id::Time;
use strongroom_protocol::log::{Checkpoint, Frontier, ReadTiles, TileId, TiledLog};
use strongroom_protocol::statement::SignedStatement;

use super::Service;
use super::check::Watch;
use super::replay;
use crate::index::{self, Difference};
use crate::log::{Entry, Log};
use crate::store::{Beside, Damage, Head, Snapshot, StoreError, Writing};

impl Service {
    /// Checks the whole log: every statement and attestation, every leaf, tile and the head, as they were signed, and
    /// that times only go forward.
    ///
    /// # Errors
    ///
    /// Says what is damaged first, or that the store can't be read.
    pub fn verify_log(&self) -> Result<Checkpoint, StoreError> {
        self.store.read(|store| verify(&self.log, store))
    }

    /// Holds the indexes and the tree's tiles against the entries, and makes them what these say. Others may go on using the
    /// store; they see it before or after. `watch` is told how many entries were read, of how many.
    ///
    /// What can't be read of a deposit costs that deposit, and its rows stay; with anything else unread it is not known what
    /// the indexes should be, and they stay as they are.
    ///
    /// # Errors
    ///
    /// Says what is damaged and can't be made from the entries, or that the store can't be written; then all is as it was.
    pub fn repair(&self, watch: &mut Watch<'_>) -> Result<Indexes, StoreError> {
        let repaired = self.store.write(|store| {
            let size = self.log.checkpoint(store)?.checkpoint().size;
            let (indexes, differences) =
                self.differences(store, |index, _| watch(index + 1, size))?;
            if indexes.differing.contains_key(TILES) {
                let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
                mend_tiles(store, &head)?;
            }
            if let Some(unread) = indexes.blocked_by {
                let what =
                    "it can't be read, and so it is not known what the indexes should say of it";
                return Err(Damage::of_entry(unread, what).into());
            }
            for difference in differences {
                match difference.right {
                    Some(right) => store.put(difference.key, right),
                    None => store.remove(difference.key),
                }
            }
            Ok(indexes)
        })?;
        self.forget();
        Ok(repaired)
    }

    /// Makes the map anew from the entries. Others may go on using the store; they see it before or after.
    ///
    /// # Errors
    ///
    /// Says which entry is damaged, or that the store can't be written; then the map is as it was.
    pub fn rebuild(&self) -> Result<(), StoreError> {
        self.store.write(|store| rebuild(&self.log, store))?;
        self.forget();
        Ok(())
    }

    /// Forgets what was read through rows that were wrong: it is to be read again.
    pub(super) fn forget(&self) {
        self.devices.clear();
        self.plans.clear();
        self.policies.clear();
        self.replay.clear();
    }

    /// Holds the indexes against the entries, each of which `see` is shown, or that it can't be read.
    pub(super) fn compare_indexes(
        &self,
        store: &Snapshot<'_>,
        see: impl FnMut(u64, Option<&Entry>),
    ) -> Result<Indexes, StoreError> {
        Ok(self.differences(store, see)?.0)
    }

    fn differences(
        &self,
        store: &Snapshot<'_>,
        mut see: impl FnMut(u64, Option<&Entry>),
    ) -> Result<(Indexes, Vec<Difference>), StoreError> {
        let size = self.log.checkpoint(store)?.checkpoint().size;
        let beside = Beside::default();
        let mut unread = BTreeSet::new();
        let mut blocked_by = None;
        let kinds = replay::kinds(store)?;
        beside.add(|map| {
            for index in 0..size {
                let entry = match self.log.entry(store, index) {
                    Ok(entry) => Some(entry),
                    Err(StoreError::Damaged(_)) => None,
                    Err(error) => return Err(error),
                };
                see(index, entry.as_ref());
                let added = match &entry {
                    Some(entry) => match map.apart(|| index::add(map, entry)) {
                        Err(StoreError::Damaged(_)) => false,
                        added => added.map(|()| true)?,
                    },
                    None => {
                        unread.insert(index);
                        // Of these nothing follows but rows that speak of them.
                        kinds
                            .get(&index)
                            .is_some_and(|kind| index::has_own_rows(*kind))
                    }
                };
                if !added {
                    blocked_by = blocked_by.or(Some(index));
                }
                if index % AT_ONCE == AT_ONCE - 1 {
                    map.flush()?;
                }
            }
            Ok(())
        })?;
        // What follows from one that can't be read is not known.
        let differences = match blocked_by {
            None => index::differences(store, &beside, &unread)?,
            Some(_) => Vec::new(),
        };
        let mut differing = BTreeMap::new();
        for difference in &differences {
            *differing.entry(difference.index()).or_default() += 1;
        }
        match check_tiles(store, size).and_then(|()| self.log.check_edge(store)) {
            Err(StoreError::Damaged(_)) => drop(differing.insert(TILES, 1)),
            checked => checked?,
        }
        let indexes = Indexes {
            differing,
            blocked_by,
        };
        Ok((indexes, differences))
    }

    /// Returns the log's statements from an index on, at most `limit`, each with when it was recorded: for whoever runs
    /// the authority, and may see everything that was said.
    ///
    /// # Errors
    ///
    /// Says which entry is damaged, or that the store can't be read.
    pub fn statements(
        &self,
        from: u64,
        limit: u64,
    ) -> Result<Vec<(Time, SignedStatement)>, StoreError> {
        self.store.read(|store| {
            let size = self.log.checkpoint(store)?.checkpoint().size;
            let entry = |index| {
                let entry = self.log.entry(store, index)?;
                Ok((entry.time(), entry.into_statement()))
            };
            let end = size.min(from.saturating_add(limit));
            (from..end).map(entry).collect()
        })
    }
}

/// What came of holding the indexes against the entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexes {
    /// How many rows of each index are not what the entries make of them.
    pub differing: BTreeMap<&'static str, u64>,
    /// The first entry that can't be read, or follows from none, and is no deposit: then nothing was compared, as it is not
    /// known what follows from it.
    pub blocked_by: Option<u64>,
}

impl Indexes {
    /// Counts the rows that are not what the entries make of them.
    #[must_use]
    pub fn differing(&self) -> u64 {
        self.differing.values().sum()
    }
}

/// Proves the tree, its tiles and its head from the entries, and each entry by its signatures.
pub(crate) fn verify(log: &Log, store: &Snapshot<'_>) -> Result<Checkpoint, StoreError> {
    let head = store.head()?.ok_or(Damage::of("the head is missing"))?;
    let mut frontier = Frontier::empty();
    let mut last = Time::from_millis(0);
    for index in 0..head.frontier.size() {
        let entry = log.entry(store, index)?;
        if entry.time() < last {
            return Err(Damage::of_entry(index, "its time is before that of the last one").into());
        }
        last = entry.time();
        frontier.append(entry.leaf())?;
    }
    if frontier != head.frontier {
        return Err(Damage::of("the head is not that of the entries").into());
    }
    if store.entry(frontier.size())?.is_some() {
        return Err(Damage::of_entry(frontier.size(), "it is behind the head").into());
    }
    check_tiles(store, frontier.size())?;
    Ok(*log.checkpoint(store)?.checkpoint())
}

/// Makes the map anew from the entries.
pub(crate) fn rebuild(log: &Log, store: &Writing<'_>) -> Result<(), StoreError> {
    store.clear_map()?;
    for index in 0..log.grow(store)?.size() {
        index::add(store, &log.entry(store, index)?)?;
        if index % AT_ONCE == AT_ONCE - 1 {
            store.flush()?;
        }
    }
    store.flush()
}

/// What people are told where the tree is not what the leaves make of it.
const TILES: &str = "the tree's tiles";

/// So many entries of what they add are held in memory beside a store.
const AT_ONCE: u64 = 256;

/// Makes the tiles what the leaves say, where these make the signed head; where they don't, an entry is damaged, which is
/// told, and is to be put back first.
fn mend_tiles(store: &Writing<'_>, head: &Head) -> Result<(), StoreError> {
    let size = head.frontier.size();
    let mut frontier = Frontier::empty();
    for entry in 0..size {
        let Some(leaf) = store.leaves(entry..entry + 1)?.pop() else {
            return Ok(());
        };
        frontier.append(leaf)?;
    }
    if frontier == head.frontier {
        let tiles = TiledLog::new(size, &**store)?;
        for id in TileId::filled(0, size) {
            store.put_tile_now(tiles.fill(id)?)?;
        }
    }
    Ok(())
}

fn check_tiles(store: &Snapshot<'_>, size: u64) -> Result<(), StoreError> {
    let tiles = TiledLog::new(size, store)?;
    for id in TileId::filled(0, size) {
        let tile = store.tile(id)?;
        let root = store.tile_roots(id.level, id.index..id.index + 1)?;
        if tiles.fill(id)? != tile || root != [tile.root()] {
            return Err(Damage::of("a tile is not that of the entries").into());
        }
    }
    Ok(())
}
