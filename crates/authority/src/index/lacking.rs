//! What an owner relies on in the map: the rows by which their enrolment, deposits and blobs are found. Where one is missing
//! or says something else than the entry, its receipt would be true, and what it is for would not be found.

use std::collections::BTreeMap;

use strongroom_protocol::id::OwnerId;
use strongroom_protocol::statement::{Deposit, Device, DeviceWord, Enroll, Statement};

use super::streams::key as in_stream;
use super::table::{Fields, Index, OWNER, nothing, number};
use super::{ALL, blobs, deposits, owners, proved};
use crate::log::{Entry, Log};
use crate::store::{DepositRow, Key, Order, Snapshot, StoreError, Stream, Value};

/// A change that the map needs: what a key is to have, or that it is to go.
pub(crate) type Mend = (Key, Option<Value>);

/// Returns what has to change in the map so that an owner's entry is found by it. It follows from the entry alone, and from
/// those that rows claim to have come before it, each of which is read.
pub(crate) fn lacking(
    log: &Log,
    store: &Snapshot<'_>,
    entry: &Entry,
) -> Result<Vec<Mend>, StoreError> {
    let index = entry.index();
    let wanted = match entry.statement().statement() {
        Statement::Enroll(enroll) => of_enrolment(log, store, enroll, index)?,
        Statement::Deposit(deposit) => of_deposit(log, store, entry, deposit)?,
        Statement::Device(device) => of_device(log, store, device, index)?,
        Statement::OwnBlob(own) => {
            vec![put(in_stream(&Stream::Owner(own.owner), index), nothing())]
        }
        // The rest is asked of the log, or is the authority's own.
        Statement::Approval(_)
        | Statement::Checked(_)
        | Statement::Decision(_)
        | Statement::Departed(_)
        | Statement::Evidence(_)
        | Statement::Found(_)
        | Statement::PolicyChange(_)
        | Statement::Release(_)
        | Statement::Request(_)
        | Statement::Restored(_)
        | Statement::RsaKey(_)
        | Statement::Veto(_)
        | _ => Vec::new(),
    };
    let keys: Vec<Key> = wanted.iter().map(|(key, _)| key.clone()).collect();
    let found = store.get_many(&keys)?;
    let lacking = wanted.into_iter().zip(found);
    let lacking = lacking.filter(|((_, wanted), found)| wanted != found);
    Ok(lacking.map(|(wanted, _)| wanted).collect())
}

fn put(key: Key, value: Value) -> Mend {
    (key, Some(value))
}

/// The first enrolment under an id says whose it is, and what came later is nobody's.
fn of_enrolment(
    log: &Log,
    store: &Snapshot<'_>,
    enroll: &Enroll,
    index: u64,
) -> Result<Vec<Mend>, StoreError> {
    let key = Index::Owner.key(&[enroll.owner.as_bytes()]);
    if let Some(earlier) = store.get(key.clone())?.and_then(|value| read_entry(&value))
        && earlier < index
        && is_enrolment(log, store, enroll.owner, earlier)?
    {
        return Ok(Vec::new());
    }
    let (owner, entry) = (enroll.owner.as_bytes(), number(index));
    let device = &enroll.device_key;
    Ok(vec![
        put(key, entry.to_vec()),
        put(Index::Enrolment.key(&[&entry]), owner.to_vec()),
        put(
            Index::Code.key(&[enroll.code_key.as_bytes(), &entry]),
            nothing(),
        ),
        put(owners::device(enroll.owner, device), entry.to_vec()),
        put(owners::device_owner(enroll.owner, device, index), nothing()),
        put(in_stream(&Stream::Owner(enroll.owner), index), nothing()),
    ])
}

fn is_enrolment(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    index: u64,
) -> Result<bool, StoreError> {
    let entry = readable(log, store, index)?;
    Ok(entry.is_some_and(|entry| {
        matches!(entry.statement().statement(), Statement::Enroll(enroll) if enroll.owner == owner)
    }))
}

/// The first word of each kind on a device stays, and so does what made it the owner's first.
fn of_device(
    log: &Log,
    store: &Snapshot<'_>,
    device: &Device,
    index: u64,
) -> Result<Vec<Mend>, StoreError> {
    let (owner, key) = (device.owner, &device.device_key);
    let mut wanted = vec![put(in_stream(&Stream::Owner(owner), index), nothing())];
    let first = |row: &Key, is_such: &dyn Fn(&Statement) -> bool| {
        let earlier = store.get(row.clone())?.and_then(|value| read_entry(&value));
        let Some(earlier) = earlier.filter(|earlier| *earlier < index) else {
            return Ok(true);
        };
        let earlier = readable(log, store, earlier)?;
        let is_such = earlier.is_some_and(|entry| is_such(entry.statement().statement()));
        Ok::<_, StoreError>(!is_such)
    };
    let said_of_it = |statement: &Statement, is_same: fn(&DeviceWord) -> bool| {
        matches!(statement, Statement::Device(other)
            if other.owner == owner && other.device_key == *key && is_same(&other.word))
    };
    let entry = || number(index).to_vec();
    match &device.word {
        DeviceWord::Invite { .. } => {
            let row = owners::invitation(owner, key);
            let is_such = |said: &Statement| {
                said_of_it(said, |word| matches!(word, DeviceWord::Invite { .. }))
            };
            if first(&row, &is_such)? {
                wanted.push(put(row, entry()));
            }
        }
        DeviceWord::Join(joining) => {
            let row = owners::joined(owner, &joining.invitation);
            let is_such = |said: &Statement| {
                matches!(said, Statement::Device(other) if other.owner == owner
                    && matches!(&other.word, DeviceWord::Join(other) if other.invitation == joining.invitation))
            };
            if first(&row, &is_such)? {
                wanted.push(put(row, entry()));
            }
            let row = owners::device(owner, key);
            let is_such = |said: &Statement| {
                matches!(said, Statement::Enroll(enroll)
                    if enroll.owner == owner && enroll.device_key == *key)
                    || matches!(said, Statement::Decision(decision) if decision.asker.is_none())
                    || said_of_it(said, |word| matches!(word, DeviceWord::Join(_)))
            };
            if first(&row, &is_such)? {
                wanted.push(put(row, entry()));
                wanted.push(put(owners::device_owner(owner, key, index), nothing()));
            }
        }
        DeviceWord::Name(_) => {}
        DeviceWord::Revoke => {
            let row = owners::revoked(owner, key);
            let is_such = |said: &Statement| said_of_it(said, |word| *word == DeviceWord::Revoke);
            if first(&row, &is_such)? {
                wanted.push(put(row, entry()));
            }
        }
    }
    Ok(wanted)
}

fn of_deposit(
    log: &Log,
    store: &Snapshot<'_>,
    entry: &Entry,
    deposit: &Deposit,
) -> Result<Vec<Mend>, StoreError> {
    let (owner, index) = (deposit.owner(), entry.index());
    let mut wanted = vec![put(in_stream(&Stream::Owner(owner), index), nothing())];
    let keys = (0..).zip(deposit.keys().iter().zip(entry.states()));
    let kept: Vec<_> = keys.filter(|(_, (_, state))| state.is_kept()).collect();
    if !kept.is_empty() {
        wanted.extend(of_depositor(log, store, owner, index)?);
    }
    let serials = kept.iter().map(|(_, (key, _))| key.label.serial);
    let by_serial: Vec<Key> = serials
        .map(|serial| deposits::deposit(owner, serial))
        .collect();
    let found = store.get_many(&by_serial)?;
    let in_order = Index::DepositInOrder.span(&[owner.as_bytes(), &number(index)]);
    let in_order = store.range(&in_order, Order::Forward, ALL)?;
    let in_order: BTreeMap<Key, Value> = in_order.into_iter().collect();
    for (((place, (sealed, state)), key), found) in kept.into_iter().zip(by_serial).zip(found) {
        let serial = sealed.label.serial;
        let row = DepositRow {
            serial,
            entry: index,
            place,
        };
        let other = found
            .as_ref()
            .and_then(|value| deposits::deposit_row(serial, value).ok())
            .filter(|other| *other != row);
        let is_taken = match &other {
            // The first deposit under a serial has it: that it is one is read where it is said to be.
            Some(other) if (other.entry, other.place) < (index, place) => {
                is_kept(log, store, owner, other)?
            }
            _ => false,
        };
        if !is_taken {
            // What is there is not asked for again with all else: a statement has many of these.
            let value = deposits::value(&row)?;
            if found.as_ref() != Some(&value) {
                wanted.push(put(key, value));
            }
            let key = deposits::in_order(owner, index, place)?;
            let value = serial.as_bytes().to_vec();
            if in_order.get(&key) != Some(&value) {
                wanted.push(put(key, value));
            }
            // The row beside the wrong one, unless it is another's.
            if let Some(other) = other {
                let beside = deposits::in_order(owner, other.entry, other.place)?;
                if store.get(beside.clone())?.as_deref() == Some(serial.as_bytes()) {
                    wanted.push((beside, None));
                }
            }
        }
        if let Some(claim) = proved(sealed, *state) {
            let key = blobs::blob_claim(claim);
            let ours = deposits::value(&row)?;
            let earlier = store.get(key.clone())?.filter(|value| *value < ours);
            let is_claimed = match earlier.and_then(|value| read_claim(&value)) {
                Some((entry, place)) => readable(log, store, entry)?.is_some_and(|entry| {
                    let state = usize::try_from(place)
                        .ok()
                        .and_then(|at| entry.states().get(at));
                    let key = entry.key(place).map(|(_, key)| key);
                    let proof = key.zip(state).and_then(|(key, state)| proved(key, *state));
                    proof == Some(claim)
                }),
                None => false,
            };
            if !is_claimed {
                wanted.push(put(key, ours));
            }
        }
    }
    Ok(wanted)
}

/// An owner has a say in the policy from the first deposit on that is kept.
fn of_depositor(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    index: u64,
) -> Result<Vec<Mend>, StoreError> {
    let first = owners::first_deposit(owner);
    let earlier = store.get(first.clone())?;
    let earlier = earlier.as_ref().and_then(read_entry);
    // One that can't be read may well be the first.
    let is_earlier = match earlier.filter(|earlier| *earlier < index) {
        Some(earlier) => readable(log, store, earlier)?.is_none_or(|entry| {
            matches!(entry.statement().statement(), Statement::Deposit(deposit) if deposit.owner() == owner)
                && entry.states().iter().any(|state| state.is_kept())
        }),
        None => false,
    };
    if is_earlier {
        return Ok(Vec::new());
    }
    // Where no row says which is the first, it is missed by that one alone.
    let span = Index::DepositInOrder.span(&[owner.as_bytes()]);
    let first_kept = store.range(&span, Order::Forward, 1)?.pop();
    let is_first = first_kept.is_none_or(|(key, _)| {
        let first = Fields::behind(&key, OWNER).and_then(|mut fields| fields.number());
        first.is_ok_and(|first| first >= index)
    });
    if earlier.is_none() && !is_first {
        return Ok(Vec::new());
    }
    let entry = number(index);
    let by_entry = |entry: &[u8]| Index::Depositor.key(&[entry, owner.as_bytes()]);
    let wrong = earlier.filter(|earlier| *earlier != index);
    let mut wanted: Vec<Mend> = wrong
        .map(|wrong| (by_entry(&number(wrong)), None))
        .into_iter()
        .collect();
    wanted.push(put(first, entry.to_vec()));
    wanted.push(put(by_entry(&entry), nothing()));
    Ok(wanted)
}

/// Tells whether an owner's key under a serial is where a row says.
pub(crate) fn is_kept(
    log: &Log,
    store: &Snapshot<'_>,
    owner: OwnerId,
    row: &DepositRow,
) -> Result<bool, StoreError> {
    let entry = readable(log, store, row.entry)?;
    let found = entry.as_ref().and_then(|entry| entry.key(row.place));
    Ok(found
        .is_some_and(|(deposit, key)| deposit.owner() == owner && key.label.serial == row.serial))
}

fn readable(log: &Log, store: &Snapshot<'_>, index: u64) -> Result<Option<Entry>, StoreError> {
    match log.entry(store, index) {
        Ok(entry) => Ok(Some(entry)),
        Err(StoreError::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_entry(value: &Value) -> Option<u64> {
    Fields::of(value).number().ok()
}

fn read_claim(value: &Value) -> Option<(u64, u64)> {
    let mut fields = Fields::of(value);
    Some((fields.number().ok()?, fields.place().ok()?))
}
