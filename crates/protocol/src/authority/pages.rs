//! Walking a listing page by page. How many pages there are follows from the log's size, which its checkpoint states, and
//! never from what a page says of its successors: an authority must not be able to make a client fetch without end.

use super::entries::{Page, Recorded};
use super::error::QueryError;

/// What listings are made of. A page ends with the log, or is full: it has so many items, or so many bytes.
pub trait Listed {
    /// How many items make a page full.
    const PAGE_ITEMS: usize;
    /// How many bytes of items make a page full.
    const PAGE_BYTES: usize = 1 << 20;

    /// Returns how many bytes an item counts for.
    fn bytes(&self) -> usize;
}

impl Listed for Recorded {
    const PAGE_ITEMS: usize = 256;

    fn bytes(&self) -> usize {
        self.statement.as_bytes().len()
    }
}

/// A leaf of the log.
impl Listed for Vec<u8> {
    const PAGE_ITEMS: usize = 1024;

    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Listed> Page<T> {
    /// Tells whether it may end before the listing does.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let bytes: usize = self.items.iter().map(Listed::bytes).sum();
        self.items.len() + self.damaged.len() >= T::PAGE_ITEMS || bytes >= T::PAGE_BYTES
    }
}

/// Walks the pages of a listing from index `from` to `size`, the size of the log by a checkpoint that was verified.
///
/// `fetch` gets the index that a page begins with. After an error there are no more pages. A listing may end behind `size`,
/// as others add to the log.
pub fn pages<T: Listed, E: From<QueryError> + From<EndlessListing>>(
    from: u64,
    size: u64,
    mut fetch: impl FnMut(u64) -> Result<Page<T>, E>,
) -> impl Iterator<Item = Result<Page<T>, E>> {
    let mut next = Some(from);
    std::iter::from_fn(move || {
        let from = next.take().filter(|next| *next < size)?;
        let page = fetch(from).and_then(|page| {
            // Every page but the last is full, so that their number is bounded by what there is; and the next begins
            // behind it, so that they come to an end.
            let goes_on = page.next > from && (page.is_full() || page.next >= size);
            let listed = page.items.len() + page.damaged.len();
            let fits = listed as u64 <= page.next.saturating_sub(from);
            if goes_on && fits {
                Ok(page)
            } else {
                Err(EndlessListing { from }.into())
            }
        });
        next = page.as_ref().ok().map(|page| page.next);
        Some(page)
    })
}

/// A listing whose pages do not lead to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the authority's listing does not go on behind entry {from}: it would be fetched without end"
)]
pub struct EndlessListing {
    /// Where the page began.
    pub from: u64,
}
