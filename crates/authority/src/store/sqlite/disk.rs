//! How a store is opened on the disk that it lies on: to be written, or where nothing can be, in place; with SQLite's WAL, or
//! with a journal where not all who open it may share memory.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use strongroom_files::{disk, waiting};

use super::{APPLICATION_ID, BUSY_TIMEOUT, StoreError};

/// What can be done with a store where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It is read where it lies, closed by all, and nothing is written, not even a lock: nothing can be there, or SQLite would put
    /// something beside it to read what was written ahead, which this process may not. Others may write to it, by another way
    /// maybe, and then it is not read so any more ([`check_at_rest`]).
    AtRest(Stamp),
    /// It is read, and something is written beside it.
    Read,
    /// It is read and written.
    Write,
}

impl Access {
    /// Finds out what can be done with a store: what this process may not write to, it can read.
    pub(super) fn to(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new("."));
        if disk::may_write(path) && disk::may_write(folder) {
            return Self::Write;
        }
        Self::to_read(path)
    }

    /// Finds out how a store is read that is not to be written.
    pub(super) fn to_read(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new("."));
        let begun = ["-journal", "-wal"].into_iter().any(|ending| {
            let beside = beside(path, ending).metadata();
            beside.is_ok_and(|metadata| metadata.len() > 0)
        });
        // What somebody left beside it is a part of it, which SQLite knows how to read, or that it can't be.
        if disk::may_write(folder) || begun {
            return Self::Read;
        }
        let is_ahead = || is_ahead(path).is_ok_and(|is_ahead| is_ahead);
        match Stamp::of(path) {
            Some(stamp) if disk::is_read_only(path) || !stamp.is_open && is_ahead() => {
                Self::AtRest(stamp)
            }
            _ => Self::Read,
        }
    }
}

/// What changes when a store does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Whether somebody has it open, to write ahead.
    is_open: bool,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let is_there = |ending| beside(path, ending).exists();
        Some(Self {
            is_open: is_there("-shm") || is_there("-wal"),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Sees that nobody has begun to write to a store that is read at rest.
pub(super) fn check_at_rest(path: &Path, access: Access) -> Result<(), StoreError> {
    match access {
        Access::AtRest(stamp) if Stamp::of(path) != Some(stamp) => Err(StoreError::Busy),
        Access::AtRest(_) | Access::Read | Access::Write => Ok(()),
    }
}

/// Opens a connection to a store that exists.
pub(super) fn connect(path: &Path, access: Access) -> Result<Connection, StoreError> {
    strongroom_files::check_database(path).map_err(|error| StoreError::Failed(error.into()))?;
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match access {
        Access::Write => {
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)?
        }
        Access::Read => {
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY)?
        }
        Access::AtRest(_) => {
            let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(immutable(path), flags)?
        }
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A commit that returned survives the power going away: EXTRA is FULL, and the same where there is a journal.
    connection.pragma_update(None, "synchronous", "EXTRA")?;
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    // Nothing that the file brings is run, also when somebody puts it there after the schema was checked.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(connection)
}

/// Writes ahead where the disk is this machine's own, so that others read while one writes; and keeps a journal elsewhere:
/// WAL needs memory that all who have it open share, which they do not over a network, nor always through a program.
pub(super) fn begin_journal(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match disk::is_shared(path) {
        true => set_journal(connection, "DELETE"),
        false => set_journal(connection, "WAL"),
    }
}

/// Changes a store of ours over that was written ahead on another disk, and came to one where it can't be. Another's file is
/// left alone.
pub(super) fn settle_journal(path: &Path) -> Result<(), StoreError> {
    if !disk::is_shared(path) || !is_ahead(path)? {
        return Ok(());
    }
    strongroom_files::check_database(path).map_err(|error| StoreError::Failed(error.into()))?;
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Alone, SQLite needs no memory to share: said before anything is read.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    set_journal(&connection, "DELETE")
}

/// Sets the kind of the journal, for good.
fn set_journal(connection: &Connection, kind: &str) -> Result<(), StoreError> {
    let set = connection
        .pragma_update_and_check(None, "journal_mode", kind, |row| row.get::<_, String>(0))?;
    match set.eq_ignore_ascii_case(kind) {
        true => Ok(()),
        false => Err(StoreError::Busy),
    }
}

/// Tells whether this is a store of ours that is written ahead: by its file, as asking SQLite would open what lies
/// beside it.
fn is_ahead(path: &Path) -> Result<bool, StoreError> {
    let mut header = [0; 72];
    let read = strongroom_files::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        // The database's header: the version that is needed to read it, which is 2 with WAL, and whose it is.
        Ok(()) => Ok(header.ends_with(&APPLICATION_ID.to_be_bytes()) && header[19] == 2),
        // SQLite says what is the matter with it.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(StoreError::Failed(error.into())),
    }
}

/// Runs what may have to wait for another process, and tells once it does.
pub(super) fn waiting_for(
    connection: &Connection,
    path: &Path,
    sql: &str,
) -> Result<(), StoreError> {
    connection.busy_timeout(waiting::SILENT)?;
    let first = connection.execute_batch(sql).map_err(StoreError::from);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    match first {
        Err(StoreError::Busy) => {
            waiting::tell(path);
            Ok(connection.execute_batch(sql)?)
        }
        done => done,
    }
}

/// Names a file to SQLite so that it believes that nobody can change it.
fn immutable(path: &Path) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(*byte),
            _ => uri.extend(format!("%{byte:02x}").into_bytes()),
        }
    }
    uri.extend(b"?immutable=1");
    PathBuf::from(OsString::from_vec(uri))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::readers::Readers;
    use super::super::{FileIdentity, Sqlite};
    use super::*;
    use crate::store::{Damage, Store};

    #[test]
    fn a_store_that_was_read_at_rest_is_not_read_so_once_another_writes_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        Sqlite::create(&path).unwrap();
        let access = Access::AtRest(Stamp::of(&path).unwrap());
        let reader = connect(&path, access).unwrap();
        check_at_rest(&path, access).unwrap();
        let busy = || matches!(check_at_rest(&path, access), Err(StoreError::Busy));
        let writer = connect(&path, Access::Write).unwrap();
        writer
            .execute_batch("BEGIN IMMEDIATE; PRAGMA user_version = 77; COMMIT")
            .unwrap();
        assert!(busy());
        // What the other put beside it goes with the other, and the file is another one.
        writer.close().unwrap();
        assert!(!beside(&path, "-wal").exists());
        assert!(busy());
        drop(reader);
    }

    #[test]
    fn what_was_read_at_rest_while_another_wrote_is_neither_an_answer_nor_damage() {
        for is_whole in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.db");
            Sqlite::create(&path).unwrap();
            let access = Access::AtRest(Stamp::of(&path).unwrap());
            let store = Sqlite {
                path: path.clone(),
                file: FileIdentity::of(&path).unwrap(),
                access,
                readers: Readers::of(&path, access),
                writer: Mutex::new(connect(&path, access).unwrap()),
            };
            let store: &dyn Store = &store;
            store.read(|_| Ok::<_, StoreError>(())).unwrap();
            let read = store.read(|_| {
                let writer = connect(&path, Access::Write).unwrap();
                writer
                    .execute_batch("INSERT INTO counter VALUES ('refused', 1)")
                    .unwrap();
                writer.close().unwrap();
                match is_whole {
                    true => Ok(()),
                    false => Err(Damage::of("half of a commit").into()),
                }
            });
            assert!(matches!(read, Err(StoreError::Busy)), "{read:?}");
        }
    }
}
