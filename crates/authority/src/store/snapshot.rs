//! The store as it is asked: as of one commit, or under the lock with what the group under way has done.
//! Not the questions by their meaning: those are `index`'s, on these same types.

use std::ops::{Deref, Range};

use strongroom_protocol::id::StatementId;
use strongroom_protocol::log::{NodeHash, ReadTiles, Tile, TileId};

use super::overlay::Overlay;
use super::{Damage, EntryRow, Head, Key, LeafRow, Order, Rows, Span, StoreError, Value};

/// The store as of one moment.
pub(crate) struct Snapshot<'t> {
    rows: &'t dyn Rows,
    is_replayed: bool,
}

impl<'t> Snapshot<'t> {
    pub(super) fn new(rows: &'t dyn Rows) -> Self {
        let is_replayed = false;
        Self { rows, is_replayed }
    }

    /// Has a map that was made from the entries just now, in the place of the stored one.
    pub(super) fn replayed(rows: &'t dyn Rows) -> Self {
        let is_replayed = true;
        Self { rows, is_replayed }
    }

    pub(super) fn rows(&self) -> &'t dyn Rows {
        self.rows
    }

    /// Tells whether its map was made from the entries just now: what is worked out of it owes nothing to stored rows.
    pub(crate) fn is_replayed(&self) -> bool {
        self.is_replayed
    }

    /// Returns the head of the log; there is none before the founding.
    pub(crate) fn head(&self) -> Result<Option<Head>, StoreError> {
        self.rows.head()
    }

    pub(crate) fn entry(&self, index: u64) -> Result<Option<EntryRow>, StoreError> {
        Ok(self.rows.entries(&[index])?.pop())
    }

    /// Returns the entries at these places, in the log's order; those that are missing are left out.
    pub(crate) fn entries(&self, indexes: &[u64]) -> Result<Vec<EntryRow>, StoreError> {
        self.rows.entries(indexes)
    }

    pub(crate) fn entry_of(&self, id: StatementId) -> Result<Option<u64>, StoreError> {
        Ok(self.rows.entries_of(&[id])?.pop().flatten())
    }

    /// Returns what the leaves from `from` on are made of, at most `limit`.
    pub(crate) fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError> {
        self.rows.leaf_rows(from, limit)
    }

    /// Returns what the map has under a key.
    pub(crate) fn get(&self, key: Key) -> Result<Option<Value>, StoreError> {
        Ok(self.rows.get_many(&[key])?.pop().flatten())
    }

    /// Returns what the map has under these keys, one for each.
    pub(crate) fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        self.rows.get_many(keys)
    }

    /// Returns the pairs of a stretch of the map, at most `limit`.
    pub(crate) fn range(
        &self,
        span: &Span,
        order: Order,
        limit: u64,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        if span.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        self.rows.range(span, order, limit)
    }
}

impl ReadTiles for Snapshot<'_> {
    type Error = StoreError;

    fn tile(&self, id: TileId) -> Result<Tile, StoreError> {
        let tile = self.rows.tile(id)?;
        tile.ok_or_else(|| Damage::of("a tile is missing").into())
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.rows.leaves(entries)
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.rows.tile_roots(level, tiles)
    }
}

/// The store under its lock: what is read is what was committed and what this group has done since, and what is written
/// is written when the group ends.
pub(crate) struct Writing<'t> {
    snapshot: Snapshot<'t>,
    overlay: &'t Overlay<'t>,
}

impl<'t> Writing<'t> {
    pub(super) fn new(overlay: &'t Overlay<'t>) -> Self {
        Self {
            snapshot: Snapshot::new(overlay),
            overlay,
        }
    }

    /// Does something that stands as a whole, or leaves nothing.
    pub(crate) fn apart<T, E>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.overlay.begin();
        let done = act();
        self.overlay.end(done.is_ok());
        done
    }

    /// Reads at once what the group is going to ask for, so that each of its acts need not.
    pub(crate) fn foresee(&self, ids: &[StatementId], keys: Vec<Key>) -> Result<(), StoreError> {
        self.overlay.foresee(ids, keys)
    }

    pub(crate) fn append(&self, entry: EntryRow) {
        self.overlay.append(entry);
    }

    /// Puts an entry back in its place at once, or takes what stands there away.
    pub(crate) fn put_back(&self, index: u64, entry: Option<&EntryRow>) -> Result<(), StoreError> {
        self.overlay.put_back(index, entry)
    }

    /// Puts a statement back into its entry, which was committed and damaged since.
    pub(crate) fn mend(&self, index: u64, statement: Vec<u8>) {
        self.overlay.mend(index, statement);
    }

    /// Puts a pair into the map, in the place of what is there.
    pub(crate) fn put(&self, key: Key, value: Value) {
        self.overlay.put(key, Some(value));
    }

    pub(crate) fn remove(&self, key: Key) {
        self.overlay.put(key, None);
    }

    pub(crate) fn put_tile(&self, tile: Tile) {
        self.overlay.put_tile(tile);
    }

    /// Puts a tile at once, in the place of what is there: those above are made from it.
    pub(crate) fn put_tile_now(&self, tile: Tile) -> Result<(), StoreError> {
        self.overlay.put_tile_now(tile)
    }

    pub(crate) fn put_head(&self, head: Head) {
        self.overlay.put_head(head);
    }

    /// Counts something that is not logged.
    pub(crate) fn count(&self, name: &'static str) {
        self.overlay.count(name);
    }

    /// Hands what was done so far to the store's transaction: for who does more than memory should hold.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.overlay.flush()
    }
}

impl<'t> Deref for Writing<'t> {
    type Target = Snapshot<'t>;

    fn deref(&self) -> &Snapshot<'t> {
        &self.snapshot
    }
}
