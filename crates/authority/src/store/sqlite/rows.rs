//! What is asked of SQLite and told it: the statements of SQL, each prepared once for a connection.

use std::ops::{Deref, Range};

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use strongroom_protocol::id::{StatementId, Time};
use strongroom_protocol::keys::Signature;
use strongroom_protocol::log::{Frontier, LeafSalt, NodeHash, Tile, TileId};

use super::Writer;
use crate::store::{
    Damage, EntryRow, Head, Key, LeafRow, Order, Rows, Span, StoreError, Transaction, Value,
};

/// A connection within a transaction.
pub(super) struct Open<C>(pub(super) C);

impl<C: Deref<Target = Connection>> Open<C> {
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row(params, read).optional()?)
    }

    /// Asks once for each: in SQLite that is no journey.
    fn each<K, P: Params, T>(
        &self,
        sql: &str,
        keys: &[K],
        params: impl Fn(&K) -> P,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<Option<T>>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        keys.iter()
            .map(|key| Ok(statement.query_row(params(key), &read).optional()?))
            .collect()
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl<C: Deref<Target = Connection>> Rows for Open<C> {
    fn head(&self) -> Result<Option<Head>, StoreError> {
        let row = self.first("SELECT size, frontier, checkpoint FROM head", [], |row| {
            Ok((size(row, 0)?, row.get(1)?, row.get(2)?))
        })?;
        let Some((size, frontier, checkpoint)): Option<(u64, Vec<u8>, String)> = row else {
            return Ok(None);
        };
        let (roots, rest) = frontier.as_chunks();
        if !rest.is_empty() {
            return Err(Damage::of("the head's frontier").into());
        }
        let roots = roots.iter().copied().map(NodeHash::from_bytes).collect();
        Ok(Some(Head {
            frontier: Frontier::from_roots(size, roots)?,
            checkpoint,
        }))
    }

    fn entries(&self, indexes: &[u64]) -> Result<Vec<EntryRow>, StoreError> {
        let mut indexes = indexes.to_vec();
        indexes.sort_unstable();
        indexes.dedup();
        let rows = self.each(
            "SELECT idx, kind, time, salt, statement, attestation, signature, id, leaf \
             FROM entry WHERE idx = ?1",
            &indexes,
            |index| [integer(*index)],
            |row| {
                Ok(EntryRow {
                    index: size(row, 0)?,
                    kind: size(row, 1)?,
                    time: Time::from_millis(size(row, 2)?),
                    salt: LeafSalt::from_bytes(row.get(3)?),
                    statement: row.get(4)?,
                    attestation: row.get(5)?,
                    signature: Signature::from_bytes(row.get(6)?),
                    id: StatementId::from_bytes(row.get(7)?),
                    leaf: NodeHash::from_bytes(row.get(8)?),
                })
            },
        )?;
        Ok(rows.into_iter().flatten().collect())
    }

    fn entries_of(&self, ids: &[StatementId]) -> Result<Vec<Option<u64>>, StoreError> {
        let sql = "SELECT idx FROM entry WHERE id = ?1";
        self.each(sql, ids, |id| [*id.as_bytes()], |row| size(row, 0))
    }

    fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError> {
        self.all(
            "SELECT idx, kind, time, salt, attestation, signature, leaf \
             FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
            [integer(from), integer(limit)],
            |row| {
                Ok(LeafRow {
                    index: size(row, 0)?,
                    kind: size(row, 1)?,
                    time: Time::from_millis(size(row, 2)?),
                    salt: LeafSalt::from_bytes(row.get(3)?),
                    attestation: row.get(4)?,
                    signature: Signature::from_bytes(row.get(5)?),
                    leaf: NodeHash::from_bytes(row.get(6)?),
                })
            },
        )
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.all(
            "SELECT leaf FROM entry WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
            [integer(entries.start), integer(entries.end)],
            hash,
        )
    }

    fn tile(&self, id: TileId) -> Result<Option<Tile>, StoreError> {
        let hashes: Option<Vec<u8>> = self.first(
            "SELECT hashes FROM tile WHERE level = ?1 AND idx = ?2",
            [i64::from(id.level), integer(id.index)],
            |row| row.get(0),
        )?;
        let tile = hashes.map(|hashes| Tile::from_bytes(id, &hashes));
        Ok(tile.transpose()?)
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.all(
            "SELECT root FROM tile WHERE level = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx",
            [i64::from(level), integer(tiles.start), integer(tiles.end)],
            hash,
        )
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        let sql = "SELECT value FROM map WHERE key = ?1";
        self.each(sql, keys, |key| [key.clone()], |row| row.get(0))
    }

    fn range(
        &self,
        span: &Span,
        order: Order,
        limit: u64,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        let sql = match (span.to().is_some(), order) {
            (true, Order::Forward) => {
                "SELECT key, value FROM map WHERE key >= ?1 AND key < ?3 ORDER BY key LIMIT ?2"
            }
            (true, Order::Backward) => {
                "SELECT key, value FROM map WHERE key >= ?1 AND key < ?3 ORDER BY key DESC LIMIT ?2"
            }
            (false, Order::Forward) => {
                "SELECT key, value FROM map WHERE key >= ?1 ORDER BY key LIMIT ?2"
            }
            (false, Order::Backward) => {
                "SELECT key, value FROM map WHERE key >= ?1 ORDER BY key DESC LIMIT ?2"
            }
        };
        let (from, limit) = (span.from(), integer(limit));
        let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        match span.to() {
            Some(to) => self.all(sql, params![from, limit, to], pair),
            None => self.all(sql, params![from, limit], pair),
        }
    }
}

impl Transaction for Open<Writer<'_>> {
    fn append(&self, entries: &[EntryRow]) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(
            "INSERT INTO entry (idx, kind, time, salt, statement, attestation, signature, id, leaf) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        for entry in entries {
            statement.execute(params![
                integer(entry.index),
                integer(entry.kind),
                integer(entry.time.as_millis()),
                entry.salt.as_bytes(),
                entry.statement,
                entry.attestation,
                entry.signature.as_bytes(),
                entry.id.as_bytes(),
                entry.leaf.as_bytes(),
            ])?;
        }
        Ok(())
    }

    fn mend(&self, statements: &[(u64, Vec<u8>)]) -> Result<(), StoreError> {
        let sql = "UPDATE entry SET statement = ?2 WHERE idx = ?1";
        let mut update = self.0.prepare_cached(sql)?;
        for (index, statement) in statements {
            update.execute(params![integer(*index), statement])?;
        }
        Ok(())
    }

    fn put_back(&self, index: u64, entry: Option<&EntryRow>) -> Result<(), StoreError> {
        let mut delete = self.0.prepare_cached("DELETE FROM entry WHERE idx = ?1")?;
        delete.execute([integer(index)])?;
        let Some(entry) = entry else {
            return Ok(());
        };
        let sql = "UPDATE entry SET id = randomblob(32) WHERE id = ?1";
        let mut free = self.0.prepare_cached(sql)?;
        free.execute([entry.id.as_bytes()])?;
        self.append(std::slice::from_ref(entry))
    }

    fn put(&self, pairs: &[(Key, Option<Value>)]) -> Result<(), StoreError> {
        let put = "INSERT OR REPLACE INTO map (key, value) VALUES (?1, ?2)";
        let mut put = self.0.prepare_cached(put)?;
        let remove = "DELETE FROM map WHERE key = ?1";
        let mut remove = self.0.prepare_cached(remove)?;
        for (key, value) in pairs {
            match value {
                Some(value) => put.execute(params![key, value])?,
                None => remove.execute([key])?,
            };
        }
        Ok(())
    }

    fn put_tiles(&self, tiles: &[Tile]) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO tile (level, idx, hashes, root) VALUES (?1, ?2, ?3, ?4)";
        let mut statement = self.0.prepare_cached(sql)?;
        for tile in tiles {
            let (id, root) = (tile.id(), tile.root());
            let index = integer(id.index);
            statement.execute(params![id.level, index, tile.to_bytes(), root.as_bytes()])?;
        }
        Ok(())
    }

    fn put_head(&self, head: &Head) -> Result<(), StoreError> {
        let roots = head.frontier.roots().iter();
        let roots: Vec<u8> = roots.flat_map(|root| *root.as_bytes()).collect();
        let sql =
            "INSERT OR REPLACE INTO head (one, size, frontier, checkpoint) VALUES (1, ?1, ?2, ?3)";
        let size = integer(head.frontier.size());
        let mut statement = self.0.prepare_cached(sql)?;
        statement.execute(params![size, roots, head.checkpoint])?;
        Ok(())
    }

    fn count(&self, counts: &[(&'static str, u64)]) -> Result<(), StoreError> {
        let sql = "INSERT INTO counter (name, count) VALUES (?1, ?2) \
                   ON CONFLICT (name) DO UPDATE SET count = count + ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        for (name, count) in counts {
            statement.execute(params![name, integer(*count)])?;
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.0.execute_batch("COMMIT")?)
    }
}

fn hash(row: &Row<'_>) -> rusqlite::Result<NodeHash> {
    row.get(0).map(NodeHash::from_bytes)
}

/// Reads a column that is never negative.
fn size(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// SQLite's integers are signed. No log has so many entries, and nothing is beyond what a peer asks for there.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
