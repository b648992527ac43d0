//! The indexes of requests. Not the listings of them: those are `streams`.

use strongroom_protocol::id::{Digest, OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;

use super::table::{ENTRY, Fields, Index, entry, last_entry, nothing, number};
use super::{ALL, Order, decision_bytes, read_decision};
use crate::store::{Damage, Key, RequestRow, Snapshot, StoreError, Stream, Value, Writing};

/// The row by which a request lapses, with what it names.
type LapseRow = (Key, Result<RequestRow, StoreError>);

impl Snapshot<'_> {
    pub(crate) fn request(&self, entry: u64) -> Result<Option<RequestRow>, StoreError> {
        let found = self.get(request(entry))?;
        found.map(|value| row(entry, &value)).transpose()
    }

    /// Returns the undecided requests for an owner by other devices than this, for which evidence was given.
    pub(crate) fn rivals(
        &self,
        owner: OwnerId,
        device: &VerifyingKey,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let proved = self.stream(&Stream::ProvedRequestsOf(owner), 0, ALL)?;
        let mut rows = self.request_rows(&proved)?;
        rows.retain(|row| row.device != *device);
        Ok(rows)
    }

    /// Returns the open requests for an owner that are not decided.
    pub(super) fn undecided(&self, owner: OwnerId) -> Result<Vec<u64>, StoreError> {
        let open = self.stream(&Stream::OpenRequestsOf(owner), 0, ALL)?;
        let mut rows = self.request_rows(&open)?;
        rows.retain(|row| row.decision.is_none());
        Ok(rows.iter().map(|row| row.entry).collect())
    }

    /// Returns the first requests by a device that are open, at most `limit`.
    pub(crate) fn open_requests_by(
        &self,
        device: &VerifyingKey,
        limit: u64,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let open = self.stream(&Stream::OpenRequestsBy(*device), 0, limit)?;
        self.request_rows(&open)
    }

    /// Returns the first request that has lapsed by now, by its own word, and is not decided; with the key of the row that
    /// says so, which may say it of what is no request.
    pub(crate) fn lapsed_request(&self, now: Time) -> Result<Option<LapseRow>, StoreError> {
        let later = now.as_millis().saturating_add(1);
        let end = Index::RequestLapse.key(&[&number(later)]);
        let lapsed = Index::RequestLapse.span(&[]).before(end);
        let Some((key, _)) = self.range(&lapsed, Order::Forward, 1)?.pop() else {
            return Ok(None);
        };
        let row = last_entry(&key, ENTRY).and_then(|index| {
            let missing = || Damage::of_entry(index, "its row in the map is missing");
            let row = self.request_rows(&[index])?.pop();
            row.ok_or_else(|| missing().into())
        });
        Ok(Some((key, row)))
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
        self.put(lapse(row), nothing());
        Ok(())
    }

    /// Has a request not looked at again because of the time.
    fn take_lapse(&self, row: &RequestRow) {
        self.remove(lapse(row));
    }

    pub(super) fn decide_request(&self, row: &RequestRow, decision: u64) {
        let decided = RequestRow {
            decision: row.decision.or(Some(decision)),
            ..*row
        };
        self.put(request(row.entry), value(&decided));
        self.take_lapse(row);
        self.take_out(&Stream::ProvedRequestsOf(row.owner), row.entry);
    }
}

pub(super) fn request(entry: u64) -> Key {
    Index::Request.key(&[&number(entry)])
}

fn lapse(row: &RequestRow) -> Key {
    let fields = [number(row.expires.as_millis()), number(row.entry)];
    Index::RequestLapse.key(&[&fields[0], &fields[1]])
}

fn value(row: &RequestRow) -> Value {
    let mut value = [row.owner.as_bytes(), &row.device.as_bytes()[..]].concat();
    value.extend(number(row.keys));
    value.extend(number(row.expires.as_millis()));
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
        expires: Time::from_millis(fields.number()?),
        decision: read_decision(&mut fields)?,
        asker: fields.go_on().then(|| fields.owner()).transpose()?,
    };
    fields.end()?;
    Ok(row)
}
