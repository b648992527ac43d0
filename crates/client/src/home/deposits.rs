//! What the home knows of its deposits: the statements with their receipts, and the headers that match.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction};
use strongroom_agefile::{Header, Stanza};
use strongroom_protocol::id::{AuthorityId, Digest, Serial, StatementId, Time};
use strongroom_protocol::log::SignedCheckpoint;
use strongroom_protocol::receipt::{Acknowledgement, DepositState, Receipt};
use strongroom_protocol::statement::{Particulars, SealedKey, SignedStatement, Statement};

use super::secrets::insert_secrets;
use super::{Home, HomeError, parse_statement};
use crate::pointer::{Pointer, header_mark};

/// A deposit as the home keeps it.
#[derive(Clone, Debug)]
pub struct DepositRecord {
    /// Its serial number.
    pub serial: Serial,
    /// The statement it came in.
    pub statement: StatementId,
    /// What the authority said of it.
    pub state: DepositState,
    /// When, by the authority's clock.
    pub time: Time,
}

/// What the home saw of a file when it held the session key: that file, deposit and commitment agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// SHA-256 of the file's header.
    pub header: Digest,
    /// The deposit.
    pub serial: Serial,
    /// SHA-256 of the owner's own stanza in the header.
    pub own: Digest,
}

impl Matched {
    /// Describes a header whose `own`-th stanza is the owner's, or none where that can't be told.
    #[must_use]
    pub fn new(header: &Header, serial: Serial, own: Option<usize>) -> Self {
        let own = own.and_then(|place| header.stanzas().get(place));
        Self {
            header: Digest::of(&[header.as_bytes()]),
            serial,
            own: own.map_or(NO_STANZA, stanza_digest),
        }
    }

    /// Describes a header that is no age file's, by its digest.
    #[must_use]
    pub fn detached(mark: Digest, serial: Serial) -> Self {
        Self {
            header: mark,
            serial,
            own: NO_STANZA,
        }
    }
}

/// Stands for the owner's own stanza where none is known.
const NO_STANZA: Digest = Digest::from_bytes([0; 32]);

/// Hashes a stanza by its kind and body, which holds a fresh ciphertext.
fn stanza_digest(stanza: &Stanza) -> Digest {
    Digest::of(&[stanza.tag().as_bytes(), &[0], stanza.body()])
}

impl Home {
    /// Records a deposit statement with its verified receipt, and the headers its keys belong to, in one step.
    ///
    /// A serial that is known keeps the statement it came in: another one for it is a lie or a conflict.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written; then nothing of it is there.
    pub fn record_deposit(
        &mut self,
        statement: &SignedStatement,
        receipt: &Receipt,
        acknowledgement: &Acknowledgement,
        kept: &[(Serial, DepositState)],
        matched: &[Matched],
    ) -> Result<(), HomeError> {
        let seen = self.later_seen(acknowledgement.checkpoint())?;
        let transaction = self.database.transaction()?;
        transaction.execute(
            "INSERT OR REPLACE INTO statement (id, bytes, receipt) VALUES (?1, ?2, ?3)",
            (
                statement.id().as_bytes(),
                statement.as_bytes(),
                receipt.to_text(),
            ),
        )?;
        for (serial, state) in kept {
            transaction.execute(
                "INSERT OR IGNORE INTO deposit (serial, statement, state, time) VALUES (?1, ?2, ?3, ?4)",
                (
                    serial.as_bytes(),
                    statement.id().as_bytes(),
                    state.as_str(),
                    acknowledgement.time().as_millis().cast_signed(),
                ),
            )?;
        }
        for matched in matched {
            insert_matched(&transaction, matched)?;
        }
        insert_detached(&transaction, statement, kept)?;
        insert_secrets(&transaction, statement, kept)?;
        if let Some(seen) = seen {
            transaction.execute("UPDATE authority SET seen = ?1", (seen.as_text(),))?;
        }
        Ok(transaction.commit()?)
    }

    /// Records that a file was seen to match its deposit.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_matched(&mut self, matched: &Matched) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        insert_matched(&transaction, matched)?;
        Ok(transaction.commit()?)
    }

    /// Finds what was seen of a file with this header.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn matched(&self, header: &Header) -> Result<Option<Matched>, HomeError> {
        self.matched_digest(Digest::of(&[header.as_bytes()]))
    }

    /// Finds what was seen of a file whose header has this digest.
    pub(crate) fn matched_digest(&self, digest: Digest) -> Result<Option<Matched>, HomeError> {
        let row = self
            .database
            .prepare_cached("SELECT serial, own FROM matched WHERE header = ?1")?
            .query_row((digest.as_bytes(),), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(row.map(|(serial, own)| Matched {
            header: digest,
            serial: Serial::from_bytes(serial),
            own: Digest::from_bytes(own),
        }))
    }

    /// Finds which stanza of a header is the owner's own, if any file's was seen with it.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn own_stanza(&self, header: &Header) -> Result<Option<usize>, HomeError> {
        let mut known = self
            .database
            .prepare_cached("SELECT 1 FROM matched WHERE own = ?1")?;
        for (place, stanza) in header.stanzas().iter().enumerate() {
            if known.exists((stanza_digest(stanza).as_bytes(),))? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Returns the deposits that may be of a header's session key, the likeliest first: the one it was seen to match; the
    /// one that its pointer to `authority` names; the one that is labelled with its digest; those of headers that had
    /// the owner's own stanza, whatever else was changed. All but the first are claims.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn serials_of(
        &self,
        header: &Header,
        authority: Option<AuthorityId>,
    ) -> Result<Vec<Serial>, HomeError> {
        let mut serials: Vec<Serial> = Vec::new();
        serials.extend(self.matched(header)?.map(|matched| matched.serial));
        let pointer = authority.and_then(|authority| Pointer::find(header, authority));
        serials.extend(pointer.map(|pointer| pointer.serial));
        serials.extend(self.detached(header)?);
        serials.extend(self.serials_by_own_stanza(header)?);
        let mut known = BTreeSet::new();
        serials.retain(|serial| known.insert(*serial));
        Ok(serials)
    }

    /// Finds the deposit that is labelled with a header's digest.
    pub(crate) fn detached(&self, header: &Header) -> Result<Option<Serial>, HomeError> {
        self.detached_mark(header_mark(header))
    }

    /// Finds the deposit that is labelled with this digest.
    pub(crate) fn detached_mark(&self, mark: Digest) -> Result<Option<Serial>, HomeError> {
        let mut serial = self
            .database
            .prepare_cached("SELECT serial FROM detached WHERE mark = ?1")?;
        let serial = serial.query_row((mark.as_bytes(),), |row| row.get(0));
        Ok(serial.optional()?.map(Serial::from_bytes))
    }

    /// Finds the deposit that is labelled with the digest of a payload: of several, one. Reads all statements.
    pub(crate) fn serial_by_payload(&self, payload: Digest) -> Result<Option<Serial>, HomeError> {
        let mut found = None;
        self.each_statement::<HomeError>(&mut |statement, _| {
            if let Statement::Deposit(deposit) = statement.statement() {
                let mut keys = deposit.keys().iter();
                let key = keys.find(|key| key.particulars.payload() == Some(payload));
                found = key.map(|key| key.label.serial).or(found);
            }
            Ok(())
        })?;
        // A conflict's statement may be here without its deposit.
        let known = |serial| Ok::<_, HomeError>(self.deposit(serial)?.map(|record| record.serial));
        Ok(found.map(known).transpose()?.flatten())
    }

    /// Records a SIMPLEBLOB that is about to be written into a file, how it is padded, and whether file and deposit are
    /// known to agree: in one step, and before the first byte of it is written.
    pub(crate) fn record_own_blob(
        &mut self,
        own: &Matched,
        padding: &str,
        matches: bool,
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        transaction.execute(
            "INSERT OR REPLACE INTO own_blob (mark, serial, padding) VALUES (?1, ?2, ?3)",
            (own.header.as_bytes(), own.serial.as_bytes(), padding),
        )?;
        if matches {
            insert_matched(&transaction, own)?;
        }
        Ok(transaction.commit()?)
    }

    /// Records digests by which a file of this deposit was found, as the authority repeats its owner's word for them. They
    /// are claims, as labels are, and take the place of none.
    pub(crate) fn record_marks(
        &mut self,
        serial: Serial,
        marks: &[Digest],
    ) -> Result<(), HomeError> {
        for mark in marks {
            self.database.execute(
                "INSERT OR IGNORE INTO detached (mark, serial) VALUES (?1, ?2)",
                (mark.as_bytes(), serial.as_bytes()),
            )?;
        }
        Ok(())
    }

    /// Finds a SIMPLEBLOB that recovery made, by its digest: the deposit of its key, and how it is padded.
    pub(crate) fn own_blob(&self, mark: Digest) -> Result<Option<(Serial, String)>, HomeError> {
        let mut blob = self
            .database
            .prepare_cached("SELECT serial, padding FROM own_blob WHERE mark = ?1")?;
        let blob = blob.query_row((mark.as_bytes(),), |row| {
            Ok((Serial::from_bytes(row.get(0)?), row.get(1)?))
        });
        Ok(blob.optional()?)
    }

    fn serials_by_own_stanza(&self, header: &Header) -> Result<Vec<Serial>, HomeError> {
        let mut known = self
            .database
            .prepare_cached("SELECT serial FROM matched WHERE own = ?1")?;
        let mut serials = Vec::new();
        for stanza in header.stanzas() {
            let rows = known.query_map((stanza_digest(stanza).as_bytes(),), |row| row.get(0))?;
            for serial in rows {
                serials.push(Serial::from_bytes(serial?));
            }
        }
        Ok(serials)
    }

    /// Finds the deposit of the session key in a stanza, if it is the owner's own in a header that was seen.
    pub(crate) fn serial_of_own(&self, stanza: &Stanza) -> Result<Option<Serial>, HomeError> {
        let serial = self
            .database
            .prepare_cached("SELECT serial FROM matched WHERE own = ?1")?
            .query_row((stanza_digest(stanza).as_bytes(),), |row| row.get(0))
            .optional()?;
        Ok(serial.map(Serial::from_bytes))
    }

    /// Finds a deposit.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn deposit(&self, serial: Serial) -> Result<Option<DepositRecord>, HomeError> {
        let row = self
            .database
            .query_row(
                "SELECT statement, state, time FROM deposit WHERE serial = ?1",
                (serial.as_bytes(),),
                |row| {
                    Ok((
                        row.get::<_, [u8; 32]>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, i64>(2)?,
                    ))
                },
            )
            .optional()?;
        let Some((statement, state, time)) = row else {
            return Ok(None);
        };
        // A key is a mismatch here when the authority found so later; at deposit it would not have been kept.
        let states = [
            DepositState::Deposited,
            DepositState::Verified,
            DepositState::Mismatch,
        ];
        let state = states
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or(HomeError::Damaged {
                what: "deposit's state",
            })?;
        Ok(Some(DepositRecord {
            serial,
            statement: StatementId::from_bytes(statement),
            state,
            time: Time::from_millis(time.cast_unsigned()),
        }))
    }

    /// Returns what was said of a deposit, with the secret that rides along.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn particulars(&self, serial: Serial) -> Result<Option<Particulars>, HomeError> {
        Ok(self.sealed_key(serial)?.map(|key| key.particulars))
    }

    /// Tells whether a deposit is of a SIMPLEBLOB whose session key nobody showed to know.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn is_unproven(&self, serial: Serial) -> Result<bool, HomeError> {
        let key = self.sealed_key(serial)?;
        Ok(key.is_some_and(|key| key.label.content.is_unproven()))
    }

    fn sealed_key(&self, serial: Serial) -> Result<Option<SealedKey>, HomeError> {
        let Some(record) = self.deposit(serial)? else {
            return Ok(None);
        };
        let (statement, _) = self.statement(record.statement)?;
        let Statement::Deposit(deposit) = statement.statement() else {
            return Err(HomeError::Damaged { what: "deposit" });
        };
        let mut keys = deposit.keys().iter();
        Ok(keys.find(|key| key.label.serial == serial).cloned())
    }

    /// Returns a deposit statement and its receipt.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read, or holds none such.
    pub fn statement(&self, id: StatementId) -> Result<(SignedStatement, Receipt), HomeError> {
        let (bytes, receipt): (Vec<u8>, String) = self.database.query_row(
            "SELECT bytes, receipt FROM statement WHERE id = ?1",
            (id.as_bytes(),),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let receipt =
            Receipt::parse(&receipt).map_err(|_| HomeError::Damaged { what: "receipt" })?;
        Ok((parse_statement(&bytes)?, receipt))
    }

    /// Returns the deposit statements, in the order in which the authority recorded them.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn statements(&self) -> Result<Vec<StatementId>, HomeError> {
        let mut rows = self
            .database
            .prepare("SELECT statement FROM deposit GROUP BY statement ORDER BY min(time)")?;
        let rows = rows.query_map((), |row| row.get(0).map(StatementId::from_bytes))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the statements with keys that the authority has not opened, or that did not match when it did.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn unverified_statements(&self) -> Result<Vec<StatementId>, HomeError> {
        let mut rows = self
            .database
            .prepare("SELECT DISTINCT statement FROM deposit WHERE state <> ?1")?;
        let rows = rows.query_map((DepositState::Verified.as_str(),), |row| {
            row.get(0).map(StatementId::from_bytes)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records what the authority has found of some deposits since, and returns how many it says something new of.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written; then nothing of it is there.
    pub fn record_states(&mut self, states: &[(Serial, DepositState)]) -> Result<u64, HomeError> {
        let transaction = self.database.transaction()?;
        let mut changed = 0;
        for (serial, state) in states {
            changed += transaction.execute(
                "UPDATE deposit SET state = ?2 WHERE serial = ?1 AND state <> ?2",
                (serial.as_bytes(), state.as_str()),
            )?;
        }
        transaction.commit()?;
        Ok(changed as u64)
    }

    /// Calls `each` with every deposit statement and its receipt.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read; and passes on what `each` says.
    pub fn each_statement<E: From<HomeError>>(
        &self,
        each: &mut dyn FnMut(&SignedStatement, &Receipt) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statements = self
            .database
            .prepare("SELECT bytes, receipt FROM statement")
            .map_err(HomeError::from)?;
        let mut rows = statements.query(()).map_err(HomeError::from)?;
        while let Some(row) = rows.next().map_err(HomeError::from)? {
            let bytes: Vec<u8> = row.get(0).map_err(HomeError::from)?;
            let receipt: String = row.get(1).map_err(HomeError::from)?;
            let receipt =
                Receipt::parse(&receipt).map_err(|_| HomeError::Damaged { what: "receipt" })?;
            each(&parse_statement(&bytes)?, &receipt)?;
        }
        Ok(())
    }

    /// Counts the deposits.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn deposits_count(&self) -> Result<u64, HomeError> {
        let count: i64 = self
            .database
            .query_row("SELECT count(*) FROM deposit", (), |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }

    fn later_seen(
        &self,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Option<SignedCheckpoint>, HomeError> {
        let size = |seen: &SignedCheckpoint| seen.checkpoint().size;
        let earlier = self
            .seen()?
            .is_none_or(|seen| size(&seen) < size(checkpoint));
        Ok(earlier.then(|| checkpoint.clone()))
    }
}

pub(super) fn insert_matched(
    transaction: &Transaction<'_>,
    matched: &Matched,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR REPLACE INTO matched (header, serial, own) VALUES (?1, ?2, ?3)",
        (
            matched.header.as_bytes(),
            matched.serial.as_bytes(),
            matched.own.as_bytes(),
        ),
    )?;
    Ok(())
}

/// Notes which of the deposits that a statement made are of files without a pointer. What is deposited later counts.
fn insert_detached(
    transaction: &Transaction<'_>,
    statement: &SignedStatement,
    kept: &[(Serial, DepositState)],
) -> rusqlite::Result<()> {
    let Statement::Deposit(deposit) = statement.statement() else {
        return Ok(());
    };
    for key in deposit.keys() {
        let serial = key.label.serial;
        let is_kept = || kept.iter().any(|(kept, _)| *kept == serial);
        let particulars = &key.particulars;
        let mark = particulars.header().or_else(|| particulars.own_blob());
        let Some(mark) = mark.filter(|_| is_kept()) else {
            continue;
        };
        transaction.execute(
            "INSERT OR REPLACE INTO detached (mark, serial) VALUES (?1, ?2)",
            (mark.as_bytes(), serial.as_bytes()),
        )?;
    }
    Ok(())
}
