//! Sealing custody under the recovery code, and opening it again (spec/authority.md#sealed).

use strongroom_protocol::code::{NoMemory, RecoveryCode};
use strongroom_protocol::wrap::{OpenSealedKeyError, SealedSecretKey};
use strongroom_protocol::{ReleaseError, Unavailable, UnavailableKind};

use super::Service;
use crate::custody::KeyFileError;
use crate::custody::key_file::{KeyFile, WrapKey};

impl Service {
    /// Tells whether anything can be written to the authority at all: on a disk that can only be read, it is looked at and
    /// keeps nothing.
    ///
    /// # Errors
    ///
    /// It can't be.
    pub fn check_writable(&self) -> Result<(), Unavailable> {
        Ok(self.store().check_writable()?)
    }

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
        self.custodian.place().replace(|keys| {
            let WrapKey::Open(key) = &keys.wrap_key else {
                return Err(SealError::Sealed);
            };
            let rng = &mut *self.rng();
            let sealed = SealedSecretKey::seal(key, keys.authority, code, rng)?;
            let wrap_key = WrapKey::Sealed(sealed);
            Ok(KeyFile { wrap_key, ..keys })
        })
    }

    /// Opens sealed custody with the recovery code, for as long as the authority is open here.
    ///
    /// # Errors
    ///
    /// Says so when it is another code, or when there is not the memory to tell.
    pub fn unlock(&self, code: &RecoveryCode) -> Result<(), UnlockError> {
        self.custodian.unlock(code).map_err(|error| match error {
            OpenSealedKeyError::Memory(error) => error.into(),
            OpenSealedKeyError::NotOpened(_) => WrongCode.into(),
        })
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
    /// There is not the memory that a code takes.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// It is sealed already.
    #[error("the authority's key is sealed already")]
    Sealed,
}

/// Why sealed custody was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// There is not the memory that a code takes.
    #[error(transparent)]
    Memory(#[from] NoMemory),
    /// It is another code.
    #[error(transparent)]
    WrongCode(#[from] WrongCode),
}

/// Not the code under which custody is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority's key is not sealed under this recovery code")]
pub struct WrongCode;
