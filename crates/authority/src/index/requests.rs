//! The indexes of requests. Not the listings of them: those are `streams`.

use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;

use super::table::{Fields, Index, entry, number};
use super::{ALL, decision_bytes, read_decision};
use crate::store::{Damage, Key, RequestRow, Snapshot, StoreError, Stream, Value, Writing};

impl Snapshot<'_> {
    pub(crate) fn request(&self, entry: u64) -> Result<Option<RequestRow>, StoreError> {
        let found = self.get(request(entry))?;
        found.map(|value| row(entry, &value)).transpose()
    }

    /// Returns the undecided requests for an owner by other devices than this.
    pub(crate) fn rivals(
        &self,
        owner: OwnerId,
        device: &VerifyingKey,
    ) -> Result<Vec<RequestRow>, StoreError> {
        // Among these are what a device of the owner's asks of others, and what is approved and not all released.
        let open = self.stream(&Stream::OpenRequestsOf(owner), 0, ALL)?;
        let mut rows = self.request_rows(&open)?;
        rows.retain(|row| row.owner == owner && row.decision.is_none() && row.device != *device);
        Ok(rows)
    }

    /// Returns the open requests for an owner that are not decided.
    pub(super) fn undecided(&self, owner: OwnerId) -> Result<Vec<u64>, StoreError> {
        let open = self.stream(&Stream::OpenRequestsOf(owner), 0, ALL)?;
        let mut rows = self.request_rows(&open)?;
        rows.retain(|row| row.decision.is_none());
        Ok(rows.iter().map(|row| row.entry).collect())
    }

    /// Returns the request that a decision is on.
    pub(crate) fn request_decided_by(
        &self,
        decision: u64,
    ) -> Result<Option<RequestRow>, StoreError> {
        let found = self.get(Index::Decided.key(&[&number(decision)]))?;
        let Some(index) = found.as_ref().map(entry).transpose()? else {
            return Ok(None);
        };
        let row = self.request(index)?;
        Ok(row.filter(|row| row.decision == Some(decision)))
    }

    fn request_rows(&self, entries: &[u64]) -> Result<Vec<RequestRow>, StoreError> {
        let keys: Vec<Key> = entries.iter().map(|entry| request(*entry)).collect();
        let found = entries.iter().zip(self.get_many(&keys)?);
        let missing = |entry| Damage::of_entry(entry, "its row in the map is missing");
        let rows = found.map(|(entry, value)| {
            let value = value.ok_or_else(|| missing(*entry))?;
            row(*entry, &value)
        });
        rows.collect()
    }
}

impl Writing<'_> {
    pub(super) fn put_request(&self, row: &RequestRow, digest: Digest) -> Result<(), StoreError> {
        let entry = number(row.entry).to_vec();
        self.put_first(Index::Subject.key(&[digest.as_bytes()]), entry)?;
        self.put(request(row.entry), value(row));
        Ok(())
    }

    pub(super) fn decide_request(&self, row: &RequestRow, decision: u64) {
        let decided = RequestRow {
            decision: row.decision.or(Some(decision)),
            ..*row
        };
        self.put(request(row.entry), value(&decided));
    }
}

pub(super) fn request(entry: u64) -> Key {
    Index::Request.key(&[&number(entry)])
}

fn value(row: &RequestRow) -> Value {
    let mut value = [row.owner.as_bytes(), &row.device.as_bytes()[..]].concat();
    value.extend(number(row.keys));
    value.extend(decision_bytes(row.decision));
    value.extend(row.asker.iter().flat_map(OwnerId::as_bytes));
    value
}

pub(super) fn row(entry: u64, value: &Value) -> Result<RequestRow, StoreError> {
    let mut fields = Fields::of(value);
    let row = RequestRow {
        entry,
        owner: fields.owner()?,
        device: fields.verifying_key()?,
        keys: fields.number()?,
        decision: read_decision(&mut fields)?,
        asker: fields.go_on().then(|| fields.owner()).transpose()?,
    };
    fields.end()?;
    Ok(row)
}
