//! The home as a replica of its owner's slice of the log (spec/home.md#replica): every statement that concerns the owner,
//! and what follows from it, filled in the log's order. Not how entries are fetched and their receipts verified: that is
//! `catch_up`, and what is put in here went through it.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction};
use strongroom_protocol::id::{Digest, OwnerId, Serial, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::log::SignedCheckpoint;
use strongroom_protocol::receipt::{Acknowledgement, DepositState, Receipt};
use strongroom_protocol::statement::{
    Checked, Decision, Deposit, Enroll, Kind, Release, Request, SealedKey, SignedStatement,
    Statement, Verdict,
};

use super::deposits::{Beside, insert_matched};
use super::secrets::{insert_check, insert_secret};
use super::{Home, HomeError, parse_statement};
use crate::connection::EntriesPage;

/// A statement of the log, with the receipt that was verified for it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The statement.
    pub statement: SignedStatement,
    /// Its receipt.
    pub receipt: Receipt,
    /// What that says.
    pub acknowledgement: Acknowledgement,
}

/// What new entries changed in what the home knows of its deposits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many entries there were that the home did not have.
    pub entries: u64,
    /// How many deposits are verified now that were not.
    pub verified: u64,
    /// How many deposits are known not to match that were not.
    pub mismatched: u64,
}

/// Why entries were not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The home can't be read or written.
    #[error("{0}")]
    Home(#[from] HomeError),
    /// An entry is not what an honest authority shows this owner.
    #[error("{what}")]
    Wrong {
        /// What is wrong with it.
        what: &'static str,
    },
}

impl From<rusqlite::Error> for TakeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Home(error.into())
    }
}

/// Whose replica it is.
struct Owner {
    id: OwnerId,
    log_key: VerifyingKey,
    founding: StatementId,
    /// The enrolment that this home made, if it made one.
    enrolment: Option<StatementId>,
}

impl Home {
    /// Returns the index in the log up to which the owner's entries were read.
    pub(crate) fn read_up_to(&self) -> Result<u64, HomeError> {
        let read: i64 = self
            .database
            .query_row("SELECT read FROM authority", (), |row| row.get(0))?;
        Ok(read.cast_unsigned())
    }

    /// Takes up a page of entries, which the authority showed as the owner's, and that the log was read up to `next`.
    ///
    /// Each is held against the log before it: only a device that an enrolment or a decision made the owner's deposits in
    /// the owner's name. All of the page with the checkpoint `seen`, in which it is proved, or nothing.
    pub(crate) fn take_page(
        &mut self,
        page: &EntriesPage,
        seen: &SignedCheckpoint,
    ) -> Result<Taken, TakeError> {
        let EntriesPage {
            from,
            next,
            entries,
            unread,
        } = page;
        let (from, next) = (*from, *next);
        let owner = self.replicated()?;
        let seen = self.later_seen(seen)?;
        let transaction = self.database.transaction()?;
        transaction.execute(
            "DELETE FROM unread WHERE entry >= ?1 AND entry < ?2",
            (from.cast_signed(), next.cast_signed()),
        )?;
        for index in unread {
            insert_unread(&transaction, *index)?;
        }
        let mut taken = Taken::default();
        for entry in entries {
            take(&transaction, &owner, entry, &mut taken)?;
        }
        let shown = entries.iter().map(|entry| entry.acknowledgement.index());
        let shown: BTreeSet<u64> = shown.chain(unread.iter().copied()).collect();
        if known_between(&transaction, from, next)?.any(|index| !shown.contains(&index)) {
            return Err(TakeError::Wrong {
                what: "it leaves out an entry of which this home has the receipt",
            });
        }
        transaction.execute("UPDATE authority SET read = ?1", (next.cast_signed(),))?;
        update_seen(&transaction, seen.as_ref())?;
        transaction.commit()?;
        self.keep_seen(seen);
        Ok(taken)
    }

    /// Records what this home submitted itself, with what it saw of it, in one step.
    ///
    /// If it is the next entry behind all that was read, there is nothing between to be read.
    pub(crate) fn record_own(
        &mut self,
        entry: &Entry,
        beside: Beside<'_>,
    ) -> Result<(), HomeError> {
        let owner = self.replicated()?;
        let index = entry.acknowledgement.index();
        let seen = self.later_seen(entry.acknowledgement.checkpoint())?;
        let transaction = self.database.transaction()?;
        if concerns(&transaction, &owner, &entry.statement)? {
            record(&transaction, &owner, entry, &mut Taken::default())?;
        }
        for matched in beside.matched {
            insert_matched(&transaction, matched)?;
        }
        for (serial, check) in beside.checks {
            insert_check(&transaction, *serial, check)?;
        }
        transaction.execute(
            "UPDATE authority SET read = ?1 + 1 WHERE read = ?1",
            (index.cast_signed(),),
        )?;
        update_seen(&transaction, seen.as_ref())?;
        transaction.commit()?;
        self.keep_seen(seen);
        Ok(())
    }

    /// Forgets where in the log everything is, so that it is read again from the beginning: the log is another one.
    pub(super) fn forget_places(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch(
            "UPDATE statement SET entry = NULL; DELETE FROM unread; DELETE FROM device; DELETE FROM subject;
             UPDATE authority SET read = 0",
        )
    }

    /// Has the entries that the authority could not read asked for again.
    pub(crate) fn read_again(&mut self) -> Result<(), HomeError> {
        self.database.execute(
            "UPDATE authority SET read = min(read, (SELECT min(entry) FROM unread))
             WHERE EXISTS (SELECT 1 FROM unread)",
            (),
        )?;
        Ok(())
    }

    /// Counts the entries of the owner's that the authority could not read.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn unread_count(&self) -> Result<u64, HomeError> {
        let count: i64 = self
            .database
            .query_row("SELECT count(*) FROM unread", (), |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    /// Tells whether the authority could not read an entry when it was asked.
    pub(crate) fn is_unread(&self, entry: u64) -> Result<bool, HomeError> {
        let mut unread = self
            .database
            .prepare_cached("SELECT 1 FROM unread WHERE entry = ?1")?;
        Ok(unread.exists((entry.cast_signed(),))?)
    }

    /// Returns when the last entry before an index was recorded, among those in the home.
    pub(crate) fn time_before(&self, index: u64) -> Result<Time, HomeError> {
        let time: Option<i64> = self
            .database
            .query_row(
                "SELECT time FROM statement WHERE entry < ?1 ORDER BY entry DESC LIMIT 1",
                (index.cast_signed(),),
                |row| row.get(0),
            )
            .optional()?;
        Ok(Time::from_millis(time.unwrap_or(0).cast_unsigned()))
    }

    /// Returns where an entry's statement is known to be; then its receipt was verified before.
    pub(crate) fn entry_of(&self, id: StatementId) -> Result<Option<u64>, HomeError> {
        let entry: Option<Option<i64>> = self
            .database
            .prepare_cached("SELECT entry FROM statement WHERE id = ?1")?
            .query_row((id.as_bytes(),), |row| row.get(0))
            .optional()?;
        Ok(entry.flatten().map(i64::cast_unsigned))
    }

    /// Tells whether a key is a device of the owner's, by the log.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_device(&self, key: &VerifyingKey) -> Result<bool, HomeError> {
        Ok(is_device(&self.database.unchecked_transaction()?, key)?)
    }

    fn replicated(&self) -> Result<Owner, HomeError> {
        let membership = self.membership()?;
        let membership = membership.ok_or(HomeError::Damaged { what: "membership" })?;
        Ok(Owner {
            id: membership.owner,
            log_key: membership.founding.found().log_key,
            founding: membership.founding.statement().id(),
            enrolment: membership.enrolment.map(|enrolment| enrolment.id()),
        })
    }
}

fn update_seen(
    transaction: &Transaction<'_>,
    later: Option<&SignedCheckpoint>,
) -> rusqlite::Result<()> {
    if let Some(seen) = later {
        transaction.execute("UPDATE authority SET seen = ?1", (seen.as_text(),))?;
    }
    Ok(())
}

/// Takes an entry that the authority showed, if it may be shown.
fn take(
    transaction: &Transaction<'_>,
    owner: &Owner,
    entry: &Entry,
    taken: &mut Taken,
) -> Result<(), TakeError> {
    if let Some(number) = known(transaction, entry)? {
        return Ok(follow(transaction, owner, (number, entry), taken)?);
    }
    let index = entry.acknowledgement.index();
    match admit(transaction, owner, entry)? {
        Admission::Admitted => Ok(record(transaction, owner, entry, taken)?),
        // What it rests on may be in an entry that could not be read. It is read again with that, and costs no other.
        Admission::Unfounded(_) if is_unread_before(transaction, index)? => {
            Ok(insert_unread(transaction, index)?)
        }
        Admission::Unfounded(what) | Admission::Wrong(what) => Err(TakeError::Wrong { what }),
    }
}

/// What is to be said of an entry, held against those before it.
enum Admission {
    /// It is taken.
    Admitted,
    /// Nothing that was read before makes it true.
    Unfounded(&'static str),
    /// Nothing could.
    Wrong(&'static str),
}

/// Tells whether the authority would show this owner what this home submitted: what a device that the log does not know yet
/// says of somebody else's keys is nothing of this owner's.
fn concerns(
    transaction: &Transaction<'_>,
    owner: &Owner,
    signed: &SignedStatement,
) -> rusqlite::Result<bool> {
    if let Statement::Request(request) = signed.statement() {
        return Ok(request.owner == owner.id || is_device(transaction, &request.device_key)?);
    }
    if let Statement::Evidence(evidence) = signed.statement() {
        return is_subject(transaction, evidence.request);
    }
    if let Statement::Veto(veto) = signed.statement() {
        return is_subject(transaction, veto.request);
    }
    Ok(true)
}

/// Returns where this home knows entries to be, by receipts: those are not to be left out.
fn known_between(
    transaction: &Transaction<'_>,
    from: u64,
    next: u64,
) -> rusqlite::Result<impl Iterator<Item = u64> + use<>> {
    let mut rows = transaction
        .prepare_cached("SELECT entry FROM statement WHERE entry >= ?1 AND entry < ?2")?;
    let rows = rows.query_map((from.cast_signed(), next.cast_signed()), |row| {
        row.get::<_, i64>(0)
    })?;
    let known = rows.collect::<rusqlite::Result<Vec<i64>>>()?;
    Ok(known.into_iter().map(i64::cast_unsigned))
}

fn is_device(transaction: &Transaction<'_>, key: &VerifyingKey) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM device WHERE key = ?1")?
        .exists((key.as_bytes(),))
}

fn is_subject(transaction: &Transaction<'_>, digest: Digest) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM subject WHERE digest = ?1")?
        .exists((digest.as_bytes(),))
}

/// Returns the number of an entry's row, if the home has it.
fn known(transaction: &Transaction<'_>, entry: &Entry) -> rusqlite::Result<Option<i64>> {
    transaction
        .prepare_cached("SELECT number FROM statement WHERE id = ?1 AND entry = ?2")?
        .query_row(
            (
                entry.statement.id().as_bytes(),
                entry.acknowledgement.index().cast_signed(),
            ),
            |row| row.get(0),
        )
        .optional()
}

/// Has an entry that is known follow those before it, of which some were read later than it was recorded: they may have
/// been damaged, or made by others before what this home submitted itself.
fn follow(
    transaction: &Transaction<'_>,
    owner: &Owner,
    (number, entry): (i64, &Entry),
    taken: &mut Taken,
) -> rusqlite::Result<()> {
    if let Statement::Checked(checked) = entry.statement.statement() {
        return add_check(transaction, owner, checked, taken);
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

fn insert_unread(transaction: &Transaction<'_>, index: u64) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR IGNORE INTO unread (entry) VALUES (?1)",
        (index.cast_signed(),),
    )?;
    Ok(())
}

fn is_unread_before(transaction: &Transaction<'_>, index: u64) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM unread WHERE entry < ?1")?
        .exists((index.cast_signed(),))
}

/// Holds an entry against those before it. Its receipt and its author's signature are verified; here it is asked whether
/// that author could make it, of what the log says and not of what the authority says beside it.
fn admit(
    transaction: &Transaction<'_>,
    owner: &Owner,
    entry: &Entry,
) -> rusqlite::Result<Admission> {
    let signed = &entry.statement;
    let by_authority = *signed.author() == owner.log_key;
    let by_device = || is_device(transaction, signed.author());
    let about_known = |subject| is_subject(transaction, subject);
    // What it says itself, and then what must have been said before it.
    let (is_so, is_founded, what) = match signed.statement() {
        Statement::Found(_) => (
            signed.id() == owner.founding,
            true,
            "it shows another founding than the one that is pinned",
        ),
        // An id is an owner's for ever, by the first enrolment; where this home made that, there is no other.
        Statement::Enroll(enroll) => (
            enroll.owner == owner.id && owner.enrolment.is_none_or(|ours| ours == signed.id()),
            true,
            "it shows another enrolment than this owner's",
        ),
        Statement::Deposit(deposit) => (
            deposit.owner() == owner.id,
            by_device()?,
            "it shows a deposit in this owner's name that none of the owner's devices made",
        ),
        Statement::OwnBlob(own) => (
            own.owner == owner.id,
            by_device()?,
            "it shows a word on a file in this owner's name that none of the owner's devices gave",
        ),
        // Anybody may ask: for this owner's keys, or a device of the owner's for somebody else's.
        Statement::Request(_) | Statement::PolicyChange(_) => (true, true, ""),
        Statement::Evidence(evidence) => (
            true,
            about_known(evidence.request)?,
            "it shows evidence for something that it did not show",
        ),
        Statement::Veto(veto) => (
            true,
            about_known(veto.request)?,
            "it shows a veto of something that it did not show",
        ),
        Statement::Approval(approval) => (
            true,
            about_known(approval.subject)?,
            "it shows an officer's word on something that it did not show",
        ),
        Statement::Decision(decision) => (
            by_authority,
            about_known(decision.request)?,
            "it shows a decision that is not its own, or on something that it did not show",
        ),
        Statement::Release(release) => (
            by_authority,
            about_known(release.request())?,
            "it shows a release that is not its own, or for something that it did not show",
        ),
        Statement::Checked(_) | Statement::Restored(_) | Statement::RsaKey(_) => (
            by_authority,
            true,
            "it shows in its own name what another key signed",
        ),
        Statement::Departed(_) | _ => (false, true, "it shows what does not concern this owner"),
    };
    Ok(match (is_so, is_founded) {
        (true, true) => Admission::Admitted,
        (true, false) => Admission::Unfounded(what),
        (false, _) => Admission::Wrong(what),
    })
}

/// Records an entry with all that follows from it.
fn record(
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
            transaction.execute(
                "INSERT OR REPLACE INTO subject
                     (digest, statement, owner, device, keys, answered, verdict, expires)
                 VALUES (?1, ?2, NULL, ?3, 0, 0, NULL, ?4)",
                (
                    change.digest().as_bytes(),
                    number,
                    entry.statement.author().as_bytes(),
                    change.expires.as_millis().cast_signed(),
                ),
            )?;
        }
        Statement::Decision(decision) => {
            add_decision(transaction, owner, decision, index)?;
        }
        Statement::Release(release) => add_release(transaction, release)?,
        Statement::Checked(checked) => add_check(transaction, owner, checked, taken)?,
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
            "INSERT INTO statement (id, kind, entry, time, first, bytes, receipt)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)
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
    add_device(transaction, &enroll.device_key, index)?;
    transaction.execute(
        "UPDATE authority SET code_key = coalesce(code_key, ?1)",
        (enroll.code_key.as_bytes(),),
    )?;
    Ok(())
}

/// A device that is the owner's already stays so, by what first made it so, in whichever order that was read.
fn add_device(
    transaction: &Transaction<'_>,
    key: &VerifyingKey,
    index: u64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO device (key, entry) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET entry = min(entry, excluded.entry)",
        (key.as_bytes(), index.cast_signed()),
    )?;
    Ok(())
}

/// Adds the keys of a deposit. A serial that is known keeps the statement it came in, since another one for it is a lie or
/// a conflict; of that statement the newest word counts, also where it says that a key is not kept any more.
fn add_deposits(
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
                .execute((serial.as_bytes(), statement, state.as_str()))?;
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

fn add_request(
    transaction: &Transaction<'_>,
    statement: i64,
    request: &Request,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR REPLACE INTO subject
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
        Some(device) => add_device(transaction, &VerifyingKey::from_bytes(device), index),
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
    owner: &Owner,
    checked: &Checked,
    taken: &mut Taken,
) -> rusqlite::Result<()> {
    let named = checked.named.iter().filter(|named| named.owner == owner.id);
    let named: Vec<Serial> = named.map(|named| named.serial).collect();
    for serial in &named {
        taken.mismatched += transaction.execute(
            "UPDATE deposit SET state = ?2 WHERE serial = ?1 AND state <> ?2",
            (serial.as_bytes(), DepositState::Mismatch.as_str()),
        )? as u64;
    }
    if !checked.is_complete() {
        return Ok(());
    }
    let named: Vec<String> = named.iter().map(|serial| format!("\"{serial}\"")).collect();
    taken.verified += transaction.execute(
        "UPDATE deposit SET state = ?1
         WHERE state IN (?2, ?3) AND unproven = 0
             AND statement IN (SELECT number FROM statement WHERE entry < ?4)
             AND lower(hex(serial)) NOT IN (SELECT value FROM json_each(?5))",
        (
            DepositState::Verified.as_str(),
            DepositState::Deposited.as_str(),
            DepositState::Mismatch.as_str(),
            checked.size.cast_signed(),
            format!("[{}]", named.join(",")),
        ),
    )? as u64;
    Ok(())
}

/// Reads the statements of a database of version 4, which had those of deposits alone. Where they are in the log is read
/// from the log, as after a restoring.
pub(super) fn take_from_version_4(transaction: &Transaction<'_>) -> Result<(), HomeError> {
    let mut rows = transaction.prepare(
        "SELECT bytes, receipt, id,
                (SELECT min(time) FROM deposit_4 WHERE deposit_4.statement = statement_4.id) AS made
         FROM statement_4 ORDER BY made",
    )?;
    let mut rows = rows.query(())?;
    while let Some(row) = rows.next()? {
        let (bytes, receipt, id, time): (Vec<u8>, String, [u8; 32], Option<i64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let signed = parse_statement(&bytes)?;
        let number: i64 = transaction.query_row(
            "INSERT INTO statement (id, kind, entry, time, first, bytes, receipt)
             VALUES (?1, ?2, NULL, ?3, ?3, ?4, ?5) RETURNING number",
            (
                id,
                Kind::Deposit.code().cast_signed(),
                time.unwrap_or(0),
                bytes,
                receipt,
            ),
            |row| row.get(0),
        )?;
        let Statement::Deposit(deposit) = signed.statement() else {
            return Err(HomeError::Damaged { what: "deposit" });
        };
        let mut kept = transaction
            .prepare_cached("SELECT 1 FROM deposit_4 WHERE serial = ?1 AND statement = ?2")?;
        let states = deposit.keys().iter().map(|key| {
            let is_kept = kept.exists((key.label.serial.as_bytes(), id))?;
            // The authority's word on each comes with the log, too.
            Ok(if is_kept {
                DepositState::Deposited
            } else {
                DepositState::Conflict
            })
        });
        let states = states.collect::<rusqlite::Result<Vec<_>>>()?;
        add_deposits(transaction, number, deposit, &states)?;
    }
    // The check of the newest of a name is the name's.
    transaction.execute_batch(
        "INSERT OR REPLACE INTO secret_check (about, command, serial, time, opens)
         SELECT coalesce('name:' || name, 'serial:' || lower(hex(secret_4.serial))), command,
                secret_4.serial, time, opens
         FROM secret_check_4 JOIN secret_4 ON secret_4.serial = secret_check_4.serial ORDER BY entry",
    )?;
    Ok(())
}
