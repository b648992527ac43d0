//! An owner's deposits (spec/deposit.md): who may make them, what becomes of each key, and their listing.

use strongroom_protocol::id::{OwnerId, Serial, StatementId};
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::statement::{Deposit, Scope, SignedStatement, Statement};
use strongroom_protocol::{Deposited, Holdings, Page, QueryError, Refusal};

use super::Service;
use crate::Caller;
use crate::log::{self, Entry};
use crate::store::{DepositRow, Snapshot, StoreError, Writing};

/// How many deposits a page of their listing has.
const PAGE: u64 = 256;

impl Service {
    /// Opens the keys of a deposit, before any lock is taken; not for whoever may not deposit.
    pub(super) fn open_deposit(
        &self,
        statement: &SignedStatement,
    ) -> Result<Option<Vec<DepositState>>, StoreError> {
        let Statement::Deposit(deposit) = statement.statement() else {
            return Ok(None);
        };
        let ours = deposit.authority() == self.authority()
            && deposit.wrap_key() == self.custodian.wrap_key_id();
        let may = self.store.read(|store| {
            let known = store.entry_of(statement.id())?.is_some();
            let may = ours && !known && store.has_device(deposit.owner(), statement.author())?;
            if may {
                self.find_rsa_key_for(store, deposit)?;
            }
            Ok::<_, StoreError>(may)
        })?;
        Ok(may.then(|| self.custodian.check(deposit, &mut self.slow_rng())))
    }

    pub(super) fn check_deposit(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        deposit: &Deposit,
        opened: Option<&[DepositState]>,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        if !store.has_device(deposit.owner(), statement.author())? {
            return Ok(Err(Refusal::Author));
        }
        if deposit.wrap_key() != self.custodian.wrap_key_id() {
            return Ok(Err(Refusal::WrapKey));
        }
        // Its author became the owner's after it was looked at: rare, so it may be opened under the lock.
        let mut states = match opened {
            Some(states) => states.to_vec(),
            None => {
                self.find_rsa_key_for(store, deposit)?;
                self.custodian.check(deposit, &mut self.slow_rng())
            }
        };
        // Whatever came of opening them, so that this takes no less time for what is wrong in another way.
        let foreign = self.foreign_blobs(store, deposit.keys().iter())?;
        let keys = deposit.keys().iter();
        let serials: Vec<Serial> = keys.map(|key| key.label.serial).collect();
        let taken = store.deposits_of(deposit.owner(), &serials)?;
        for ((state, foreign), taken) in states.iter_mut().zip(foreign).zip(taken) {
            if foreign? {
                *state = DepositState::Mismatch;
            }
            // Nothing is overwritten. That this may be the same key again is for its owner to see.
            if taken.is_some() {
                *state = DepositState::Conflict;
            }
        }
        Ok(Ok(Outcome::Deposited(states)))
    }

    /// Returns a deposit statement, for those who may see its owner's deposits.
    pub(super) fn deposit_statement(
        &self,
        caller: Caller,
        id: StatementId,
    ) -> Result<SignedStatement, QueryError> {
        self.store.read(|store| {
            let index = log::find(store, id)?.ok_or(QueryError::NotFound)?;
            let statement = self.log.entry(store, index)?.into_statement();
            let Statement::Deposit(deposit) = statement.statement() else {
                return Err(QueryError::NotFound);
            };
            if !caller.speaks_for(store, deposit.owner())? {
                return Err(QueryError::NotFound);
            }
            Ok(statement)
        })
    }

    pub(super) fn deposits(
        &self,
        caller: Caller,
        owner: OwnerId,
        after: Option<Serial>,
    ) -> Result<Page<Deposited>, QueryError> {
        self.store.read(|store| {
            if !caller.speaks_for(store, owner)? {
                return Err(QueryError::NotFound);
            }
            Ok(self.listing(store, owner, after)?)
        })
    }

    pub(super) fn holdings(&self, owner: OwnerId) -> Result<Holdings, StoreError> {
        self.store.read(|store| {
            let tree_size = self.log.checkpoint(store)?.checkpoint().size;
            let serials = store.serials(owner, tree_size)?;
            Ok(Holdings {
                tree_size,
                count: serials.len() as u64,
                serials: Scope::serials_digest(&serials),
            })
        })
    }

    fn listing(
        &self,
        store: &Snapshot<'_>,
        owner: OwnerId,
        after: Option<Serial>,
    ) -> Result<Page<Deposited>, StoreError> {
        let mut after = after;
        loop {
            let mut rows = store.deposits(owner, after, PAGE + 1)?;
            let more = rows.len() as u64 > PAGE;
            rows.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
            let entries = self.readable_entries(store, &rows)?;
            // What can't be read is left out: a damaged entry costs the deposits in it, and no others.
            let found = rows
                .iter()
                .filter_map(|row| deposited(entries.get(&row.entry)?, owner, row));
            let mut items: Vec<Deposited> = found.collect();
            for item in &mut items {
                item.own_blobs = self.own_blobs(store, item)?;
            }
            if !items.is_empty() || !more {
                return Ok(Page { items, more });
            }
            // The next page begins behind the last item, so that there has to be one.
            after = rows.last().map(|row| row.serial);
        }
    }
}

/// Finds the deposit that a row speaks of in its entry.
fn deposited(entry: &Entry, owner: OwnerId, row: &DepositRow) -> Option<Deposited> {
    let (_, key) = entry.key(row.place)?;
    let state = *entry.states().get(usize::try_from(row.place).ok()?)?;
    let same = key.label.owner == owner && key.label.serial == row.serial;
    same.then(|| Deposited {
        label: key.label,
        particulars: key.particulars.clone(),
        state,
        time: entry.time(),
        statement: entry.statement().id(),
        own_blobs: Vec::new(),
    })
}
