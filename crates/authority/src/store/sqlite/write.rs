//! What is written to the store, within one transaction.

use std::ops::Deref;

use rusqlite::{Connection, Params, params};
use strongroom_protocol::id::{Digest, OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::log::Tile;

use super::read::{Snapshot, integer, stream_name};
use crate::store::{
    BlobClaimRow, ChangeRow, DepositRow, EntryRow, Head, PolicyRow, RequestRow, StoreError, Stream,
    Subject,
};

/// The store under its lock, with what this transaction has done so far.
pub(crate) struct Writing<'c>(Snapshot<'c>);

impl<'c> Writing<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self(Snapshot::new(connection))
    }

    pub(crate) fn put_entry(&self, entry: &EntryRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO entry (idx, kind, time, salt, statement, attestation, signature, id, leaf) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                integer(entry.index),
                integer(entry.kind),
                integer(entry.time.as_millis()),
                entry.salt.as_bytes(),
                entry.statement,
                entry.attestation,
                entry.signature.as_bytes(),
                entry.id.as_bytes(),
                entry.leaf.as_bytes(),
            ],
        )
    }

    pub(crate) fn put_tile(&self, tile: &Tile) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO tile (level, idx, hashes, root) VALUES (?1, ?2, ?3, ?4)",
            params![
                tile.id().level,
                integer(tile.id().index),
                tile.to_bytes(),
                tile.root().as_bytes(),
            ],
        )
    }

    pub(crate) fn put_head(&self, head: &Head) -> Result<(), StoreError> {
        let roots = head.frontier.roots().iter();
        let roots: Vec<u8> = roots.flat_map(|root| *root.as_bytes()).collect();
        self.run(
            "INSERT OR REPLACE INTO head (one, size, frontier, checkpoint) VALUES (1, ?1, ?2, ?3)",
            params![integer(head.frontier.size()), roots, head.checkpoint],
        )
    }

    /// Counts something that is not logged.
    pub(crate) fn count(&self, name: &str) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO counter (name, count) VALUES (?1, 1) \
             ON CONFLICT (name) DO UPDATE SET count = count + 1",
            [name],
        )
    }

    /// Makes every index anew, empty, as this version has them.
    pub(crate) fn clear_indexes(&self) -> Result<(), StoreError> {
        let connection = self.0.connection;
        connection.execute_batch(
            "DROP TABLE IF EXISTS owner; DROP TABLE IF EXISTS device; \
             DROP TABLE IF EXISTS deposit; DROP TABLE IF EXISTS request; \
             DROP TABLE IF EXISTS change; DROP TABLE IF EXISTS policy; \
             DROP TABLE IF EXISTS word; DROP TABLE IF EXISTS departed; \
             DROP TABLE IF EXISTS release_page; DROP TABLE IF EXISTS blob_claim; \
             DROP TABLE IF EXISTS own_blob; DROP TABLE IF EXISTS rsa_key; \
             DROP TABLE IF EXISTS stream; DROP TABLE IF EXISTS due;",
        )?;
        self.add_indexes()
    }

    /// Makes the indexes that are not there, empty; with them the store is of this version.
    pub(crate) fn add_indexes(&self) -> Result<(), StoreError> {
        let connection = self.0.connection;
        connection.execute_batch(super::INDEXES)?;
        Ok(connection.pragma_update(None, "user_version", super::VERSION)?)
    }

    pub(crate) fn put_owner(
        &self,
        owner: OwnerId,
        code: &VerifyingKey,
        entry: u64,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO owner (id, entry, code) VALUES (?1, ?2, ?3)",
            params![owner.as_bytes(), integer(entry), code.as_bytes()],
        )
    }

    /// A device that is the owner's already stays so, by what first made it so.
    pub(crate) fn put_device(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
        entry: u64,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO device (owner, key, entry) VALUES (?1, ?2, ?3)",
            params![owner.as_bytes(), key.as_bytes(), integer(entry)],
        )
    }

    pub(crate) fn put_deposit(&self, owner: OwnerId, row: DepositRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO deposit (owner, serial, entry, place) VALUES (?1, ?2, ?3, ?4)",
            params![
                owner.as_bytes(),
                row.serial.as_bytes(),
                integer(row.entry),
                integer(row.place),
            ],
        )
    }

    /// Who proved a blob first has it.
    pub(crate) fn put_blob_claim(
        &self,
        claim: Digest,
        row: &BlobClaimRow,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO blob_claim (claim, entry, place) VALUES (?1, ?2, ?3)",
            params![claim.as_bytes(), integer(row.entry), integer(row.place)],
        )
    }

    /// Puts an entry into a stream; it may be there already.
    pub(crate) fn put_in(&self, stream: &Stream, entry: u64) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO stream (name, entry) VALUES (?1, ?2)",
            params![stream_name(stream), integer(entry)],
        )
    }

    /// Takes an entry out of a stream.
    pub(crate) fn take_out(&self, stream: &Stream, entry: u64) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM stream WHERE name = ?1 AND entry = ?2",
            params![stream_name(stream), integer(entry)],
        )
    }

    /// Keeps when an undecided change of the policy in force since `reign` is to be looked at next.
    pub(crate) fn put_due(&self, reign: u64, change: u64, time: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO due (entry, reign, time) VALUES (?1, ?2, ?3)",
            [integer(change), integer(reign), integer(time.as_millis())],
        )
    }

    /// Has a change not looked at again.
    pub(crate) fn take_due(&self, change: u64) -> Result<(), StoreError> {
        self.run("DELETE FROM due WHERE entry = ?1", [integer(change)])
    }

    pub(crate) fn put_rsa_key(&self, entry: u64) -> Result<(), StoreError> {
        self.run("INSERT INTO rsa_key (entry) VALUES (?1)", [integer(entry)])
    }

    pub(crate) fn put_request(&self, row: &RequestRow, digest: Digest) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO request (entry, digest, owner, device, asker, keys, decision) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                integer(row.entry),
                digest.as_bytes(),
                row.owner.as_bytes(),
                row.device.as_bytes(),
                row.asker.as_ref().map(OwnerId::as_bytes),
                integer(row.keys),
                row.decision.map(integer),
            ],
        )
    }

    pub(crate) fn put_change(&self, row: &ChangeRow, digest: Digest) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO change (entry, digest, author, decision) VALUES (?1, ?2, ?3, ?4)",
            params![
                integer(row.entry),
                digest.as_bytes(),
                row.author.as_bytes(),
                row.decision.map(integer),
            ],
        )
    }

    pub(crate) fn put_word(&self, subject: &Subject, entry: u64) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO word (subject, entry) VALUES (?1, ?2)",
            [integer(subject.entry()), integer(entry)],
        )
    }

    pub(crate) fn put_decision(&self, subject: &Subject, entry: u64) -> Result<(), StoreError> {
        let sql = match subject {
            Subject::Change(_) => "UPDATE change SET decision = ?2 WHERE entry = ?1",
            Subject::Request(_) => "UPDATE request SET decision = ?2 WHERE entry = ?1",
        };
        self.run(sql, [integer(subject.entry()), integer(entry)])
    }

    pub(crate) fn put_policy(&self, row: &PolicyRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO policy (entry, change) VALUES (?1, ?2)",
            [integer(row.entry), integer(row.change)],
        )
    }

    /// The last word by a key is the one that counts.
    pub(crate) fn put_departed(
        &self,
        owner: OwnerId,
        author: &VerifyingKey,
        entry: u64,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO departed (owner, author, entry) VALUES (?1, ?2, ?3)",
            params![owner.as_bytes(), author.as_bytes(), integer(entry)],
        )
    }

    pub(crate) fn put_release_page(
        &self,
        request: u64,
        page: u64,
        entry: u64,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO release_page (request, page, entry) VALUES (?1, ?2, ?3)",
            [integer(request), integer(page), integer(entry)],
        )
    }

    fn run(&self, sql: &str, params: impl Params) -> Result<(), StoreError> {
        self.0.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }
}

impl<'c> Deref for Writing<'c> {
    type Target = Snapshot<'c>;

    fn deref(&self) -> &Snapshot<'c> {
        &self.0
    }
}
