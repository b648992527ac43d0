//! The keys that open the owner's secrets: those that were released, and the owner's own, which is read once, and only where
//! a secret needs it.

use strongroom_client::ConnectError;
use strongroom_client::home::{Home, Identities};
use strongroom_client::secret::{self, OpenSecretError, Secret};
use strongroom_protocol::id::Serial;

use crate::prompt;

/// The keys at hand for secrets.
#[derive(Default)]
pub(crate) struct SecretKeys(Option<Identities>);

impl SecretKeys {
    /// Opens a secret of the home's owner.
    pub(crate) fn open(&mut self, home: &Home, serial: Serial) -> anyhow::Result<Secret> {
        let membership = home.membership()?.ok_or(ConnectError::NoAuthority)?;
        if let Some(secret) = secret::released(home, membership.owner, serial)? {
            return Ok(secret);
        }
        let identities = match &self.0 {
            Some(read) => read,
            None => self
                .0
                .insert(home.identities(&mut prompt::identity_passphrase)?),
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
