//! Files that were written here, or looked at with their keys, and what changes when a file does: as long as none of that does,
//! a file is what it was, and is not read again (spec/deposit.md#looks).

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;
use strongroom_protocol::id::{Digest, Serial, Time};

use super::marks::insert_mark;
use super::{Home, HomeError};
use crate::file::copy::Stamp;
use crate::mark::FileMark;

/// A file that was seen to be what it is.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Where it lies.
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    pub(crate) header: Digest,
    /// Whether the header does not say where the spare is.
    pub(crate) detached: bool,
    /// Whether its key opened the beginning of its payload, or wrote it.
    pub(crate) with_key: bool,
}

/// What is known of a file that is what it was.
pub(crate) struct Known {
    pub(crate) mark: FileMark,
    /// The deposit that its header matches.
    pub(crate) serial: Serial,
    pub(crate) detached: bool,
    pub(crate) with_key: bool,
}

/// Of a file that was encrypted: how long it was, and when it was modified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStamp {
    length: u64,
    seconds: i64,
    nanos: i64,
}

impl SourceStamp {
    /// Takes it from a file.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            seconds: metadata.mtime(),
            nanos: metadata.mtime_nsec(),
        }
    }
}

/// What was learned by looking at files.
#[derive(Default)]
pub struct Learned {
    pub(crate) marks: Vec<FileMark>,
    pub(crate) looks: Vec<Look>,
    /// What was made of what.
    pub(crate) sources: Vec<(PathBuf, SourceStamp)>,
    /// Files that are not what they were, whatever is known by how they looked.
    pub(crate) stale: Vec<PathBuf>,
}

impl Home {
    /// Keeps what was learned by looking at files, in one transaction.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_learned(&mut self, learned: &Learned) -> Result<(), HomeError> {
        let Learned {
            marks,
            looks,
            sources,
            stale,
        } = learned;
        if marks.is_empty() && looks.is_empty() && sources.is_empty() && stale.is_empty() {
            return Ok(());
        }
        let transaction = self.database.transaction()?;
        for mark in marks {
            insert_mark(&transaction, mark)?;
        }
        for path in stale {
            transaction
                .prepare_cached("DELETE FROM look WHERE path = ?1")?
                .execute((path.as_os_str().as_bytes(),))?;
        }
        for (path, source) in sources {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO source (path, length, seconds, nanos) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((
                    path.as_os_str().as_bytes(),
                    source.length.cast_signed(),
                    source.seconds,
                    source.nanos,
                ))?;
        }
        for look in looks {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO look (path, stamp, header, detached, with_key) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((
                    look.path.as_os_str().as_bytes(),
                    look.stamp.to_digest().as_bytes(),
                    look.header.as_bytes(),
                    look.detached,
                    look.with_key,
                ))?;
        }
        Ok(transaction.commit()?)
    }

    /// Records files that were written just now. By what they are known again waits in `written` until a change of theirs would
    /// show; what is never recorded is looked at once more.
    ///
    /// # Errors
    ///
    /// The home can't be written.
    pub fn record_written(&mut self, written: &mut Learned, now: Time) -> Result<(), HomeError> {
        let (old, new) = std::mem::take(&mut written.looks)
            .into_iter()
            .partition(|look| look.stamp.would_show(now));
        let is_still = |look: &Look| {
            let metadata = look.path.symlink_metadata();
            metadata.is_ok_and(|now| Stamp::of(&now) == look.stamp)
        };
        written.looks = old;
        written.looks.retain(is_still);
        self.record_loosely(|home| home.record_learned(written))?;
        *written = Learned {
            looks: new,
            ..Learned::default()
        };
        Ok(())
    }

    /// Records what a power cut may take back, as a crash before it would: what is learnt again by looking at files. It waits
    /// for the disk once less.
    pub(crate) fn record_loosely(
        &mut self,
        record: impl FnOnce(&mut Self) -> Result<(), HomeError>,
    ) -> Result<(), HomeError> {
        self.database.pragma_update(None, "synchronous", "FULL")?;
        let recorded = record(self);
        self.database.pragma_update(None, "synchronous", "EXTRA")?;
        recorded
    }

    /// Returns what the encrypted file at an absolute path was made of here.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn made_of(&self, path: &Path) -> Result<Option<SourceStamp>, HomeError> {
        let row = self
            .database
            .prepare_cached("SELECT length, seconds, nanos FROM source WHERE path = ?1")?
            .query_row((path.as_os_str().as_bytes(),), |row| {
                Ok(SourceStamp {
                    length: row.get::<_, i64>(0)?.cast_unsigned(),
                    seconds: row.get(1)?,
                    nanos: row.get(2)?,
                })
            });
        Ok(row.optional()?)
    }

    /// Tells whether the file at an absolute path was an encrypted one when it was written or looked at here.
    pub(crate) fn has_looked_at(&self, path: &Path) -> Result<bool, HomeError> {
        let row = self
            .database
            .prepare_cached("SELECT 1 FROM look WHERE path = ?1")?
            .query_row((path.as_os_str().as_bytes(),), |_| Ok(()));
        Ok(row.optional()?.is_some())
    }

    /// Returns what is known of the file at an absolute path, if it has not changed since it was looked at, and its header
    /// still is one that this home knows.
    pub(crate) fn known_by_look(
        &self,
        path: &OsStr,
        stamp: &Stamp,
    ) -> Result<Option<Known>, HomeError> {
        let mut row = self.database.prepare_cached(
            "SELECT look.header, first, length, last, serial, detached, with_key
             FROM look JOIN file_mark USING (header) JOIN matched USING (header)
             WHERE path = ?1 AND stamp = ?2",
        )?;
        let of = (path.as_bytes(), stamp.to_digest());
        let row = row.query_row((of.0, of.1.as_bytes()), |row| {
            Ok(Known {
                mark: FileMark {
                    header: Digest::from_bytes(row.get(0)?),
                    first: row.get(1)?,
                    length: row.get::<_, i64>(2)?.cast_unsigned(),
                    last: row.get(3)?,
                },
                serial: Serial::from_bytes(row.get(4)?),
                detached: row.get(5)?,
                with_key: row.get(6)?,
            })
        });
        Ok(row.optional()?)
    }

    /// Lets many questions be asked of the home as of one moment, which costs each of them less.
    ///
    /// # Errors
    ///
    /// The home can't be read.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, HomeError> {
        // In KiB, at most: what is asked of is scattered by hashes, and is read once if it fits.
        self.database.pragma_update(None, "cache_size", -131_072)?;
        Ok(Snapshot {
            _reading: self.database.unchecked_transaction()?,
        })
    }
}

/// The home as of one moment; until it is dropped nothing is written.
pub struct Snapshot<'h> {
    _reading: rusqlite::Transaction<'h>,
}
