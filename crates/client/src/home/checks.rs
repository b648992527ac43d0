//! What the authority found wrong when it last checked what it keeps: of all that it keeps, not of this owner's alone.

use rusqlite::OptionalExtension;
use strongroom_protocol::id::Time;
use strongroom_protocol::statement::{Checked, Kind, Statement};

use super::{Home, HomeError, parse_statement};

/// Checks that found something wrong, since the last one of everything that found nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedChecks {
    /// When the first of them was made, by the authority's clock.
    pub since: Time,
    /// What the last one of them found.
    pub last: Checked,
}

impl Home {
    /// Returns what the authority's last check found, and when it was made, by its clock.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn last_check(&self) -> Result<Option<(Time, Checked)>, HomeError> {
        let row = self
            .database
            .prepare_cached(
                "SELECT bytes, time FROM statement WHERE kind = ?1 AND entry IS NOT NULL ORDER BY entry DESC LIMIT 1",
            )?
            .query_row((Kind::Checked.code().cast_signed(),), |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        let Some((bytes, time)) = row else {
            return Ok(None);
        };
        let statement = parse_statement(&bytes)?;
        let Statement::Checked(checked) = statement.statement() else {
            return Err(HomeError::Damaged { what: "check" });
        };
        Ok(Some((
            Time::from_millis(time.cast_unsigned()),
            checked.clone(),
        )))
    }

    /// Returns what the authority's checks found to be wrong, unless a check of everything has found nothing since.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn failed_checks(&self) -> Result<Option<FailedChecks>, HomeError> {
        let mut rows = self.database.prepare_cached(
            "SELECT bytes, time FROM statement WHERE kind = ?1 AND entry IS NOT NULL ORDER BY entry DESC",
        )?;
        let mut rows = rows.query((Kind::Checked.code().cast_signed(),))?;
        let mut failed: Option<FailedChecks> = None;
        while let Some(row) = rows.next()? {
            let (bytes, time): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
            let statement = parse_statement(&bytes)?;
            let Statement::Checked(checked) = statement.statement() else {
                return Err(HomeError::Damaged { what: "check" });
            };
            if checked.is_clean() && checked.is_complete() {
                break;
            }
            // Of a sample that is well nothing follows, for better or worse.
            if !checked.is_clean() {
                let last = failed.map_or_else(|| checked.clone(), |failed| failed.last);
                let since = Time::from_millis(time.cast_unsigned());
                failed = Some(FailedChecks { since, last });
            }
        }
        Ok(failed)
    }
}
