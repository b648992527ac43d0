//! A map in memory, made beside a store's own from the same entries: what rows say can then be held against it.

use std::ops::Range;

use strongroom_protocol::id::StatementId;
use strongroom_protocol::log::{NodeHash, Tile, TileId};

use super::overlay::Overlay;
use super::{
    EntryRow, Head, Key, LeafRow, Memory, Order, Rows, Snapshot, Span, Store, StoreError, Value,
    Writing,
};

/// A map beside a store's own.
#[derive(Default)]
pub(crate) struct Beside(Memory);

impl Beside {
    /// Has these pairs.
    pub(crate) fn of(pairs: Vec<(Key, Value)>) -> Result<Self, StoreError> {
        let map = Memory::default();
        let pairs = pairs.into_iter().map(|(key, value)| (key, Some(value)));
        let transaction = map.transaction()?;
        transaction.put(&pairs.collect::<Vec<_>>())?;
        transaction.commit()?;
        Ok(Self(map))
    }

    /// Adds to it, all or nothing.
    pub(crate) fn add<T>(
        &self,
        add: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.transaction()?.write(add)
    }

    /// Asks `store` with this map in the place of its own, for the keys that `is_beside` tells of. What `more` adds is gone
    /// behind it.
    pub(crate) fn ask<T>(
        &self,
        store: &Snapshot<'_>,
        is_beside: fn(&Key) -> bool,
        more: impl FnOnce(&Writing<'_>) -> Result<(), StoreError>,
        ask: impl FnOnce(&Snapshot<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.0.transaction()?;
        let overlay = Overlay::over(&*transaction);
        more(&Writing::new(&overlay))?;
        let joined = Joined {
            beside: &overlay,
            store: store.rows(),
            is_beside,
        };
        ask(&Snapshot::replayed(&joined))
    }

    /// Returns the pairs of a stretch of it.
    pub(crate) fn range(&self, span: &Span, limit: u64) -> Result<Vec<(Key, Value)>, StoreError> {
        self.0.snapshot()?.range(span, Order::Forward, limit)
    }
}

/// A store with another map in the place of a part of its own.
struct Joined<'j> {
    beside: &'j dyn Rows,
    store: &'j dyn Rows,
    is_beside: fn(&Key) -> bool,
}

impl Joined<'_> {
    fn map_of(&self, key: &Key) -> &dyn Rows {
        if (self.is_beside)(key) {
            self.beside
        } else {
            self.store
        }
    }
}

impl Rows for Joined<'_> {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.store.head()
    }

    fn entries(&self, indexes: &[u64]) -> Result<Vec<EntryRow>, StoreError> {
        self.store.entries(indexes)
    }

    fn entries_of(&self, ids: &[StatementId]) -> Result<Vec<Option<u64>>, StoreError> {
        self.store.entries_of(ids)
    }

    fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError> {
        self.store.leaf_rows(from, limit)
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.store.leaves(entries)
    }

    fn tile(&self, id: TileId) -> Result<Option<Tile>, StoreError> {
        self.store.tile(id)
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.store.tile_roots(level, tiles)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        let of = |beside| {
            let keys = keys.iter().filter(|key| (self.is_beside)(key) == beside);
            keys.cloned().collect::<Vec<Key>>()
        };
        let mut beside = self.beside.get_many(&of(true))?.into_iter();
        let mut others = self.store.get_many(&of(false))?.into_iter();
        let value = |key| {
            let mut values: &mut dyn Iterator<Item = _> = &mut others;
            if (self.is_beside)(key) {
                values = &mut beside;
            }
            values.next().flatten()
        };
        Ok(keys.iter().map(value).collect())
    }

    /// No stretch that is asked for goes beyond one index.
    fn range(
        &self,
        span: &Span,
        order: Order,
        limit: u64,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        self.map_of(span.from()).range(span, order, limit)
    }
}
