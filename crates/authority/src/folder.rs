//! The folder of an embedded authority: founded whole or not at all, opened only when it is whole.
//!
//! It holds the store (`store.db`, with SQLite's `-wal` and `-shm` beside it while it is open) and the key file
//! (`keys.txt`). The folder is 0700, the key file 0600.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use strongroom_protocol::Unavailable;

use crate::custody::KeyFileError;
use crate::custody::key_file::KeyFile;
use crate::store::{Store, StoreError};

const STORE: &str = "store.db";
const KEYS: &str = "keys.txt";

/// Makes the folder of a new authority: `fill` is given the path of a store that was just created.
///
/// It is built under a hidden name beside its own (`.NAME.founding`), brought to the disk, and renamed. A crash
/// before that leaves the hidden folder, which nobody has deposited anything with, and which the next founding
/// of the same name empties.
pub(crate) fn found(
    folder: &Path,
    keys: &KeyFile,
    fill: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), FoundError> {
    let io_error = |source| FoundError::Io {
        folder: folder.to_owned(),
        source,
    };
    let store_error = |source| FoundError::Store {
        folder: folder.to_owned(),
        source,
    };
    let (parent, draft) = places(folder)?;
    check_vacant(folder)?;
    // The lock goes with the folder through its rename: whoever waited for it then finds its own place taken.
    let lock = claim_draft(&draft).map_err(io_error)?;
    check_vacant(folder)?;
    empty(&draft).map_err(io_error)?;

    keys.create(&draft.join(KEYS)).map_err(io_error)?;
    let store = draft.join(STORE);
    Store::create(&store).map_err(store_error)?;
    fill(&store).map_err(store_error)?;
    File::open(&store)
        .and_then(|file| file.sync_all())
        .map_err(io_error)?;
    lock.sync_all().map_err(io_error)?;

    match fs::rename(&draft, folder) {
        Err(_) if check_vacant(folder).is_err() => Err(FoundError::Taken {
            folder: folder.to_owned(),
        }),
        renamed => renamed
            .and_then(|()| File::open(parent)?.sync_all())
            .map_err(io_error),
    }
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

/// Returns the folder's parent and the hidden name beside the folder.
///
/// A parent that is missing is not made: it may be a disk that is not there now.
fn places(folder: &Path) -> Result<(PathBuf, PathBuf), FoundError> {
    let no_parent = || FoundError::NoParent {
        folder: folder.to_owned(),
    };
    let name = folder.file_name().ok_or_else(no_parent)?;
    let parent = match folder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(no_parent()),
    };
    if !parent.is_dir() {
        return Err(no_parent());
    }
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".founding");
    Ok((parent.to_owned(), parent.join(hidden)))
}

fn check_vacant(folder: &Path) -> Result<(), FoundError> {
    let taken = || FoundError::Taken {
        folder: folder.to_owned(),
    };
    match fs::read_dir(folder) {
        Ok(mut files) => files.next().map_or(Ok(()), |_| Err(taken())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(taken()),
        Err(source) => Err(FoundError::Io {
            folder: folder.to_owned(),
            source,
        }),
    }
}

fn claim_draft(draft: &Path) -> io::Result<File> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(draft) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let lock = File::open(draft)?;
    lock.lock()?;
    Ok(lock)
}

/// Removes what a founding that crashed left.
fn empty(draft: &Path) -> io::Result<()> {
    for file in fs::read_dir(draft)? {
        fs::remove_file(file?.path())?;
    }
    Ok(())
}

/// Why no authority was founded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FoundError {
    /// A file operation failed.
    #[error("can't make the authority's folder `{}`", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The folder would have no parent.
    #[error("there is no folder to put `{}` into", folder.display())]
    NoParent {
        /// The folder.
        folder: PathBuf,
    },
    /// The store could not be made.
    #[error("can't make the authority's store in `{}`", folder.display())]
    Store {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        source: StoreError,
    },
    /// Something is there already.
    #[error("`{}` is there already and is not empty", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
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
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::Keys { source, .. } => match source {
                KeyFileError::Io(_) => None,
                KeyFileError::Malformed => Some("put the key file back from a backup"),
                KeyFileError::Newer => Some("use the newer Strongroom"),
            },
            Self::KeysMissing { .. } | Self::OtherKeys { .. } => {
                Some("put the key file back from a backup: without it no deposit here opens")
            }
            Self::NotFound { .. } => Some("if it is on another disk, see that the disk is there"),
            Self::Store { source, .. } => source.hint(),
            Self::StoreMissing { .. } => {
                Some("put the store back from a backup: clients then send what it misses")
            }
        }
    }

    fn retry(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() != io::ErrorKind::PermissionDenied,
            Self::NotFound { .. } => true,
            Self::Store { source, .. } => source.retry(),
            Self::Keys { .. }
            | Self::KeysMissing { .. }
            | Self::OtherKeys { .. }
            | Self::StoreMissing { .. } => false,
        }
    }
}

impl From<OpenError> for Unavailable {
    fn from(error: OpenError) -> Self {
        Self {
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            retry: error.retry(),
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
