//! Which devices are the owner's as of an entry of the log, and what is theirs alone to say (spec/home.md#replica). Not what a
//! statement makes of them, which is in `follow`.

use rusqlite::Transaction;
use strongroom_protocol::id::Digest;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::statement::{Device, DeviceWord, Kind, SignedStatement, Statement};

use super::Owner;

/// Tells whether a key was a device of the owner's before an entry, by the entries that were read.
pub(super) fn is_device(
    transaction: &Transaction<'_>,
    key: &VerifyingKey,
    before: u64,
) -> rusqlite::Result<bool> {
    let is_one = was_device(transaction, key, before)?;
    Ok(is_one && !was_revoked(transaction, key, before)?)
}

/// The same, though it may have been revoked before.
pub(super) fn was_device(
    transaction: &Transaction<'_>,
    key: &VerifyingKey,
    before: u64,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM device WHERE key = ?1 AND entry < ?2")?
        .exists((key.as_bytes(), before.cast_signed()))
}

pub(super) fn was_revoked(
    transaction: &Transaction<'_>,
    key: &VerifyingKey,
    before: u64,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM device WHERE key = ?1 AND revoked < ?2")?
        .exists((key.as_bytes(), before.cast_signed()))
}

/// Tells whether a device said something in the owner's name behind an entry, by what was read.
fn has_spoken_behind(
    transaction: &Transaction<'_>,
    key: &VerifyingKey,
    index: u64,
) -> rusqlite::Result<bool> {
    let [deposit, own_blob, device] =
        [Kind::Deposit, Kind::OwnBlob, Kind::Device].map(|kind| kind.code().cast_signed());
    transaction
        .prepare_cached(
            "SELECT 1 FROM statement WHERE author = ?1 AND entry > ?2 AND kind IN (?3, ?4, ?5)",
        )?
        .exists((
            key.as_bytes(),
            index.cast_signed(),
            deposit,
            own_blob,
            device,
        ))
}

pub(super) fn is_for_owners_keys(
    transaction: &Transaction<'_>,
    owner: &Owner,
    subject: Digest,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM subject WHERE digest = ?1 AND owner = ?2")?
        .exists((subject.as_bytes(), owner.id.as_bytes()))
}

/// Tells whether a statement is the owner's word if it is anything: by a device of the owner's, then.
pub(super) fn is_in_owners_name(
    transaction: &Transaction<'_>,
    owner: &Owner,
    signed: &SignedStatement,
) -> rusqlite::Result<bool> {
    if let Statement::Veto(veto) = signed.statement() {
        return is_for_owners_keys(transaction, owner, veto.request);
    }
    Ok(matches!(
        signed.kind(),
        Kind::Deposit | Kind::Device | Kind::OwnBlob
    ))
}

/// Tells whether a device is revoked before something that it was shown to have said.
pub(super) fn is_contradicted(
    transaction: &Transaction<'_>,
    device: &Device,
    index: u64,
) -> rusqlite::Result<bool> {
    Ok(device.word == DeviceWord::Revoke
        && has_spoken_behind(transaction, &device.device_key, index)?)
}
