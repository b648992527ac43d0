//! A store that counts what is asked of it, for tests: each call would be a journey to a store on another machine.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use strongroom_protocol::id::StatementId;
use strongroom_protocol::log::{NodeHash, Tile, TileId};

use super::{
    EntryRow, Head, Key, LeafRow, Order, Rows, Span, Store, StoreError, Transaction, Value,
};

/// How often each of a store's methods was called.
pub(crate) type Calls = Arc<Mutex<BTreeMap<&'static str, usize>>>;

/// A store and its counter.
pub(crate) struct Watched {
    store: Box<dyn Store>,
    calls: Calls,
    entries_read: Arc<AtomicUsize>,
}

impl Watched {
    pub(crate) fn over(store: Box<dyn Store>) -> (Self, Calls) {
        let calls = Calls::default();
        let watched = Self {
            store,
            calls: calls.clone(),
            entries_read: Arc::default(),
        };
        (watched, calls)
    }

    /// Returns the counter of the entries that were asked for, in however many calls.
    pub(crate) fn entries_read(&self) -> Arc<AtomicUsize> {
        self.entries_read.clone()
    }

    fn counting<R: ?Sized>(&self, inner: Box<R>) -> Counting<R> {
        Counting {
            calls: self.calls.clone(),
            entries_read: self.entries_read.clone(),
            inner,
        }
    }
}

impl Store for Watched {
    fn snapshot(&self) -> Result<Box<dyn Rows + '_>, StoreError> {
        Ok(Box::new(self.counting(self.store.snapshot()?)))
    }

    fn transaction(&self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        Ok(Box::new(self.counting(self.store.transaction()?)))
    }

    fn file(&self) -> Option<&Path> {
        self.store.file()
    }
}

/// A store that somebody else has, too.
impl<S: Store> Store for Arc<S> {
    fn snapshot(&self) -> Result<Box<dyn Rows + '_>, StoreError> {
        (**self).snapshot()
    }

    fn transaction(&self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        (**self).transaction()
    }

    fn file(&self) -> Option<&Path> {
        (**self).file()
    }
}

struct Counting<R: ?Sized> {
    calls: Calls,
    entries_read: Arc<AtomicUsize>,
    inner: Box<R>,
}

impl<R: ?Sized> Counting<R> {
    fn counted(&self, name: &'static str) -> &R {
        *self.calls.lock().unwrap().entry(name).or_default() += 1;
        &self.inner
    }
}

impl<R: Rows + ?Sized> Rows for Counting<R> {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.counted("head").head()
    }

    fn entries(&self, indexes: &[u64]) -> Result<Vec<EntryRow>, StoreError> {
        self.entries_read.fetch_add(indexes.len(), Relaxed);
        self.counted("entries").entries(indexes)
    }

    fn entries_of(&self, ids: &[StatementId]) -> Result<Vec<Option<u64>>, StoreError> {
        self.counted("entries_of").entries_of(ids)
    }

    fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError> {
        self.counted("leaf_rows").leaf_rows(from, limit)
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.counted("leaves").leaves(entries)
    }

    fn tile(&self, id: TileId) -> Result<Option<Tile>, StoreError> {
        self.counted("tile").tile(id)
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.counted("tile_roots").tile_roots(level, tiles)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        self.counted("get_many").get_many(keys)
    }

    fn range(
        &self,
        span: &Span,
        order: Order,
        limit: u64,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        self.counted("range").range(span, order, limit)
    }
}

impl Transaction for Counting<dyn Transaction + '_> {
    fn append(&self, entries: &[EntryRow]) -> Result<(), StoreError> {
        self.counted("append").append(entries)
    }

    fn mend(&self, statements: &[(u64, Vec<u8>)]) -> Result<(), StoreError> {
        self.counted("mend").mend(statements)
    }

    fn put_back(&self, index: u64, entry: Option<&EntryRow>) -> Result<(), StoreError> {
        self.counted("put_back").put_back(index, entry)
    }

    fn put(&self, pairs: &[(Key, Option<Value>)]) -> Result<(), StoreError> {
        self.counted("put").put(pairs)
    }

    fn put_tiles(&self, tiles: &[Tile]) -> Result<(), StoreError> {
        self.counted("put_tiles").put_tiles(tiles)
    }

    fn put_head(&self, head: &Head) -> Result<(), StoreError> {
        self.counted("put_head").put_head(head)
    }

    fn count(&self, counts: &[(&'static str, u64)]) -> Result<(), StoreError> {
        self.counted("count").count(counts)
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.counted("commit");
        self.inner.commit()
    }
}
