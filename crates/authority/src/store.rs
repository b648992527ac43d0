//! What the authority keeps, as rows: the entries of the log, which are the truth, the tree over them, and one ordered
//! map that is made from them. Not what the keys of the map mean, which is `index`'s; nor what may be written at all.
//!
//! A store offers little, so that there can be several: it begins to read, as of one commit, and it begins to write,
//! all or nothing. What is read and written takes many rows at once, since for a store on another machine each call is
//! a journey.

mod beside;
mod error;
mod memory;
mod overlay;
mod rows;
mod snapshot;
mod span;
mod sqlite;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod watched;

use std::ops::Range;
use std::path::Path;

use strongroom_protocol::id::StatementId;
use strongroom_protocol::log::{NodeHash, Tile, TileId};

use overlay::Overlay;

pub(crate) use beside::Beside;
pub use error::{Damage, StoreError};
pub(crate) use memory::Memory;
pub(crate) use rows::{
    BlobClaimRow, ChangeRow, DepositRow, DeviceRow, Due, EntryRow, Head, LeafRow, PolicyRow,
    RequestRow, Stream, Subject,
};
pub(crate) use snapshot::{Snapshot, Writing};
pub(crate) use span::{Order, Span};
pub(crate) use sqlite::Sqlite;

/// A key of the map.
pub(crate) type Key = Vec<u8>;
/// What the map has under a key.
pub(crate) type Value = Vec<u8>;

/// Where an authority's rows are kept. Any number of threads may use it.
pub(crate) trait Store: Send + Sync {
    /// Begins to read: whatever is read through it is as of one commit.
    fn snapshot(&self) -> Result<Box<dyn Rows + '_>, StoreError>;

    /// Begins to write, under a lock of which there is one, whoever else has the store open.
    ///
    /// The lock is taken before anything is read, so that what was checked still holds when it is committed.
    fn transaction(&self) -> Result<Box<dyn Transaction + '_>, StoreError>;

    /// Sees that whatever was read until now is as of the commit that it was begun with: of a store on which no lock can be taken,
    /// that is only known afterwards.
    fn check_read(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Tells whether anything can be written to it at all.
    fn check_writable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns the file that it is, if it is one.
    fn file(&self) -> Option<&Path> {
        None
    }
}

/// What can be read. One call is one question to the store, of however many rows.
pub(crate) trait Rows {
    /// Returns the head of the log; there is none before the founding.
    fn head(&self) -> Result<Option<Head>, StoreError>;

    /// Returns the entries at these places, in the log's order; those that are missing are left out.
    fn entries(&self, indexes: &[u64]) -> Result<Vec<EntryRow>, StoreError>;

    /// Returns the places of the entries of these statements, one for each.
    fn entries_of(&self, ids: &[StatementId]) -> Result<Vec<Option<u64>>, StoreError>;

    /// Returns what the leaves from `from` on are made of, at most `limit`.
    fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError>;

    /// Returns the hashes of a range of leaves.
    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError>;

    /// Returns a full tile of the tree.
    fn tile(&self, id: TileId) -> Result<Option<Tile>, StoreError>;

    /// Returns the roots of a range of the full tiles of a level.
    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError>;

    /// Returns what the map has under these keys, one for each.
    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError>;

    /// Returns the pairs of a stretch of the map in their order, or the other way round, at most `limit`.
    fn range(&self, span: &Span, order: Order, limit: u64)
    -> Result<Vec<(Key, Value)>, StoreError>;
}

/// What can be written beside it, and is then read through it. Dropped without a commit, it leaves nothing.
pub(crate) trait Transaction: Rows {
    /// Adds entries at places where there are none.
    fn append(&self, entries: &[EntryRow]) -> Result<(), StoreError>;

    /// Puts statements back into entries that are there.
    fn mend(&self, statements: &[(u64, Vec<u8>)]) -> Result<(), StoreError>;

    /// Puts an entry back in its place, or takes what stands there away. Another one that has its statement's id by now loses
    /// that, and nothing else.
    fn put_back(&self, index: u64, entry: Option<&EntryRow>) -> Result<(), StoreError>;

    /// Puts pairs into the map, in the place of what is there; one without a value removes its key.
    fn put(&self, pairs: &[(Key, Option<Value>)]) -> Result<(), StoreError>;

    fn put_tiles(&self, tiles: &[Tile]) -> Result<(), StoreError>;

    fn put_head(&self, head: &Head) -> Result<(), StoreError>;

    /// Adds to the counters of what is not logged.
    fn count(&self, counts: &[(&'static str, u64)]) -> Result<(), StoreError>;

    /// Ends it. What was written is durable when this returns, or never was.
    fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

impl dyn Store + '_ {
    /// Reads, all from one commit.
    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _alone = alone::enter();
        let rows = self.snapshot()?;
        let read = read(&Snapshot::new(&*rows));
        // Before what came of it: neither an answer nor damage is to be told of half of a commit.
        self.check_read()?;
        read
    }

    /// Writes, all or nothing: whatever `write` did is durable when this returns, or never was.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _alone = alone::enter();
        self.transaction()?.write(write)
    }
}

impl<'s> dyn Transaction + 's {
    /// Writes and commits.
    fn write<T>(
        self: Box<Self>,
        write: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let overlay = Overlay::over(&*self);
        let answer = write(&Writing::new(&overlay))?;
        overlay.flush()?;
        self.commit()?;
        Ok(answer)
    }
}

/// Sees to it that nobody reads while they read, or write: as there are so many readers and no more, each of them
/// could come to wait for another.
mod alone {
    use std::cell::Cell;

    thread_local! {
        static IN: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) struct Alone(());

    pub(super) fn enter() -> Alone {
        let nested = IN.replace(true);
        debug_assert!(!nested, "the store is read within a reading of it");
        Alone(())
    }

    impl Drop for Alone {
        fn drop(&mut self) {
            IN.set(false);
        }
    }
}
