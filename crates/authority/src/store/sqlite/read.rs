//! What is asked of the store: one question, one statement.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use strongroom_protocol::id::{Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::keys::{Signature, VerifyingKey};
use strongroom_protocol::log::{Frontier, LeafSalt, NodeHash, ReadTiles, Tile, TileId};

use crate::store::{
    BlobClaimRow, ChangeRow, Damage, DepositRow, DeviceRow, EntryRow, Head, LeafRow, PolicyRow,
    RequestRow, StoreError, Stream, Subject,
};

/// The store as of one commit.
pub(crate) struct Snapshot<'c> {
    pub(super) connection: &'c Connection,
}

impl<'c> Snapshot<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection }
    }

    /// Returns the head of the log; there is none before the founding.
    pub(crate) fn head(&self) -> Result<Option<Head>, StoreError> {
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

    pub(crate) fn entry(&self, index: u64) -> Result<Option<EntryRow>, StoreError> {
        self.first(
            "SELECT idx, kind, time, salt, statement, attestation, signature, id, leaf \
             FROM entry WHERE idx = ?1",
            [integer(index)],
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
        )
    }

    pub(crate) fn entry_of(&self, id: StatementId) -> Result<Option<u64>, StoreError> {
        self.first(
            "SELECT idx FROM entry WHERE id = ?1",
            [id.as_bytes()],
            |row| size(row, 0),
        )
    }

    /// Returns what the leaves from `from` on are made of, at most `limit`.
    pub(crate) fn leaf_rows(&self, from: u64, limit: u64) -> Result<Vec<LeafRow>, StoreError> {
        self.all(
            "SELECT kind, time, salt, attestation, signature \
             FROM entry WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
            [integer(from), integer(limit)],
            |row| {
                Ok(LeafRow {
                    kind: size(row, 0)?,
                    time: Time::from_millis(size(row, 1)?),
                    salt: LeafSalt::from_bytes(row.get(2)?),
                    attestation: row.get(3)?,
                    signature: Signature::from_bytes(row.get(4)?),
                })
            },
        )
    }

    /// Returns the entry of an owner's enrolment.
    pub(crate) fn owner(&self, owner: OwnerId) -> Result<Option<u64>, StoreError> {
        self.first(
            "SELECT entry FROM owner WHERE id = ?1",
            [owner.as_bytes()],
            |row| size(row, 0),
        )
    }

    /// Returns an owner's devices, in the order they became the owner's.
    pub(crate) fn devices(&self, owner: OwnerId) -> Result<Vec<DeviceRow>, StoreError> {
        self.all(
            "SELECT key, entry FROM device WHERE owner = ?1 ORDER BY entry",
            [owner.as_bytes()],
            |row| {
                Ok(DeviceRow {
                    key: VerifyingKey::from_bytes(row.get(0)?),
                    entry: size(row, 1)?,
                })
            },
        )
    }

    pub(crate) fn has_device(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
    ) -> Result<bool, StoreError> {
        let found = self.first(
            "SELECT 1 FROM device WHERE owner = ?1 AND key = ?2",
            [owner.as_bytes(), key.as_bytes()],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    pub(crate) fn deposit(
        &self,
        owner: OwnerId,
        serial: Serial,
    ) -> Result<Option<DepositRow>, StoreError> {
        self.first(
            "SELECT serial, entry, place FROM deposit WHERE owner = ?1 AND serial = ?2",
            params![owner.as_bytes(), serial.as_bytes()],
            deposit_row,
        )
    }

    /// Returns every deposit.
    pub(crate) fn all_deposits(&self) -> Result<Vec<DepositRow>, StoreError> {
        self.all("SELECT serial, entry, place FROM deposit", [], deposit_row)
    }

    /// Returns an owner's deposits in the log's first `before` entries, in the log's order.
    pub(crate) fn deposits(
        &self,
        owner: OwnerId,
        before: u64,
    ) -> Result<Vec<DepositRow>, StoreError> {
        self.all(
            "SELECT serial, entry, place FROM deposit \
             WHERE owner = ?1 AND entry < ?2 ORDER BY entry, place",
            params![owner.as_bytes(), integer(before)],
            deposit_row,
        )
    }

    /// Returns the sorted serials of an owner's deposits in the log's first `before` entries.
    pub(crate) fn serials(&self, owner: OwnerId, before: u64) -> Result<Vec<Serial>, StoreError> {
        self.all(
            "SELECT serial FROM deposit WHERE owner = ?1 AND entry < ?2 ORDER BY serial",
            params![owner.as_bytes(), integer(before)],
            |row| Ok(Serial::from_bytes(row.get(0)?)),
        )
    }

    /// Returns the entries of the enrolments before one, in their order.
    pub(crate) fn owners(&self, before: u64) -> Result<Vec<u64>, StoreError> {
        self.all(
            "SELECT entry FROM owner WHERE entry < ?1 ORDER BY entry",
            [integer(before)],
            |row| size(row, 0),
        )
    }

    /// Returns the first enrolment before an entry that has this key as its recovery code's.
    pub(crate) fn owner_of_code(
        &self,
        code: &VerifyingKey,
        before: u64,
    ) -> Result<Option<u64>, StoreError> {
        self.first(
            "SELECT entry FROM owner WHERE code = ?1 AND entry < ?2 ORDER BY entry LIMIT 1",
            params![code.as_bytes(), integer(before)],
            |row| size(row, 0),
        )
    }

    /// Returns whose device a key was before an entry: `first`'s if it was theirs, else the first owner's it became.
    pub(crate) fn device_owner(
        &self,
        key: &VerifyingKey,
        first: OwnerId,
        before: u64,
    ) -> Result<Option<OwnerId>, StoreError> {
        self.first(
            "SELECT owner FROM device WHERE key = ?1 AND entry < ?2 \
             ORDER BY owner <> ?3, entry LIMIT 1",
            params![key.as_bytes(), integer(before), first.as_bytes()],
            |row| Ok(OwnerId::from_bytes(row.get(0)?)),
        )
    }

    /// Returns the owners that a key speaks for, in the order it came to.
    pub(crate) fn owners_of(&self, key: &VerifyingKey) -> Result<Vec<OwnerId>, StoreError> {
        self.all(
            "SELECT owner FROM device WHERE key = ?1 ORDER BY entry",
            [key.as_bytes()],
            |row| Ok(OwnerId::from_bytes(row.get(0)?)),
        )
    }

    /// Returns the deposit by which a blob was proved first.
    pub(crate) fn blob_claim(&self, claim: Digest) -> Result<Option<BlobClaimRow>, StoreError> {
        self.first(
            "SELECT entry, place FROM blob_claim WHERE claim = ?1",
            [claim.as_bytes()],
            |row| {
                Ok(BlobClaimRow {
                    entry: size(row, 0)?,
                    place: size(row, 1)?,
                })
            },
        )
    }

    /// Returns the entry of the authority's RSA key.
    pub(crate) fn rsa_key(&self) -> Result<Option<u64>, StoreError> {
        self.first(
            "SELECT entry FROM rsa_key ORDER BY entry LIMIT 1",
            [],
            |row| size(row, 0),
        )
    }

    pub(crate) fn request(&self, entry: u64) -> Result<Option<RequestRow>, StoreError> {
        self.first(
            "SELECT entry, owner, device, asker, keys, decision FROM request WHERE entry = ?1",
            [integer(entry)],
            request_row,
        )
    }

    /// Returns the undecided requests for an owner by other devices than this.
    pub(crate) fn rivals(
        &self,
        owner: OwnerId,
        device: &VerifyingKey,
    ) -> Result<Vec<RequestRow>, StoreError> {
        self.all(
            "SELECT entry, owner, device, asker, keys, decision FROM request \
             WHERE owner = ?1 AND decision IS NULL AND device <> ?2 ORDER BY entry",
            [owner.as_bytes(), device.as_bytes()],
            request_row,
        )
    }

    /// Returns the request that a decision is on.
    pub(crate) fn request_decided_by(
        &self,
        decision: u64,
    ) -> Result<Option<RequestRow>, StoreError> {
        self.first(
            "SELECT entry, owner, device, asker, keys, decision FROM request WHERE decision = ?1",
            [integer(decision)],
            request_row,
        )
    }

    /// Returns the first undecided change of the policy in force since `reign` that is to be looked at by now.
    pub(crate) fn due_change(
        &self,
        reign: u64,
        now: Time,
    ) -> Result<Option<ChangeRow>, StoreError> {
        self.first(
            "SELECT change.entry, author, decision FROM due JOIN change ON change.entry = due.entry \
             WHERE due.reign = ?1 AND due.time <= ?2 ORDER BY due.time, due.entry LIMIT 1",
            [integer(reign), integer(now.as_millis())],
            change_row,
        )
    }

    /// Returns entries of a stream from one on, in the log's order, at most `limit`.
    pub(crate) fn stream(
        &self,
        stream: &Stream,
        from: u64,
        limit: u64,
    ) -> Result<Vec<u64>, StoreError> {
        self.all(
            "SELECT entry FROM stream WHERE name = ?1 AND entry >= ?2 ORDER BY entry LIMIT ?3",
            params![stream_name(stream), integer(from), integer(limit)],
            |row| size(row, 0),
        )
    }

    /// Returns the request or the change that an entry is.
    pub(crate) fn subject_at(&self, entry: u64) -> Result<Option<Subject>, StoreError> {
        if let Some(row) = self.request(entry)? {
            return Ok(Some(Subject::Request(row)));
        }
        let change = self.first(
            "SELECT entry, author, decision FROM change WHERE entry = ?1",
            [integer(entry)],
            change_row,
        )?;
        Ok(change.map(Subject::Change))
    }

    /// Finds what statements name by this digest.
    pub(crate) fn subject(&self, digest: Digest) -> Result<Option<Subject>, StoreError> {
        let request = self.first(
            "SELECT entry, owner, device, asker, keys, decision FROM request WHERE digest = ?1",
            [digest.as_bytes()],
            request_row,
        )?;
        if let Some(row) = request {
            return Ok(Some(Subject::Request(row)));
        }
        let change = self.first(
            "SELECT entry, author, decision FROM change WHERE digest = ?1",
            [digest.as_bytes()],
            change_row,
        )?;
        Ok(change.map(Subject::Change))
    }

    /// Returns the policies that came into force before an entry, one after another; the founding's is not among them.
    pub(crate) fn policies(&self, before: u64) -> Result<Vec<PolicyRow>, StoreError> {
        self.all(
            "SELECT entry, change FROM policy WHERE entry < ?1 ORDER BY entry",
            [integer(before)],
            |row| {
                Ok(PolicyRow {
                    entry: size(row, 0)?,
                    change: size(row, 1)?,
                })
            },
        )
    }

    /// Returns the last entry before one that put a policy in force; 0 while it is the founding's.
    pub(crate) fn reign(&self, before: u64) -> Result<u64, StoreError> {
        let last = self.first(
            "SELECT entry FROM policy WHERE entry < ?1 ORDER BY entry DESC LIMIT 1",
            [integer(before)],
            |row| size(row, 0),
        )?;
        Ok(last.unwrap_or(0))
    }

    /// Returns the first entry behind one that put a policy in force.
    pub(crate) fn next_reign(&self, after: u64) -> Result<Option<u64>, StoreError> {
        self.first(
            "SELECT entry FROM policy WHERE entry > ?1 ORDER BY entry LIMIT 1",
            [integer(after)],
            |row| size(row, 0),
        )
    }

    /// Returns the entries of what was said to a request or a change.
    pub(crate) fn words(&self, subject: u64) -> Result<Vec<u64>, StoreError> {
        self.all(
            "SELECT entry FROM word WHERE subject = ?1 ORDER BY entry",
            [integer(subject)],
            |row| size(row, 0),
        )
    }

    /// Returns the entries of the last words on whether an owner has departed, in their order.
    pub(crate) fn departed(&self, owner: OwnerId) -> Result<Vec<u64>, StoreError> {
        self.all(
            "SELECT entry FROM departed WHERE owner = ?1 ORDER BY entry",
            [owner.as_bytes()],
            |row| size(row, 0),
        )
    }

    /// Returns the entry of a page's release.
    pub(crate) fn release_page(&self, request: u64, page: u64) -> Result<Option<u64>, StoreError> {
        self.first(
            "SELECT entry FROM release_page WHERE request = ?1 AND page = ?2",
            [integer(request), integer(page)],
            |row| size(row, 0),
        )
    }

    /// Counts the pages of a request that were released.
    pub(crate) fn release_pages(&self, request: u64) -> Result<u64, StoreError> {
        let count = self.first(
            "SELECT count(*) FROM release_page WHERE request = ?1",
            [integer(request)],
            |row| size(row, 0),
        )?;
        Ok(count.unwrap_or(0))
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params, read).optional()?)
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl ReadTiles for Snapshot<'_> {
    type Error = StoreError;

    fn tile(&self, id: TileId) -> Result<Tile, StoreError> {
        let hashes: Option<Vec<u8>> = self.first(
            "SELECT hashes FROM tile WHERE level = ?1 AND idx = ?2",
            [i64::from(id.level), integer(id.index)],
            |row| row.get(0),
        )?;
        let hashes = hashes.ok_or(Damage::of("a tile is missing"))?;
        Ok(Tile::from_bytes(id, &hashes)?)
    }

    fn leaves(&self, entries: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.all(
            "SELECT leaf FROM entry WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
            [integer(entries.start), integer(entries.end)],
            |row| Ok(NodeHash::from_bytes(row.get(0)?)),
        )
    }

    fn tile_roots(&self, level: u8, tiles: Range<u64>) -> Result<Vec<NodeHash>, StoreError> {
        self.all(
            "SELECT root FROM tile WHERE level = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx",
            [i64::from(level), integer(tiles.start), integer(tiles.end)],
            |row| Ok(NodeHash::from_bytes(row.get(0)?)),
        )
    }
}

fn deposit_row(row: &Row<'_>) -> rusqlite::Result<DepositRow> {
    Ok(DepositRow {
        serial: Serial::from_bytes(row.get(0)?),
        entry: size(row, 1)?,
        place: size(row, 2)?,
    })
}

fn request_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let asker: Option<[u8; 32]> = row.get(3)?;
    Ok(RequestRow {
        entry: size(row, 0)?,
        owner: OwnerId::from_bytes(row.get(1)?),
        device: VerifyingKey::from_bytes(row.get(2)?),
        asker: asker.map(OwnerId::from_bytes),
        keys: size(row, 4)?,
        decision: optional_size(row, 5)?,
    })
}

fn change_row(row: &Row<'_>) -> rusqlite::Result<ChangeRow> {
    Ok(ChangeRow {
        entry: size(row, 0)?,
        author: VerifyingKey::from_bytes(row.get(1)?),
        decision: optional_size(row, 2)?,
    })
}

fn optional_size(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let value: Option<i64> = row.get(column)?;
    value
        .map(|value| {
            u64::try_from(value)
                .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
        })
        .transpose()
}

/// Reads a column that is never negative.
fn size(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// Returns the name that a stream's rows have.
pub(super) fn stream_name(stream: &Stream) -> Vec<u8> {
    let named = |word: &str, whose: &[u8]| [word.as_bytes(), b":", whose].concat();
    match stream {
        Stream::Changes => named("changes", &[]),
        Stream::Everybody => named("everybody", &[]),
        Stream::OpenChanges(reign) => named("open changes", &reign.to_be_bytes()),
        Stream::OpenRequests => named("open requests", &[]),
        Stream::OpenRequestsBy(key) => named("open requests by", key.as_bytes()),
        Stream::OpenRequestsOf(owner) => named("open requests of", owner.as_bytes()),
        Stream::Owner(owner) => named("owner", owner.as_bytes()),
        Stream::Requests => named("requests", &[]),
        Stream::RequestsBy(key) => named("requests by", key.as_bytes()),
        Stream::RequestsOf(owner) => named("requests of", owner.as_bytes()),
    }
}

/// SQLite's integers are signed. No log has so many entries, and nothing is beyond what a peer asks for there.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
