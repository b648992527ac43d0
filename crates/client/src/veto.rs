//! An owner's word that a request for their keys is not theirs (spec/recovery.md#veto).

use strongroom_protocol::statement::{Grounds, SignedStatement, Statement, Verdict, Veto};
use strongroom_protocol::{RequestState, RequestView};

use crate::client::Client;
use crate::connection::ExchangeError;
use crate::home::KeysError;

impl Client<'_> {
    /// Returns the requests for this owner's keys that this device did not make and that can be stopped still: the open
    /// ones, and those approved on which no key has left.
    ///
    /// # Errors
    ///
    /// Says so when the authority can't be reached.
    pub fn requests_by_others(&self) -> Result<Vec<RequestView>, ExchangeError> {
        let device = self.home.device_key().ok().map(|key| key.verifying_key());
        let mut others = Vec::new();
        let mut after = None;
        loop {
            let page = self.connection.authority().requests(after)?;
            after = page.items.last().map(|view| view.index);
            others.extend(page.items.into_iter().filter(|view| {
                let approved = RequestState::Decided(Verdict::Approved);
                [RequestState::Requested, approved].contains(&view.state)
                    && matches!(view.request.statement(), Statement::Request(request)
                        if request.owner == self.membership.owner
                            && Some(request.device_key) != device)
            }));
            if !page.more || after.is_none() {
                return Ok(others);
            }
        }
    }

    /// Vetoes a request, as one of the owner's devices. Returns where it stands then.
    ///
    /// # Errors
    ///
    /// Says so when this device may not, or what the authority says does not hold.
    pub fn veto(&mut self, view: &RequestView, grounds: Grounds) -> Result<RequestView, VetoError> {
        let Statement::Request(request) = view.request.statement() else {
            return Err(VetoError::NoRequest);
        };
        let device = self.home.device_key()?;
        let veto = Veto {
            authority: self.connection.about().authority(),
            request: request.digest(),
            grounds,
            created: self.clock.now(),
        };
        let veto = SignedStatement::sign(veto, &device);
        let (_, acknowledgement) = self.connection.submit(self.home, &veto)?;
        self.home
            .record_seen(acknowledgement.checkpoint())
            .map_err(ExchangeError::from)?;
        let view = self.connection.authority().request(view.request.id());
        Ok(view.map_err(ExchangeError::from)?)
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
    /// What is to be vetoed is no request.
    #[error("the authority showed something else than a request")]
    NoRequest,
}
