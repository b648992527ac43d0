//! The secrets that ride along with the owner's deposits: which they are, which is the newest of a name, and whether they
//! open what they are for.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction};
use strongroom_protocol::id::{Serial, Time};
use strongroom_protocol::statement::Particulars;

use super::devices::DeviceId;
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
    /// Which of the owner's devices deposited it.
    pub device: DeviceId,
    /// Whether another one under its name says that it supersedes this one.
    pub superseded: bool,
    /// What shows whether it opens what it is for.
    pub check: Option<Check>,
}

/// What shows whether a secret opens what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The command, which takes the secret on its standard input.
    pub command: String,
    /// When it was run for this very secret; not yet, if the secret is newer than the last run.
    pub run: Option<CheckRun>,
}

/// When a check was run last, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckRun {
    /// When, by this machine's clock.
    pub time: Time,
    /// Whether it opened then.
    pub opens: bool,
}

/// Whether a kept deposit of the same name says that it supersedes the row's secret.
pub(super) const IS_SUPERSEDED: &str = "EXISTS (
    SELECT 1 FROM supersedes
    CROSS JOIN secret AS newer ON newer.serial = supersedes.newer
    CROSS JOIN deposit AS kept ON kept.serial = newer.serial
    WHERE supersedes.older = secret.serial AND newer.name = secret.name
        AND kept.state IN ('deposited', 'verified'))";

impl Home {
    /// Returns the secrets, in the order in which the authority's log has them.
    ///
    /// Which is the newest of a name follows from what each says that it supersedes, and never from when it was sent: one
    /// that is sent again does not become the newest. Two machines that both superseded the same one leave two.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn secrets(&self) -> Result<Vec<SecretRecord>, HomeError> {
        let checks = self.checks()?;
        let mut rows = self.database.prepare(&format!(
            "SELECT secret.serial, secret.name, statement.time, author, {IS_SUPERSEDED}
             FROM secret
             JOIN deposit ON deposit.serial = secret.serial
             JOIN statement ON statement.number = deposit.statement
             ORDER BY entry IS NULL, entry, number, place"
        ))?;
        let rows = rows.query_map((), |row| {
            let serial = Serial::from_bytes(row.get(0)?);
            let name: Option<String> = row.get(1)?;
            let check = checks.get(&about(serial, name.as_deref()));
            Ok(SecretRecord {
                serial,
                since: time(row.get(2)?),
                device: DeviceId::from_bytes(row.get(3)?),
                superseded: row.get(4)?,
                check: check.map(|(command, of, run)| Check {
                    command: command.clone(),
                    run: Some(*run).filter(|_| *of == serial),
                }),
                name,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the newest secrets under each name: one, or those that several machines of the owner's made side by side.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn newest_secrets(&self) -> Result<BTreeMap<String, Vec<Serial>>, HomeError> {
        let mut newest: BTreeMap<String, Vec<Serial>> = BTreeMap::new();
        for secret in self.secrets()? {
            if let Some(name) = secret.name.filter(|_| !secret.superseded) {
                newest.entry(name).or_default().push(secret.serial);
            }
        }
        Ok(newest)
    }

    /// Returns the newest secrets under one name.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub(crate) fn newest_under(&self, name: &str) -> Result<Vec<Serial>, HomeError> {
        let mut rows = self.database.prepare_cached(&format!(
            "SELECT secret.serial
             FROM secret
             JOIN deposit ON deposit.serial = secret.serial
             JOIN statement ON statement.number = deposit.statement
             WHERE name = ?1 AND NOT {IS_SUPERSEDED}
             ORDER BY entry IS NULL, entry, number, place"
        ))?;
        let rows = rows.query_map((name,), |row| row.get(0).map(Serial::from_bytes))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Returns the command that checks what goes by a name, if there is one.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn check_of(&self, name: &str) -> Result<Option<String>, HomeError> {
        let command = self
            .database
            .prepare_cached("SELECT command FROM secret_check WHERE about = ?1")?
            .query_row((about_name(name),), |row| row.get(0));
        Ok(command.optional()?)
    }

    /// Records that a secret's check was run. Where the secret has a name, the check is the name's from now on.
    ///
    /// # Errors
    ///
    /// The home can't be written, or knows no such secret.
    pub fn record_check(
        &mut self,
        serial: Serial,
        command: &str,
        run: CheckRun,
    ) -> Result<(), HomeError> {
        let check = Check {
            command: command.to_owned(),
            run: Some(run),
        };
        let transaction = self.database.transaction()?;
        insert_check(&transaction, serial, &check)?;
        Ok(transaction.commit()?)
    }

    /// Takes the check away from what goes by a name.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn forget_check(&mut self, name: &str) -> Result<(), HomeError> {
        self.database.execute(
            "DELETE FROM secret_check WHERE about = ?1",
            (about_name(name),),
        )?;
        Ok(())
    }

    /// Notes that somebody was told that this home can't open a secret; returns whether that is new.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_not_compared(&mut self, serial: Serial) -> Result<bool, HomeError> {
        let new = self.database.execute(
            "INSERT OR IGNORE INTO not_compared (serial) VALUES (?1)",
            (serial.as_bytes(),),
        )?;
        Ok(new > 0)
    }

    fn checks(&self) -> Result<BTreeMap<String, (String, Serial, CheckRun)>, HomeError> {
        let mut rows = self
            .database
            .prepare("SELECT about, command, serial, time, opens FROM secret_check")?;
        let rows = rows.query_map((), |row| {
            let run = CheckRun {
                time: time(row.get(3)?),
                opens: row.get(4)?,
            };
            Ok((
                row.get(0)?,
                (row.get(1)?, Serial::from_bytes(row.get(2)?), run),
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn time(millis: i64) -> Time {
    Time::from_millis(millis.cast_unsigned())
}

/// Says what a check is about: a name, or the one secret that has none.
fn about(serial: Serial, name: Option<&str>) -> String {
    name.map_or_else(|| format!("serial:{serial}"), about_name)
}

fn about_name(name: &str) -> String {
    format!("name:{name}")
}

pub(super) fn insert_check(
    transaction: &Transaction<'_>,
    serial: Serial,
    check: &Check,
) -> rusqlite::Result<()> {
    let Some(run) = check.run else {
        return Ok(());
    };
    let name: Option<String> = transaction.query_row(
        "SELECT name FROM secret WHERE serial = ?1",
        (serial.as_bytes(),),
        |row| row.get(0),
    )?;
    transaction.execute(
        "INSERT OR REPLACE INTO secret_check (about, command, serial, time, opens)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            about(serial, name.as_deref()),
            &check.command,
            serial.as_bytes(),
            run.time.as_millis().cast_signed(),
            run.opens,
        ),
    )?;
    Ok(())
}

/// Notes that a deposit has a secret riding along, and what that supersedes.
pub(super) fn insert_secret(
    transaction: &Transaction<'_>,
    serial: Serial,
    particulars: &Particulars,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT OR IGNORE INTO secret (serial, name) VALUES (?1, ?2)")?
        .execute((serial.as_bytes(), particulars.name()))?;
    for older in particulars.supersedes() {
        transaction
            .prepare_cached("INSERT OR IGNORE INTO supersedes (older, newer) VALUES (?1, ?2)")?
            .execute((older.as_bytes(), serial.as_bytes()))?;
    }
    Ok(())
}
