//! The indexes of deposits: by serial, and in the log's order.

use strongroom_protocol::id::{OwnerId, Serial};

use super::table::{Fields, Index, OWNER, number, place};
use super::{ALL, Order};
use crate::store::{DepositRow, Key, Snapshot, StoreError, Value, Writing};

impl Snapshot<'_> {
    pub(crate) fn deposit(
        &self,
        owner: OwnerId,
        serial: Serial,
    ) -> Result<Option<DepositRow>, StoreError> {
        Ok(self.deposits_of(owner, &[serial])?.pop().flatten())
    }

    /// Returns where the deposits under these serials lie, one for each.
    pub(crate) fn deposits_of(
        &self,
        owner: OwnerId,
        serials: &[Serial],
    ) -> Result<Vec<Option<DepositRow>>, StoreError> {
        let keys: Vec<Key> = serials
            .iter()
            .map(|serial| deposit(owner, *serial))
            .collect();
        let found = self.get_many(&keys)?.into_iter().zip(serials);
        let row = |(value, serial): (Option<Value>, &Serial)| {
            value.map(|value| deposit_row(*serial, &value)).transpose()
        };
        found.map(row).collect()
    }

    /// Returns every deposit.
    pub(crate) fn all_deposits(&self) -> Result<Vec<DepositRow>, StoreError> {
        let pairs = self.range(&Index::Deposit.span(&[]), Order::Forward, ALL)?;
        pairs.iter().map(by_serial).collect()
    }

    /// Returns an owner's deposits in the log's first `before` entries, in the log's order.
    pub(crate) fn deposits(
        &self,
        owner: OwnerId,
        before: u64,
    ) -> Result<Vec<DepositRow>, StoreError> {
        let index = Index::DepositInOrder;
        let end = index.key(&[owner.as_bytes(), &number(before)]);
        let span = index.span(&[owner.as_bytes()]).before(end);
        let pairs = self.range(&span, Order::Forward, ALL)?;
        let row = |(key, value): &(Key, Value)| {
            let (mut key, mut value) = (Fields::behind(key, OWNER)?, Fields::of(value));
            let row = DepositRow {
                serial: value.serial()?,
                entry: key.number()?,
                place: key.place()?,
            };
            value.end()?;
            key.end()?;
            Ok(row)
        };
        pairs.iter().map(row).collect()
    }

    /// Returns the sorted serials under which an owner's deposits in the log's first `before` entries are found.
    pub(crate) fn serials_kept(
        &self,
        owner: OwnerId,
        before: u64,
    ) -> Result<Vec<Serial>, StoreError> {
        let span = Index::Deposit.span(&[owner.as_bytes()]);
        let pairs = self.range(&span, Order::Forward, ALL)?;
        let rows = pairs.iter().map(by_serial);
        let rows: Vec<DepositRow> = rows.collect::<Result<_, _>>()?;
        let kept = rows.iter().filter(|row| row.entry < before);
        Ok(kept.map(|row| row.serial).collect())
    }

    /// Returns the sorted serials of an owner's deposits in the log's first `before` entries.
    pub(crate) fn serials(&self, owner: OwnerId, before: u64) -> Result<Vec<Serial>, StoreError> {
        let rows = self.deposits(owner, before)?;
        let mut serials: Vec<Serial> = rows.iter().map(|row| row.serial).collect();
        serials.sort_unstable();
        Ok(serials)
    }
}

impl Writing<'_> {
    /// Nothing is overwritten: what is there under a serial stays.
    pub(super) fn put_deposits(
        &self,
        owner: OwnerId,
        rows: &[DepositRow],
    ) -> Result<(), StoreError> {
        let serials: Vec<Serial> = rows.iter().map(|row| row.serial).collect();
        let found = self.deposits_of(owner, &serials)?;
        for (row, found) in rows.iter().zip(found) {
            if found.is_some() {
                continue;
            }
            self.put(deposit(owner, row.serial), value(row)?);
            let in_order = in_order(owner, row.entry, row.place)?;
            self.put(in_order, row.serial.as_bytes().to_vec());
        }
        Ok(())
    }
}

impl Writing<'_> {
    /// Takes away the rows of a deposit that is gone for good.
    pub(crate) fn take_deposit(&self, owner: OwnerId, row: &DepositRow) -> Result<(), StoreError> {
        self.remove(deposit(owner, row.serial));
        let in_order = in_order(owner, row.entry, row.place)?;
        if self.get(in_order.clone())?.as_deref() == Some(row.serial.as_bytes()) {
            self.remove(in_order);
        }
        Ok(())
    }
}

pub(super) fn deposit(owner: OwnerId, serial: Serial) -> Key {
    Index::Deposit.key(&[owner.as_bytes(), serial.as_bytes()])
}

pub(super) fn in_order(owner: OwnerId, entry: u64, at: u64) -> Result<Key, StoreError> {
    Ok(Index::DepositInOrder.key(&[owner.as_bytes(), &number(entry), &place(at)?]))
}

/// Returns what a deposit's row has.
pub(super) fn value(row: &DepositRow) -> Result<Value, StoreError> {
    Ok([&number(row.entry)[..], &place(row.place)?].concat())
}

fn by_serial((key, value): &(Key, Value)) -> Result<DepositRow, StoreError> {
    let mut fields = Fields::behind(key, OWNER)?;
    let serial = fields.serial()?;
    fields.end()?;
    deposit_row(serial, value)
}

pub(super) fn deposit_row(serial: Serial, value: &Value) -> Result<DepositRow, StoreError> {
    let mut fields = Fields::of(value);
    let (entry, place) = (fields.number()?, fields.place()?);
    fields.end()?;
    Ok(DepositRow {
        serial,
        entry,
        place,
    })
}
