//! What follows from an entry of the owner's: the tables that commands ask. Filled from entries alone, in the log's order.

use rusqlite::{OptionalExtension, Transaction};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{
    Checked, Decision, Deposit, Device, DeviceName, DeviceWord, Enroll, PolicyChange, Release,
    Request, SealedKey, Statement, Verdict,
};

use super::{Entry, Owner, Taken};
use crate::home::HomeError;
use crate::home::secrets::insert_secret;

/// Records an entry with all that follows from it.
pub(super) fn record(
    transaction: &Transaction<'_>,
    owner: &Owner,
    entry: &Entry,
    taken: &mut Taken,
) -> Result<(), HomeError> {
    let number = insert_statement(transaction, entry)?;
    let index = entry.acknowledgement.index();
    taken.entries += 1;
    match entry.statement.statement() {
        Statement::Enroll(enroll) => add_enrolment(transaction, enroll, index)?,
        Statement::Deposit(deposit) => {
            let states = entry.acknowledgement.states();
            add_deposits(transaction, number, deposit, states)?;
        }
        Statement::Device(device) => {
            add_device_word(transaction, device, entry.statement.author(), index)?;
        }
        Statement::OwnBlob(own) => {
            // A claim, as a label is; it takes the place of none.
            transaction.execute(
                "INSERT OR IGNORE INTO detached (mark, serial) VALUES (?1, ?2)",
                (own.digest.as_bytes(), own.serial.as_bytes()),
            )?;
        }
        Statement::Request(request) => {
            add_request(transaction, number, request)?;
        }
        Statement::PolicyChange(change) => {
            add_change(transaction, number, change, entry.statement.author())?;
        }
        Statement::Decision(decision) => {
            add_decision(transaction, owner, decision, index)?;
        }
        Statement::Release(release) => add_release(transaction, release)?,
        Statement::Checked(checked) => add_check(transaction, checked, taken)?,
        Statement::Approval(_)
        | Statement::Departed(_)
        | Statement::Evidence(_)
        | Statement::Found(_)
        | Statement::Restored(_)
        | Statement::RsaKey(_)
        | Statement::Veto(_)
        | _ => {}
    }
    Ok(())
}

/// Keeps a statement with its newest receipt and its place, and returns the number of its row.
fn insert_statement(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<i64> {
    let said = &entry.acknowledgement;
    transaction
        .prepare_cached(
            "INSERT INTO statement (id, kind, entry, time, first, author, bytes, receipt)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET
                 entry = excluded.entry, time = excluded.time, receipt = excluded.receipt
             RETURNING number",
        )?
        .query_row(
            (
                entry.statement.id().as_bytes(),
                entry.statement.kind().code().cast_signed(),
                said.index().cast_signed(),
                said.time().as_millis().cast_signed(),
                entry.statement.author().as_bytes(),
                entry.statement.as_bytes(),
                entry.receipt.to_text(),
            ),
            |row| row.get(0),
        )
}

fn add_enrolment(
    transaction: &Transaction<'_>,
    enroll: &Enroll,
    index: u64,
) -> rusqlite::Result<()> {
    add_device(transaction, enroll.device_key.as_bytes(), None, index)?;
    transaction.execute(
        "UPDATE authority SET code_key = coalesce(code_key, ?1)",
        (enroll.code_key.as_bytes(),),
    )?;
    Ok(())
}

/// A device that is the owner's already stays so, by what first made it so, in whichever order that was read.
fn add_device(
    transaction: &Transaction<'_>,
    key: &[u8; VerifyingKey::BYTES],
    invitation: Option<&VerifyingKey>,
    index: u64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO device (key, entry, invitation) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET
             entry = min(entry, excluded.entry), invitation = coalesce(invitation, excluded.invitation)",
        (
            key,
            index.cast_signed(),
            invitation.map(VerifyingKey::as_bytes),
        ),
    )?;
    Ok(())
}

/// Of names the latest counts, of revocations and invitations the first, in whichever order they were read.
fn add_device_word(
    transaction: &Transaction<'_>,
    device: &Device,
    author: &VerifyingKey,
    index: u64,
) -> rusqlite::Result<()> {
    let (key, entry) = (device.device_key.as_bytes(), index.cast_signed());
    match &device.word {
        DeviceWord::Invite { until } => {
            transaction.execute(
                "INSERT INTO invitation (key, entry, inviter, until) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET
                     entry = excluded.entry, inviter = excluded.inviter, until = excluded.until
                     WHERE entry > excluded.entry",
                (
                    key,
                    entry,
                    author.as_bytes(),
                    until.as_millis().cast_signed(),
                ),
            )?;
        }
        DeviceWord::Join(joining) => {
            add_device(transaction, key, Some(&joining.invitation), index)?;
            if let Some(name) = &joining.name {
                add_name(transaction, key, name, entry)?;
            }
        }
        DeviceWord::Name(name) => add_name(transaction, key, name, entry)?,
        DeviceWord::Revoke => {
            for sql in [
                "UPDATE device SET revoked = ?2 WHERE key = ?1 AND coalesce(revoked > ?2, 1)",
                "UPDATE invitation SET revoked = ?2 WHERE key = ?1 AND coalesce(revoked > ?2, 1)",
            ] {
                transaction.execute(sql, (key, entry))?;
            }
        }
    }
    Ok(())
}

fn add_name(
    transaction: &Transaction<'_>,
    key: &[u8; VerifyingKey::BYTES],
    name: &DeviceName,
    entry: i64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE device SET name = ?2, named = ?3 WHERE key = ?1 AND coalesce(named < ?3, 1)",
        (key, name.as_str(), entry),
    )?;
    Ok(())
}

/// Adds the keys of a deposit. A serial that is known keeps the statement it came in, since another one for it is a lie or
/// a conflict; of that statement the newest word counts, also where it says that a key is not kept any more: for whatever
/// reason, that is a conflict then, which no later check of what is kept can mend.
pub(super) fn add_deposits(
    transaction: &Transaction<'_>,
    statement: i64,
    deposit: &Deposit,
    states: &[DepositState],
) -> rusqlite::Result<()> {
    for (place, (key, state)) in (0_i64..).zip(deposit.keys().iter().zip(states)) {
        let serial = key.label.serial;
        if !state.is_kept() {
            transaction
                .prepare_cached(
                    "UPDATE deposit SET state = ?3 WHERE serial = ?1 AND statement = ?2",
                )?
                .execute((
                    serial.as_bytes(),
                    statement,
                    DepositState::Conflict.as_str(),
                ))?;
            continue;
        }
        let is_new = transaction
            .prepare_cached(
                "INSERT INTO deposit (serial, statement, place, state, label, unproven, particulars)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (serial) DO UPDATE SET state = excluded.state
                     WHERE statement = excluded.statement",
            )?
            .execute((
                serial.as_bytes(),
                statement,
                place,
                state.as_str(),
                key.label.digest().as_bytes(),
                key.label.content.is_unproven(),
                key.particulars.to_bytes(),
            ))?;
        if is_new > 0 {
            add_particulars(transaction, key)?;
        }
    }
    Ok(())
}

/// Adds what can be found by what an owner said of a deposit: files without a pointer, and secrets.
fn add_particulars(transaction: &Transaction<'_>, key: &SealedKey) -> rusqlite::Result<()> {
    let (serial, particulars) = (key.label.serial, &key.particulars);
    let mark = particulars.header().or_else(|| particulars.own_blob());
    if let Some(mark) = mark {
        // What is deposited later counts.
        transaction
            .prepare_cached("INSERT OR REPLACE INTO detached (mark, serial) VALUES (?1, ?2)")?
            .execute((mark.as_bytes(), serial.as_bytes()))?;
    }
    if particulars.attachment().is_empty() {
        return Ok(());
    }
    insert_secret(transaction, serial, particulars)
}

fn add_change(
    transaction: &Transaction<'_>,
    statement: i64,
    change: &PolicyChange,
    author: &VerifyingKey,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR IGNORE INTO subject
             (digest, statement, owner, device, keys, answered, verdict, expires)
         VALUES (?1, ?2, NULL, ?3, 0, 0, NULL, ?4)",
        (
            change.digest().as_bytes(),
            statement,
            author.as_bytes(),
            change.expires.as_millis().cast_signed(),
        ),
    )?;
    Ok(())
}

fn add_request(
    transaction: &Transaction<'_>,
    statement: i64,
    request: &Request,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR IGNORE INTO subject
             (digest, statement, owner, device, keys, answered, verdict, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, NULL, ?6)",
        (
            request.digest().as_bytes(),
            statement,
            request.owner.as_bytes(),
            request.device_key.as_bytes(),
            request.scope.count().cast_signed(),
            request.expires.as_millis().cast_signed(),
        ),
    )?;
    Ok(())
}

/// A request for this owner's keys that was approved makes the asking device the owner's, unless the decision names
/// another owner who asked.
fn add_decision(
    transaction: &Transaction<'_>,
    owner: &Owner,
    decision: &Decision,
    index: u64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE subject SET verdict = ?2 WHERE digest = ?1",
        (decision.request.as_bytes(), decision.verdict.as_str()),
    )?;
    if decision.verdict != Verdict::Approved || decision.asker.is_some() {
        return Ok(());
    }
    let device: Option<[u8; 32]> = transaction
        .query_row(
            "SELECT device FROM subject WHERE digest = ?1 AND owner = ?2",
            (decision.request.as_bytes(), owner.id.as_bytes()),
            |row| row.get(0),
        )
        .optional()?;
    match device {
        Some(device) => add_device(transaction, &device, None, index),
        None => Ok(()),
    }
}

fn add_release(transaction: &Transaction<'_>, release: &Release) -> rusqlite::Result<()> {
    let answered = release.keys().len() + release.withheld().len();
    transaction.execute(
        "UPDATE subject SET answered = answered + ?2 WHERE digest = ?1",
        (
            release.request().as_bytes(),
            i64::try_from(answered).unwrap_or(i64::MAX),
        ),
    )?;
    Ok(())
}

/// Takes the authority's word on what it checked (spec/authority.md#check).
///
/// What it names did not match. What it does not name is verified, if it says that everything was opened and the deposit
/// was in the part of the log that it speaks of; a sample says nothing of any one deposit. An unproven blob that was
/// opened as far as it goes is no more than deposited.
fn add_check(
    transaction: &Transaction<'_>,
    checked: &Checked,
    taken: &mut Taken,
) -> rusqlite::Result<()> {
    let named = checked.named.iter();
    let named: Vec<String> = named
        .map(|named| format!("\"{} {}\"", named.entry, named.place))
        .collect();
    let named = format!("[{}]", named.join(","));
    taken.mismatched += transaction.execute(
        "UPDATE deposit SET state = ?1
         WHERE state <> ?1
             AND (SELECT entry FROM statement WHERE number = deposit.statement) || ' ' || place
                 IN (SELECT value FROM json_each(?2))",
        (DepositState::Mismatch.as_str(), &named),
    )? as u64;
    if !checked.is_complete() {
        return Ok(());
    }
    taken.verified += transaction.execute(
        "UPDATE deposit SET state = ?1
         WHERE state IN (?2, ?3) AND unproven = 0
             AND statement IN (SELECT number FROM statement WHERE entry < ?4)
             AND (SELECT entry FROM statement WHERE number = deposit.statement) || ' ' || place
                 NOT IN (SELECT value FROM json_each(?5))",
        (
            DepositState::Verified.as_str(),
            DepositState::Deposited.as_str(),
            DepositState::Mismatch.as_str(),
            checked.size.cast_signed(),
            named,
        ),
    )? as u64;
    Ok(())
}

/// Has an entry that is known follow those before it, of which some were read later than it was recorded: they may have
/// been damaged, or made by others before what this home submitted itself.
pub(super) fn follow(
    transaction: &Transaction<'_>,
    (number, entry): (i64, &Entry),
    taken: &mut Taken,
) -> rusqlite::Result<()> {
    if let Statement::Checked(checked) = entry.statement.statement() {
        return add_check(transaction, checked, taken);
    }
    if let Statement::Deposit(deposit) = entry.statement.statement() {
        let mut is_its = transaction
            .prepare_cached("SELECT 1 FROM deposit WHERE serial = ?1 AND statement = ?2")?;
        for key in deposit.keys() {
            if is_its.exists((key.label.serial.as_bytes(), number))? {
                add_particulars(transaction, key)?;
            }
        }
    }
    Ok(())
}
