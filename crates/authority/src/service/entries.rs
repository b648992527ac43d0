//! Listings: entries of the log with their receipts, page by page, in the log's order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::receipt::Receipt;
use strongroom_protocol::statement::{Request, Statement};
use strongroom_protocol::{Listed, Page, QueryError, Recorded, Select};

use super::Service;
use crate::Caller;
use crate::index;
use crate::log::{Entry, Receipts};
use crate::store::{Damage, Snapshot, StoreError, Stream, Subject};

/// The most entries of a page that are read and checked at once, on all cores.
const READ_AT_ONCE_MAX: usize = 32;

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
        let mut from = from;
        loop {
            // One more than a page has tells whether there is more.
            let indexes = merged(store, streams, from, Recorded::PAGE_ITEMS as u64 + 1)?;
            let Some(last) = indexes.last() else {
                return Ok(page);
            };
            // What does not belong there leaves room.
            from = last.saturating_add(1);
            let (mut entries, mut read) = (BTreeMap::new(), 0);
            for (number, index) in indexes.iter().enumerate() {
                // Nothing behind the head is in the log.
                if *index >= receipts.size() {
                    return Ok(page);
                }
                if page.is_full() {
                    page.next = *index;
                    return Ok(page);
                }
                if number == read {
                    let next = indexes.iter().skip(read).take(read_at_once(&page));
                    let next: BTreeSet<u64> = next.copied().collect();
                    entries = self.log.readable(store, &next)?;
                    read += next.len();
                }
                let listed = entries
                    .get(index)
                    .map(|entry| self.listed(store, streams, entry, &receipts));
                match listed {
                    Some(Ok(listed)) => page.items.extend(listed),
                    None | Some(Err(StoreError::Damaged(_))) => page.damaged.push(*index),
                    Some(Err(error)) => return Err(error),
                }
            }
        }
    }

    /// Returns an entry with its receipt, if it belongs into one of the listings: rows can say so of any.
    fn listed(
        &self,
        store: &Snapshot<'_>,
        streams: &[Stream],
        entry: &Entry,
        receipts: &Receipts<'_>,
    ) -> Result<Option<Recorded>, StoreError> {
        if !self.belongs(store, streams, entry)? {
            return Ok(None);
        }
        self.check_found(store, entry)?;
        receipts.recorded(entry).map(Some)
    }

    /// Returns the receipts of entries that were read just now, all of each: no word is given on bytes that are not there any
    /// more, nor on what would not be found.
    pub(super) fn receipts(
        &self,
        indexes: BTreeSet<u64>,
    ) -> BTreeMap<u64, Result<Receipt, Arc<StoreError>>> {
        if indexes.is_empty() {
            return BTreeMap::new();
        }
        let read = self.store.read(|store| {
            let receipts = self.log.receipts(store)?;
            let entries = self.log.readable(store, &indexes)?;
            let receipt = |index| {
                let entry = match entries.get(&index) {
                    Some(entry) => entry.clone(),
                    // It says what is wrong with it.
                    None => self.log.entry(store, index)?,
                };
                self.check_found(store, &entry)?;
                receipts.of(&entry)
            };
            let receipts = indexes.iter().map(|index| (*index, receipt(*index)));
            Ok::<_, StoreError>(receipts.collect::<Vec<_>>())
        });
        match read {
            Ok(receipts) => receipts
                .into_iter()
                .map(|(index, receipt)| (index, receipt.map_err(Arc::new)))
                .collect(),
            Err(error) => {
                let error = Arc::new(error);
                let failed = indexes.into_iter();
                failed.map(|index| (index, Err(error.clone()))).collect()
            }
        }
    }

    /// Sees that the map has the rows by which an owner's entry is found.
    fn check_found(&self, store: &Snapshot<'_>, entry: &Entry) -> Result<(), StoreError> {
        if index::lacking(&self.log, store, entry)?.is_empty() {
            return Ok(());
        }
        Err(Damage::of_entry(
            entry.index(),
            "the indexes by which it is found are not what it says",
        )
        .into())
    }

    /// Tells whether an entry is what one of these listings has, by what it says itself and is about.
    fn belongs(
        &self,
        store: &Snapshot<'_>,
        streams: &[Stream],
        entry: &Entry,
    ) -> Result<bool, StoreError> {
        let subject = match entry.statement().statement() {
            Statement::Deposit(deposit) => return Ok(has_owner(streams, deposit.owner())),
            Statement::Device(device) => return Ok(has_owner(streams, device.owner)),
            Statement::Enroll(enroll) => return Ok(has_owner(streams, enroll.owner)),
            Statement::OwnBlob(own) => return Ok(has_owner(streams, own.owner)),
            Statement::Approval(approval) => approval.subject,
            Statement::Decision(decision) => decision.request,
            Statement::Evidence(evidence) => evidence.request,
            Statement::Release(release) => release.request(),
            Statement::Veto(veto) => veto.request,
            Statement::PolicyChange(change) => {
                // But for this one, what concerns everybody is in every listing that it can be in.
                let is_of = |stream: &Stream| !matches!(stream, Stream::ChangesTo(policy) if *policy != change.policy.digest());
                return Ok(streams.iter().any(is_of));
            }
            Statement::Request(request) => {
                return self.is_of_request(store, streams, request, entry.index());
            }
            // What concerns everybody is in every listing that it can be in.
            Statement::Checked(_)
            | Statement::Departed(_)
            | Statement::Found(_)
            | Statement::Restored(_)
            | Statement::RsaKey(_)
            | _ => return Ok(true),
        };
        // What was said to a change concerns everybody, and what was said to a request those whom the request does.
        let Some(Subject::Request(row)) = store.subject(subject)? else {
            return Ok(true);
        };
        let asked = self.log.entry(store, row.entry)?;
        if let Statement::Request(request) = asked.statement().statement()
            && request.digest() == subject
        {
            return self.is_of_request(store, streams, request, row.entry);
        }
        Ok(false)
    }

    fn is_of_request(
        &self,
        store: &Snapshot<'_>,
        streams: &[Stream],
        request: &Request,
        entry: u64,
    ) -> Result<bool, StoreError> {
        let asker = index::asker(store, request.owner, &request.device_key, entry)?;
        Ok(streams.iter().any(|stream| match stream {
            Stream::OpenRequestsBy(key) | Stream::RequestsBy(key) => *key == request.device_key,
            Stream::OpenRequestsOf(owner) | Stream::Owner(owner) | Stream::RequestsOf(owner) => {
                *owner == request.owner || asker == Some(*owner)
            }
            Stream::OpenRequests | Stream::Requests => true,
            Stream::Changes
            | Stream::ChangesTo(_)
            | Stream::Everybody
            | Stream::OpenChanges(_)
            | Stream::OpenChangesBy(..)
            | Stream::ProvedRequestsOf(_) => false,
        }))
    }
}

fn has_owner(streams: &[Stream], owner: OwnerId) -> bool {
    streams.contains(&Stream::Owner(owner))
}

/// Returns how many entries are read next: as many as the page has room for, were they as long as those on it, and no more than are
/// on it already, as few tell little of the rest. What is read for nothing is read again with the next page.
fn read_at_once(page: &Page<Recorded>) -> usize {
    let bytes: usize = page.items.iter().map(Listed::bytes).sum();
    let room = Recorded::PAGE_BYTES.saturating_sub(bytes);
    let fitting = match bytes.checked_div(page.items.len()) {
        Some(mean) => room.div_ceil(mean.max(1)),
        None => READ_AT_ONCE_MAX,
    };
    let known = page.items.len() + page.damaged.len();
    fitting.min(known).clamp(1, READ_AT_ONCE_MAX)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use strongroom_protocol::Authority as _;
    use strongroom_protocol::id::Clock as _;
    use strongroom_protocol::policy::Policy;
    use strongroom_protocol::statement::{Draft, Particulars};
    use strongroom_testkit::{Owner, TestClock, TestRng, submit};

    use super::*;
    use crate::custody::KeyPlace;
    use crate::service::NewAuthority;
    use crate::store::Memory;
    use crate::store::watched::Watched;

    #[test]
    fn a_page_reads_hardly_more_entries_than_are_on_it_however_long_they_are() {
        let (clock, mut rng) = (TestClock::new(), TestRng::new(1));
        let founding = NewAuthority::new(Policy::code_alone(), clock.now(), &mut rng);
        let keys = KeyPlace::in_memory(founding.keys());
        let store = Memory::default();
        founding.record(&store).unwrap();
        let (watched, calls) = Watched::over(Box::new(store));
        let entries_read = watched.entries_read();
        let service = Service::over(Box::new(watched), keys, clock, rng).unwrap();
        let session = service.session(Caller::Operator);
        let mut long = Owner::enrolled(&session, 1);
        let mut short = Owner::enrolled(&session, 2);
        for _ in 0..12 {
            let drafts: Vec<Draft> = (0..256)
                .map(|_| {
                    let draft = long.draft();
                    let attachment = vec![7; Particulars::ATTACHMENT_BYTES_MAX];
                    let named = draft.particulars.with_name("a long secret").unwrap();
                    Draft {
                        particulars: named.with_attachment(attachment).unwrap(),
                        ..draft
                    }
                })
                .collect();
            submit(&session, &long.deposit_of(&drafts));
        }
        for _ in 0..100 {
            submit(&session, &short.deposit(1));
        }
        // What the log came to is read once.
        session.entries(Select::Owner(long.id), 0).unwrap();
        // Returns how many entries are listed, and in how many calls how many are read for it.
        let walked = |owner: &Owner| {
            calls.lock().unwrap().clear();
            entries_read.store(0, Relaxed);
            let (mut from, mut listed) = (0, 0);
            while from < session.checkpoint().unwrap().checkpoint().size {
                let page = session.entries(Select::Owner(owner.id), from).unwrap();
                listed += page.items.len();
                from = page.next;
            }
            let calls = calls.lock().unwrap()["entries"];
            (listed, calls, entries_read.load(Relaxed))
        };
        // With each deposit the enrolment is read, too: it is the owner's by that.
        let (listed, _, read) = walked(&long);
        assert_eq!(listed, 14);
        assert!(read <= 2 * listed + 2, "{read} entries read");
        let (listed, calls, read) = walked(&short);
        assert_eq!(listed, 102);
        assert!(read <= 2 * listed + 2, "{read} entries read");
        assert!(calls < listed + 14, "{calls} calls");
    }
}
