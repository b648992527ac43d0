//! An owner's words on the owner's devices (spec/statement.md#device): that one is invited, that it joins, what it is called, and
//! that it is revoked.

use strongroom_protocol::Refusal;
use strongroom_protocol::id::Time;
use strongroom_protocol::invitation::Invitation;
use strongroom_protocol::receipt::Outcome;
use strongroom_protocol::statement::{Device, DeviceWord, Joining, SignedStatement};

use super::Service;
use crate::identity;
use crate::log::Growth;
use crate::store::{Snapshot, StoreError, Writing};

impl Service {
    /// Any device of the owner's may invite, and may name and revoke any, itself too; who joins is none yet, and has an
    /// invitation.
    pub(super) fn check_device(
        &self,
        growth: &Growth<'_>,
        statement: &SignedStatement,
        device: &Device,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let store = growth.store();
        if let DeviceWord::Join(joining) = &device.word {
            return self.check_join(growth, device, joining, now);
        }
        if !self.is_device_of(store, device.owner, statement.author())? {
            return Ok(Err(Refusal::Author));
        }
        match device.word {
            DeviceWord::Invite { until } => check_invite(store, device, until, now),
            DeviceWord::Join(_) | DeviceWord::Name(_) | DeviceWord::Revoke => {
                check_word(store, device)
            }
        }
    }

    /// Whoever has the key of an invitation may have one device join, of which it is asked in the log, whatever rows are there:
    /// until the invitation ends, and while the machine that made it is the owner's. What can't be read behind the invitation
    /// may have withdrawn or used it.
    fn check_join(
        &self,
        growth: &Growth<'_>,
        device: &Device,
        joining: &Joining,
        now: Time,
    ) -> Result<Result<Outcome, Refusal>, StoreError> {
        let (store, size) = (growth.store(), growth.size());
        let (owner, key) = (device.owner, &joining.invitation);
        let Some(invitation) = identity::invitation(&self.log, store, owner, key)? else {
            return Ok(Err(Refusal::Author));
        };
        self.by_the_log(store, (invitation.entry, size), |log| {
            let is_revoked = |key| Ok::<_, StoreError>(log.revoked(owner, key)?.is_some());
            let is_by_device = identity::is_device(&self.log, log, owner, &invitation.inviter)?;
            let is_withdrawn = !is_by_device || is_revoked(key)?;
            Ok(if is_withdrawn || is_revoked(&device.device_key)? {
                Err(Refusal::Author)
            } else if log.joined(owner, key)?.is_some() || is_known(log, device)? {
                Err(Refusal::Used)
            } else if now > invitation.until {
                Err(Refusal::Expiry)
            } else {
                Ok(Outcome::Recorded)
            })
        })
    }
}

/// A key is that of one invitation, and no device.
fn check_invite(
    store: &Writing<'_>,
    device: &Device,
    until: Time,
    now: Time,
) -> Result<Result<Outcome, Refusal>, StoreError> {
    let (owner, key) = (device.owner, &device.device_key);
    if is_known(store, device)? || store.revoked(owner, key)?.is_some() {
        return Ok(Err(Refusal::Used));
    }
    let is_timely = now < until && until <= now.plus_millis(Invitation::LASTS_MILLIS_MAX);
    Ok(is_timely
        .then_some(Outcome::Recorded)
        .ok_or(Refusal::Expiry))
}

/// The owner is never left with no device. One that was revoked already may be named, so that its owner knows which it was, and
/// revoked again, as two machines of the owner's may do at once: the first revocation counts. Of an invitation no more is said
/// than that it is withdrawn.
fn check_word(
    store: &Writing<'_>,
    device: &Device,
) -> Result<Result<Outcome, Refusal>, StoreError> {
    let devices = store.devices(device.owner)?;
    let revokes = device.word == DeviceWord::Revoke;
    let is_such = match revokes {
        true => is_known(store, device)?,
        false => devices.iter().any(|row| row.key == device.device_key),
    };
    if !is_such {
        return Ok(Err(Refusal::Holdings { missing: None }));
    }
    let mut left = devices.iter().filter(|row| row.revoked.is_none());
    let is_another_left = left.any(|row| row.key != device.device_key);
    Ok(match revokes && !is_another_left {
        true => Err(Refusal::LastDevice),
        false => Ok(Outcome::Recorded),
    })
}

/// Tells whether a key is a device of the owner's or the key of an invitation of theirs.
fn is_known(store: &Snapshot<'_>, device: &Device) -> Result<bool, StoreError> {
    let (owner, key) = (device.owner, &device.device_key);
    Ok(store.device(owner, key)?.is_some() || store.invitation(owner, key)?.is_some())
}
