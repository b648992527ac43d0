//! The map held against what the entries make of it: which rows are missing, which are others, and which nothing accounts
//! for.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{ENTRY, Index, KEY, OWNER};
use super::{Order, table};
use crate::store::{Beside, Key, Snapshot, Span, StoreError, Value};

/// A row that is not what the entries make of it.
pub(crate) struct Difference {
    pub(crate) key: Key,
    /// What it should have; nothing, where there should be no such row.
    pub(crate) right: Option<Value>,
}

impl Difference {
    /// Returns the name of the index that the row is of.
    pub(crate) fn index(&self) -> &'static str {
        Index::name_of(&self.key)
    }
}

/// Returns where the map is not what was made beside it from all the entries that could be read.
///
/// What follows from the entries `unread` is not known, and rows that speak of these are let be. So is when changes are to be
/// looked at, which is more than the entries say; but a change that nothing would look at again is told.
pub(crate) fn differences(
    store: &Snapshot<'_>,
    beside: &Beside,
    unread: &BTreeSet<u64>,
) -> Result<Vec<Difference>, StoreError> {
    let mut differences = Vec::new();
    let mut span = Span::of(Key::new());
    loop {
        // A stretch of one and of the other, as far as both go.
        let (theirs, right) = (page(store, &span)?, beside.range(&span, AT_ONCE)?);
        let ends = [&theirs, &right].map(|pairs| end(pairs));
        let Some(last) = ends
            .into_iter()
            .flatten()
            .min()
            .or_else(|| last_of(&theirs, &right))
        else {
            break;
        };
        let within = |pairs: Vec<(Key, Value)>| -> BTreeMap<Key, Value> {
            pairs.into_iter().filter(|(key, _)| *key <= last).collect()
        };
        let (mut theirs, right) = (within(theirs), within(right));
        for (key, right) in right {
            let found = theirs.remove(&key);
            if found.as_ref() != Some(&right) && !speaks_of(&key, found.as_ref(), unread) {
                let right = Some(right);
                differences.push(Difference { key, right });
            }
        }
        let extra = theirs.into_iter();
        let extra = extra.filter(|(key, value)| !speaks_of(key, Some(value), unread));
        differences.extend(extra.map(|(key, _)| Difference { key, right: None }));
        span = span.after(last);
    }
    differences
        .retain(|difference| !Index::is_when(&difference.key) && !Index::is_kept(&difference.key));
    // An owner whose first deposit can't be read has others, and the first stays the first.
    let mut of_first = Vec::new();
    for difference in &differences {
        of_first.push(is_of_unread_first(store, difference, unread)?);
    }
    let mut of_first = of_first.into_iter();
    differences.retain(|_| of_first.next() != Some(true));
    differences.extend(unwatched(store, beside)?);
    Ok(differences)
}

const AT_ONCE: u64 = 4096;

fn page(store: &Snapshot<'_>, span: &Span) -> Result<Vec<(Key, Value)>, StoreError> {
    store.range(span, Order::Forward, AT_ONCE)
}

/// Returns the last key of a full page; what is behind it was not read yet.
fn end(pairs: &[(Key, Value)]) -> Option<Key> {
    let is_full = pairs.len() as u64 == AT_ONCE;
    let (last, _) = pairs.last().filter(|_| is_full)?;
    Some(last.clone())
}

fn last_of(theirs: &[(Key, Value)], right: &[(Key, Value)]) -> Option<Key> {
    let last = [theirs.last(), right.last()].into_iter().flatten();
    last.map(|(key, _)| key).max().cloned()
}

fn is_of_unread_first(
    store: &Snapshot<'_>,
    difference: &Difference,
    unread: &BTreeSet<u64>,
) -> Result<bool, StoreError> {
    let owner = difference.key.get(1 + ENTRY..);
    let (Some(Index::Depositor), Some(owner)) = (Index::of(&difference.key), owner) else {
        return Ok(false);
    };
    let first = Index::FirstDeposit.key(&[owner]);
    let row = store.get(first.clone())?;
    Ok(speaks_of(&first, row.as_ref(), unread))
}

/// Returns the changes that are open and that no row has looked at again.
fn unwatched(store: &Snapshot<'_>, beside: &Beside) -> Result<Vec<Difference>, StoreError> {
    let mut unwatched = Vec::new();
    for (key, right) in beside.range(&Index::DueOf.span(&[]), u64::MAX)? {
        // What it names must name it in turn.
        let when = store.get(key.clone())?;
        let ends_with = |when: &Value| when.get(1 + 2 * ENTRY..) == key.get(1..);
        let is_row = match when.filter(|when| Index::is_when(when) && ends_with(when)) {
            Some(when) => store.get(when)?.is_some(),
            None => false,
        };
        if !is_row {
            unwatched.push(Difference {
                key: right.clone(),
                right: Some(table::nothing()),
            });
            let right = Some(right);
            unwatched.push(Difference { key, right });
        }
    }
    Ok(unwatched)
}

/// Tells whether a row speaks of any of these entries.
fn speaks_of(key: &Key, value: Option<&Value>, entries: &BTreeSet<u64>) -> bool {
    if entries.is_empty() {
        return false;
    }
    let number = |bytes: &[u8], at: usize| {
        let number = bytes.get(at..)?.first_chunk()?;
        Some(u64::from_be_bytes(*number))
    };
    let in_key = |at| number(key, 1 + at);
    let said = match Index::of(key) {
        Some(Index::DepositInOrder) => in_key(OWNER),
        Some(Index::DeviceOwner) => in_key(KEY),
        Some(Index::Deposit | Index::BlobClaim) => value.and_then(|value| number(value, 0)),
        Some(Index::Concern) => in_key(OWNER),
        Some(Index::Everybody | Index::RsaKey) => in_key(0),
        Some(Index::Departed | Index::FirstDeposit) => value.and_then(|value| number(value, 0)),
        Some(Index::Depositor) => in_key(0),
        _ => None,
    };
    said.is_some_and(|entry| entries.contains(&entry))
}
