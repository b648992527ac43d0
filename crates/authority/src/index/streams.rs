//! Entries that are listed together, in the log's order: what concerns whom, and which requests and changes there are.

use super::Order;
use super::table::{ENTRY, Index, KEY, OWNER, last_entry, nothing, number};
use crate::store::{Key, Snapshot, StoreError, Stream, Writing};

impl Snapshot<'_> {
    /// Returns entries of a stream from one on, at most `limit`. What is no row of it costs itself.
    pub(crate) fn stream(
        &self,
        stream: &Stream,
        from: u64,
        limit: u64,
    ) -> Result<Vec<u64>, StoreError> {
        let StreamPlace {
            index,
            whose,
            found_by,
        } = place(stream);
        let mut span = index.span(&[&whose]);
        if let Some(before) = from.checked_sub(1) {
            span = span.after(index.key(&[&whose, &number(before)]));
        }
        let mut entries = Vec::new();
        loop {
            let pairs = self.range(&span, Order::Forward, limit)?;
            entries.extend(
                pairs
                    .iter()
                    .filter_map(|(key, _)| last_entry(key, found_by).ok()),
            );
            let enough = entries.len() as u64 >= limit;
            match pairs.last() {
                Some((last, _)) if !enough && pairs.len() as u64 >= limit => {
                    span = span.after(last.clone());
                }
                _ => break,
            }
        }
        entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(entries)
    }
}

impl Writing<'_> {
    /// Puts an entry into a stream; it may be there already.
    pub(super) fn put_in(&self, stream: &Stream, entry: u64) {
        self.put(key(stream, entry), nothing());
    }

    pub(super) fn take_out(&self, stream: &Stream, entry: u64) {
        self.remove(key(stream, entry));
    }
}

pub(super) fn key(stream: &Stream, entry: u64) -> Key {
    let place = place(stream);
    place.index.key(&[&place.whose, &number(entry)])
}

/// Where a stream's entries stand in the map: the last field of a key is the entry.
struct StreamPlace {
    index: Index,
    whose: Vec<u8>,
    /// The length of what stands between the two.
    found_by: usize,
}

fn place(stream: &Stream) -> StreamPlace {
    let (index, whose, found_by): (_, &[u8], _) = match stream {
        Stream::Changes => (Index::Change, &[], 0),
        Stream::Everybody => (Index::Everybody, &[], 0),
        Stream::OpenChanges(reign) => (Index::OpenChange, &number(*reign), ENTRY),
        Stream::OpenRequests => (Index::OpenRequest, &[], 0),
        Stream::OpenRequestsBy(key) => (Index::OpenRequestBy, key.as_bytes(), KEY),
        Stream::OpenRequestsOf(owner) => (Index::OpenRequestOf, owner.as_bytes(), OWNER),
        Stream::Owner(owner) => (Index::Concern, owner.as_bytes(), OWNER),
        Stream::Requests => (Index::Request, &[], 0),
        Stream::RequestsBy(key) => (Index::RequestBy, key.as_bytes(), KEY),
        Stream::RequestsOf(owner) => (Index::RequestOf, owner.as_bytes(), OWNER),
    };
    StreamPlace {
        index,
        whose: whose.to_vec(),
        found_by,
    }
}
