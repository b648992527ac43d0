//! The indexes of requests: by entry, by the device that asks, by owner, and those that are open.

use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;

use super::table::{Fields, Index, KEY, OWNER, entry, last_entries, nothing, number};
use super::{ALL, Order, decision_bytes, read_decision};
use crate::store::{Damage, Key, RequestRow, Seen, Snapshot, StoreError, Value, Writing};

impl Snapshot<'_> {
    pub(crate) fn request(&self, entry: u64) -> Result<Option<RequestRow>, StoreError> {
        let found = self.get(request(entry))?;
        found.map(|value| row(entry, &value)).transpose()
    }

    /// Returns the requests behind an entry that somebody may see, in the log's order, at most `limit`.
    pub(crate) fn requests(
        &self,
        seen: Seen,
        after: u64,
        limit: u64,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let key = match seen {
            Seen::All => {
                let span = Index::Request.span(&[]).after(request(after));
                let pairs = self.range(&span, Order::Forward, limit)?;
                let rows = pairs.iter().map(|(key, value)| {
                    let mut fields = Fields::behind(key, 0)?;
                    let entry = fields.number()?;
                    fields.end()?;
                    row(entry, value)
                });
                return rows.collect();
            }
            Seen::By(key) => key,
        };
        // One row may be in several of these, and the first of all of them are among the first of each.
        let mut entries = self.behind(Index::RequestByDevice, key.as_bytes(), after, limit)?;
        for owner in self.owners_of(&key)? {
            let of_owner = self.behind(Index::RequestOfOwner, owner.as_bytes(), after, limit)?;
            entries.extend(of_owner);
        }
        entries.sort_unstable();
        entries.dedup();
        entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        self.request_rows(&entries)
    }

    /// Returns the undecided requests for an owner by other devices than this.
    pub(crate) fn rivals(
        &self,
        owner: OwnerId,
        device: &VerifyingKey,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let open = Index::OpenRequest.span(&[owner.as_bytes()]);
        let open = last_entries(&self.range(&open, Order::Forward, ALL)?, OWNER)?;
        let mut rows = self.request_rows(&open)?;
        rows.retain(|row| row.decision.is_none() && row.device != *device);
        Ok(rows)
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

    fn behind(
        &self,
        index: Index,
        whose: &[u8; KEY],
        after: u64,
        limit: u64,
    ) -> Result<Vec<u64>, StoreError> {
        let last = index.key(&[whose, &number(after)]);
        let span = index.span(&[whose]).after(last);
        last_entries(&self.range(&span, Order::Forward, limit)?, KEY)
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
        let entry = number(row.entry);
        let (owner, device) = (row.owner.as_bytes(), row.device.as_bytes());
        self.put_first(Index::Subject.key(&[digest.as_bytes()]), entry.to_vec())?;
        self.put(request(row.entry), value(row));
        self.put(Index::RequestByDevice.key(&[device, &entry]), nothing());
        self.put(Index::RequestOfOwner.key(&[owner, &entry]), nothing());
        self.put(Index::OpenRequest.key(&[owner, &entry]), nothing());
        Ok(())
    }

    pub(super) fn decide_request(&self, row: &RequestRow, decision: u64) {
        let decided = RequestRow {
            decision: row.decision.or(Some(decision)),
            ..*row
        };
        self.put(request(row.entry), value(&decided));
        let open = [row.owner.as_bytes(), &number(row.entry)[..]];
        self.remove(Index::OpenRequest.key(&[open[0], open[1]]));
    }
}

pub(super) fn request(entry: u64) -> Key {
    Index::Request.key(&[&number(entry)])
}

fn value(row: &RequestRow) -> Value {
    let mut value = [row.owner.as_bytes(), &row.device.as_bytes()[..]].concat();
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
        decision: read_decision(&mut fields)?,
        asker: fields.go_on().then(|| fields.owner()).transpose()?,
    };
    fields.end()?;
    Ok(row)
}
