//! The indexes of changes of the policy: when they are to be looked at, and which came into force. Not the listings of
//! them: those are `streams`.

use strongroom_protocol::id::{Digest, Time};

use super::table::{ENTRY, Fields, Index, entry, last_entries, last_entry, nothing, number};
use super::{ALL, Order, decision_bytes, read_decision};
use crate::store::{ChangeRow, Damage, Due, Key, PolicyRow, Snapshot, StoreError, Value, Writing};

/// The row by which a change is due, with what it names.
pub(crate) type DueRow = (Key, Result<ChangeRow, StoreError>);

impl Snapshot<'_> {
    /// Returns the first change, to replace the policy in force since `reign`, that can be decided by now.
    pub(crate) fn due_change(&self, reign: u64, now: Time) -> Result<Option<DueRow>, StoreError> {
        self.first_due(Index::Due, reign, now)
    }

    /// Returns the first change, to replace the policy in force since `reign`, that has lapsed by now and is not decided.
    pub(crate) fn lapsed_change(
        &self,
        reign: u64,
        now: Time,
    ) -> Result<Option<DueRow>, StoreError> {
        self.first_due(Index::Lapse, reign, now)
    }

    /// Returns it with the key of the row that says so, which may say it of what is no change.
    fn first_due(&self, index: Index, reign: u64, now: Time) -> Result<Option<DueRow>, StoreError> {
        let later = now.as_millis().saturating_add(1);
        let end = index.key(&[&number(reign), &number(later)]);
        let due = index.span(&[&number(reign)]).before(end);
        let Some((key, _)) = self.range(&due, Order::Forward, 1)?.pop() else {
            return Ok(None);
        };
        let row = last_entry(&key, 2 * ENTRY).and_then(|index| {
            let missing = || Damage::of_entry(index, "its row in the map is missing");
            let value = self.get(change(index))?.ok_or_else(missing)?;
            row(index, &value)
        });
        Ok(Some((key, row)))
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

    /// Returns the last entry before one that put a policy in force; 0 while it is the founding's.
    pub(crate) fn reign(&self, before: u64) -> Result<u64, StoreError> {
        let end = Index::Policy.key(&[&number(before)]);
        let reigns = Index::Policy.span(&[]).before(end);
        let last = self.range(&reigns, Order::Backward, 1)?;
        Ok(last_entries(&last, 0)?.pop().unwrap_or(0))
    }

    /// Returns the first entry behind one that put a policy in force.
    pub(crate) fn next_reign(&self, after: u64) -> Result<Option<u64>, StoreError> {
        let last = Index::Policy.key(&[&number(after)]);
        let reigns = Index::Policy.span(&[]).after(last);
        let next = self.range(&reigns, Order::Forward, 1)?;
        Ok(last_entries(&next, 0)?.pop())
    }
}

impl Writing<'_> {
    pub(super) fn put_change(&self, row: &ChangeRow, digest: Digest) -> Result<(), StoreError> {
        let entry = number(row.entry).to_vec();
        self.put_first(Index::Subject.key(&[digest.as_bytes()]), entry)?;
        self.put(change(row.entry), value(row));
        Ok(())
    }

    pub(super) fn decide_change(&self, row: &ChangeRow, decision: u64) {
        let decided = ChangeRow {
            decision: row.decision.or(Some(decision)),
            ..*row
        };
        self.put(change(row.entry), value(&decided));
    }

    /// Keeps when a change, to replace the policy in force since `reign`, is to be looked at next: too early costs a look,
    /// too late would let it wait.
    pub(crate) fn put_due(&self, reign: u64, change: u64, due: Due) -> Result<(), StoreError> {
        self.take_due(change)?;
        let (index, time) = match due {
            Due::Decision(time) => (Index::Due, time),
            Due::Lapse(time) => (Index::Lapse, time),
        };
        let fields = [number(reign), number(time.as_millis()), number(change)];
        let due = index.key(&[&fields[0], &fields[1], &fields[2]]);
        self.put(Index::DueOf.key(&[&number(change)]), due.clone());
        self.put(due, nothing());
        Ok(())
    }

    /// Takes a row away by which a change was due, unless the change is due by it still: as of now, another time or never.
    pub(crate) fn remove_due(&self, key: Key) -> Result<(), StoreError> {
        let due_of = last_entry(&key, 2 * ENTRY).map(|change| Index::DueOf.key(&[&number(change)]));
        if let Ok(due_of) = due_of
            && self.get(due_of.clone())?.as_ref() == Some(&key)
        {
            self.remove(due_of);
        }
        self.remove(key);
        Ok(())
    }

    /// Has a change not looked at again.
    pub(crate) fn take_due(&self, change: u64) -> Result<(), StoreError> {
        let due_of = Index::DueOf.key(&[&number(change)]);
        if let Some(due) = self.get(due_of.clone())? {
            self.remove(due);
            self.remove(due_of);
        }
        Ok(())
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
