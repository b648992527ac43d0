//! Walking a listing page by page. How many pages there are follows from the log's size, which its checkpoint states, and
//! never from what a page says of its successors: an authority must not be able to make a client fetch without end.

use super::entries::{Page, Recorded};
use super::error::QueryError;

/// What listings are made of. A page ends with the log, or with the item that makes it full: it has so many items, or so
/// many bytes.
pub trait Listed {
    /// How many items make a page full.
    const PAGE_ITEMS: usize;
    /// How many bytes of items make a page full; the item that does may be longer than what room there was.
    const PAGE_BYTES: usize = 1 << 20;
    /// Whether a listing has an item of every entry, so that none is left out.
    const OF_EVERY_ENTRY: bool = false;

    /// Returns how many bytes an item counts for.
    fn bytes(&self) -> usize;

    /// Returns the index of its entry, as it says itself; none if it does not say.
    fn index(&self) -> Option<u64> {
        None
    }
}

impl Listed for Recorded {
    const PAGE_ITEMS: usize = 256;

    fn bytes(&self) -> usize {
        self.statement.as_bytes().len()
    }

    fn index(&self) -> Option<u64> {
        Some(self.receipt.index())
    }
}

/// A leaf of the log.
impl Listed for Vec<u8> {
    const PAGE_ITEMS: usize = 1024;
    const OF_EVERY_ENTRY: bool = true;

    fn bytes(&self) -> usize {
        self.len()
    }
}

impl<T: Listed> Page<T> {
    /// Tells whether it may end before the listing does.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // What is damaged counts as an item: a page of nothing else comes to an end, too.
        is_full(&self.items) || self.items.len() + self.damaged.len() >= T::PAGE_ITEMS
    }

    /// Tells whether a page that begins with `from` leads on to the end of a listing up to `size`, as long as every page
    /// does.
    fn leads_on(&self, from: u64, size: u64) -> bool {
        // Each begins behind the one before, so that they come to an end; and all but the last are full, so that their
        // number follows from what there is.
        let goes_on = self.next > from && (self.is_full() || self.next >= size);
        // One with more than its share would be read into memory whole, whatever it has.
        let is_overfull = matches!(self.items.split_last(), Some((_, rest)) if is_full(rest));
        goes_on && !is_overfull && self.is_of(from)
    }

    /// Tells whether its items can be of the entries from `from` to the beginning of the next page, in the log's order:
    /// neither an earlier page again, nor one entry twice, nor more items than entries.
    fn is_of(&self, from: u64) -> bool {
        let mut at = from;
        for item in &self.items {
            let index = item.index().unwrap_or(at);
            if index < at || index >= self.next {
                return false;
            }
            at = index + 1;
        }
        let damaged = self.damaged.iter();
        let in_page = damaged
            .clone()
            .all(|index| (from..self.next).contains(index));
        in_page
            && damaged.is_sorted_by(|one, next| one < next)
            && (!T::OF_EVERY_ENTRY || at == self.next)
    }
}

fn is_full<T: Listed>(items: &[T]) -> bool {
    let bytes: usize = items.iter().map(Listed::bytes).sum();
    items.len() >= T::PAGE_ITEMS || bytes >= T::PAGE_BYTES
}

/// Walks the pages of a listing from index `from` to `size`, the size of the log by a checkpoint that was verified.
///
/// `fetch` gets the index that a page begins with. After an error there are no more pages. A listing may end behind `size`,
/// as others add to the log. What index a receipt says is compared here, and verified with the receipt, by the caller.
pub fn pages<T: Listed, E: From<QueryError> + From<EndlessListing>>(
    from: u64,
    size: u64,
    mut fetch: impl FnMut(u64) -> Result<Page<T>, E>,
) -> impl Iterator<Item = Result<Page<T>, E>> {
    let mut next = Some(from);
    std::iter::from_fn(move || {
        let from = next.take().filter(|next| *next < size)?;
        let page = fetch(from).and_then(|page| {
            if page.leads_on(from, size) {
                Ok(page)
            } else {
                Err(EndlessListing { from }.into())
            }
        });
        next = page.as_ref().ok().map(|page| page.next);
        Some(page)
    })
}

/// A listing whose pages do not lead to its end: an honest authority has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority's listing does not lead on from entry {from} to its end")]
pub struct EndlessListing {
    /// Where the page began.
    pub from: u64,
}
