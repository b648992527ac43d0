//! The marks of files that this home wrote, or saw with their keys (spec/deposit.md#mark), and which files were read to
//! their ends.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{OptionalExtension, Transaction};
use strongroom_protocol::id::{Digest, Serial, Time};

use super::{Home, HomeError};
use crate::mark::FileMark;

/// What came of reading a file to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The digest of its mark's first and last.
    pub(crate) mark: Digest,
    /// When, by our clock.
    pub time: Time,
    /// Whether all of it was as it was written.
    pub whole: bool,
}

impl Home {
    /// Records the marks of files that were written just now, or seen at both ends with their keys, in one transaction.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_marks(&mut self, marks: &[FileMark]) -> Result<(), HomeError> {
        if marks.is_empty() {
            return Ok(());
        }
        let transaction = self.database.transaction()?;
        for mark in marks {
            insert_mark(&transaction, mark)?;
        }
        Ok(transaction.commit()?)
    }

    /// Finds the mark of the file with this header.
    pub(crate) fn mark(&self, header: Digest) -> Result<Option<FileMark>, HomeError> {
        let row = self
            .database
            .prepare_cached("SELECT first, length, last FROM file_mark WHERE header = ?1")?
            .query_row((header.as_bytes(),), |row| {
                Ok(FileMark {
                    header,
                    first: row.get(0)?,
                    length: row.get::<_, i64>(1)?.cast_unsigned(),
                    last: row.get(2)?,
                })
            });
        Ok(row.optional()?)
    }

    /// Returns the deposits of the files that had a payload with this beginning, whatever header is before it now; if that is
    /// one of theirs, its own first.
    pub(crate) fn serials_of_payload(
        &self,
        first: &[u8; 16],
        header: Digest,
    ) -> Result<Vec<Serial>, HomeError> {
        let mut rows = self.database.prepare_cached(
            "SELECT serial FROM file_mark JOIN matched USING (header)
             WHERE first = ?1 ORDER BY header = ?2 DESC",
        )?;
        let of = (first, header.as_bytes());
        let rows = rows.query_map(of, |row| row.get(0).map(Serial::from_bytes))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records what came of reading files to their ends, and the marks that were seen there, in one transaction.
    pub(crate) fn record_readings<'p>(
        &mut self,
        marks: &[FileMark],
        readings: impl IntoIterator<Item = (&'p Path, Reading)>,
    ) -> Result<(), HomeError> {
        let transaction = self.database.transaction()?;
        for mark in marks {
            insert_mark(&transaction, mark)?;
        }
        for (path, reading) in readings {
            transaction.execute(
                "INSERT OR REPLACE INTO reading (path, mark, time, whole) VALUES (?1, ?2, ?3, ?4)",
                (
                    path.as_os_str().as_bytes(),
                    reading.mark.as_bytes(),
                    reading.time.as_millis().cast_signed(),
                    reading.whole,
                ),
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Returns what came of reading the file at an absolute path the last time.
    pub(crate) fn reading(&self, path: &Path) -> Result<Option<Reading>, HomeError> {
        let row = self
            .database
            .prepare_cached("SELECT mark, time, whole FROM reading WHERE path = ?1")?
            .query_row((path.as_os_str().as_bytes(),), |row| {
                Ok(Reading {
                    mark: Digest::from_bytes(row.get(0)?),
                    time: Time::from_millis(row.get::<_, i64>(1)?.cast_unsigned()),
                    whole: row.get(2)?,
                })
            });
        Ok(row.optional()?)
    }

    /// Begins to read the files that a digest stands for, or goes on with what a command that was killed began, if that was
    /// not before `oldest`. Returns since when.
    pub(crate) fn begin_reading(
        &mut self,
        files: Digest,
        now: Time,
        oldest: Time,
    ) -> Result<Time, HomeError> {
        let transaction = self.database.transaction()?;
        let begun: Option<i64> = transaction
            .query_row(
                "SELECT begun FROM reading_begun WHERE files = ?1",
                (files.as_bytes(),),
                |row| row.get(0),
            )
            .optional()?;
        let begun = begun.map(|begun| Time::from_millis(begun.cast_unsigned()));
        let begun = begun.filter(|begun| (oldest..=now).contains(begun));
        transaction.execute(
            "INSERT OR REPLACE INTO reading_begun (files, begun) VALUES (?1, ?2)",
            (
                files.as_bytes(),
                begun.unwrap_or(now).as_millis().cast_signed(),
            ),
        )?;
        transaction.commit()?;
        Ok(begun.unwrap_or(now))
    }

    /// Ends what was begun: all of it was read.
    pub(crate) fn end_reading(&mut self, files: Digest) -> Result<(), HomeError> {
        self.database.execute(
            "DELETE FROM reading_begun WHERE files = ?1",
            (files.as_bytes(),),
        )?;
        Ok(())
    }
}

pub(super) fn insert_mark(transaction: &Transaction<'_>, mark: &FileMark) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO file_mark (header, first, length, last) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((
            mark.header.as_bytes(),
            mark.first,
            mark.length.cast_signed(),
            mark.last,
        ))?;
    Ok(())
}
