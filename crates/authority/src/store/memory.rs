//! A store in memory, which is gone with whoever has it: for tests, those of embedders too. Not for keys that anybody
//! wants back.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom_protocol::id::StatementId;
use strongroom_protocol::log::{NodeHash, Tile, TileId};

use super::{
    EntryRow, Head, Key, LeafRow, Order, Rows, Span, Store, StoreError, Transaction, Value,
};

/// A store in memory. Who reads has the last commit as it was, however long they read.
#[derive(Default)]
pub(crate) struct Memory {
    /// What was committed last: taken for a moment, to copy or to replace what it points to.
    committed: Mutex<Arc<Tables>>,
    /// The store's lock: held for the length of a transaction.
    writer: Mutex<()>,
}

#[derive(Clone, Default)]
struct Tables {
    entries: BTreeMap<u64, Arc<EntryRow>>,
    ids: BTreeMap<StatementId, u64>,
    head: Option<Head>,
    tiles: BTreeMap<TileId, Tile>,
    map: BTreeMap<Key, Value>,
    counts: BTreeMap<&'static str, u64>,
}

impl Store for Memory {
    fn snapshot(&self) -> Result<Box<dyn Rows + '_>, StoreError> {
        Ok(Box::new(View {
            tables: RefCell::new(lock(&self.committed).clone()),
            changes: RefCell::default(),
            writes: None,
        }))
    }

    fn transaction(&self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let writes = Some((self, lock(&self.writer)));
        Ok(Box::new(View {
            tables: RefCell::new(lock(&self.committed).clone()),
            changes: RefCell::default(),
            writes,
        }))
    }
}

/// The tables as somebody sees them.
struct View<'m> {
    /// As they were committed; from the first reading behind a change on, a copy with what was changed.
    tables: RefCell<Arc<Tables>>,
    /// What was changed, and is not in `tables`.
    changes: RefCell<Vec<Change>>,
    /// In a transaction: where it is committed to, and the lock.
    writes: Option<(&'m Memory, MutexGuard<'m, ()>)>,
}

type Change = Box<dyn FnOnce(&mut Tables)>;

impl View<'_> {
    fn change(&self, change: impl FnOnce(&mut Tables) + 'static) -> Result<(), StoreError> {
        self.changes.borrow_mut().push(Box::new(change));
        Ok(())
    }

    /// Returns the tables with what was changed: who changes and then reads pays for a copy, who only changes does not.
    fn tables(&self) -> Ref<'_, Arc<Tables>> {
        let mut changes = self.changes.borrow_mut();
        if !changes.is_empty() {
            Arc::make_mut(&mut self.tables.borrow_mut()).apply(changes.drain(..));
        }
        self.tables.borrow()
    }
}

impl Tables {
    fn apply(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            change(self);
        }
    }
}

impl Transaction for View<'_> {
    fn append(&self, entries: &[EntryRow]) -> Result<(), StoreError> {
        let entries = entries.to_vec();
        self.change(move |tables| {
            for entry in entries {
                tables.ids.insert(entry.id, entry.index);
                tables.entries.insert(entry.index, Arc::new(entry));
            }
        })
    }

    fn mend(&self, statements: &[(u64, Vec<u8>)]) -> Result<(), StoreError> {
        let statements = statements.to_vec();
        self.change(move |tables| {
            for (index, statement) in statements {
                if let Some(row) = tables.entries.get_mut(&index) {
                    Arc::make_mut(row).statement = statement;
                }
            }
        })
    }

    fn put_back(&self, index: u64, entry: Option<&EntryRow>) -> Result<(), StoreError> {
        let entry = entry.cloned();
        self.change(move |tables| {
            if let Some(was) = tables.entries.remove(&index) {
                tables.ids.remove(&was.id);
            }
            if let Some(entry) = entry {
                tables.ids.insert(entry.id, index);
                tables.entries.insert(index, Arc::new(entry));
            }
        })
    }

    fn put(&self, pairs: &[(Key, Option<Value>)]) -> Result<(), StoreError> {
        let pairs = pairs.to_vec();
        self.change(move |tables| {
            for (key, value) in pairs {
                match value {
                    Some(value) => tables.map.insert(key, value),
                    None => tables.map.remove(&key),
                };
            }
        })
    }

    fn put_tiles(&self, tiles: &[Tile]) -> Result<(), StoreError> {
        let tiles = tiles.to_vec();
        self.change(|tables| {
            let tiles = tiles.into_iter().map(|tile| (tile.id(), tile));
            tables.tiles.extend(tiles);
        })
    }

    fn put_head(&self, head: &Head) -> Result<(), StoreError> {
        let head = head.clone();
        self.change(|tables| tables.head = Some(head))
    }

    fn count(&self, counts: &[(&'static str, u64)]) -> Result<(), StoreError> {
        let counts = counts.to_vec();
        self.change(move |tables| {
            for (name, count) in counts {
                *tables.counts.entry(name).or_default() += count;
            }
        })
    }

    /// What was committed before is changed in place, but for who still reads it.
    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self {
            tables,
            changes,
            writes,
        } = *self;
        let Some((memory, _writer)) = writes else {
            return Ok(());
        };
        let tables = tables.into_inner();
        let mut committed = lock(&memory.committed);
        if Arc::ptr_eq(&tables, &committed) {
            drop(tables);
        } else {
            *committed = tables;
        }
        Arc::make_mut(&mut committed).apply(changes.into_inner());
        Ok(())
    }
}

impl Rows for View<'_> {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        let tables = self.tables();
        Ok(tables.head.clone())
    }

    fn entries(&self, indexes: &[u64]) -> Result<Vec<EntryRow>, StoreError> {
        let tables = self.tables();
        let mut indexes = indexes.to_vec();
        indexes.sort_unstable();
        indexes.dedup();
        let rows = indexes.iter().filter_map(|index| tables.entries.get(index));
        Ok(rows.map(|row| EntryRow::clone(row)).collect())
    }

    fn entries_of(&self, ids: &[StatementId]) -> Result<Vec<Option<u64>>, StoreError> {
        let tables = self.tables();
        Ok(ids.iter().map(|id| tables.ids.get(id).copied()).collect())
    }

    fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError> {
        let tables = self.tables();
        let rows = tables.entries.range(from..).take(number(limit));
        Ok(rows.map(|(_, row)| LeafRow::from(&**row)).collect())
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        let tables = self.tables();
        let rows = tables.entries.range(entries);
        Ok(rows.map(|(_, row)| row.leaf).collect())
    }

    fn tile(&self, id: TileId) -> Result<Option<Tile>, StoreError> {
        let tables = self.tables();
        Ok(tables.tiles.get(&id).cloned())
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        let tables = self.tables();
        let id = |index| TileId { level, index };
        let tiles = tables.tiles.range(id(tiles.start)..id(tiles.end));
        Ok(tiles.map(|(_, tile)| tile.root()).collect())
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        let tables = self.tables();
        Ok(keys
            .iter()
            .map(|key| tables.map.get(key).cloned())
            .collect())
    }

    fn range(
        &self,
        span: &Span,
        order: Order,
        limit: u64,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let tables = self.tables();
        let pairs = tables.map.range::<Key, _>(span.bounds());
        let pair = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
        Ok(match order {
            Order::Forward => pairs.take(number(limit)).map(pair).collect(),
            Order::Backward => pairs.rev().take(number(limit)).map(pair).collect(),
        })
    }
}

fn number(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Nothing panics while it holds one of these: a poisoned lock says nothing of what it guards.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
