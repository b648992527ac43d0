//! The indexes of owners, their recovery codes and their devices.

use std::collections::BTreeMap;

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::keys::VerifyingKey;

use super::table::{ENTRY, Fields, Index, KEY, OWNER, entry, last_entries, nothing, number};
use super::{ALL, Order};
use crate::store::{Damage, DeviceRow, Key, Snapshot, StoreError, Writing};

impl Snapshot<'_> {
    /// Returns the entry of an owner's enrolment.
    pub(crate) fn owner(&self, owner: OwnerId) -> Result<Option<u64>, StoreError> {
        let found = self.get(Index::Owner.key(&[owner.as_bytes()]))?;
        found.as_ref().map(entry).transpose()
    }

    /// Returns the entries of the enrolments before one, in their order.
    pub(crate) fn owners(&self, before: u64) -> Result<Vec<u64>, StoreError> {
        let end = Index::Enrolment.key(&[&number(before)]);
        let enrolments = Index::Enrolment.span(&[]).before(end);
        last_entries(&self.range(&enrolments, Order::Forward, ALL)?, 0)
    }

    /// Returns the enrolments of those who had a deposit that is kept before an entry, in the order of their first deposits.
    pub(crate) fn depositors(&self, before: u64) -> Result<Vec<u64>, StoreError> {
        let end = Index::Depositor.key(&[&number(before)]);
        let depositors = Index::Depositor.span(&[]).before(end);
        let pairs = self.range(&depositors, Order::Forward, ALL)?;
        let enrolment = |(key, _): &(Key, _)| {
            let mut fields = Fields::behind(key, ENTRY)?;
            let owner = fields.owner()?;
            fields.end()?;
            Ok(Index::Owner.key(&[owner.as_bytes()]))
        };
        let keys: Result<Vec<Key>, StoreError> = pairs.iter().map(enrolment).collect();
        let missing = || Damage::of("the enrolment of an owner who has deposits is missing");
        let found = self.get_many(&keys?)?.into_iter();
        found
            .map(|value| entry(&value.ok_or_else(missing)?))
            .collect()
    }

    /// Returns the first enrolment before an entry that has this key as its recovery code's.
    pub(crate) fn owner_of_code(
        &self,
        code: &VerifyingKey,
        before: u64,
    ) -> Result<Option<u64>, StoreError> {
        let end = Index::Code.key(&[code.as_bytes(), &number(before)]);
        let enrolments = Index::Code.span(&[code.as_bytes()]).before(end);
        let first = self.range(&enrolments, Order::Forward, 1)?;
        Ok(last_entries(&first, KEY)?.pop())
    }

    /// Returns an owner's devices, in the order they became the owner's, those that were revoked too.
    pub(crate) fn devices(&self, owner: OwnerId) -> Result<Vec<DeviceRow>, StoreError> {
        let mut revoked = BTreeMap::new();
        let revocations = Index::Revoked.span(&[owner.as_bytes()]);
        for (key, value) in self.range(&revocations, Order::Forward, ALL)? {
            revoked.insert(*device_in(&key)?.as_bytes(), entry(&value)?);
        }
        let devices = Index::Device.span(&[owner.as_bytes()]);
        let mut rows = Vec::new();
        for (key, value) in self.range(&devices, Order::Forward, ALL)? {
            let (key, entry) = (device_in(&key)?, entry(&value)?);
            let revoked = revoked.get(key.as_bytes()).copied();
            rows.push(DeviceRow {
                key,
                entry,
                revoked,
            });
        }
        rows.sort_by_key(|row| row.entry);
        Ok(rows)
    }

    /// Returns the entry that made a key an owner's device.
    pub(crate) fn device(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
    ) -> Result<Option<u64>, StoreError> {
        let found = self.get(device(owner, key))?;
        found.as_ref().map(entry).transpose()
    }

    /// Returns the entry that revoked a device of an owner's.
    pub(crate) fn revoked(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
    ) -> Result<Option<u64>, StoreError> {
        let found = self.get(revoked(owner, key))?;
        found.as_ref().map(entry).transpose()
    }

    /// Returns the entry that made a key that of an owner's invitation.
    pub(crate) fn invitation(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
    ) -> Result<Option<u64>, StoreError> {
        let found = self.get(invitation(owner, key))?;
        found.as_ref().map(entry).transpose()
    }

    /// Returns the entry by which a device joined with the key of an owner's invitation.
    pub(crate) fn joined(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
    ) -> Result<Option<u64>, StoreError> {
        let found = self.get(joined(owner, key))?;
        found.as_ref().map(entry).transpose()
    }

    /// Returns whose device a key was before an entry: `first`'s if it was theirs, else the first owner's it became.
    pub(crate) fn device_owner(
        &self,
        key: &VerifyingKey,
        first: OwnerId,
        before: u64,
    ) -> Result<Option<OwnerId>, StoreError> {
        let mut owners = Vec::new();
        for owner in self.owners_of(key, before)? {
            let revoked = self.revoked(owner, key)?;
            if revoked.is_none_or(|entry| entry >= before) {
                owners.push(owner);
            }
        }
        let is_first = owners.contains(&first).then_some(first);
        Ok(is_first.or_else(|| owners.first().copied()))
    }

    /// Returns the owners whose device a key is said to have become before an entry, in the order it did; those who revoked it,
    /// too.
    pub(crate) fn owners_of(
        &self,
        key: &VerifyingKey,
        before: u64,
    ) -> Result<Vec<OwnerId>, StoreError> {
        let end = Index::DeviceOwner.key(&[key.as_bytes(), &number(before)]);
        let span = Index::DeviceOwner.span(&[key.as_bytes()]).before(end);
        let pairs = self.range(&span, Order::Forward, ALL)?;
        let owner = |(key, _): &(Key, _)| {
            let mut fields = Fields::behind(key, KEY + ENTRY)?;
            let owner = fields.owner()?;
            fields.end()?;
            Ok(owner)
        };
        pairs.iter().map(owner).collect()
    }
}

impl Writing<'_> {
    /// An id is an owner's for ever: the first enrolment under it says whose. Tells whether this is the first.
    pub(super) fn put_owner(
        &self,
        owner: OwnerId,
        code: &VerifyingKey,
        entry: u64,
    ) -> Result<bool, StoreError> {
        if self.owner(owner)?.is_some() {
            return Ok(false);
        }
        let (owner, entry) = (owner.as_bytes(), number(entry));
        self.put(Index::Owner.key(&[owner]), entry.to_vec());
        self.put(Index::Enrolment.key(&[&entry]), owner.to_vec());
        self.put(Index::Code.key(&[code.as_bytes(), &entry]), nothing());
        Ok(true)
    }

    /// Who has a deposit that is kept has a say in what becomes of it, from the first on.
    pub(super) fn put_depositor(&self, owner: OwnerId, deposit: u64) -> Result<(), StoreError> {
        let first = first_deposit(owner);
        if self.get(first.clone())?.is_none() {
            let entry = number(deposit);
            self.put(first, entry.to_vec());
            self.put(Index::Depositor.key(&[&entry, owner.as_bytes()]), nothing());
        }
        Ok(())
    }

    /// A device that is the owner's already stays so, by what first made it so; one that was revoked stays revoked.
    pub(super) fn put_device(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
        entry: u64,
    ) -> Result<(), StoreError> {
        if self.device(owner, key)?.is_some() {
            return Ok(());
        }
        self.put(device(owner, key), number(entry).to_vec());
        self.put(device_owner(owner, key, entry), nothing());
        Ok(())
    }

    pub(super) fn put_revoked(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
        entry: u64,
    ) -> Result<(), StoreError> {
        self.put_first(revoked(owner, key), number(entry).to_vec())
    }

    pub(super) fn put_invitation(
        &self,
        owner: OwnerId,
        key: &VerifyingKey,
        entry: u64,
    ) -> Result<(), StoreError> {
        self.put_first(invitation(owner, key), number(entry).to_vec())
    }

    /// An invitation is used once, by who comes first.
    pub(super) fn put_joined(
        &self,
        owner: OwnerId,
        invitation: &VerifyingKey,
        entry: u64,
    ) -> Result<(), StoreError> {
        self.put_first(joined(owner, invitation), number(entry).to_vec())
    }
}

/// Returns the rows that say whether a key is a device of the owner's.
pub(super) fn rows_of_device(owner: OwnerId, key: &VerifyingKey) -> [Key; 2] {
    [device(owner, key), revoked(owner, key)]
}

pub(super) fn first_deposit(owner: OwnerId) -> Key {
    Index::FirstDeposit.key(&[owner.as_bytes()])
}

pub(super) fn device(owner: OwnerId, key: &VerifyingKey) -> Key {
    Index::Device.key(&[owner.as_bytes(), key.as_bytes()])
}

pub(super) fn revoked(owner: OwnerId, key: &VerifyingKey) -> Key {
    Index::Revoked.key(&[owner.as_bytes(), key.as_bytes()])
}

pub(super) fn invitation(owner: OwnerId, key: &VerifyingKey) -> Key {
    Index::Invitation.key(&[owner.as_bytes(), key.as_bytes()])
}

pub(super) fn joined(owner: OwnerId, key: &VerifyingKey) -> Key {
    Index::Joined.key(&[owner.as_bytes(), key.as_bytes()])
}

/// Returns the row by which an owner is found from a device.
pub(super) fn device_owner(owner: OwnerId, key: &VerifyingKey, entry: u64) -> Key {
    Index::DeviceOwner.key(&[key.as_bytes(), &number(entry), owner.as_bytes()])
}

/// Reads the device that a key of one of these two indexes ends with.
fn device_in(key: &Key) -> Result<VerifyingKey, StoreError> {
    let mut fields = Fields::behind(key, OWNER)?;
    let device = fields.verifying_key()?;
    fields.end()?;
    Ok(device)
}
