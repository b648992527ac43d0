//! The secrets that ride along with this home's deposits: which they are, and whether they open what they are for.

use rusqlite::Transaction;
use strongroom_protocol::id::{Serial, Time};
use strongroom_protocol::receipt::DepositState;
use strongroom_protocol::statement::{SignedStatement, Statement};

use super::{Home, HomeError};

/// A secret as the home knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its deposit.
    pub serial: Serial,
    /// What it goes by.
    pub name: Option<String>,
    /// Since when the authority has it, by its clock.
    pub since: Time,
    /// Whether a later one goes by its name.
    pub superseded: bool,
    /// Whether it was seen to open what it is for.
    pub check: Option<Check>,
}

/// What shows whether a secret opens what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The command, which takes the secret on its standard input.
    pub command: String,
    /// When it was run last, by this machine's clock.
    pub time: Time,
    /// Whether it opened then.
    pub opens: bool,
}

impl Home {
    /// Returns the secrets, in the order in which the authority's log has them.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn secrets(&self) -> Result<Vec<SecretRecord>, HomeError> {
        // In the log's order: the authority's clock may have been put back, and two acts can have one time.
        let mut rows = self.database.prepare(
            "SELECT secret.serial, name, deposit.time, command, secret_check.time, opens,
                    name IS NOT NULL AND lead(TRUE) OVER
                        (PARTITION BY name ORDER BY entry) IS NOT NULL
             FROM secret
             JOIN deposit ON deposit.serial = secret.serial
             LEFT JOIN secret_check ON secret_check.serial = secret.serial
             ORDER BY entry",
        )?;
        let rows = rows.query_map((), |row| {
            Ok(SecretRecord {
                serial: Serial::from_bytes(row.get(0)?),
                name: row.get(1)?,
                since: time(row.get(2)?),
                superseded: row.get(6)?,
                check: match row.get(3)? {
                    None => None,
                    Some(command) => Some(Check {
                        command,
                        time: time(row.get(4)?),
                        opens: row.get(5)?,
                    }),
                },
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records that a secret's check was run.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written, or knows no such secret.
    pub fn record_check(&mut self, serial: Serial, check: &Check) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        insert_check(&transaction, serial, check)?;
        Ok(transaction.commit()?)
    }

    /// Forgets a secret's check.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be written.
    pub fn forget_check(&mut self, serial: Serial) -> Result<(), HomeError> {
        self.database.execute(
            "DELETE FROM secret_check WHERE serial = ?1",
            (serial.as_bytes(),),
        )?;
        Ok(())
    }
}

fn time(millis: i64) -> Time {
    Time::from_millis(millis.cast_unsigned())
}

pub(super) fn insert_check(
    transaction: &Transaction<'_>,
    serial: Serial,
    check: &Check,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR REPLACE INTO secret_check (serial, command, time, opens) VALUES (?1, ?2, ?3, ?4)",
        (
            serial.as_bytes(),
            &check.command,
            check.time.as_millis().cast_signed(),
            check.opens,
        ),
    )?;
    Ok(())
}

/// Notes which of the deposits that a statement made have a secret riding along.
pub(super) fn insert_secrets(
    transaction: &Transaction<'_>,
    statement: &SignedStatement,
    entry: u64,
    kept: &[(Serial, DepositState)],
) -> rusqlite::Result<()> {
    let Statement::Deposit(deposit) = statement.statement() else {
        return Ok(());
    };
    for key in deposit.keys() {
        let serial = key.label.serial;
        let is_kept = kept.iter().any(|(kept, _)| *kept == serial);
        if is_kept && !key.particulars.attachment().is_empty() {
            transaction.execute(
                // It has another place in the log of an authority that was restored.
                "INSERT INTO secret (serial, name, entry) VALUES (?1, ?2, ?3)
                 ON CONFLICT (serial) DO UPDATE SET entry = excluded.entry",
                (
                    serial.as_bytes(),
                    key.particulars.name(),
                    entry.cast_signed(),
                ),
            )?;
        }
    }
    Ok(())
}
