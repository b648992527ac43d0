//! Where an authority's keys lie: in the key file of a folder, or, where a test wants no folder, in memory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::key_file::{KeyFile, KeyFileError};

/// Where the keys lie. Others may have them open, and change them, at the same time.
pub(crate) enum KeyPlace {
    /// In a file, whose folder holds the lock.
    File(PathBuf),
    /// In memory, as the text that the file would have.
    Memory(Mutex<Zeroizing<String>>),
}

impl KeyPlace {
    /// Keeps keys in memory.
    pub(crate) fn in_memory(keys: &KeyFile) -> Self {
        Self::Memory(Mutex::new(keys.to_text()))
    }

    /// Returns the key file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory(_) => None,
        }
    }

    pub(crate) fn read(&self) -> Result<KeyFile, KeyFileError> {
        match self {
            Self::File(path) => KeyFile::read(path),
            Self::Memory(text) => KeyFile::parse(&lock(text)),
        }
    }

    /// Puts other keys there: what `change` makes of those that are there. One at a time does.
    pub(crate) fn replace<E: From<KeyFileError>>(
        &self,
        change: impl FnOnce(KeyFile) -> Result<KeyFile, E>,
    ) -> Result<(), E> {
        match self {
            Self::File(path) => {
                let _lock = lock_folder(path.parent().unwrap_or(Path::new(".")))
                    .map_err(KeyFileError::from)?;
                let changed = change(KeyFile::read(path)?)?;
                Ok(changed.replace(path).map_err(KeyFileError::from)?)
            }
            Self::Memory(text) => {
                let mut text = lock(text);
                *text = change(KeyFile::parse(&text)?)?.to_text();
                Ok(())
            }
        }
    }
}

/// Waits until nobody else changes what is in the folder beside the store. The lock goes with the file.
pub(crate) fn lock_folder(folder: &Path) -> io::Result<File> {
    let lock = strongroom_files::open_folder(folder)?;
    lock.lock()?;
    Ok(lock)
}

/// The text is replaced as a whole: a poisoned lock says nothing of it.
fn lock(text: &Mutex<Zeroizing<String>>) -> MutexGuard<'_, Zeroizing<String>> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}
