//! Files on the owner's disk: how a header is replaced where it lies ([`rewrite`]) or by a copy ([`copy`]), whether two lie on
//! one disk ([`Disks`]), and one command at a time ([`lock`]). How a file is opened and how one appears is in
//! `strongroom_files`; what is in it is not known here: a header is bytes.

pub mod copy;
mod disk;
pub mod lock;
pub mod rewrite;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub use disk::{Disks, Distance};

/// What tells a file from every other one on this machine while it is running.
///
/// Not for ever: device numbers are given when a disk is found or mounted, and FAT has no inode numbers to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The number of the file system's device (`st_dev`).
    pub device: u64,
    /// The file's number on it (`st_ino`).
    pub inode: u64,
}

impl FileId {
    /// Returns the id of the file that `metadata` is of.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// Tells whether two paths lead to one file, through whatever links and names.
#[must_use]
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => FileId::of(&a) == FileId::of(&b),
        _ => false,
    }
}
