//! What a group of acts does, before the store is told: read as if it were done, and handed over at the end with one
//! call for each kind of row. Not what is checked or written: that is who uses it.
//!
//! An act that fails must leave nothing, and a database has no say in that: in PostgreSQL any error ends the whole
//! transaction. So an act writes into a layer of its own, which is thrown away or laid upon the group's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use strongroom_protocol::id::StatementId;
use strongroom_protocol::log::{NodeHash, Tile, TileId};

use super::{EntryRow, Head, Key, LeafRow, Order, Rows, Span, StoreError, Transaction, Value};

/// A transaction with what is to be written in it.
pub(crate) struct Overlay<'t> {
    base: &'t dyn Transaction,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    group: Layer,
    /// That of the act under way.
    act: Option<Layer>,
    // What was read of the head, the map and the entries' ids. As the lock is held, it stays so.
    known_head: Option<Head>,
    known: BTreeMap<Key, Option<Value>>,
    known_ids: BTreeMap<StatementId, Option<u64>>,
}

/// What was done, in the order of the log.
#[derive(Default)]
struct Layer {
    entries: Vec<EntryRow>,
    // Statements of entries that the store has.
    mended: BTreeMap<u64, Vec<u8>>,
    pairs: BTreeMap<Key, Option<Value>>,
    tiles: Vec<Tile>,
    head: Option<Head>,
    counts: BTreeMap<&'static str, u64>,
}

impl<'t> Overlay<'t> {
    pub(super) fn over(base: &'t dyn Transaction) -> Self {
        let state = RefCell::default();
        Self { base, state }
    }

    /// Begins an act: there is none under way.
    pub(super) fn begin(&self) {
        let mut state = self.state.borrow_mut();
        debug_assert!(state.act.is_none(), "an act is within another");
        state.act = Some(Layer::default());
    }

    /// Ends the act under way: it stands, or was not.
    pub(super) fn end(&self, stands: bool) {
        let mut state = self.state.borrow_mut();
        if let Some(act) = state.act.take()
            && stands
        {
            state.group.take_up(act);
        }
    }

    pub(super) fn append(&self, entry: EntryRow) {
        self.write(|layer| layer.entries.push(entry));
    }

    pub(super) fn mend(&self, index: u64, statement: Vec<u8>) {
        self.write(|layer| drop(layer.mended.insert(index, statement)));
    }

    /// The transaction's at once: what stands there is held against the tree, which the transaction has.
    pub(super) fn put_back(&self, index: u64, entry: Option<&EntryRow>) -> Result<(), StoreError> {
        self.state.borrow_mut().known_ids.clear();
        self.base.put_back(index, entry)
    }

    pub(super) fn put(&self, key: Key, value: Option<Value>) {
        self.write(|layer| drop(layer.pairs.insert(key, value)));
    }

    pub(super) fn put_tile(&self, tile: Tile) {
        self.write(|layer| layer.tiles.push(tile));
    }

    pub(super) fn put_tile_now(&self, tile: Tile) -> Result<(), StoreError> {
        self.base.put_tiles(&[tile])
    }

    pub(super) fn put_head(&self, head: Head) {
        self.write(|layer| layer.head = Some(head));
    }

    pub(super) fn count(&self, name: &'static str) {
        self.write(|layer| *layer.counts.entry(name).or_default() += 1);
    }

    /// Reads what is going to be asked for, with one call for all ids and one for all keys.
    pub(super) fn foresee(&self, ids: &[StatementId], keys: Vec<Key>) -> Result<(), StoreError> {
        self.entries_of(ids)?;
        self.learn(keys)
    }

    /// Hands what stands to the transaction, from which it is then read.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let group = {
            let mut state = self.state.borrow_mut();
            debug_assert!(state.act.is_none(), "an act is under way");
            state.known.clear();
            state.known_ids.clear();
            std::mem::take(&mut state.group)
        };
        if !group.entries.is_empty() {
            self.base.append(&group.entries)?;
        }
        if !group.mended.is_empty() {
            let mended: Vec<_> = group.mended.into_iter().collect();
            self.base.mend(&mended)?;
        }
        if !group.pairs.is_empty() {
            let pairs: Vec<_> = group.pairs.into_iter().collect();
            self.base.put(&pairs)?;
        }
        if !group.tiles.is_empty() {
            self.base.put_tiles(&group.tiles)?;
        }
        if let Some(head) = &group.head {
            self.base.put_head(head)?;
        }
        if !group.counts.is_empty() {
            let counts: Vec<_> = group.counts.into_iter().collect();
            self.base.count(&counts)?;
        }
        Ok(())
    }

    fn write(&self, write: impl FnOnce(&mut Layer)) {
        let mut state = self.state.borrow_mut();
        let State { group, act, .. } = &mut *state;
        write(act.as_mut().unwrap_or(group));
    }

    /// Reads those of the keys that are not known yet.
    fn learn(&self, mut keys: Vec<Key>) -> Result<(), StoreError> {
        keys.retain(|key| self.state.borrow().pair(key).is_none());
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(());
        }
        let values = self.base.get_many(&keys)?;
        let mut state = self.state.borrow_mut();
        state.known.extend(keys.into_iter().zip(values));
        Ok(())
    }

    /// Returns the place of the first entry that is not the base's yet, and what `read` makes of those.
    fn pending<T>(&self, read: impl Fn(&EntryRow) -> T) -> (u64, Vec<T>) {
        let state = self.state.borrow();
        let mut entries = state.entries().peekable();
        let first = entries.peek().map_or(u64::MAX, |entry| entry.index);
        (first, entries.map(read).collect())
    }
}

impl State {
    /// What was done, the group's first.
    fn layers(&self) -> impl DoubleEndedIterator<Item = &Layer> {
        std::iter::once(&self.group).chain(&self.act)
    }

    fn entries(&self) -> impl Iterator<Item = &EntryRow> {
        self.layers().flat_map(|layer| &layer.entries)
    }

    /// Returns what is known of a key: what was done to it last, or what was read.
    fn pair(&self, key: &Key) -> Option<&Option<Value>> {
        let mut done = self.layers().rev().map(|layer| layer.pairs.get(key));
        done.find_map(|done| done).or_else(|| self.known.get(key))
    }

    /// Returns what was done to a stretch of the map.
    fn done(&self, span: &Span) -> BTreeMap<Key, Option<Value>> {
        let pairs = self
            .layers()
            .flat_map(|layer| layer.pairs.range::<Key, _>(span.bounds()));
        pairs
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl Layer {
    fn take_up(&mut self, act: Self) {
        self.entries.extend(act.entries);
        self.mended.extend(act.mended);
        self.pairs.extend(act.pairs);
        self.tiles.extend(act.tiles);
        self.head = act.head.or(self.head.take());
        for (name, count) in act.counts {
            *self.counts.entry(name).or_default() += count;
        }
    }
}

impl Rows for Overlay<'_> {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        let done = {
            let state = self.state.borrow();
            state.layers().rev().find_map(|layer| layer.head.clone())
        };
        if done.is_some() {
            return Ok(done);
        }
        if let Some(head) = &self.state.borrow().known_head {
            return Ok(Some(head.clone()));
        }
        let head = self.base.head()?;
        self.state.borrow_mut().known_head.clone_from(&head);
        Ok(head)
    }

    fn entries(&self, indexes: &[u64]) -> Result<Vec<EntryRow>, StoreError> {
        let pending = {
            let state = self.state.borrow();
            let asked = state
                .entries()
                .filter(|entry| indexes.contains(&entry.index));
            asked.cloned().collect::<Vec<_>>()
        };
        let is_pending = |index: &u64| pending.iter().any(|entry| entry.index == *index);
        let mut others = indexes.to_vec();
        others.retain(|index| !is_pending(index));
        let mut entries = if others.is_empty() {
            Vec::new()
        } else {
            self.base.entries(&others)?
        };
        let state = self.state.borrow();
        for entry in &mut entries {
            let mut layers = state.layers();
            if let Some(mended) = layers.find_map(|layer| layer.mended.get(&entry.index)) {
                entry.statement.clone_from(mended);
            }
        }
        entries.extend(pending);
        Ok(entries)
    }

    fn entries_of(&self, ids: &[StatementId]) -> Result<Vec<Option<u64>>, StoreError> {
        let mut unknown = ids.to_vec();
        unknown.retain(|id| !self.state.borrow().known_ids.contains_key(id));
        if !unknown.is_empty() {
            let found = self.base.entries_of(&unknown)?;
            let mut state = self.state.borrow_mut();
            state.known_ids.extend(unknown.into_iter().zip(found));
        }
        let state = self.state.borrow();
        let find = |id: &StatementId| {
            let pending = state.entries().find(|entry| entry.id == *id);
            let known = || state.known_ids.get(id).copied().flatten();
            pending.map(|entry| entry.index).or_else(known)
        };
        Ok(ids.iter().map(find).collect())
    }

    fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError> {
        let mut rows = self.base.leaf_rows(from, limit)?;
        let (first, pending) = self.pending(|entry| LeafRow::from(entry));
        let skipped = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        rows.extend(pending.into_iter().skip(skipped));
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        let (first, pending) = self.pending(|entry| (entry.index, entry.leaf));
        let mut leaves = if entries.start < first {
            self.base.leaves(entries.start..entries.end.min(first))?
        } else {
            Vec::new()
        };
        let asked = pending
            .into_iter()
            .filter(|(index, _)| entries.contains(index));
        leaves.extend(asked.map(|(_, leaf)| leaf));
        Ok(leaves)
    }

    fn tile(&self, id: TileId) -> Result<Option<Tile>, StoreError> {
        let pending = {
            let state = self.state.borrow();
            let mut tiles = state.layers().flat_map(|layer| &layer.tiles);
            tiles.find(|tile| tile.id() == id).cloned()
        };
        match pending {
            Some(tile) => Ok(Some(tile)),
            None => self.base.tile(id),
        }
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        let mut roots = self.base.tile_roots(level, tiles.clone())?;
        let state = self.state.borrow();
        let pending = state.layers().flat_map(|layer| &layer.tiles);
        let asked = |tile: &&Tile| tile.id().level == level && tiles.contains(&tile.id().index);
        roots.extend(pending.filter(asked).map(Tile::root));
        Ok(roots)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        self.learn(keys.to_vec())?;
        let state = self.state.borrow();
        let value = |key| state.pair(key).cloned().flatten();
        Ok(keys.iter().map(value).collect())
    }

    fn range(
        &self,
        span: &Span,
        order: Order,
        limit: u64,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let done = self.state.borrow().done(span);
        // Where so many are done, so many of the base's may be gone or others by now, and no more.
        let enough = limit.saturating_add(done.len() as u64);
        let pairs = self.base.range(span, order, enough)?;
        let mut pairs: BTreeMap<Key, Option<Value>> = pairs
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        pairs.extend(done);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let pairs = pairs.into_iter();
        let kept = |(key, value): (Key, Option<Value>)| value.map(|value| (key, value));
        Ok(match order {
            Order::Forward => pairs.filter_map(kept).take(limit).collect(),
            Order::Backward => pairs.rev().filter_map(kept).take(limit).collect(),
        })
    }
}
