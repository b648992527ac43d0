//! What the home knows of its deposits: the authority's word on each, and the headers that match. The statements they came
//! in are the replica's.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, Transaction};
use strongroom_agefile::{Header, Stanza};
use strongroom_protocol::Recorded;
use strongroom_protocol::id::{AuthorityId, Digest, Serial, StatementId, Time};
use strongroom_protocol::receipt::{DepositState, Receipt};
use strongroom_protocol::statement::{Kind, Particulars, SignedStatement};

use super::devices::DeviceId;
use super::marks::insert_mark;
use super::secrets::{Check, IS_SUPERSEDED};
use super::{Home, HomeError, parse_statement};
use crate::mark::{FileMark, header_digest};
use crate::pointer::{Pointer, header_mark};
use crate::prepared::Confirmation;

/// A deposit as the home keeps it.
#[derive(Clone, Debug)]
pub struct DepositRecord {
    /// Its serial number.
    pub serial: Serial,
    /// The statement it came in.
    pub statement: StatementId,
    /// Where the log has that; nothing if it does not, any more.
    pub entry: Option<u64>,
    /// The authority's newest word on it.
    pub state: DepositState,
    /// When the log recorded it, by the authority's clock.
    pub time: Time,
    /// When it was recorded first: before a log that was put back lost it, and it was sent again.
    pub first: Time,
    /// Which of the owner's devices deposited it.
    pub device: DeviceId,
    /// H(L), what its owner signed.
    pub label: Digest,
    /// Whether it is of a SIMPLEBLOB whose session key nobody showed to know.
    pub unproven: bool,
}

impl DepositRecord {
    /// Returns what the authority said of it last.
    pub(crate) fn confirmation(&self, authority: AuthorityId) -> Confirmation {
        Confirmation {
            authority,
            serial: self.serial,
            state: self.state,
            time: self.time,
        }
    }
}

/// Where a deposit is in the log.
pub(crate) struct DepositEntry {
    pub(crate) serial: Serial,
    /// The number of its statement's row.
    pub(crate) statement: i64,
    pub(crate) index: u64,
    /// Its place in the statement.
    pub(crate) place: u64,
}

/// A deposit with what its owner said of it.
#[derive(Clone, Debug)]
pub struct KeptDeposit {
    /// The deposit.
    pub record: DepositRecord,
    /// What was said of it, with the secret that rides along.
    pub particulars: Particulars,
}

/// A deposit as it is listed.
#[derive(Clone, Debug)]
pub struct ListedDeposit {
    /// The deposit.
    pub deposit: KeptDeposit,
    /// What the secret goes by that rides along.
    pub name: Option<String>,
    /// Whether another secret under that name says that it supersedes this one.
    pub superseded: bool,
}

/// What the home saw of a file when it held the session key: that file, deposit and commitment agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// SHA-256 of the file's header.
    pub header: Digest,
    /// The deposit.
    pub serial: Serial,
    /// SHA-256 of the stanza in the header that the owner opened it by.
    pub own: Digest,
    /// Whether that stanza is of a key beside the home's, which is not lost with the home's.
    pub is_anothers: bool,
}

impl Matched {
    /// Describes a header whose `own`-th stanza is the owner's, or none where that can't be told.
    #[must_use]
    pub fn new(header: &Header, serial: Serial, own: Option<usize>) -> Self {
        let own = own.and_then(|place| header.stanzas().get(place));
        Self {
            header: header_digest(header),
            serial,
            own: own.map_or(NO_STANZA, stanza_digest),
            is_anothers: false,
        }
    }

    /// The same of a stanza that a key opened which is none of the home's, if it is.
    #[must_use]
    pub fn of_another_key(self, is_anothers: bool) -> Self {
        Self {
            is_anothers,
            ..self
        }
    }

    /// Describes a header that is no age file's, by its digest.
    #[must_use]
    pub fn detached(mark: Digest, serial: Serial) -> Self {
        Self {
            header: mark,
            serial,
            own: NO_STANZA,
            is_anothers: false,
        }
    }
}

/// Which stanza of a header is the owner's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnStanza {
    /// The one that the owner opened is of a key beside the home's: it is not lost with the home's.
    AnotherKeys,
    /// This one, of the home's key.
    Homes(usize),
    /// None was seen.
    Unknown,
}

/// What the home saw of deposits that it records.
#[derive(Clone, Copy, Default)]
pub struct Observations<'b> {
    /// The headers that match them.
    pub matched: &'b [Matched],
    /// The marks of the files that have those headers.
    pub marks: &'b [FileMark],
    /// The checks that secrets passed.
    pub checks: &'b [(Serial, Check)],
}

impl<'b> Observations<'b> {
    /// The headers that match, and nothing else.
    #[must_use]
    pub fn matched(matched: &'b [Matched]) -> Self {
        Self {
            matched,
            ..Self::default()
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
    /// Records that a file was seen to match its deposit.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn record_matched(&mut self, matched: &Matched) -> Result<(), HomeError> {
        self.record_all_matched(std::slice::from_ref(matched), &[])
    }

    /// Records what files were seen to match, and their marks, in one transaction.
    pub(crate) fn record_all_matched(
        &mut self,
        matched: &[Matched],
        marks: &[FileMark],
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        for matched in matched {
            insert_matched(&transaction, matched)?;
        }
        for mark in marks {
            insert_mark(&transaction, mark)?;
        }
        Ok(transaction.commit()?)
    }

    /// Finds what was seen of a file with this header.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn matched(&self, header: &Header) -> Result<Option<Matched>, HomeError> {
        self.matched_digest(header_digest(header))
    }

    /// Finds what was seen of a file whose header has this digest.
    pub(crate) fn matched_digest(&self, digest: Digest) -> Result<Option<Matched>, HomeError> {
        let row = self
            .database
            .prepare_cached("SELECT serial, own, NOT homes FROM matched WHERE header = ?1")?
            .query_row((digest.as_bytes(),), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        Ok(row.map(|(serial, own, is_anothers)| Matched {
            header: digest,
            serial: Serial::from_bytes(serial),
            own: Digest::from_bytes(own),
            is_anothers,
        }))
    }

    /// Finds which stanza of a header is the owner's own, if any file's was seen with it.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn own_stanza(&self, header: &Header) -> Result<OwnStanza, HomeError> {
        let mut known = self
            .database
            .prepare_cached("SELECT max(homes) FROM matched WHERE own = ?1")?;
        let mut found = OwnStanza::Unknown;
        for (place, stanza) in header.stanzas().iter().enumerate() {
            let digest = stanza_digest(stanza);
            let homes = known.query_row((digest.as_bytes(),), |row| row.get(0))?;
            match homes {
                Some(true) => return Ok(OwnStanza::Homes(place)),
                Some(false) => found = OwnStanza::AnotherKeys,
                None => {}
            }
        }
        Ok(found)
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

    /// Finds the deposit that is labelled with the digest of a payload: of several, the last. Reads all deposits.
    pub(crate) fn serial_by_payload(&self, payload: Digest) -> Result<Option<Serial>, HomeError> {
        let mut found = None;
        self.each_deposit::<HomeError>(&mut |deposit| {
            if deposit.particulars.payload() == Some(payload) {
                found = Some(deposit.record.serial);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Records a SIMPLEBLOB that is about to be written into a file, how it is padded, and the mark that the file will have, if
    /// file and deposit are known to agree: in one step, and before the first byte of it is written.
    pub(crate) fn record_own_blob(
        &mut self,
        own: &Matched,
        padding: &str,
        mark: Option<&FileMark>,
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        transaction.execute(
            "INSERT OR REPLACE INTO own_blob (mark, serial, padding) VALUES (?1, ?2, ?3)",
            (own.header.as_bytes(), own.serial.as_bytes(), padding),
        )?;
        if let Some(mark) = mark {
            insert_matched(&transaction, own)?;
            insert_mark(&transaction, mark)?;
        }
        Ok(transaction.commit()?)
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
    /// The home can't be read.
    pub fn deposit(&self, serial: Serial) -> Result<Option<DepositRecord>, HomeError> {
        let mut row = self.database.prepare_cached(
            "SELECT serial, id, entry, state, time, first, author, label, unproven
             FROM deposit JOIN statement ON statement.number = deposit.statement WHERE serial = ?1",
        )?;
        let row = row.query_row((serial.as_bytes(),), DepositRow::read);
        row.optional()?.map(DepositRow::into_record).transpose()
    }

    /// Calls `each` with every deposit, in the log's order; those that the log does not have any more come first.
    ///
    /// # Errors
    ///
    /// The home can't be read; and what `each` says is passed on.
    pub fn each_deposit<E: From<HomeError>>(
        &self,
        each: &mut dyn FnMut(KeptDeposit) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows = self
            .database
            .prepare(
                "SELECT serial, id, entry, state, time, first, author, label, unproven, particulars
                 FROM statement JOIN deposit ON deposit.statement = statement.number
                 ORDER BY entry, number, place",
            )
            .map_err(HomeError::from)?;
        let mut rows = rows.query(()).map_err(HomeError::from)?;
        while let Some(row) = rows.next().map_err(HomeError::from)? {
            let record = DepositRow::read(row).map_err(HomeError::from)?;
            let particulars: Vec<u8> = row.get(9).map_err(HomeError::from)?;
            each(KeptDeposit {
                record: record.into_record()?,
                particulars: parse_particulars(&particulars)?,
            })?;
        }
        Ok(())
    }

    /// Returns the deposits that the log's first `size` entries have, and the authority keeps by its newest word on them.
    pub(crate) fn kept_before(&self, size: u64) -> Result<Vec<Serial>, HomeError> {
        let mut rows = self.database.prepare(
            "SELECT serial FROM statement JOIN deposit ON deposit.statement = statement.number
             WHERE entry < ?1 AND state <> ?2 ORDER BY entry, place",
        )?;
        let refused = DepositState::Conflict.as_str();
        let rows = rows.query_map((size.cast_signed(), refused), |row| {
            row.get(0).map(Serial::from_bytes)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Calls `each` with every deposit, or with the secrets of one name alone, in the order in which they were recorded first:
    /// what was sent again, to a log that had lost it, stays where it was.
    ///
    /// # Errors
    ///
    /// The home can't be read; and what `each` says is passed on.
    pub fn each_listed<E: From<HomeError>>(
        &self,
        name: Option<&str>,
        each: &mut dyn FnMut(ListedDeposit) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rows = self
            .database
            .prepare(&listing(name))
            .map_err(HomeError::from)?;
        let mut rows = rows.query((name,)).map_err(HomeError::from)?;
        while let Some(row) = rows.next().map_err(HomeError::from)? {
            each(read_listed(row)?)?;
        }
        Ok(())
    }

    /// Returns what was said of a deposit, with the secret that rides along.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn particulars(&self, serial: Serial) -> Result<Option<Particulars>, HomeError> {
        let particulars: Option<Vec<u8>> = self
            .database
            .prepare_cached("SELECT particulars FROM deposit WHERE serial = ?1")?
            .query_row((serial.as_bytes(),), |row| row.get(0))
            .optional()?;
        particulars.as_deref().map(parse_particulars).transpose()
    }

    /// Tells whether a deposit is of a SIMPLEBLOB whose session key nobody showed to know.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn is_unproven(&self, serial: Serial) -> Result<bool, HomeError> {
        Ok(self
            .deposit(serial)?
            .is_some_and(|deposit| deposit.unproven))
    }

    /// Returns a statement of the replica and its receipt.
    ///
    /// # Errors
    ///
    /// The home can't be read, or holds none such.
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

    /// Returns where a deposit is in the log, if it is there.
    pub(crate) fn deposit_entry(&self, serial: Serial) -> Result<Option<DepositEntry>, HomeError> {
        let mut row = self.database.prepare_cached(
            "SELECT statement.number, statement.entry, deposit.place
             FROM deposit JOIN statement ON statement.number = deposit.statement
             WHERE deposit.serial = ?1 AND statement.entry IS NOT NULL",
        )?;
        let row = row.query_row((serial.as_bytes(),), |row| {
            Ok(DepositEntry {
                serial,
                statement: row.get(0)?,
                index: row.get::<_, i64>(1)?.cast_unsigned(),
                place: row.get::<_, i64>(2)?.cast_unsigned(),
            })
        });
        Ok(row.optional()?)
    }

    /// Returns the bytes of a statement, by the number of its row, with its receipt, both verified when they were taken.
    pub(crate) fn statement_bytes(&self, number: i64) -> Result<(Vec<u8>, Receipt), HomeError> {
        let mut row = self
            .database
            .prepare_cached("SELECT bytes, receipt FROM statement WHERE number = ?1")?;
        let (bytes, receipt): (Vec<u8>, String) =
            row.query_row((number,), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let receipt = Receipt::parse(&receipt);
        Ok((
            bytes,
            receipt.map_err(|_| HomeError::Damaged { what: "receipt" })?,
        ))
    }

    /// Returns the entries that this home has read from an index on, at most `limit`, as they were recorded; those that the
    /// authority could not read alone, if that is asked for.
    pub(crate) fn recorded(
        &self,
        from: u64,
        limit: usize,
        only_unread: bool,
    ) -> Result<Vec<Recorded>, HomeError> {
        let mut rows = self.database.prepare_cached(
            "SELECT bytes, receipt FROM statement
             WHERE entry >= ?1 AND (NOT ?3 OR entry IN (SELECT entry FROM unread))
             ORDER BY entry LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = rows.query_map((from.cast_signed(), limit, only_unread), |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (bytes, receipt) = row?;
            let receipt = Receipt::parse(&receipt);
            Ok(Recorded {
                statement: parse_statement(&bytes)?,
                receipt: receipt.map_err(|_| HomeError::Damaged { what: "receipt" })?,
            })
        })
        .collect()
    }

    /// Returns what the owner said that the log does not have any more, or the authority can't read there, in the order in
    /// which it was recorded: deposits, and words on the blobs of files and on devices.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn lost_statements(&self) -> Result<Vec<StatementId>, HomeError> {
        let mut rows = self.database.prepare(
            "SELECT id FROM statement
             WHERE (entry IS NULL OR entry IN (SELECT entry FROM unread)) AND kind IN (?1, ?2, ?3)
             ORDER BY number",
        )?;
        let kinds = (
            Kind::Deposit.code().cast_signed(),
            Kind::OwnBlob.code().cast_signed(),
            Kind::Device.code().cast_signed(),
        );
        let rows = rows.query_map(kinds, |row| row.get(0).map(StatementId::from_bytes))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts the deposit statements that the log has.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn present_statements_count(&self) -> Result<u64, HomeError> {
        let count: i64 = self.database.query_row(
            "SELECT count(*) FROM statement
             WHERE entry IS NOT NULL AND entry NOT IN (SELECT entry FROM unread) AND kind = ?1",
            (Kind::Deposit.code().cast_signed(),),
            |row| row.get(0),
        )?;
        Ok(count.cast_unsigned())
    }

    /// Counts the deposits that the authority opened, and that matched.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn verified_count(&self) -> Result<u64, HomeError> {
        let count: i64 = self.database.query_row(
            "SELECT count(*) FROM deposit WHERE state = ?1",
            (DepositState::Verified.as_str(),),
            |row| row.get(0),
        )?;
        Ok(count.cast_unsigned())
    }

    /// Counts the deposits.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn deposits_count(&self) -> Result<u64, HomeError> {
        let count: i64 = self
            .database
            .query_row("SELECT count(*) FROM deposit", (), |row| row.get(0))?;
        Ok(count.cast_unsigned())
    }
}

/// Asks for deposits in time's order: in that of an index, so that nothing is sorted and one row at a time is in memory; of a name,
/// for the few that have it.
fn listing(name: Option<&str>) -> String {
    let from = match name {
        None => {
            "statement CROSS JOIN deposit ON deposit.statement = statement.number
             LEFT JOIN secret ON secret.serial = deposit.serial
             WHERE ?1 IS NULL"
        }
        Some(_) => {
            "secret CROSS JOIN deposit ON deposit.serial = secret.serial
             CROSS JOIN statement ON statement.number = deposit.statement
             WHERE name = ?1"
        }
    };
    format!(
        "SELECT deposit.serial, id, entry, state, time, first, author, label, unproven, particulars, name,
             {IS_SUPERSEDED}
         FROM {from} ORDER BY first, entry, number, place"
    )
}

/// The columns of a deposit and of its statement, in the order in which they are asked for.
fn read_listed(row: &Row<'_>) -> Result<ListedDeposit, HomeError> {
    let particulars: Vec<u8> = row.get(9)?;
    Ok(ListedDeposit {
        deposit: KeptDeposit {
            record: DepositRow::read(row)?.into_record()?,
            particulars: parse_particulars(&particulars)?,
        },
        name: row.get(10)?,
        superseded: row.get(11)?,
    })
}

struct DepositRow {
    serial: [u8; 16],
    statement: [u8; 32],
    entry: Option<i64>,
    state: String,
    time: i64,
    first: i64,
    author: [u8; 32],
    label: [u8; 32],
    unproven: bool,
}

impl DepositRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            serial: row.get(0)?,
            statement: row.get(1)?,
            entry: row.get(2)?,
            state: row.get(3)?,
            time: row.get(4)?,
            first: row.get(5)?,
            author: row.get(6)?,
            label: row.get(7)?,
            unproven: row.get(8)?,
        })
    }

    fn into_record(self) -> Result<DepositRecord, HomeError> {
        // What was kept once can be refused by a log that was put back, or found not to match.
        let states = [
            DepositState::Deposited,
            DepositState::Verified,
            DepositState::Conflict,
            DepositState::Mismatch,
        ];
        let state = states
            .into_iter()
            .find(|state| state.as_str() == self.state);
        Ok(DepositRecord {
            serial: Serial::from_bytes(self.serial),
            statement: StatementId::from_bytes(self.statement),
            entry: self.entry.map(i64::cast_unsigned),
            state: state.ok_or(HomeError::Damaged {
                what: "deposit's state",
            })?,
            time: Time::from_millis(self.time.cast_unsigned()),
            first: Time::from_millis(self.first.cast_unsigned()),
            device: DeviceId::from_bytes(self.author),
            label: Digest::from_bytes(self.label),
            unproven: self.unproven,
        })
    }
}

fn parse_particulars(bytes: &[u8]) -> Result<Particulars, HomeError> {
    Particulars::from_bytes(bytes).map_err(|_| HomeError::Damaged {
        what: "deposit's particulars",
    })
}

pub(super) fn insert_matched(
    transaction: &Transaction<'_>,
    matched: &Matched,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO matched (header, serial, own, homes) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((
            matched.header.as_bytes(),
            matched.serial.as_bytes(),
            matched.own.as_bytes(),
            !matched.is_anothers,
        ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_listing_of_everything_sorts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::create(&folder.path().join("home")).unwrap();
        let sorts = |name: Option<&str>| {
            let mut statement = home.database.prepare(&listing(name)).unwrap();
            assert!(statement.query((name,)).unwrap().next().unwrap().is_none());
            statement.get_status(StatementStatus::Sort)
        };
        assert_eq!(sorts(None), 0);
        assert_eq!(sorts(Some("wifi")), 1);
    }
}
