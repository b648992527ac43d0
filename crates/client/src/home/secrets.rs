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
    /// Returns the secrets, the earliest first.
    ///
    /// # Errors
    ///
    /// Says so when the home can't be read.
    pub fn secrets(&self) -> Result<Vec<SecretRecord>, HomeError> {
        // Of one time, the one that this home knew later counts as the later.
        let mut rows = self.database.prepare(
            "SELECT secret.serial, name, deposit.time, command, secret_check.time, opens,
                    name IS NOT NULL AND lead(TRUE) OVER
                        (PARTITION BY name ORDER BY deposit.time, made) IS NOT NULL
             FROM secret
             JOIN deposit ON deposit.serial = secret.serial
             LEFT JOIN secret_check ON secret_check.serial = secret.serial
             ORDER BY deposit.time, made",
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
        self.database.execute(
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
}

fn time(millis: i64) -> Time {
    Time::from_millis(millis.cast_unsigned())
}

/// Notes which of the deposits that a statement made have a secret riding along.
pub(super) fn insert_secrets(
    transaction: &Transaction<'_>,
    statement: &SignedStatement,
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
                "INSERT OR IGNORE INTO secret (serial, name, made)
                 VALUES (?1, ?2, (SELECT count(*) FROM secret))",
                (serial.as_bytes(), key.particulars.name()),
            )?;
        }
    }
    Ok(())
}
