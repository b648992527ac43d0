//! One command at a time in a home. The lock is the system's (`flock`) and ends with its holder, killed or not; the
//! file it is on is empty and stays, because a lock file that is removed can be held twice.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use strongroom_files::waiting;

/// The lock of a home, held until this is dropped.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct HomeLock {
    _file: File,
}

impl HomeLock {
    /// Takes the lock on the file at `path`, which is made where it is missing, waiting for whoever holds it. That it waits is
    /// told ([`waiting`]).
    ///
    /// # Errors
    ///
    /// Says why the file cannot be opened or locked.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let file = open(path)?;
        waiting::lock(&file, path).map_err(|source| LockError::new(path, source))?;
        Ok(Self { _file: file })
    }

    /// Takes the lock, or returns none when somebody holds it.
    ///
    /// # Errors
    ///
    /// Says why the file cannot be opened or locked.
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, LockError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(LockError::new(path, source)),
        }
    }
}

fn open(path: &Path) -> Result<File, LockError> {
    // Written to only in the sense that network file systems lock nothing for readers.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file.into()),
        Err(error) => Err(LockError::new(path, error.into())),
    }
}

/// Why a home cannot be locked.
#[derive(Debug, thiserror::Error)]
#[error("cannot lock `{path}`")]
#[non_exhaustive]
pub struct LockError {
    /// The lock's file.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

impl LockError {
    fn new(path: &Path, source: io::Error) -> Self {
        Self {
            path: path.to_path_buf(),
            source,
        }
    }
}
