//! In what order a request's deposits are released (spec/recovery.md#release), and what all of them have in common. It
//! follows from what was in the log when the request was recorded, and stays what it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use strongroom_protocol::id::Serial;
use strongroom_protocol::statement::{DepositLabel, Release, Request, Scope};

use super::Service;
use crate::store::{Damage, DepositRow, Snapshot, StoreError};

/// The labels that all deposits of a request have.
pub(super) type Labels = BTreeMap<String, String>;

/// A request's deposits, one after another.
pub(super) struct Plan {
    /// Where they lie, in the log's order.
    rows: Vec<DepositRow>,
    /// The serials that have no row any more, sorted.
    missing: Vec<Serial>,
    /// The labels that each has with the same value, where the policy asks for any.
    pub(super) labels: Labels,
}

impl Service {
    /// Returns the plan of a request; `labelled` tells whether labels are asked for.
    ///
    /// A request for everything was frozen by the digest of its serials, which is compared here.
    pub(super) fn plan(
        &self,
        store: &Snapshot<'_>,
        request: &Request,
        labelled: bool,
    ) -> Result<Arc<Plan>, StoreError> {
        let digest = request.digest();
        if let Some(plan) = self.plans.get(&digest) {
            return Ok(plan);
        }
        let (rows, missing) = match &request.scope {
            Scope::Everything {
                tree_size, serials, ..
            } => {
                let rows = store.deposits(request.owner, *tree_size)?;
                let mut held: Vec<Serial> = rows.iter().map(|row| row.serial).collect();
                held.sort_unstable();
                if Scope::serials_digest(&held) != *serials {
                    return Err(Damage::of("the index of deposits is not what it was").into());
                }
                (rows, Vec::new())
            }
            Scope::Serials(serials) => rows_of(store, request, serials)?,
        };
        let (labels, all_read) = if labelled && missing.is_empty() {
            self.labels(store, request, &rows)?
        } else {
            (Labels::new(), true)
        };
        // What was not committed may be undone, and what is missing or could not be read may come back.
        let committed = self.committed.load(Ordering::SeqCst);
        let stays = rows.iter().all(|row| row.entry < committed);
        let plan = Arc::new(Plan {
            rows,
            missing,
            labels,
        });
        if stays && all_read && plan.missing.is_empty() {
            self.plans.keep(digest, plan.clone());
        }
        Ok(plan)
    }

    /// Finds the labels that all deposits have, and tells whether all could be read: one that can't be has none.
    fn labels(
        &self,
        store: &Snapshot<'_>,
        request: &Request,
        rows: &[DepositRow],
    ) -> Result<(Labels, bool), StoreError> {
        let mut common: Option<Labels> = None;
        for rows in rows.chunk_by(|one, next| one.entry == next.entry) {
            let Some(first) = rows.first() else { continue };
            let entry = match self.log.entry(store, first.entry) {
                Ok(entry) => entry,
                Err(StoreError::Damaged(_)) => return Ok((Labels::new(), false)),
                Err(error) => return Err(error),
            };
            for row in rows {
                let same = |label: &DepositLabel| {
                    label.serial == row.serial && label.owner == request.owner
                };
                let key = entry.key(row.place).map(|(_, key)| key);
                let Some(key) = key.filter(|key| same(&key.label)) else {
                    return Ok((Labels::new(), false));
                };
                let labels = key.particulars.labels();
                match &mut common {
                    None => common = Some(labels.clone()),
                    Some(common) => common.retain(|name, value| labels.get(name) == Some(value)),
                }
            }
        }
        Ok((common.unwrap_or_default(), true))
    }
}

impl Plan {
    /// Returns what a page answers for: where its deposits lie, and the serials that lie nowhere. None if there is no such
    /// page.
    pub(super) fn page(&self, page: u64) -> Option<(&[DepositRow], &[Serial])> {
        let from = usize::try_from(page).ok()?.checked_mul(Release::KEYS_MAX)?;
        let to = from.saturating_add(Release::KEYS_MAX);
        // What has no row comes behind all that has one.
        let rows = part(&self.rows, from, to);
        let behind = |place: usize| place.saturating_sub(self.rows.len());
        let missing = part(&self.missing, behind(from), behind(to));
        (!rows.is_empty() || !missing.is_empty()).then_some((rows, missing))
    }
}

/// Returns what there is of a slice between two places.
fn part<T>(all: &[T], from: usize, to: usize) -> &[T] {
    let end = to.min(all.len());
    all.get(from.min(end)..end).unwrap_or_default()
}

/// Finds where serials lie, in the log's order, and those that lie nowhere.
fn rows_of(
    store: &Snapshot<'_>,
    request: &Request,
    serials: &[Serial],
) -> Result<(Vec<DepositRow>, Vec<Serial>), StoreError> {
    let mut rows = Vec::new();
    let mut missing = Vec::new();
    let found = store.deposits_of(request.owner, serials)?;
    for (serial, row) in serials.iter().zip(found) {
        match row {
            Some(row) => rows.push(row),
            None => missing.push(*serial),
        }
    }
    rows.sort_unstable_by_key(|row| (row.entry, row.place));
    Ok((rows, missing))
}
