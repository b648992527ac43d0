//! Why a header is not replaced in place.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What stands in the place of the file that a [`Rewrite`](super::Rewrite) is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// Another file, whose header is whole.
    File,
    /// A file with another header, neither the old one nor the new.
    Header,
    /// A file of another length.
    Length,
    /// Nothing. It may be on a disk that is not there now.
    Missing,
    /// A folder, a device, a pipe or a socket.
    NotAFile,
    /// A symbolic link, which is not followed.
    SymbolicLink,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "it is another file",
            Self::Header => "its header is another one",
            Self::Length => "its length is another one",
            Self::Missing => "there is no such file",
            Self::NotAFile => "it is not a file",
            Self::SymbolicLink => "it is a symbolic link",
        })
    }
}

/// Why [`Rewrite::plan`](super::Rewrite::plan) does not plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// What is at the path is not a file with the old header.
    #[error("the header of `{path}` is not replaced: {reason}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is there.
        reason: Foreign,
    },
    /// The file has other names, under which it would change too.
    #[error("the header of `{path}` is not replaced in place: the file has {links} hard links")]
    HardLinks {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// The file cannot be opened for writing, or read.
    #[error("cannot open `{path}` to replace its header")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The headers are not of one length, so that the payload would have to move.
    #[error("a header of {old} bytes is not replaced in place by one of {new}")]
    LengthsDiffer {
        /// The length of the old header in bytes.
        old: usize,
        /// The length of the new header in bytes.
        new: usize,
    },
}

/// Why [`Rewrite::apply`](super::Rewrite::apply) did not replace the header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Nothing was written, because what is at the path has neither header nor a mix of the two.
    #[error("the header of `{path}` is not replaced: {reason}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is there.
        reason: Foreign,
    },
    /// The system failed, perhaps halfway: the record is still needed.
    #[error("cannot replace the header of `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// Why [`Rewrite::state`](super::Rewrite::state) cannot tell.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the header of `{path}`")]
#[non_exhaustive]
pub struct StateError {
    /// The file.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

/// A record that no plan has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal's record of a rewrite is damaged")]
pub struct RecordError;
