//! Listings: entries of the log with their receipts, page by page, in the log's order.

use strongroom_protocol::{Listed, Page, QueryError, Recorded, Select};

use super::Service;
use crate::Caller;
use crate::store::{Snapshot, StoreError, Stream};

impl Service {
    /// Returns the entries that `select` picks for the caller, from an index on.
    pub(super) fn entries(
        &self,
        caller: Caller,
        select: Select,
        from: u64,
    ) -> Result<Page<Recorded>, QueryError> {
        self.store.read(|store| {
            let streams = self.streams(store, caller, select)?;
            Ok(self.page(store, &streams, from)?)
        })
    }

    /// Reads a page: full, or all that there is. A damaged entry costs itself, and is told: left out, it would be as if it
    /// had never been.
    fn page(
        &self,
        store: &Snapshot<'_>,
        streams: &[Stream],
        from: u64,
    ) -> Result<Page<Recorded>, StoreError> {
        let receipts = self.log.receipts(store)?;
        let mut page = Page {
            items: Vec::new(),
            damaged: Vec::new(),
            next: receipts.size(),
        };
        // One more than a page has tells whether there is more.
        for index in merged(store, streams, from, Recorded::PAGE_ITEMS as u64 + 1)? {
            if page.is_full() {
                page.next = index;
                break;
            }
            match self.log.entry(store, index) {
                Ok(entry) => page.items.push(receipts.recorded(&entry)?),
                Err(StoreError::Damaged(_)) => page.damaged.push(index),
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }
}

/// Returns the first entries of several streams from an index on, in order, each once.
fn merged(
    store: &Snapshot<'_>,
    streams: &[Stream],
    from: u64,
    limit: u64,
) -> Result<Vec<u64>, StoreError> {
    let mut all = Vec::new();
    for stream in streams {
        all.extend(store.stream(stream, from, limit)?);
    }
    all.sort_unstable();
    all.dedup();
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}
