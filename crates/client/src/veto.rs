//! An owner's word that a request for their keys is not theirs (spec/recovery.md#veto).

use strongroom_protocol::policy::Subject;
use strongroom_protocol::statement::{Grounds, SignedStatement, Veto};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::{HomeError, KeysError, OpenRequest};

impl Client<'_> {
    /// Returns the requests for this owner's keys that this device did not make and that can be stopped still: the open
    /// ones, and those approved of which not all keys have left.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn requests_by_others(&self) -> Result<Vec<OpenRequest>, HomeError> {
        let device = self.home.device_key().ok().map(|key| key.verifying_key());
        let now = self.clock.now();
        self.home
            .open_requests(&self.membership, device.as_ref(), now)
    }

    /// Vetoes a request, as one of the owner's devices. Returns where it stands then.
    ///
    /// # Errors
    ///
    /// This device may not, or what the authority says does not hold.
    pub fn veto(&mut self, open: &OpenRequest, grounds: Grounds) -> Result<Subject, VetoError> {
        let device = self.home.device_key()?;
        let veto = Veto {
            authority: self.connection.founding().authority(),
            request: open.request.digest(),
            grounds,
            created: self.clock.now(),
        };
        self.submit(SignedStatement::sign(veto, &device))?;
        Ok(self.connection.subject(open.id)?)
    }
}

/// Why nothing was vetoed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VetoError {
    /// What the authority says does not hold.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The device's key can't be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
}
