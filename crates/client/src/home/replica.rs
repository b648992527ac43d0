//! The home as a replica of its owner's slice of the log (spec/home.md#replica): which entries are taken into it. Not how
//! they are fetched and their receipts verified, which is `catch_up`'s, nor what follows from one, which is in `follow`.

mod devices;
mod follow;

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction};
use strongroom_protocol::Founding;
use strongroom_protocol::id::{Digest, OwnerId, StatementId, Time};
use strongroom_protocol::keys::VerifyingKey;
use strongroom_protocol::log::SignedCheckpoint;
use strongroom_protocol::policy::Policy;
use strongroom_protocol::receipt::{Acknowledgement, Receipt};
use strongroom_protocol::statement::{Decision, Enroll, Kind, SignedStatement, Statement, Verdict};

use self::devices::{
    Foundation, foundation, is_contradicted, is_device, is_for_owners_keys, is_in_owners_name,
    was_revoked,
};
use self::follow::{follow, record};
use super::deposits::{Observations, insert_matched};
use super::marks::insert_mark;
use super::secrets::insert_check;
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
    founding: Founding,
    /// The enrolment that this home made, if it made one, as it was signed.
    enrolment: Option<Vec<u8>>,
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
        // What it leaves out, and this home has the receipt of, it does not have any more, whatever else it says.
        for index in known_between(&transaction, from, next)? {
            if !shown.contains(&index) {
                insert_unread(&transaction, index)?;
            }
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
        observed: Observations<'_>,
    ) -> Result<(), HomeError> {
        let owner = self.replicated()?;
        let index = entry.acknowledgement.index();
        let seen = self.later_seen(entry.acknowledgement.checkpoint())?;
        let transaction = self.database.transaction()?;
        // What was sent again may have been read since, with what came of it.
        let is_known = known(&transaction, entry)?.is_some();
        let is_taken = is_known || concerns(&transaction, &owner, &entry.statement)?;
        if is_taken && !is_known {
            record(&transaction, &owner, entry, &mut Taken::default())?;
        }
        transaction.execute(
            "UPDATE statement SET own = 1 WHERE id = ?1",
            (entry.statement.id().as_bytes(),),
        )?;
        // Its receipt was given after reading.
        transaction.execute(
            "DELETE FROM unread WHERE entry = ?1",
            (index.cast_signed(),),
        )?;
        for matched in observed.matched {
            insert_matched(&transaction, matched)?;
        }
        for mark in observed.marks {
            insert_mark(&transaction, mark)?;
        }
        for (serial, check) in observed.checks {
            insert_check(&transaction, *serial, check)?;
        }
        if is_taken {
            transaction.execute(
                "UPDATE authority SET read = ?1 + 1 WHERE read = ?1",
                (index.cast_signed(),),
            )?;
        }
        update_seen(&transaction, seen.as_ref())?;
        transaction.commit()?;
        self.keep_seen(seen);
        Ok(())
    }

    /// Forgets where in the log everything is, so that it is read again from the beginning: the log is another one.
    pub(super) fn forget_places(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch(
            "UPDATE statement SET entry = NULL; DELETE FROM unread; DELETE FROM device; DELETE FROM invitation;
             DELETE FROM subject;
             UPDATE authority SET read = 0",
        )
    }

    /// Has all of the owner's entries asked for again: what the authority could read once, it may have lost.
    pub(crate) fn read_again(&mut self) -> Result<(), HomeError> {
        self.database.execute("UPDATE authority SET read = 0", ())?;
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

    /// Tells whether a key is a device of the owner's, by all that was read of the log.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_device(&self, key: &VerifyingKey) -> Result<bool, HomeError> {
        let transaction = self.database.unchecked_transaction()?;
        Ok(is_device(&transaction, key, i64::MAX.cast_unsigned())?)
    }

    /// Finds the policy of a digest, if it is or was in force by the entries that were read.
    pub(super) fn policy_of(&self, digest: Digest) -> Result<Option<Policy>, HomeError> {
        let owner = self.replicated()?;
        policy(&self.database.unchecked_transaction()?, &owner, digest)
    }

    fn replicated(&self) -> Result<Owner, HomeError> {
        let membership = self.membership()?;
        let membership = membership.ok_or(HomeError::Damaged { what: "membership" })?;
        Ok(Owner {
            id: membership.owner,
            founding: membership.founding,
            enrolment: self.authority_row()?.and_then(|row| row.enrolment),
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
        return Ok(follow(transaction, (number, entry), taken)?);
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

/// Tells whether the authority shows this owner what this home submitted, whatever else the log has.
fn concerns(
    transaction: &Transaction<'_>,
    owner: &Owner,
    signed: &SignedStatement,
) -> rusqlite::Result<bool> {
    // What is asked for somebody else's keys is read with the owner's entries, if the log has this device as the owner's.
    if let Statement::Request(request) = signed.statement() {
        return Ok(request.owner == owner.id);
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

/// Tells whether an approval rests on what was said: on evidence by the owner's recovery code, on words of officers of the
/// policy that it names. Whoever has the log key alone can make neither.
fn is_grounded(
    transaction: &Transaction<'_>,
    owner: &Owner,
    decision: &Decision,
    index: u64,
) -> Result<bool, HomeError> {
    if decision.verdict != Verdict::Approved {
        return Ok(true);
    }
    if decision.evidence.is_empty() && decision.approvals.is_empty() {
        return Ok(false);
    }
    let is_for_owners_keys = is_for_owners_keys(transaction, owner, decision.request)?;
    let enrolled = enrolment(transaction)?;
    let by_owners_code = |signed: &SignedStatement| {
        let enrolled = enrolled.as_ref();
        enrolled.is_some_and(|(_, enroll)| enroll.code_key == *signed.author())
    };
    let mut is_by_owner = false;
    for id in &decision.evidence {
        let Some(signed) = statement(transaction, *id)? else {
            return Ok(false);
        };
        let is_about = matches!(signed.statement(), Statement::Evidence(evidence)
            if evidence.request == decision.request);
        let is_by_code = by_owners_code(&signed);
        is_by_owner |= is_by_code;
        // The codes of others are theirs to know: of what is said to a change of the policy, one is this owner's.
        if !is_about || is_for_owners_keys && !is_by_code {
            return Ok(false);
        }
    }
    if !decision.evidence.is_empty() && !is_by_owner && is_asked_of_owner(transaction, decision)? {
        return Ok(false);
    }
    let in_force = policy_before(transaction, owner, index)?;
    // A policy is changed by the one in force and no other.
    if is_change(transaction, decision.request)? && in_force.digest() != decision.policy {
        return Ok(false);
    }
    if decision.approvals.is_empty() {
        return Ok(true);
    }
    let Some(policy) = policy(transaction, owner, decision.policy)? else {
        return Ok(false);
    };
    // Who was taken out of the policy since it was asked has no say in it any more.
    let is_officer = |key: &VerifyingKey| {
        let policies = [&policy, &in_force];
        policies.iter().all(|policy| policy.officer(key).is_some())
    };
    for id in &decision.approvals {
        let Some(signed) = statement(transaction, *id)? else {
            return Ok(false);
        };
        let is_about = matches!(signed.statement(), Statement::Approval(approval)
            if approval.subject == decision.request && approval.policy == decision.policy);
        if !is_about || !is_officer(signed.author()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells whether a change of the policy was asked for when this owner had a deposit: then a change that needs codes needs
/// this owner's too.
fn is_asked_of_owner(transaction: &Transaction<'_>, decision: &Decision) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached(
            "SELECT 1 FROM subject JOIN statement ON statement.number = subject.statement
             WHERE digest = ?1 AND owner IS NULL
                 AND entry > (SELECT min(entry) FROM statement
                              WHERE number IN (SELECT statement FROM deposit))",
        )?
        .exists((decision.request.as_bytes(),))
}

fn is_change(transaction: &Transaction<'_>, subject: Digest) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM subject WHERE digest = ?1 AND owner IS NULL")?
        .exists((subject.as_bytes(),))
}

/// Returns a statement that the home has read in the log.
fn statement(
    transaction: &Transaction<'_>,
    id: StatementId,
) -> Result<Option<SignedStatement>, HomeError> {
    let bytes: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT bytes FROM statement WHERE id = ?1 AND entry IS NOT NULL")?
        .query_row((id.as_bytes(),), |row| row.get(0))
        .optional()?;
    bytes.as_deref().map(parse_statement).transpose()
}

/// Returns the statements of a kind that the home has read in the log, in its order.
fn statements_of(
    transaction: &Transaction<'_>,
    kind: Kind,
) -> Result<Vec<SignedStatement>, HomeError> {
    let mut rows = transaction.prepare_cached(
        "SELECT bytes FROM statement WHERE kind = ?1 AND entry IS NOT NULL ORDER BY entry",
    )?;
    let rows = rows.query_map((kind.code().cast_signed(),), |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|bytes| parse_statement(&bytes?)).collect()
}

/// Returns the owner's enrolment, by the log.
fn enrolment(transaction: &Transaction<'_>) -> Result<Option<(StatementId, Enroll)>, HomeError> {
    let enrolments = statements_of(transaction, Kind::Enroll)?;
    let first = enrolments.first().and_then(|signed| {
        let Statement::Enroll(enroll) = signed.statement() else {
            return None;
        };
        Some((signed.id(), enroll.clone()))
    });
    Ok(first)
}

/// Finds the policy of a digest, if it is the founding's, or was put in force by a decision that was taken up. That it is in
/// force still is not asked.
fn policy(
    transaction: &Transaction<'_>,
    owner: &Owner,
    digest: Digest,
) -> Result<Option<Policy>, HomeError> {
    let founded = &owner.founding.found().policy;
    if founded.digest() == digest {
        return Ok(Some(founded.clone()));
    }
    for signed in statements_of(transaction, Kind::PolicyChange)? {
        if let Statement::PolicyChange(change) = signed.statement()
            && change.policy.digest() == digest
            && is_approved(transaction, change.digest())?
        {
            return Ok(Some(change.policy.clone()));
        }
    }
    Ok(None)
}

/// Returns the policy that was in force before an entry: the founding's, or that of the last change that was approved.
fn policy_before(
    transaction: &Transaction<'_>,
    owner: &Owner,
    index: u64,
) -> Result<Policy, HomeError> {
    let mut rows = transaction.prepare_cached(
        "SELECT bytes FROM statement WHERE kind = ?1 AND entry < ?2 ORDER BY entry DESC",
    )?;
    let kind = Kind::Decision.code().cast_signed();
    let mut rows = rows.query((kind, index.cast_signed()))?;
    while let Some(row) = rows.next()? {
        let signed = parse_statement(&row.get::<_, Vec<u8>>(0)?)?;
        if let Statement::Decision(decision) = signed.statement()
            && decision.verdict == Verdict::Approved
            && let Some(policy) = policy_asked_for(transaction, decision.request)?
        {
            return Ok(policy);
        }
    }
    Ok(owner.founding.found().policy.clone())
}

/// Returns the policy that a change asks for.
fn policy_asked_for(
    transaction: &Transaction<'_>,
    change: Digest,
) -> Result<Option<Policy>, HomeError> {
    let bytes: Option<Vec<u8>> = transaction
        .prepare_cached(
            "SELECT bytes FROM subject JOIN statement ON statement.number = subject.statement
             WHERE digest = ?1 AND subject.owner IS NULL",
        )?
        .query_row((change.as_bytes(),), |row| row.get(0))
        .optional()?;
    let signed = bytes.as_deref().map(parse_statement).transpose()?;
    Ok(signed.and_then(|signed| {
        if let Statement::PolicyChange(change) = signed.statement() {
            Some(change.policy.clone())
        } else {
            None
        }
    }))
}

fn is_approved(transaction: &Transaction<'_>, subject: Digest) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached("SELECT 1 FROM subject WHERE digest = ?1 AND verdict = ?2")?
        .exists((subject.as_bytes(), Verdict::Approved.as_str()))
}

/// Holds an entry against those before it. Its receipt and its author's signature are verified; here it is asked whether
/// that author could make it, of what the log says and not of what the authority says beside it.
fn admit(
    transaction: &Transaction<'_>,
    owner: &Owner,
    entry: &Entry,
) -> Result<Admission, HomeError> {
    let (signed, index) = (&entry.statement, entry.acknowledgement.index());
    let by_authority = *signed.author() == owner.founding.found().log_key;
    let by_device = || is_device(transaction, signed.author(), index);
    let about_known = |subject| is_subject(transaction, subject);
    // Revoked is for good: nothing that is read later makes it true.
    if is_in_owners_name(transaction, owner, signed)?
        && was_revoked(transaction, signed.author(), index)?
    {
        return Ok(Admission::Wrong(
            "it shows what a device of this owner's said after it was revoked",
        ));
    }
    // What it says itself, and then what must have been said before it.
    let (is_so, is_founded, what) = match signed.statement() {
        Statement::Found(_) => (
            signed.id() == owner.founding.statement().id(),
            true,
            "it shows another founding than the one that is pinned",
        ),
        // An id is an owner's for ever, by the first enrolment: the one that this home made, or the one that was read.
        Statement::Enroll(enroll) => (
            enroll.owner == owner.id
                && owner
                    .enrolment
                    .as_deref()
                    .is_none_or(|ours| ours == signed.as_bytes())
                && enrolment(transaction)?.is_none_or(|(known, _)| known == signed.id()),
            true,
            "it shows another enrolment than this owner's",
        ),
        Statement::Deposit(deposit) => (
            deposit.owner() == owner.id,
            by_device()?,
            "it shows a deposit in this owner's name that none of the owner's devices made",
        ),
        Statement::Device(device) => {
            let foundation = foundation(transaction, entry, device)?;
            (
                device.owner == owner.id
                    && foundation != Foundation::Contradicted
                    && !is_contradicted(transaction, device, index)?,
                foundation == Foundation::Holds,
                "it shows a word on a device in this owner's name that can't be true by what it showed before",
            )
        }
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
            about_known(veto.request)?
                && (by_device()? || !is_for_owners_keys(transaction, owner, veto.request)?),
            "it shows a veto that is none of this owner's devices', or of something that it did not show",
        ),
        Statement::Approval(approval) => (
            true,
            about_known(approval.subject)?,
            "it shows an officer's word on something that it did not show",
        ),
        Statement::Decision(decision) => (
            by_authority,
            about_known(decision.request)?
                && is_grounded(transaction, owner, decision, entry.acknowledgement.index())?,
            "it shows a decision that is not its own, or that rests on what it did not show",
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
