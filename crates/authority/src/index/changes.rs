//! The indexes of changes of the policy: by entry, by who asks, those that are open, and those that came into force.

use strongroom_protocol::id::Digest;

use super::table::{Fields, Index, KEY, entry, last_entries, last_entry, nothing, number};
use super::{ALL, Order, decision_bytes, read_decision};
use crate::store::{ChangeRow, Damage, Key, PolicyRow, Seen, Snapshot, StoreError, Value, Writing};

impl Snapshot<'_> {
    /// Returns the changes behind an entry that somebody may see, in the log's order, at most `limit`.
    pub(crate) fn changes(
        &self,
        seen: Seen,
        after: u64,
        limit: u64,
    ) -> Result<Vec<ChangeRow>, StoreError> {
        let entries = match seen {
            Seen::All => {
                let span = Index::Change.span(&[]).after(change(after));
                last_entries(&self.range(&span, Order::Forward, limit)?, 0)?
            }
            Seen::By(key) => {
                let index = Index::ChangeByAuthor;
                let last = index.key(&[key.as_bytes(), &number(after)]);
                let span = index.span(&[key.as_bytes()]).after(last);
                last_entries(&self.range(&span, Order::Forward, limit)?, KEY)?
            }
        };
        self.change_rows(&entries)
    }

    /// Returns the changes that are not decided.
    pub(crate) fn open_changes(&self) -> Result<Vec<ChangeRow>, StoreError> {
        let open = self.range(&Index::OpenChange.span(&[]), Order::Forward, ALL)?;
        let mut rows = self.change_rows(&last_entries(&open, 0)?)?;
        rows.retain(|row| row.decision.is_none());
        Ok(rows)
    }

    /// Returns the policies that came into force before an entry, one after another; the founding's is not among them.
    pub(crate) fn policies(&self, before: u64) -> Result<Vec<PolicyRow>, StoreError> {
        let end = Index::Policy.key(&[&number(before)]);
        let span = Index::Policy.span(&[]).before(end);
        let pairs = self.range(&span, Order::Forward, ALL)?;
        let row = |(key, value): &(Key, Value)| {
            let (entry, change) = (last_entry(key, 0)?, entry(value)?);
            Ok(PolicyRow { entry, change })
        };
        pairs.iter().map(row).collect()
    }

    fn change_rows(&self, entries: &[u64]) -> Result<Vec<ChangeRow>, StoreError> {
        let keys: Vec<Key> = entries.iter().map(|entry| change(*entry)).collect();
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
    pub(super) fn put_change(&self, row: &ChangeRow, digest: Digest) -> Result<(), StoreError> {
        let entry = number(row.entry);
        self.put_first(Index::Subject.key(&[digest.as_bytes()]), entry.to_vec())?;
        self.put(change(row.entry), value(row));
        let by_author = Index::ChangeByAuthor.key(&[row.author.as_bytes(), &entry]);
        self.put(by_author, nothing());
        self.put(Index::OpenChange.key(&[&entry]), nothing());
        Ok(())
    }

    pub(super) fn decide_change(&self, row: &ChangeRow, decision: u64) {
        let decided = ChangeRow {
            decision: row.decision.or(Some(decision)),
            ..*row
        };
        self.put(change(row.entry), value(&decided));
        self.remove(Index::OpenChange.key(&[&number(row.entry)]));
    }

    pub(super) fn put_policy(&self, row: &PolicyRow) {
        let key = Index::Policy.key(&[&number(row.entry)]);
        self.put(key, number(row.change).to_vec());
    }
}

pub(super) fn change(entry: u64) -> Key {
    Index::Change.key(&[&number(entry)])
}

fn value(row: &ChangeRow) -> Value {
    [&row.author.as_bytes()[..], &decision_bytes(row.decision)].concat()
}

pub(super) fn row(entry: u64, value: &Value) -> Result<ChangeRow, StoreError> {
    let mut fields = Fields::of(value);
    let row = ChangeRow {
        entry,
        author: fields.verifying_key()?,
        decision: read_decision(&mut fields)?,
    };
    fields.end()?;
    Ok(row)
}
