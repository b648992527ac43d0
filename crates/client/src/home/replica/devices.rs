//! Which devices are the owner's as of an entry of the log, and what is theirs alone to say (spec/home.md#replica). Not what a
//! statement makes of them, which is in `follow`.

use rusqlite::{OptionalExtension, Transaction};
use strongroom_protocol::id::Digest;
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::statement::{
    Device, DeviceWord, Joining, Kind, SignedStatement, Statement,
};

use super::{Entry, Owner};

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
fn was_device(
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

/// Tells whether a device is revoked before something that it was shown to have said, or that a device which it invited was shown
/// to have joined by; or an invitation is withdrawn before it was used.
pub(super) fn is_contradicted(
    transaction: &Transaction<'_>,
    device: &Device,
    index: u64,
) -> rusqlite::Result<bool> {
    Ok(device.word == DeviceWord::Revoke
        && (has_spoken_behind(transaction, &device.device_key, index)?
            || was_followed_behind(transaction, &device.device_key, index)?))
}

/// Tells whether a device joined behind an entry, by an invitation of this key or by this device.
fn was_followed_behind(
    transaction: &Transaction<'_>,
    key: &VerifyingKey,
    index: u64,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached(
            "SELECT 1 FROM device JOIN invitation ON invitation.key = device.invitation
             WHERE device.entry > ?2 AND ?1 IN (invitation.key, invitation.inviter)",
        )?
        .exists((key.as_bytes(), index.cast_signed()))
}

/// Whether what was read before a word on a device makes it one that could be said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Foundation {
    /// It does.
    Holds,
    /// Something is missing, that may be read later.
    Lacks,
    /// It can't be, whatever is read later.
    Contradicted,
}

/// Holds a word on a device against what was read before it.
pub(super) fn foundation(
    transaction: &Transaction<'_>,
    entry: &Entry,
    device: &Device,
) -> rusqlite::Result<Foundation> {
    let index = entry.acknowledgement.index();
    let (by, of) = (entry.statement.author(), &device.device_key);
    let holds = match &device.word {
        DeviceWord::Join(joining) => {
            return join_foundation(transaction, entry, device, joining);
        }
        DeviceWord::Invite { .. } => is_device(transaction, by, index)?,
        DeviceWord::Name(_) => {
            is_device(transaction, by, index)? && was_device(transaction, of, index)?
        }
        DeviceWord::Revoke => {
            let is_known =
                was_device(transaction, of, index)? || was_invited(transaction, of, index)?;
            is_device(transaction, by, index)? && is_known
        }
    };
    Ok(match holds {
        true => Foundation::Holds,
        false => Foundation::Lacks,
    })
}

/// A device joins by an invitation that was made before, that nothing had ended, and that no other device used, before or behind.
fn join_foundation(
    transaction: &Transaction<'_>,
    entry: &Entry,
    device: &Device,
    joining: &Joining,
) -> rusqlite::Result<Foundation> {
    let (index, time) = (entry.acknowledgement.index(), entry.acknowledgement.time());
    let invitation: Option<([u8; 32], i64, Option<i64>)> = transaction
        .prepare_cached(
            "SELECT inviter, until, revoked FROM invitation WHERE key = ?1 AND entry < ?2",
        )?
        .query_row(
            (joining.invitation.as_bytes(), index.cast_signed()),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((inviter, until, withdrawn)) = invitation else {
        return Ok(Foundation::Lacks);
    };
    let is_withdrawn = withdrawn.is_some_and(|withdrawn| withdrawn.cast_unsigned() < index);
    let is_late = time.as_millis() > until.cast_unsigned();
    let is_inviter_gone = transaction
        .prepare_cached("SELECT 1 FROM device WHERE key = ?1 AND revoked < ?2")?
        .exists((inviter, index.cast_signed()))?;
    let is_used = transaction
        .prepare_cached("SELECT 1 FROM device WHERE invitation = ?1 AND key <> ?2")?
        .exists((joining.invitation.as_bytes(), device.device_key.as_bytes()))?;
    Ok(
        match is_withdrawn || is_late || is_inviter_gone || is_used {
            true => Foundation::Contradicted,
            false => Foundation::Holds,
        },
    )
}

fn was_invited(
    transaction: &Transaction<'_>,
    key: &VerifyingKey,
    before: u64,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM invitation WHERE key = ?1 AND entry < ?2")?
        .exists((key.as_bytes(), before.cast_signed()))
}
