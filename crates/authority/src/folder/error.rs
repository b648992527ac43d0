//! Why an authority was not founded, opened, backed up or restored in a folder.

use std::io;
use std::path::PathBuf;

use strongroom_protocol::{Unavailable, UnavailableKind};

use super::PlaceError;
use crate::custody::KeyFileError;
use crate::store::StoreError;

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
    /// It is an authority in memory.
    #[error("the authority is in no folder")]
    NoFolder,
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
