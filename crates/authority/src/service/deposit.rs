//! An owner's deposits (spec/deposit.md): who may make them, what becomes of each key, and what is kept.

use strongroom_protocol::id::{OwnerId, Serial};
use strongroom_protocol::receipt::{DepositState, Outcome};
use strongroom_protocol::statement::{Deposit, Scope, SignedStatement, Statement};
use strongroom_protocol::{Holdings, Refusal};

use super::Service;
use crate::store::{StoreError, Writing};

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
}
