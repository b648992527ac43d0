//! An owner's words on the owner's devices (spec/statement.md#device): what one is called, and that it is revoked.

use strongroom_protocol::Refusal;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Device, DeviceWord, SignedStatement};

use super::Service;
use crate::store::{StoreError, Writing};

impl Service {
    /// Any device of the owner's may name and revoke any, itself too; but the owner is never left with none.
    ///
    /// One that was revoked already may be named, so that its owner knows which it was, and revoked again, as two machines of
    /// the owner's may do at once: the first revocation counts.
    pub(super) fn check_device(
        &self,
        store: &Writing<'_>,
        statement: &SignedStatement,
        device: &Device,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        if !self.is_device_of(store, device.owner, statement.author())? {
            return Ok(Err(Refusal::Author));
        }
        let devices = store.devices(device.owner)?;
        if !devices.iter().any(|row| row.key == device.device_key) {
            return Ok(Err(Refusal::Holdings { missing: None }));
        }
        let is_another_left = || {
            let mut left = devices.iter().filter(|row| row.revoked.is_none());
            left.any(|row| row.key != device.device_key)
        };
        Ok(match device.word {
            DeviceWord::Revoke if !is_another_left() => Err(Refusal::LastDevice),
            DeviceWord::Name(_) | DeviceWord::Revoke => Ok(Outcome::Recorded),
        })
    }
}
