//! Folders that are opened to be synced or locked. What is in them is not looked at.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a folder, to sync or lock it.
///
/// # Errors
///
/// Says why it can't be opened, or that it is no folder.
pub fn open_folder(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Puts the names in a folder on the disk. Some network and FUSE file systems have no such call, and keep names their own way.
///
/// # Errors
///
/// The disk failed.
pub fn sync_folder(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}
