//! Filling an authority that was restored from a backup: what it lost is sent again from the home, byte for byte
//! (spec/authority.md#accepting).

use strongroom_protocol::id::{Serial, StatementId};
use strongroom_protocol::receipt::{Acknowledgement, DepositState, Receipt};
use strongroom_protocol::statement::{SignedStatement, Statement};
use strongroom_protocol::{QueryError, Refusal, SubmitError};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{Beside, HomeError};

/// What a home and its authority's log have come to have in common.
#[derive(Debug, Default)]
pub struct Synced {
    /// Whether the owner had to be enrolled again.
    pub enrolled: bool,
    /// How many deposit statements the log had.
    pub present: u64,
    /// How many were sent.
    pub sent: u64,
    /// What the authority would not have back.
    pub unsent: Vec<Unsent>,
}

/// A deposit that is not in the log, and can't be put there.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unsent {
    /// A statement was refused whole.
    Refused {
        /// The statement.
        statement: StatementId,
        /// Why.
        refusal: Refusal,
    },
    /// One key of a statement was not kept.
    NotKept {
        /// Its serial number.
        serial: Serial,
        /// What the authority said of it.
        state: DepositState,
    },
}

impl Client<'_> {
    /// Sends what the home has a receipt for and the authority's log does not have: first the owner's enrolment, then
    /// the deposits in the order they were made. Each receipt is verified and kept before the next is sent; stopped
    /// anywhere, it goes on the next time. `watch` is told how many statements are done, and of how many.
    ///
    /// # Errors
    ///
    /// Says what the authority says that does not hold. What it refuses is in what is returned.
    pub fn sync(&mut self, watch: &mut dyn FnMut(u64, u64)) -> Result<Synced, SyncError> {
        let mut synced = Synced {
            enrolled: self.sync_enrolment()?,
            ..Synced::default()
        };
        let statements = self.home.statements()?;
        let total = statements.len() as u64;
        for (done, id) in (1..).zip(statements) {
            self.sync_deposit(id, &mut synced)?;
            watch(done, total);
        }
        Ok(synced)
    }

    fn sync_enrolment(&mut self) -> Result<bool, SyncError> {
        // A home that was rebuilt from a sheet has not the enrolment; a recovery makes its device the owner's again.
        let enrolment = self.membership.enrolment.clone();
        let Some(enrolment) = enrolment.filter(|_| self.is_enrolled()) else {
            return Ok(false);
        };
        if self.is_present(&enrolment)? {
            return Ok(false);
        }
        let (_, acknowledgement) = self.connection.submit(self.home, &enrolment)?;
        self.home.record_seen(acknowledgement.checkpoint())?;
        Ok(true)
    }

    fn sync_deposit(&mut self, id: StatementId, synced: &mut Synced) -> Result<(), SyncError> {
        let (statement, _) = self.home.statement(id)?;
        if self.is_present(&statement)? {
            synced.present += 1;
            return Ok(());
        }
        match self.connection.submit(self.home, &statement) {
            Ok((receipt, acknowledgement)) => {
                synced.sent += 1;
                self.keep(&statement, &receipt, &acknowledgement, synced)
            }
            Err(ExchangeError::Submit(SubmitError::Refused(refusal))) => {
                let statement = id;
                synced.unsent.push(Unsent::Refused { statement, refusal });
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks whether the log has a statement, and believes no yes without its receipt.
    fn is_present(&self, statement: &SignedStatement) -> Result<bool, SyncError> {
        match self.connection.authority().receipt(statement.id()) {
            Ok(receipt) => {
                self.connection.verify(self.home, statement, &receipt)?;
                Ok(true)
            }
            Err(QueryError::NotFound) => Ok(false),
            Err(error) => Err(ExchangeError::from(error).into()),
        }
    }

    /// Keeps the new receipt in place of the one that is no longer of any log.
    fn keep(
        &mut self,
        statement: &SignedStatement,
        receipt: &Receipt,
        acknowledgement: &Acknowledgement,
        synced: &mut Synced,
    ) -> Result<(), SyncError> {
        let Statement::Deposit(deposit) = statement.statement() else {
            return Err(HomeError::Damaged { what: "statement" }.into());
        };
        let mut kept = Vec::new();
        for (key, state) in deposit.keys().iter().zip(acknowledgement.states()) {
            let (serial, state) = (key.label.serial, *state);
            if state.is_kept() {
                kept.push((serial, state));
            } else {
                synced.unsent.push(Unsent::NotKept { serial, state });
            }
        }
        self.home.record_deposit(
            statement,
            receipt,
            acknowledgement,
            &kept,
            Beside::default(),
        )?;
        Ok(())
    }
}

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
}
