//! The indexes of what is decided: requests and changes of the policy by what names them, with the words on each, the
//! pages that were released, and who has departed. `requests` and `changes` have the listings of either.

use strongroom_protocol::id::{Digest, OwnerId};
use strongroom_protocol::keys::VerifyingKey;

use super::table::{ENTRY, Index, entry, last_entries, nothing, number};
use super::{ALL, Order, changes, requests};
use crate::store::{Damage, Snapshot, StoreError, Subject, Writing};

impl Snapshot<'_> {
    /// Finds what statements name by this digest.
    pub(crate) fn subject(&self, digest: Digest) -> Result<Option<Subject>, StoreError> {
        let found = self.get(Index::Subject.key(&[digest.as_bytes()]))?;
        let Some(index) = found.as_ref().map(entry).transpose()? else {
            return Ok(None);
        };
        let missing = || Damage::of_entry(index, "its row in the map is missing");
        let found = self.subject_at(index)?;
        found.map_or_else(|| Err(missing().into()), |found| Ok(Some(found)))
    }

    /// Returns the request or the change that an entry is.
    pub(crate) fn subject_at(&self, index: u64) -> Result<Option<Subject>, StoreError> {
        let rows = self.get_many(&[requests::request(index), changes::change(index)])?;
        Ok(match &rows[..] {
            [Some(request), _] => Some(Subject::Request(requests::row(index, request)?)),
            [_, Some(change)] => Some(Subject::Change(changes::row(index, change)?)),
            _ => None,
        })
    }

    /// Returns the entries of what was said to a request or a change.
    pub(crate) fn words(&self, subject: u64) -> Result<Vec<u64>, StoreError> {
        let words = Index::Word.span(&[&number(subject)]);
        last_entries(&self.range(&words, Order::Forward, ALL)?, ENTRY)
    }

    /// Returns the entries of the last words on whether an owner has departed, in their order.
    pub(crate) fn departed(&self, owner: OwnerId) -> Result<Vec<u64>, StoreError> {
        let words = Index::Departed.span(&[owner.as_bytes()]);
        let pairs = self.range(&words, Order::Forward, ALL)?;
        let mut entries = pairs
            .iter()
            .map(|(_, value)| entry(value))
            .collect::<Result<Vec<_>, _>>()?;
        entries.sort_unstable();
        Ok(entries)
    }

    /// Returns the entry of a page's release.
    pub(crate) fn release_page(&self, request: u64, page: u64) -> Result<Option<u64>, StoreError> {
        let found = self.get(Index::ReleasePage.key(&[&number(request), &number(page)]))?;
        found.as_ref().map(entry).transpose()
    }

    /// Counts the pages of a request that were released.
    pub(crate) fn release_pages(&self, request: u64) -> Result<u64, StoreError> {
        let pages = Index::ReleasePage.span(&[&number(request)]);
        Ok(self.range(&pages, Order::Forward, ALL)?.len() as u64)
    }
}

impl Writing<'_> {
    pub(super) fn put_word(&self, subject: &Subject, entry: u64) {
        let fields = [number(subject.entry()), number(entry)];
        self.put(Index::Word.key(&[&fields[0], &fields[1]]), nothing());
    }

    /// What was decided stays decided, as it was first.
    pub(super) fn put_decision(&self, subject: &Subject, entry: u64) {
        let decided = number(subject.entry()).to_vec();
        self.put(Index::Decided.key(&[&number(entry)]), decided);
        match subject {
            Subject::Change(row) => self.decide_change(row, entry),
            Subject::Request(row) => self.decide_request(row, entry),
        }
    }

    /// The last word by a key is the one that counts.
    pub(super) fn put_departed(&self, owner: OwnerId, author: &VerifyingKey, entry: u64) {
        let key = Index::Departed.key(&[owner.as_bytes(), author.as_bytes()]);
        self.put(key, number(entry).to_vec());
    }

    /// A page is released once.
    pub(super) fn put_release_page(
        &self,
        request: u64,
        page: u64,
        entry: u64,
    ) -> Result<(), StoreError> {
        let key = Index::ReleasePage.key(&[&number(request), &number(page)]);
        self.put_first(key, number(entry).to_vec())
    }
}
