//! Checking what an authority keeps: deposits that were made long ago, opened and held against their commitments, and the
//! indexes, held against the entries. What came of it is logged (spec/authority.md#check).

use std::collections::{BTreeMap, BTreeSet};

use rand_core::{CryptoRng, Rng};
use strongroom_protocol::Unavailable;
use strongroom_protocol::id::{OwnerId, Serial};
use strongroom_protocol::receipt::{DepositState, Receipt};
use strongroom_protocol::statement::{Checked, CheckedDeposit, SignedStatement, Statement};

use super::Service;
use super::audit::Indexes;
use super::commit::{Act, Answer};
use crate::custody::Opener;
use crate::log::Entry;
use crate::store::{Damage, DepositRow, Snapshot, StoreError};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every deposit in the log, read entry by entry, and every index.
    All,
    /// So many deposits, chosen at random.
    Sample(u64),
}

/// Whoever is told how far a check has come, and of how much.
pub type Watch<'w> = dyn FnMut(u64, u64) + 'w;

/// What came of a check.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// What was found.
    pub checked: Checked,
    /// The deposits that are named in it, for whoever runs the authority.
    pub named: Vec<NamedDeposit>,
    /// What came of holding the indexes against the entries; none of a sample.
    pub indexes: Option<Indexes>,
    /// The same as `checked`, signed by the authority.
    pub statement: SignedStatement,
    /// Its place in the log.
    pub receipt: Receipt,
}

/// A deposit that did not match, by whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedDeposit {
    /// Where it is.
    pub at: CheckedDeposit,
    /// Whose.
    pub owner: OwnerId,
    /// Its serial number.
    pub serial: Serial,
}

impl Service {
    /// Opens deposits, compares them with their commitments, and logs what came of it; of all, the indexes are compared, too.
    ///
    /// # Errors
    ///
    /// Says so when custody is sealed, or the store can't be read or written. What is damaged is counted, not an error.
    pub fn check(&self, extent: Extent, watch: &mut Watch<'_>) -> Result<CheckReport, CheckError> {
        self.store.read(|store| self.find_rsa_key(store))?;
        let opener = self.custodian.opener().ok_or(CheckError::Sealed)?;
        let found = self.store.read(|store| match extent {
            Extent::All => self.check_all(store, &opener, watch),
            Extent::Sample(count) => self.check_sample(store, &opener, count, watch),
        })?;
        let checked = found.to_checked(self);
        let statement = self.log.sign(checked.clone());
        let answer = self.commit(Act::Own(Box::new(statement.clone())))?;
        let Answer::Given(receipt) = answer else {
            return Err(StoreError::from(Damage::of("the check was not recorded")).into());
        };
        let mut named = found.failed;
        named.truncate(Checked::NAMED_MAX);
        Ok(CheckReport {
            checked,
            named,
            indexes: found.indexes,
            statement,
            receipt: *receipt,
        })
    }

    /// Reads every entry: no index says which hold deposits, and so none can hide one.
    fn check_all(
        &self,
        store: &Snapshot<'_>,
        opener: &Opener<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Found, StoreError> {
        let mut found = Found::at(self.log.checkpoint(store)?.checkpoint().size);
        let size = found.size;
        let indexes = self.compare_indexes(store, |index, entry| {
            match entry {
                Some(entry) => {
                    found.kept += kept(entry);
                    found.add(entry, opener, &self.slow_rng(), |_| true);
                }
                None => drop(found.unread.insert(index)),
            }
            watch(index + 1, size);
        })?;
        found.indexes = Some(indexes);
        Ok(found)
    }

    fn check_sample(
        &self,
        store: &Snapshot<'_>,
        opener: &Opener<'_>,
        count: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Found, StoreError> {
        let mut found = Found::at(self.log.checkpoint(store)?.checkpoint().size);
        let mut rows = store.all_deposits()?;
        found.kept = rows.len() as u64;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count >= rows.len() {
            // That an index has no more does not say that there is no more.
            return self.check_all(store, opener, watch);
        }
        choose(&mut rows, count, &mut *self.rng());
        let mut places: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for row in &rows {
            places.entry(row.entry).or_default().push(row.place);
        }
        let total = places.len() as u64;
        for (done, (index, places)) in (1..).zip(places) {
            watch(done, total);
            match self.readable(store, index)? {
                Some(entry) => {
                    let chosen = |place| places.contains(&place);
                    found.add(&entry, opener, &self.slow_rng(), chosen);
                }
                None => drop(found.unread.insert(index)),
            }
        }
        Ok(found)
    }

    fn readable(&self, store: &Snapshot<'_>, index: u64) -> Result<Option<Entry>, StoreError> {
        match self.log.entry(store, index) {
            Ok(entry) => Ok(Some(entry)),
            Err(StoreError::Damaged(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What a check has come to so far.
struct Found {
    size: u64,
    kept: u64,
    opened: u64,
    failed: Vec<NamedDeposit>,
    unread: BTreeSet<u64>,
    indexes: Option<Indexes>,
}

impl Found {
    fn at(size: u64) -> Self {
        Self {
            size,
            kept: 0,
            opened: 0,
            failed: Vec::new(),
            unread: BTreeSet::new(),
            indexes: None,
        }
    }

    /// Opens the kept keys of an entry that are at places of which `chosen` says so.
    fn add(
        &mut self,
        entry: &Entry,
        opener: &Opener<'_>,
        rng: &(impl CryptoRng + Clone + Sync),
        chosen: impl Fn(u64) -> bool,
    ) {
        let Statement::Deposit(deposit) = entry.statement().statement() else {
            return;
        };
        let states = opener.check(deposit, rng);
        for (place, (key, state)) in (0..).zip(deposit.keys().iter().zip(states)) {
            if entry.key(place).is_none() || !chosen(place) || !opener.can_open(key.label.content) {
                continue;
            }
            self.opened += 1;
            // An unproven blob that holds is as much as can be known of it, and never more than deposited.
            if state == DepositState::Mismatch {
                let entry = entry.index();
                self.failed.push(NamedDeposit {
                    at: CheckedDeposit { entry, place },
                    owner: deposit.owner(),
                    serial: key.label.serial,
                });
            }
        }
    }

    fn to_checked(&self, service: &Service) -> Checked {
        // They were found in the log's order, which is that of their names.
        let named = self.failed.iter().map(|deposit| deposit.at);
        let unread_named = self.unread.iter().copied();
        let differing = self.indexes.as_ref().map_or(0, Indexes::differing);
        Checked {
            authority: service.authority(),
            size: self.size,
            kept: self.kept.max(self.opened),
            opened: self.opened,
            failed: self.failed.len() as u64,
            named: named.take(Checked::NAMED_MAX).collect(),
            unread: self.unread.len() as u64,
            unread_named: unread_named.take(Checked::NAMED_MAX).collect(),
            differing,
            time: service.clock.now(),
        }
    }
}

/// Counts the keys of an entry that are kept.
fn kept(entry: &Entry) -> u64 {
    let states = entry.states().iter();
    states.filter(|state| state.is_kept()).count() as u64
}

/// Leaves `count` of the rows, chosen at random. That the remainder of 64 bits leans to low numbers does not matter here.
fn choose(rows: &mut Vec<DepositRow>, count: usize, rng: &mut impl Rng) {
    for place in 0..count {
        let rest = (rows.len() - place) as u64;
        let other = place + usize::try_from(rng.next_u64() % rest).unwrap_or(0);
        rows.swap(place, other);
    }
    rows.truncate(count);
}

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Custody is sealed, and was not unlocked.
    #[error("the key that opens deposits is sealed under the recovery code")]
    Sealed,
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What came of it could not be logged.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
