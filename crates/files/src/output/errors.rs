//! Why a file could not be started, written, or given its name. All but [`WriteFailed`] leave nothing visible to say.

use std::io;
use std::path::PathBuf;

/// Why [`Output::create`](super::Output::create) did not start a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Something has the name, and was not to be overwritten.
    #[error("`{path}` exists already")]
    Exists {
        /// Where the file was to appear.
        path: PathBuf,
    },
    /// The folder is not there.
    #[error("there is no folder `{folder}`")]
    FolderMissing {
        /// The folder the file was to appear in.
        folder: PathBuf,
    },
    /// The system says why: the disk is full, or fails.
    #[error("cannot create `{path}`")]
    Io {
        /// Where the file was to appear.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A folder has the name.
    #[error("`{path}` is a folder")]
    IsFolder {
        /// Where the file was to appear.
        path: PathBuf,
    },
    /// The path ends in no name that a file could have.
    #[error("`{path}` does not name a file")]
    NoName {
        /// Where the file was to appear.
        path: PathBuf,
    },
    /// A device, a pipe or a socket has the name.
    #[error("`{path}` is not a file and cannot be replaced")]
    NotAFile {
        /// Where the file was to appear.
        path: PathBuf,
    },
    /// What should be the folder is something else.
    #[error("`{folder}` is not a folder")]
    NotAFolder {
        /// The folder the file was to appear in.
        folder: PathBuf,
    },
    /// The folder, or its file system, takes no file from this user.
    #[error("cannot create `{path}`: its folder may not be written to")]
    NotWritable {
        /// Where the file was to appear.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A symbolic link has the name.
    #[error("`{path}` is a symbolic link and is not replaced: name the file it points to")]
    SymbolicLink {
        /// Where the file was to appear.
        path: PathBuf,
    },
}

/// Why [`Output::commit`](super::Output::commit) failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Something took the name meanwhile, and was not to be overwritten. Nothing of the new file is left.
    #[error("`{path}` exists already")]
    Exists {
        /// Where the file was to appear.
        path: PathBuf,
    },
    /// The file is there, and whole, but might be gone after a power cut.
    #[error("`{path}` is there, but its name may not have reached the disk")]
    FolderNotSynced {
        /// Where the file appeared.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The file did not get its name. Nothing of it is left.
    #[error("cannot give `{path}` its name")]
    NotNamed {
        /// Where the file was to appear.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The bytes did not reach the disk. Nothing of the file is left.
    #[error("`{path}` did not reach the disk")]
    NotSynced {
        /// Where the file was to appear.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// What a write to an [`Output`](super::Output) carries inside its [`io::Error`], whose kind says what it was:
/// [`io::ErrorKind::StorageFull`] for a full disk.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`")]
#[non_exhaustive]
pub struct WriteFailed {
    /// Where the file was to appear.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}
