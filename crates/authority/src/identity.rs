//! Who may speak for an owner: the keys that the log says so of. Not how identity is established: that is the policy's.

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::OwnerKeys;
use strongroom_protocol::statement::{DeviceWord, Statement, Verdict};

use crate::log::Log;
use crate::store::{Damage, DeviceRow, Snapshot, StoreError};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// Somebody who has shown nothing.
    Anybody,
    /// Somebody who has shown to hold this device key. Anybody can have one: it is the log that says whose it is.
    Device(VerifyingKey),
    /// Whoever runs the authority: on their own disk, the owner.
    Operator,
}

impl Caller {
    /// Tells whether the caller may see what is an owner's: the operator, and the owner's devices that were not revoked.
    pub(crate) fn speaks_for(
        self,
        store: &Snapshot<'_>,
        owner: OwnerId,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Anybody => Ok(false),
            Self::Device(key) => store.has_device(owner, &key),
            Self::Operator => Ok(store.owner(owner)?.is_some()),
        }
    }
}

/// Reads an owner's keys from the log: the indexes say where, the entries say which.
///
/// None if there is no such owner.
pub(crate) fn owner_keys(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
) -> Result<Option<OwnerKeys>, StoreError> {
    let Some(index) = store.owner(owner)? else {
        return Ok(None);
    };
    let enrolment = log.entry(store, index)?;
    let wrong = || Damage::of_entry(index, "it is not this owner's enrolment");
    let Statement::Enroll(enroll) = enrolment.statement().statement() else {
        return Err(wrong().into());
    };
    if enroll.owner != owner {
        return Err(wrong().into());
    }
    let mut devices = vec![enroll.device_key];
    let mut revoked = Vec::new();
    for row in store.devices(owner)? {
        if row.entry != index {
            devices.push(recovered_device(log, store, owner, &row)?);
        }
        if let Some(entry) = row.revoked {
            check_revocation(log, store, owner, &row.key, entry)?;
            revoked.push(row.key);
        }
    }
    Ok(Some(OwnerKeys {
        code_key: Some(enroll.code_key),
        devices,
        revoked,
    }))
}

/// Reads the device that a decision made the owner's.
fn recovered_device(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    row: &DeviceRow,
) -> Result<VerifyingKey, StoreError> {
    let wrong = || Damage::of_entry(row.entry, "it makes no device this owner's");
    let decision = log.entry(store, row.entry)?;
    let Statement::Decision(decision) = decision.statement().statement() else {
        return Err(wrong().into());
    };
    let request_row = store.request_decided_by(row.entry)?.ok_or_else(wrong)?;
    let request = log.entry(store, request_row.entry)?;
    let Statement::Request(request) = request.statement().statement() else {
        return Err(wrong().into());
    };
    // Only who asked as the owner has become one; the decision says so, and the row must not say otherwise.
    let so = decision.asker.is_none()
        && request_row.asker.is_none()
        && decision.verdict == Verdict::Approved
        && decision.request == request.digest()
        && request.owner == owner
        && request.device_key == row.key;
    if so { Ok(row.key) } else { Err(wrong().into()) }
}

/// Reads the entry that is to have revoked a device.
fn check_revocation(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    key: &VerifyingKey,
    index: u64,
) -> Result<(), StoreError> {
    let entry = log.entry(store, index)?;
    let so = matches!(entry.statement().statement(), Statement::Device(device)
        if device.owner == owner && device.device_key == *key && device.word == DeviceWord::Revoke);
    if so {
        Ok(())
    } else {
        Err(Damage::of_entry(index, "it does not revoke the device that its index says").into())
    }
}

/// Tells whether a key speaks for any owner.
pub(crate) fn is_device(
    log: &Log,
    store: &Snapshot<'_>,
    key: &VerifyingKey,
) -> Result<bool, StoreError> {
    for owner in store.owners_of(key, u64::MAX)? {
        let keys = owner_keys(log, store, owner)?;
        if keys.is_some_and(|keys| keys.devices.contains(key)) {
            return Ok(true);
        }
    }
    Ok(false)
}
