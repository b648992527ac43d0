//! The keys that open the owner's secrets: those that were released, and the owner's own, which is read once, and only where
//! a secret needs it.

use strongroom_client::ConnectError;
use strongroom_client::home::{Home, Identities};
use strongroom_client::secret::{self, OpenSecretError, Secret};
use strongroom_protocol::id::Serial;

use crate::context::Context;
use crate::prompt;

/// The keys at hand for secrets.
pub(crate) struct SecretKeys<'c> {
    context: &'c Context,
    own: Option<Identities>,
}

impl<'c> SecretKeys<'c> {
    pub(crate) fn new(context: &'c Context) -> Self {
        Self { context, own: None }
    }

    /// Opens a secret of the home's owner.
    pub(crate) fn open(&mut self, home: &Home, serial: Serial) -> anyhow::Result<Secret> {
        let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
        if let Some(secret) = secret::released(home, membership.owner, serial)? {
            return Ok(secret);
        }
        let identities = match &self.own {
            Some(read) => read,
            None => self
                .own
                .insert(home.identities(&mut prompt::passphrases(self.context))?),
        };
        Ok(secret::open(home, identities, serial)?)
    }
}

/// Tells whether a secret is under a key that is not at hand, as one that another machine of the owner's deposited is.
pub(crate) fn is_under_another_key(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(OpenSecretError::Unwrap(
            strongroom_agefile::UnwrapError::NoMatch
        ))
    )
}
