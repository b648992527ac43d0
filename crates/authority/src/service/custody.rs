//! Sealing custody under the recovery code, and opening it again (spec/authority.md#sealed).

use strongroom_protocol::code::RecoveryCode;
use strongroom_protocol::wrap::SealedSecretKey;
use strongroom_protocol::{ReleaseError, Unavailable, UnavailableKind};

use super::Service;
use crate::custody::KeyFileError;
use crate::custody::key_file::{KeyFile, WrapKey};

impl Service {
    /// Tells whether custody is sealed, and was not [unlocked](Self::unlock) here.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.custodian.opener().is_none()
    }

    /// Tells whether the key file is sealed, whoever has it open.
    ///
    /// # Errors
    ///
    /// Says so when the key file can't be read.
    pub fn key_is_sealed(&self) -> Result<bool, SealError> {
        let keys = self.custodian.place().read()?;
        Ok(matches!(keys.wrap_key, WrapKey::Sealed(_)))
    }

    /// Seals the key that opens deposits under a recovery code, in the key file. Who has the authority open goes on with
    /// it; whoever opens it from now on needs the code to release or check anything.
    ///
    /// # Errors
    ///
    /// Says so when it is sealed already, or the key file can't be read or written.
    pub fn seal(&self, code: &RecoveryCode) -> Result<(), SealError> {
        let mut was_sealed = false;
        self.custodian.place().replace(|keys| {
            let wrap_key = match keys.wrap_key {
                WrapKey::Open(key) => {
                    let authority = keys.authority;
                    let rng = &mut *self.rng();
                    WrapKey::Sealed(SealedSecretKey::seal(&key, authority, code, rng))
                }
                sealed @ WrapKey::Sealed(_) => {
                    was_sealed = true;
                    sealed
                }
            };
            KeyFile { wrap_key, ..keys }
        })?;
        if was_sealed {
            return Err(SealError::Sealed);
        }
        Ok(())
    }

    /// Opens sealed custody with the recovery code, for as long as the authority is open here.
    ///
    /// # Errors
    ///
    /// Says so when it is another code.
    pub fn unlock(&self, code: &RecoveryCode) -> Result<(), WrongCode> {
        self.custodian.unlock(code).map_err(|_| WrongCode)
    }
}

/// Custody is sealed, and the code was not given.
pub(super) fn sealed() -> ReleaseError {
    let message = "the key that opens deposits is sealed under the recovery code";
    Unavailable::new(UnavailableKind::Sealed, message).into()
}

/// Why custody was not sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key file can't be read or written.
    #[error("can't use the authority's key file")]
    Keys(#[from] KeyFileError),
    /// It is sealed already.
    #[error("the authority's key is sealed already")]
    Sealed,
}

/// Not the code under which custody is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority's key is not sealed under this recovery code")]
pub struct WrongCode;
