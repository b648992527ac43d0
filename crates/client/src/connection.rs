//! A conversation with the authority that this home knows, in which nothing is believed before it is verified.

use strongroom_protocol::id::AuthorityId;
use strongroom_protocol::log::{NotConsistent, SignedCheckpoint};
use strongroom_protocol::receipt::{Acknowledgement, Receipt, ReceiptError};
use strongroom_protocol::statement::SignedStatement;
use strongroom_protocol::{Founding, Authority, QueryError, SubmitError};

use crate::home::{Home, HomeError};
use crate::policy::PolicyInForce;

/// An authority that proved to be the one this home knows, and to have lost nothing since the last time.
pub struct Connection<'a> {
    authority: &'a dyn Authority,
    about: Founding,
}

impl<'a> Connection<'a> {
    /// Verifies who answers, and that its log extends the last checkpoint this home has seen.
    ///
    /// # Errors
    ///
    /// Says so when it is another authority, when its log has shrunk or forked, or when it can't be reached.
    pub fn open(
        authority: &'a dyn Authority,
        pinned: &Founding,
        home: &mut Home,
    ) -> Result<Self, ExchangeError> {
        let (connection, checkpoint) = Self::reach(authority, pinned)?;
        connection.extends(home, &checkpoint)?;
        home.record_seen(&checkpoint)?;
        Ok(connection)
    }

    /// Verifies who answers, and returns the newest checkpoint, which is not held against anything yet.
    pub(crate) fn reach(
        authority: &'a dyn Authority,
        pinned: &Founding,
    ) -> Result<(Self, SignedCheckpoint), ExchangeError> {
        let found = authority.about()?.authority();
        if found != pinned.authority() {
            return Err(ExchangeError::OtherAuthority {
                expected: pinned.authority(),
                found,
            });
        }
        let connection = Self {
            authority,
            about: pinned.clone(),
        };
        let checkpoint = newest(authority, pinned, None)?;
        Ok((connection, checkpoint))
    }

    /// Proves the newest checkpoint to extend the one last seen.
    pub(crate) fn extends(
        &self,
        home: &Home,
        newest: &SignedCheckpoint,
    ) -> Result<(), ExchangeError> {
        match home.seen()? {
            Some(seen) => extends(self.authority, &seen, newest),
            None => Ok(()),
        }
    }

    /// Returns who this is.
    #[must_use]
    pub fn about(&self) -> &Founding {
        &self.about
    }

    /// Returns the authority itself, for what proves itself otherwise.
    #[must_use]
    pub fn authority(&self) -> &'a dyn Authority {
        self.authority
    }

    /// Submits a statement, and returns its receipt once that is verified and the log extends what was seen.
    ///
    /// The checkpoint of the receipt becomes the one seen when the caller [records](Home::record_seen) it with what
    /// the receipt is for.
    ///
    /// # Errors
    ///
    /// Says what was refused or does not hold.
    pub fn submit(
        &self,
        home: &Home,
        statement: &SignedStatement,
    ) -> Result<(Receipt, Acknowledgement), ExchangeError> {
        let receipt = self.authority.submit(statement)?;
        let acknowledgement = self.verify(home, statement, &receipt)?;
        Ok((receipt, acknowledgement))
    }

    /// Verifies a receipt for a statement, and that its checkpoint agrees with the one last seen.
    ///
    /// # Errors
    ///
    /// Says what does not hold.
    pub fn verify(
        &self,
        home: &Home,
        statement: &SignedStatement,
        receipt: &Receipt,
    ) -> Result<Acknowledgement, ExchangeError> {
        let acknowledgement = receipt.verify(statement, &self.about.found().log_key)?;
        self.agree(home, acknowledgement.checkpoint())?;
        Ok(acknowledgement)
    }

    /// Returns the policy in force, once it is shown to be.
    ///
    /// # Errors
    ///
    /// Says so when it is not, or the authority can't be reached.
    pub fn policy(&self, home: &Home) -> Result<PolicyInForce, ExchangeError> {
        let view = self.authority.policy()?;
        PolicyInForce::verify(&self.about, view, |decision, receipt| {
            self.verify(home, decision, receipt)
        })
    }

    /// Proves one of `checkpoint` and the last one seen to extend the other.
    fn agree(&self, home: &Home, checkpoint: &SignedCheckpoint) -> Result<(), ExchangeError> {
        match home.seen()? {
            Some(seen) => agree(self.authority, &seen, checkpoint),
            None => Ok(()),
        }
    }
}

/// Returns the newest checkpoint, once it is shown to be the authority's and to extend the one seen.
pub(crate) fn newest(
    authority: &dyn Authority,
    about: &Founding,
    seen: Option<&SignedCheckpoint>,
) -> Result<SignedCheckpoint, ExchangeError> {
    let checkpoint = authority.checkpoint()?;
    let id = about.authority();
    let checkpoint = SignedCheckpoint::parse(checkpoint.as_text(), id, &about.found().log_key)
        .map_err(|_| ExchangeError::Checkpoint { authority: id })?;
    if let Some(seen) = seen {
        extends(authority, seen, &checkpoint)?;
    }
    Ok(checkpoint)
}

/// Proves the newest checkpoint to extend the one seen.
fn extends(
    authority: &dyn Authority,
    seen: &SignedCheckpoint,
    newest: &SignedCheckpoint,
) -> Result<(), ExchangeError> {
    let (old, new) = (seen.checkpoint().size, newest.checkpoint().size);
    if new < old {
        return Err(ExchangeError::LogShrunk {
            seen: old,
            now: new,
        });
    }
    agree(authority, seen, newest)
}

/// Proves one of two checkpoints to extend the other.
pub(crate) fn agree(
    authority: &dyn Authority,
    seen: &SignedCheckpoint,
    given: &SignedCheckpoint,
) -> Result<(), ExchangeError> {
    let (seen, given) = (seen.checkpoint(), given.checkpoint());
    if seen.size == given.size && seen.root == given.root {
        return Ok(());
    }
    let (old, new) = if seen.size <= given.size {
        (seen, given)
    } else {
        (given, seen)
    };
    let proof = authority.consistency(old.size, new.size)?;
    proof
        .verify(old.size, old.root, new.size, new.root)
        .map_err(|_: NotConsistent| ExchangeError::LogForked {
            old: old.size,
            new: new.size,
        })
}

/// What an authority said that does not hold, or did not say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// A checkpoint is not signed by the authority.
    #[error("the checkpoint is not signed by authority {authority}")]
    Checkpoint {
        /// Who should have signed it.
        authority: AuthorityId,
    },
    /// The home can't be read or written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The log does not extend what was seen of it.
    #[error("the authority's log was rewritten: its {new} entries do not extend the first {old}")]
    LogForked {
        /// The size of the earlier checkpoint.
        old: u64,
        /// The size of the later one.
        new: u64,
    },
    /// The log has fewer entries than were seen in it.
    #[error("the authority's log has shrunk: it had {seen} entries and has {now}")]
    LogShrunk {
        /// How many were seen.
        seen: u64,
        /// How many there are.
        now: u64,
    },
    /// Another authority answers.
    #[error("another authority answers: expected {expected}, found {found}")]
    OtherAuthority {
        /// The one this home knows.
        expected: AuthorityId,
        /// The one that answers.
        found: AuthorityId,
    },
    /// The policy is not shown to be in force.
    #[error("the authority does not show that the policy it names is in force")]
    Policy,
    /// A question got no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A receipt does not hold.
    #[error("the authority's receipt does not hold: {0}")]
    Receipt(#[from] ReceiptError),
    /// A statement was not taken.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}
