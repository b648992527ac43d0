//! The store in SQLite, a file: its making, its versions, who waits for whom. The questions are in `rows`; there is no
//! SQL outside this module.

mod disk;
mod readers;
mod rows;
mod schema;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use rusqlite::{Connection, ErrorCode};

use super::{Damage, Rows, Store, StoreError, Transaction};

use disk::{Access, begin_journal, check_at_rest, connect, settle_journal, waiting_for};
use readers::Readers;
use rows::Open;

/// Says in the file's header whose it is: `SrmA`.
const APPLICATION_ID: i32 = 0x5372_6d41;
/// The version of what is in it, schema and map.
const VERSION: i64 = 4;
/// How long one process waits for another's commit.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// An open store.
///
/// Every process that has the folder has its own; SQLite's locks on the file keep them apart.
pub(crate) struct Sqlite {
    path: PathBuf,
    file: FileIdentity,
    access: Access,
    readers: Readers,
    /// The one connection that writes: held for the length of a transaction. It goes last: whichever does writes what is ahead
    /// into the store, and one that has not written yet would wait for the folder too (spec/files.md#waits).
    writer: Mutex<Connection>,
}

impl Sqlite {
    /// Creates a store, whose file must not exist, and closes it again.
    pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
        // Descriptions are readable in it. What SQLite puts beside it takes after it.
        create_private(path).map_err(|error| StoreError::Failed(error.into()))?;
        let connection = connect(path, Access::Write)?;
        begin_journal(&connection, path)?;
        let transaction = connection.unchecked_transaction()?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        schema::make(&transaction)?;
        transaction.commit()?;
        connection.close().map_err(|(_, error)| error.into())
    }

    /// Copies a store as of its last commit into `to`, which must not exist; others may go on using it. It may be on
    /// a disk that can only be read.
    ///
    /// What is deleted is not in the copy. It is one file, and not yet on the disk when this returns.
    pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        let name = to.to_str().ok_or_else(|| {
            StoreError::Failed("a path that is no text can't be given to SQLite".into())
        })?;
        create_private(to).map_err(|error| StoreError::Failed(error.into()))?;
        let access = Access::to_read(from);
        let source = connect(from, access)?;
        source.execute("VACUUM INTO ?1", [name])?;
        check_at_rest(from, access)?;
        source.close().map_err(|(_, error)| error.into())
    }

    /// Opens a store that exists, of this version. One that can't be written to where it lies is read in place.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = FileIdentity::of(path).map_err(|error| StoreError::Failed(error.into()))?;
        let access = Access::to(path);
        if access == Access::Write {
            settle_journal(path)?;
        }
        let writer = connect(path, access)?;
        let application: i32 = writer.pragma_query_value(None, "application_id", |r| r.get(0))?;
        if application != APPLICATION_ID {
            return Err(StoreError::NotOurs);
        }
        let found = version(&writer)?;
        if found > VERSION {
            return Err(StoreError::Newer {
                found,
                known: VERSION,
            });
        }
        if found < 1 {
            return Err(Damage::of("its version is none that is known").into());
        }
        if found < VERSION {
            return Err(StoreError::Older {
                found,
                known: VERSION,
            });
        }
        schema::check(&writer)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            access,
            readers: Readers::of(path, access),
            writer: Mutex::new(writer),
        })
    }

    /// Gives a copy the journal that every store has on its disk.
    pub(crate) fn begin_journal(&self) -> Result<(), StoreError> {
        begin_journal(&lock(&self.writer), &self.path)
    }

    fn begin(&self) -> Result<Open<Writer<'_>>, StoreError> {
        self.check_writable()?;
        let connection = lock(&self.writer);
        waiting_for(&connection, &self.path, "BEGIN IMMEDIATE")?;
        let writer = Writer(connection);
        // SQLite goes on writing to a file that was deleted or moved away, and nobody would find it again.
        if FileIdentity::of(&self.path).ok() != Some(self.file) {
            return Err(StoreError::Missing);
        }
        Ok(Open(writer))
    }

    /// Changes how the connection that writes behaves, as a disk would.
    #[cfg(test)]
    pub(crate) fn set(&self, pragma: &str, value: i64) {
        let writer = lock(&self.writer);
        let _ = writer.pragma_update_and_check(None, pragma, value, |_| Ok(()));
    }

    /// Asks for a number behind the schema's back.
    #[cfg(test)]
    pub(crate) fn number(&self, sql: &str) -> i64 {
        let writer = lock(&self.writer);
        writer.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

impl Store for Sqlite {
    fn snapshot(&self) -> Result<Box<dyn Rows + '_>, StoreError> {
        Ok(Box::new(Open(self.readers.begin()?)))
    }

    fn transaction(&self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        Ok(Box::new(self.begin()?))
    }

    fn check_read(&self) -> Result<(), StoreError> {
        check_at_rest(&self.path, self.access)
    }

    fn check_writable(&self) -> Result<(), StoreError> {
        match self.access {
            Access::Write => Ok(()),
            Access::AtRest(_) | Access::Read => Err(StoreError::ReadOnly),
        }
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// The connection that writes, within a transaction; what was not committed goes with it, in a panic too.
struct Writer<'s>(MutexGuard<'s, Connection>);

impl Deref for Writer<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // One that fails is undone by SQLite, when it is next written to at the latest.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Makes an empty file, which must not exist and only its owner may read.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// What a connection guards is a transaction, which a panic rolls back: a poisoned lock says nothing of it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which file a path leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;

        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Elsewhere a file that is open can't be moved away.
    #[cfg(not(unix))]
    fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path)?;
        Ok(Self {
            device: 0,
            inode: 0,
        })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // Whatever column has the wrong type or a wrong number in it was not written by us.
        if matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::Utf8Error(..)
        ) {
            return Damage::of("a row has a value that was never written").into();
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt) => {
                Damage::of("SQLite finds its file malformed").into()
            }
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::NotADatabase) => Self::NotOurs,
            // The file is there: what can't be opened is the `-wal` or `-shm` beside it.
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::ReadOnly
            }
            _ => Self::Failed(error.into()),
        }
    }
}
