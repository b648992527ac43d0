//! Checking deposits long after they were made: opened, held against their commitments, and what came of it logged
//! (spec/authority.md#check).

use std::collections::BTreeMap;

use rand_core::{CryptoRng, Rng};
use strongroom_protocol::Unavailable;
use strongroom_protocol::receipt::{DepositState, Receipt};
use strongroom_protocol::statement::{Checked, CheckedDeposit, SignedStatement, Statement};

use super::Service;
use super::commit::{Act, Answer};
use crate::custody::Opener;
use crate::log::Entry;
use crate::store::{Damage, DepositRow, Snapshot, StoreError};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every deposit in the log, read entry by entry.
    All,
    /// So many, chosen at random.
    Sample(u64),
}

/// What came of a check.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// What was found.
    pub checked: Checked,
    /// The same, signed by the authority.
    pub statement: SignedStatement,
    /// Its place in the log.
    pub receipt: Receipt,
}

impl Service {
    /// Opens deposits, compares them with their commitments, and logs what came of it.
    ///
    /// # Errors
    ///
    /// Says so when custody is sealed, or the store can't be read or written. Damaged entries are counted, not an error.
    pub fn check(&self, extent: Extent) -> Result<CheckReport, CheckError> {
        self.store.read(|store| self.find_rsa_key(store))?;
        let opener = self.custodian.opener().ok_or(CheckError::Sealed)?;
        let found = self.store.read(|store| match extent {
            Extent::All => self.check_all(store, &opener),
            Extent::Sample(count) => self.check_sample(store, &opener, count),
        })?;
        let checked = found.into_checked(self);
        let statement = self.log.sign(checked.clone());
        let answer = self.commit(Act::Own(Box::new(statement.clone())))?;
        let Answer::Recorded(index) = answer else {
            return Err(StoreError::from(Damage::of("the check was not recorded")).into());
        };
        let receipt = self.store.read(|store| {
            let entry = self.log.entry(store, index)?;
            self.log.receipts(store)?.of(&entry)
        });
        let receipt = receipt.map_err(|error: StoreError| error)?;
        Ok(CheckReport {
            checked,
            statement,
            receipt,
        })
    }

    /// Reads every entry: no index says which hold deposits, and so none can hide one.
    fn check_all(&self, store: &Snapshot<'_>, opener: &Opener<'_>) -> Result<Found, StoreError> {
        let mut found = Found::at(self.log.checkpoint(store)?.checkpoint().size);
        for index in 0..found.size {
            match self.readable(store, index)? {
                Some(entry) => {
                    found.kept += kept(&entry);
                    found.add(&entry, opener, &mut self.slow_rng(), |_| true);
                }
                None => found.unread += 1,
            }
        }
        Ok(found)
    }

    fn check_sample(
        &self,
        store: &Snapshot<'_>,
        opener: &Opener<'_>,
        count: u64,
    ) -> Result<Found, StoreError> {
        let mut found = Found::at(self.log.checkpoint(store)?.checkpoint().size);
        let mut rows = store.all_deposits()?;
        found.kept = rows.len() as u64;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count >= rows.len() {
            // That an index has no more does not say that there is no more.
            return self.check_all(store, opener);
        }
        choose(&mut rows, count, &mut *self.rng());
        let mut places: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for row in &rows {
            places.entry(row.entry).or_default().push(row.place);
        }
        for (index, places) in places {
            match self.readable(store, index)? {
                Some(entry) => {
                    let chosen = |place| places.contains(&place);
                    found.add(&entry, opener, &mut self.slow_rng(), chosen);
                }
                None => found.unread += 1,
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
    failed: Vec<CheckedDeposit>,
    unread: u64,
}

impl Found {
    fn at(size: u64) -> Self {
        Self {
            size,
            kept: 0,
            opened: 0,
            failed: Vec::new(),
            unread: 0,
        }
    }

    /// Opens the kept keys of an entry that are at places of which `chosen` says so.
    fn add(
        &mut self,
        entry: &Entry,
        opener: &Opener<'_>,
        rng: &mut impl CryptoRng,
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
                self.failed.push(CheckedDeposit {
                    owner: deposit.owner(),
                    serial: key.label.serial,
                });
            }
        }
    }

    fn into_checked(mut self, service: &Service) -> Checked {
        self.failed.sort_unstable();
        let failed = self.failed.len() as u64;
        self.failed.truncate(Checked::NAMED_MAX);
        Checked {
            authority: service.authority(),
            size: self.size,
            kept: self.kept.max(self.opened),
            opened: self.opened,
            failed,
            named: self.failed,
            unread: self.unread,
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
