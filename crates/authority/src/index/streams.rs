//! Entries that are listed together, in the log's order: what concerns whom, and which requests and changes there are.

use super::Order;
use super::table::{Index, last_entry, nothing, number};
use crate::store::{Key, Snapshot, StoreError, Stream, Writing};

impl Snapshot<'_> {
    /// Returns entries of a stream from one on, at most `limit`. What is no row of it costs itself.
    pub(crate) fn stream(
        &self,
        stream: &Stream,
        from: u64,
        limit: u64,
    ) -> Result<Vec<u64>, StoreError> {
        let StreamPlace { index, whose } = place(stream);
        let mut span = index.span(&[&whose]);
        if let Some(before) = from.checked_sub(1) {
            span = span.after(index.key(&[&whose, &number(before)]));
        }
        let mut entries = Vec::new();
        loop {
            let pairs = self.range(&span, Order::Forward, limit)?;
            let found = pairs
                .iter()
                .filter_map(|(key, _)| last_entry(key, whose.len()).ok());
            entries.extend(found);
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
    /// What stands between the two.
    whose: Vec<u8>,
}

fn place(stream: &Stream) -> StreamPlace {
    let (index, whose): (_, Vec<u8>) = match stream {
        Stream::Changes => (Index::Change, Vec::new()),
        Stream::ChangesTo(policy) => (Index::ChangeTo, policy.as_bytes().to_vec()),
        Stream::Everybody => (Index::Everybody, Vec::new()),
        Stream::OpenChanges(reign) => (Index::OpenChange, number(*reign).to_vec()),
        Stream::OpenChangesBy(reign, author) => {
            let whose = [&number(*reign)[..], author.as_bytes()].concat();
            (Index::OpenChangeBy, whose)
        }
        Stream::OpenRequests => (Index::OpenRequest, Vec::new()),
        Stream::OpenRequestsBy(key) => (Index::OpenRequestBy, key.as_bytes().to_vec()),
        Stream::OpenRequestsOf(owner) => (Index::OpenRequestOf, owner.as_bytes().to_vec()),
        Stream::Owner(owner) => (Index::Concern, owner.as_bytes().to_vec()),
        Stream::ProvedRequestsOf(owner) => (Index::ProvedRequestOf, owner.as_bytes().to_vec()),
        Stream::Requests => (Index::Request, Vec::new()),
        Stream::RequestsBy(key) => (Index::RequestBy, key.as_bytes().to_vec()),
        Stream::RequestsOf(owner) => (Index::RequestOf, owner.as_bytes().to_vec()),
    };
    StreamPlace { index, whose }
}
