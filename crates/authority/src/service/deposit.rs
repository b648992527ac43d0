//! An owner's deposits (spec/deposit.md): who may make them, what becomes of each key, and what is kept.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use strongroom_protocol::id::{OwnerId, Serial};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::statement::{Deposit, Scope, SignedStatement, Statement};
use strongroom_protocol::{Holdings, Refusal};

use super::Service;
use crate::identity;
use crate::index;
use crate::log::Entry;
use crate::store::{Damage, DepositRow, Snapshot, StoreError, Writing};

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
            let (owner, author) = (deposit.owner(), statement.author());
            let may = ours && !known && self.is_device_of(store, owner, author)?;
            if may {
                self.find_rsa_key_for(store, deposit)?;
            }
            Ok::<_, StoreError>(may)
        })?;
        Ok(may.then(|| self.custodian.check(deposit, &self.slow_rng())))
    }

    /// Tells whether a key is a device of an owner's, and was not revoked.
    pub(super) fn is_device_of(
        &self,
        store: &Snapshot<'_>,
        owner: OwnerId,
        key: &VerifyingKey,
    ) -> Result<bool, StoreError> {
        Ok(self.made_device(store, owner, key)?.is_some()
            && !identity::is_revoked(&self.log, store, owner, key, u64::MAX)?)
    }

    /// Returns the entry that made a key an owner's device: by its row, and by that entry. What was read there once stays so.
    fn made_device(
        &self,
        store: &Snapshot<'_>,
        owner: OwnerId,
        key: &VerifyingKey,
    ) -> Result<Option<u64>, StoreError> {
        let Some(entry) = store.device(owner, key)? else {
            return Ok(None);
        };
        let device = (owner, *key, entry);
        if self.devices.get(&device).is_some() {
            return Ok(Some(entry));
        }
        let made = identity::made_device(&self.log, store, owner, key)?;
        if made.is_some() && entry < self.committed.load(Ordering::SeqCst) {
            self.devices.keep(device, Arc::new(()));
        }
        Ok(made)
    }

    /// Tells whether a deposit came from who was its owner when it came: a device of theirs, which was one before it, and was not
    /// revoked then. Whoever takes an owner's id later gets nothing of what was there.
    pub(super) fn is_by_device(
        &self,
        store: &Snapshot<'_>,
        owner: OwnerId,
        entry: &Entry,
    ) -> Result<bool, StoreError> {
        let (author, index) = (entry.statement().author(), entry.index());
        let was_device = self.made_device(store, owner, author).and_then(|made| {
            let before = made.is_some_and(|made| made < index);
            Ok(before && !identity::is_revoked(&self.log, store, owner, author, index)?)
        });
        match was_device {
            Err(StoreError::Damaged(_)) => Ok(false),
            was_device => was_device,
        }
    }

    pub(super) fn check_deposit(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        deposit: &Deposit,
        opened: Option<&[DepositState]>,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        if !self.is_device_of(store, deposit.owner(), statement.author())? {
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
                self.custodian.check(deposit, &self.slow_rng())
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
            if let Some(taken) = taken {
                if self.is_taken(store, deposit.owner(), &taken)? {
                    *state = DepositState::Conflict;
                } else {
                    store.take_deposit(deposit.owner(), &taken)?;
                }
            }
        }
        Ok(Ok(Outcome::Deposited(states)))
    }

    /// Tells whether a deposit is where a row says, or was there and can be put back: then another under its serial is not
    /// kept. What is gone for good holds up nothing.
    fn is_taken(
        &self,
        store: &Snapshot<'_>,
        owner: OwnerId,
        row: &DepositRow,
    ) -> Result<bool, StoreError> {
        Ok(index::is_kept(&self.log, store, owner, row)?
            || self.log.is_deposit(store, row.entry)?)
    }

    /// Both indexes of an owner's deposits must say the same: what one leaves out, nobody would miss in the other.
    pub(super) fn holdings(&self, owner: OwnerId) -> Result<Holdings, StoreError> {
        self.store.read(|store| {
            let tree_size = self.log.checkpoint(store)?.checkpoint().size;
            let serials = store.serials(owner, tree_size)?;
            if serials != store.serials_kept(owner, tree_size)? {
                return Err(Damage::of("the indexes of deposits differ").into());
            }
            Ok(Holdings {
                tree_size,
                count: serials.len() as u64,
                serials: Scope::serials_digest(&serials),
            })
        })
    }
}
