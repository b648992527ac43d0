//! The folder of an embedded authority: founded whole or not at all, opened only when it is whole.
//!
//! It holds the store (`store.db`, with SQLite's `-wal` and `-shm` beside it while it is open) and the key file
//! (`keys.txt`). The folder is 0700, the key file 0600.

mod draft;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use strongroom_protocol::{Unavailable, UnavailableKind};

use crate::custody::KeyFileError;
use crate::custody::key_file::KeyFile;
use crate::store::{Store, StoreError, Writing};

pub use draft::PlaceError;

const STORE: &str = "store.db";
const KEYS: &str = "keys.txt";

/// Makes the folder of a new authority: `begin` is given its store, which was just created.
pub(crate) fn found(
    folder: &Path,
    keys: &KeyFile,
    begin: impl FnOnce(&Store) -> Result<(), StoreError>,
) -> Result<(), FoundError> {
    draft::fill(folder, "founding", |draft| {
        let store_error = |source| FoundError::Store {
            folder: folder.to_owned(),
            source,
        };
        let store = draft.join(STORE);
        keys.create(&draft.join(KEYS))
            .map_err(|source| PlaceError::io(folder, source))?;
        Store::create(&store).map_err(store_error)?;
        Store::open(&store)
            .and_then(|store| begin(&store))
            .map_err(store_error)?;
        Ok(sync(&store).map_err(|source| PlaceError::io(folder, source))?)
    })
}

/// Copies the store of the authority in `folder`, as of its last commit, and its keys if they are to be in it, into a
/// folder of their own. `check` is given the copy.
pub(crate) fn back_up<T>(
    folder: &Path,
    to: &Path,
    with_keys: bool,
    check: impl FnOnce(&Store) -> Result<T, StoreError>,
) -> Result<T, BackupError> {
    draft::fill(to, "backup", |draft| {
        let store = draft.join(STORE);
        Store::copy(&folder.join(STORE), &store)?;
        let checked = check(&Store::open(&store)?)?;
        let failed = |source| PlaceError::io(to, source);
        sync(&store).map_err(failed)?;
        if with_keys {
            let path = folder.join(KEYS);
            let keys = KeyFile::read(&path).map_err(|source| BackupError::Keys { path, source })?;
            keys.create(&draft.join(KEYS)).map_err(failed)?;
        }
        Ok(checked)
    })
}

/// Makes the folder of an authority from a backup: `prove` is given a copy of its store, to be put right, and the keys.
///
/// `from` is such a folder, or a store alone; `keys` is a key file to be taken instead of the one in it.
pub(crate) fn restore<T>(
    from: &Path,
    keys: Option<&Path>,
    folder: &Path,
    prove: impl FnOnce(&Store, &KeyFile) -> Result<T, RestoreError>,
) -> Result<T, RestoreError> {
    let (source, kept) = if from.is_dir() {
        (from.join(STORE), Some(from.join(KEYS)))
    } else {
        (from.to_owned(), None)
    };
    if !source.is_file() {
        return Err(RestoreError::NotFound {
            from: from.to_owned(),
        });
    }
    let keys = keys
        .map(Path::to_owned)
        .or(kept.filter(|path| path.exists()));
    let path = keys.ok_or(RestoreError::KeysMissing {
        from: from.to_owned(),
    })?;
    let keys = KeyFile::read(&path).map_err(|source| RestoreError::Keys { path, source })?;
    draft::fill(folder, "restoring", |draft| {
        let failed = |source| PlaceError::io(folder, source);
        let path = draft.join(STORE);
        Store::copy(&source, &path)?;
        let store = Store::open(&path)?;
        store.write_ahead()?;
        let proved = prove(&store, &keys)?;
        // Closed, it is one file again.
        drop(store);
        sync(&path).map_err(failed)?;
        keys.create(&draft.join(KEYS)).map_err(failed)?;
        Ok(proved)
    })
}

/// Reads the keys of an authority's folder.
pub(crate) fn keys(folder: &Path) -> Result<KeyFile, KeyFileError> {
    KeyFile::read(&folder.join(KEYS))
}

/// Puts other keys into the folder of an authority: what `change` makes of those in it. One at a time does.
pub(crate) fn replace_keys(
    folder: &Path,
    change: impl FnOnce(KeyFile) -> KeyFile,
) -> Result<(), KeyFileError> {
    let _lock = lock(folder)?;
    Ok(change(keys(folder)?).replace(&folder.join(KEYS))?)
}

/// Brings a store that an older Strongroom made up to date: `rebuild` makes its indexes anew.
///
/// In this order: the store is copied beside itself, as `store.db.backup-v1`, and the copy is on the disk under that
/// name; then, in one transaction, its indexes are made anew and its version is this one's. A crash before the commit
/// leaves the old store, and the next one who opens it copies it again.
///
/// An entry that is damaged costs itself, here too: then the old indexes stay, and new ones are added. No version before
/// knew anything that belongs in those.
pub(crate) fn migrate(
    folder: &Path,
    store: &Store,
    rebuild: impl FnOnce(&Writing<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if store.version()? == Store::VERSION {
        return Ok(());
    }
    let failed = |error: io::Error| StoreError::Failed(error.into());
    let _lock = lock(folder).map_err(failed)?;
    // Another may have done it meanwhile.
    let version = store.version()?;
    if version == Store::VERSION {
        return Ok(());
    }
    let backup = folder.join(format!("{STORE}.backup-v{version}"));
    let draft = folder.join(format!("{STORE}.backup-v{version}.new"));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    Store::copy(&folder.join(STORE), &draft)?;
    sync(&draft)
        .and_then(|()| fs::rename(&draft, &backup))
        .and_then(|()| sync(folder))
        .map_err(failed)?;
    match store.write(rebuild) {
        Err(StoreError::Damaged(_)) => store.write(add_indexes),
        done => done,
    }
}

fn add_indexes(store: &Writing<'_>) -> Result<(), StoreError> {
    store.add_indexes()
}

/// Waits until nobody else changes what is in the folder beside the store. The lock goes with the file.
fn lock(folder: &Path) -> io::Result<File> {
    let lock = File::open(folder)?;
    lock.lock()?;
    Ok(lock)
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Opens the store and reads the keys of an authority's folder.
pub(crate) fn open(folder: &Path) -> Result<(Store, KeyFile), OpenError> {
    let (store, keys) = (folder.join(STORE), folder.join(KEYS));
    let exists = |path: &Path| {
        path.try_exists().map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })
    };
    match (exists(&store)?, exists(&keys)?) {
        (true, true) => {}
        (false, false) => {
            return Err(OpenError::NotFound {
                folder: folder.to_owned(),
            });
        }
        (false, true) => return Err(OpenError::StoreMissing { path: store }),
        (true, false) => return Err(OpenError::KeysMissing { path: keys }),
    }
    let keys = KeyFile::read(&keys).map_err(|source| OpenError::Keys { path: keys, source })?;
    let store = Store::open(&store).map_err(|source| OpenError::Store {
        path: store,
        source,
    })?;
    Ok((store, keys))
}

/// Why no authority was founded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FoundError {
    /// There can't be such a folder.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The store could not be made.
    #[error("can't make the authority's store in `{}`", folder.display())]
    Store {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        source: StoreError,
    },
    /// It was founded, and can't be opened.
    #[error("the authority in `{}` was founded, and can't be opened", folder.display())]
    Unopened {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<OpenError>,
    },
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The key file can't be used.
    #[error("can't use the authority's key file `{}`", path.display())]
    Keys {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: KeyFileError,
    },
    /// There can't be such a folder.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The store can't be copied.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no authority was restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The key file can't be used.
    #[error("can't use the key file `{}`", path.display())]
    Keys {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: KeyFileError,
    },
    /// The backup holds no keys, and none were named.
    #[error("there are no keys in `{}`", from.display())]
    KeysMissing {
        /// The backup.
        from: PathBuf,
    },
    /// There is no backup.
    #[error("there is no backup of an authority in `{}`", from.display())]
    NotFound {
        /// Where it was looked for.
        from: PathBuf,
    },
    /// The keys are of another authority than the store.
    #[error("the store and the keys are of different authorities")]
    OtherKeys,
    /// There can't be such a folder.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The backup's store can't be used, or its log does not hold.
    #[error("the backup can't be used: {0}")]
    Store(#[from] StoreError),
    /// It was restored, and can't be opened.
    #[error("the authority was restored, and can't be opened")]
    Unopened(#[source] Box<OpenError>),
}

/// Why an authority was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A file operation failed.
    #[error("can't read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The key file can't be used.
    #[error("can't use the authority's key file `{}`", path.display())]
    Keys {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: KeyFileError,
    },
    /// The store is there, and the key file is not.
    #[error("the authority's key file `{}` is missing", path.display())]
    KeysMissing {
        /// The key file.
        path: PathBuf,
    },
    /// There is no authority here.
    #[error("there is no authority in `{}`", folder.display())]
    NotFound {
        /// The folder.
        folder: PathBuf,
    },
    /// The key file is of another authority than the store.
    #[error("the store and the key file in `{}` are of different authorities", folder.display())]
    OtherKeys {
        /// The folder.
        folder: PathBuf,
    },
    /// The store can't be used.
    #[error("can't use the authority's store `{}`", path.display())]
    Store {
        /// The store, or the folder it is in.
        path: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// The key file is there, and the store is not.
    #[error("the authority's store `{}` is missing", path.display())]
    StoreMissing {
        /// The store.
        path: PathBuf,
    },
}

impl OpenError {
    fn kind(&self) -> UnavailableKind {
        match self {
            Self::Io { source, .. } => io_kind(source),
            Self::Keys { source, .. } => match source {
                KeyFileError::Io(source) => io_kind(source),
                KeyFileError::Malformed => UnavailableKind::Damaged,
                KeyFileError::Newer => UnavailableKind::Newer,
            },
            // Half of the folder, or two halves: it has to be put back from a backup.
            Self::KeysMissing { .. } | Self::OtherKeys { .. } | Self::StoreMissing { .. } => {
                UnavailableKind::Damaged
            }
            // It may be on another disk, which is not there now.
            Self::NotFound { .. } => UnavailableKind::OutOfReach,
            Self::Store { source, .. } => source.kind(),
        }
    }
}

fn io_kind(error: &io::Error) -> UnavailableKind {
    if error.kind() == io::ErrorKind::PermissionDenied {
        UnavailableKind::Failed
    } else {
        UnavailableKind::OutOfReach
    }
}

impl From<OpenError> for Unavailable {
    fn from(error: OpenError) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            source: match error {
                OpenError::Io { source, .. } => Some(source.into()),
                OpenError::Keys { source, .. } => Some(source.into()),
                OpenError::Store { source, .. } => Some(source.into()),
                OpenError::KeysMissing { .. }
                | OpenError::NotFound { .. }
                | OpenError::OtherKeys { .. }
                | OpenError::StoreMissing { .. } => None,
            },
        }
    }
}
