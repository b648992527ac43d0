//! Taking the authority's word on what it checked: a deposit that was taken unopened is verified from then on
//! (spec/authority.md#check). It is a word that is signed and in the log, and no more.

use strongroom_protocol::QueryError;
use strongroom_protocol::id::Serial;
use strongroom_protocol::receipt::{DepositState, Receipt};
use strongroom_protocol::statement::{Checked, SignedStatement, Statement};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::HomeError;

/// What a check changed in what the home knows of its deposits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckedHere {
    /// How many are verified that were not.
    pub verified: u64,
    /// How many are known not to match that were not.
    pub mismatched: u64,
}

impl Client<'_> {
    /// Keeps what a check says of this owner's deposits.
    ///
    /// What it names did not match. What it does not name is verified, if it says that everything was opened and the
    /// deposit was in the part of the log that it speaks of; a sample says nothing of any one deposit.
    ///
    /// # Errors
    ///
    /// Says so when it is not the authority's, or not in its log.
    pub fn record_check(
        &mut self,
        statement: &SignedStatement,
        receipt: &Receipt,
    ) -> Result<CheckedHere, RecordCheckError> {
        let acknowledgement = self.connection.verify(self.home, statement, receipt)?;
        let ours = *statement.author() == self.connection.about().found().log_key;
        let Statement::Checked(checked) = statement.statement() else {
            return Err(RecordCheckError::NotACheck);
        };
        if !ours {
            return Err(RecordCheckError::NotACheck);
        }
        self.home.record_seen(acknowledgement.checkpoint())?;
        let owner = self.membership.owner;
        let named = checked.named.iter().filter(|named| named.owner == owner);
        let failed: Vec<_> = named
            .map(|named| (named.serial, DepositState::Mismatch))
            .collect();
        let opened = if checked.is_complete() {
            self.opened_by(checked)?
        } else {
            Vec::new()
        };
        Ok(CheckedHere {
            mismatched: self.home.record_states(&failed)?,
            verified: self.home.record_states(&opened)?,
        })
    }

    /// Finds the deposits that a complete check opened: those that are in the log it speaks of, as it is now.
    fn opened_by(
        &self,
        checked: &Checked,
    ) -> Result<Vec<(Serial, DepositState)>, RecordCheckError> {
        let mut opened = Vec::new();
        for id in self.home.unverified_statements()? {
            let (statement, _) = self.home.statement(id)?;
            // A kept receipt may be of a log that is no more.
            let receipt = match self.connection.authority().receipt(id) {
                Ok(receipt) => receipt,
                Err(QueryError::NotFound) => continue,
                Err(error) => return Err(ExchangeError::from(error).into()),
            };
            let acknowledgement = self.connection.verify(self.home, &statement, &receipt)?;
            let Statement::Deposit(deposit) = statement.statement() else {
                continue;
            };
            if acknowledgement.index() >= checked.size {
                continue;
            }
            for (key, state) in deposit.keys().iter().zip(acknowledgement.states()) {
                let serial = key.label.serial;
                // An unproven blob that was opened as far as it goes is no more than deposited.
                let can_be = state.is_kept() && !key.label.content.is_unproven();
                if can_be && !checked.names(deposit.owner(), serial) {
                    opened.push((serial, DepositState::Verified));
                }
            }
        }
        Ok(opened)
    }
}

/// Why a check was not taken for true.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordCheckError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// It is no check of this authority's.
    #[error("this is no check of the authority's")]
    NotACheck,
}
