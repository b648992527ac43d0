//! An authority whose log does not extend what this home saw of it: restored from a backup, or rewritten. A client can't
//! tell which, and does nothing with it before its owner has accepted it (spec/authority.md#accepting).

use strongroom_protocol::Authority;
use strongroom_protocol::id::Time;
use strongroom_protocol::log::{Checkpoint, SignedCheckpoint};

use crate::client::ConnectError;
use crate::connection::{ExchangeError, Greeting};
use crate::home::{Accepted, Home, HomeError};

/// A log that went back behind what was seen of it, before it is accepted.
pub struct RestoredLog {
    seen: SignedCheckpoint,
    now: SignedCheckpoint,
}

impl RestoredLog {
    /// Holds the authority's log against what the home saw; none if it extends that, and nothing is to be accepted.
    ///
    /// # Errors
    ///
    /// Says so when it is another authority, or can't be reached: that can't be accepted.
    pub fn find(home: &Home, authority: &dyn Authority) -> Result<Option<Self>, ConnectError> {
        let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
        let connection = Greeting::of(authority)?.verify_alone(&membership.founding)?;
        let Some(seen) = home.seen()? else {
            return Ok(None);
        };
        match connection.extends(&seen) {
            Err(ExchangeError::LogForked { .. } | ExchangeError::LogShrunk { .. }) => {
                let now = connection.seen().clone();
                Ok(Some(Self { seen, now }))
            }
            Err(error) => Err(error.into()),
            Ok(()) => Ok(None),
        }
    }

    /// Returns what was seen of the log before.
    #[must_use]
    pub fn seen(&self) -> &Checkpoint {
        self.seen.checkpoint()
    }

    /// Returns what the log is now.
    #[must_use]
    pub fn now(&self) -> &Checkpoint {
        self.now.checkpoint()
    }

    /// Takes the log as it is now for the authority's, and keeps both checkpoints: two of one authority of which neither
    /// extends the other prove that it was restored or rewritten.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written; then nothing was accepted.
    pub fn accept(self, home: &mut Home, time: Time) -> Result<(), HomeError> {
        let Self { seen, now } = self;
        home.accept(&Accepted { time, seen, now })
    }
}
