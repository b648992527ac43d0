//! Who may speak for an owner: the keys that the log says so of. Not how identity is established: that is the policy's.

use strongroom_protocol::id::{OwnerId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::policy::OwnerKeys;
use strongroom_protocol::statement::{DeviceWord, Enroll, Statement};

use crate::log::{Log, approval};
use crate::store::{Damage, Snapshot, StoreError};

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
        log: &Log,
        store: &Snapshot<'_>,
        owner: OwnerId,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Anybody => Ok(false),
            Self::Device(key) => is_device(log, store, owner, &key),
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
    let enrolment = enrolment(log, store, owner, index)?;
    let mut devices = vec![enrolment.device_key];
    let mut revoked = Vec::new();
    for row in store.devices(owner)? {
        if row.entry != index {
            check_made(log, store, owner, &row.key, row.entry)?;
            devices.push(row.key);
        } else if row.key != enrolment.device_key {
            return Err(no_device(index));
        }
        if let Some(entry) = row.revoked {
            check_revocation(log, store, owner, &row.key, entry)?;
            revoked.push(row.key);
        }
    }
    Ok(Some(OwnerKeys {
        code_key: Some(enrolment.code_key),
        devices,
        revoked,
    }))
}

/// Returns the entry that made a key an owner's device, having read there that it did; none where no row says so.
pub(crate) fn made_device(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    key: &VerifyingKey,
) -> Result<Option<u64>, StoreError> {
    let Some(entry) = store.device(owner, key)? else {
        return Ok(None);
    };
    if store.owner(owner)? != Some(entry) {
        check_made(log, store, owner, key, entry)?;
    } else if enrolment(log, store, owner, entry)?.device_key != *key {
        return Err(no_device(entry));
    }
    Ok(Some(entry))
}

fn enrolment(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    entry: u64,
) -> Result<Enroll, StoreError> {
    let enrolment = log.entry(store, entry)?;
    if let Statement::Enroll(enroll) = enrolment.statement().statement()
        && enroll.owner == owner
    {
        return Ok(enroll.clone());
    }
    Err(Damage::of_entry(entry, "it is not this owner's enrolment").into())
}

/// Sees that an entry behind the enrolment made a device the owner's: a decision, or the device itself, which joined.
fn check_made(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    key: &VerifyingKey,
    entry: u64,
) -> Result<(), StoreError> {
    let decided = log.entry(store, entry)?;
    let wrong = || no_device(entry);
    if let Statement::Device(device) = decided.statement().statement() {
        let joined = matches!(device.word, DeviceWord::Join(_));
        let so = joined && device.owner == owner && device.device_key == *key;
        return if so { Ok(()) } else { Err(wrong()) };
    }
    let decision = approval(&decided, &log.verifying_key()).ok_or_else(wrong)?;
    let request_row = store.request_decided_by(entry)?.ok_or_else(wrong)?;
    let request = log.entry(store, request_row.entry)?;
    let Statement::Request(request) = request.statement().statement() else {
        return Err(wrong());
    };
    // Only who asked as the owner has become one; the decision says so, and the row must not say otherwise.
    let so = decision.asker.is_none()
        && request_row.asker.is_none()
        && decision.request == request.digest()
        && request.owner == owner
        && request.device_key == *key;
    if so { Ok(()) } else { Err(wrong()) }
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

/// An invitation as it stands in the log.
pub(crate) struct LoggedInvitation {
    /// Its entry.
    pub(crate) entry: u64,
    /// The device that made it.
    pub(crate) inviter: VerifyingKey,
    /// When it ends.
    pub(crate) until: Time,
}

/// Reads the invitation of an owner's that a key is the key of; none where no row says so.
pub(crate) fn invitation(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    key: &VerifyingKey,
) -> Result<Option<LoggedInvitation>, StoreError> {
    let Some(index) = store.invitation(owner, key)? else {
        return Ok(None);
    };
    let entry = log.entry(store, index)?;
    if let Statement::Device(device) = entry.statement().statement()
        && device.owner == owner
        && device.device_key == *key
        && let DeviceWord::Invite { until } = device.word
    {
        return Ok(Some(LoggedInvitation {
            entry: index,
            inviter: *entry.statement().author(),
            until,
        }));
    }
    Err(Damage::of_entry(index, "it is not the invitation that its index says").into())
}

fn no_device(entry: u64) -> StoreError {
    Damage::of_entry(entry, "it makes no device this owner's, as its index says").into()
}

/// Tells whether a key is a device of an owner's, and was not revoked.
pub(crate) fn is_device(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    key: &VerifyingKey,
) -> Result<bool, StoreError> {
    let made = made_device(log, store, owner, key)?.is_some();
    Ok(made && !is_revoked(log, store, owner, key, u64::MAX)?)
}

/// Tells whether a device was revoked before an entry, having read that it was.
pub(crate) fn is_revoked(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    key: &VerifyingKey,
    before: u64,
) -> Result<bool, StoreError> {
    match store.revoked(owner, key)? {
        Some(entry) if entry < before => {
            check_revocation(log, store, owner, key, entry)?;
            Ok(true)
        }
        Some(_) | None => Ok(false),
    }
}

/// Returns the owners that a key spoke for before an entry, in the order it came to be theirs: by the index, and by the
/// entries that it names. A row that no entry bears out costs itself.
pub(crate) fn owners_of(
    log: &Log,
    store: &Snapshot<'_>,
    key: &VerifyingKey,
    before: u64,
) -> Result<Vec<OwnerId>, StoreError> {
    let mut owners = Vec::new();
    for owner in store.owners_of(key, before)? {
        let spoke = made_device(log, store, owner, key)
            .and_then(|made| Ok(made.is_some() && !is_revoked(log, store, owner, key, before)?));
        match spoke {
            Ok(true) => owners.push(owner),
            Ok(false) | Err(StoreError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(owners)
}
