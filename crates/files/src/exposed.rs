//! Who else can read a file that is secret, or put another in its place: told, as nothing here can know what was meant.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What lets others at a secret file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposed {
    /// Others can read the file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Others can put files into a folder above it.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// Returns what lets others at a secret file; nothing of one that is not there. With an access list, the group's permissions are
/// what the list gives at most.
///
/// A folder with the set-group-ID bit is shared with its group, and so is what lies in it: that is said by whoever set the bit.
#[must_use]
pub fn exposed(path: &Path) -> Vec<Exposed> {
    const SET_GROUP_ID: u32 = 0o2000;
    let (Ok(metadata), Ok(whole)) = (path.metadata(), path.canonicalize()) else {
        return Vec::new();
    };
    if !metadata.is_file() {
        return Vec::new();
    }
    let folders = whole.ancestors().skip(1);
    let folders: Vec<(&Path, Metadata)> = folders
        .filter_map(|folder| Some((folder, folder.metadata().ok()?)))
        .collect();
    let shared = folders
        .first()
        .is_some_and(|(_, folder)| folder.mode() & SET_GROUP_ID != 0);
    let others = if shared { 0o007 } else { 0o077 };
    let mut found = Vec::new();
    if metadata.mode() & others != 0 {
        found.push(Exposed::File {
            path: path.to_path_buf(),
            mode: metadata.mode() & 0o7777,
        });
    }
    let open = folders.iter().filter(|(_, folder)| lets_others_in(folder));
    found.extend(open.map(|(folder, metadata)| Exposed::Folder {
        path: folder.to_path_buf(),
        mode: metadata.mode() & 0o7777,
    }));
    found
}

/// Tells whether anybody can take files out of a folder and put others there.
fn lets_others_in(folder: &Metadata) -> bool {
    const STICKY: u32 = 0o1000;
    folder.mode() & 0o002 != 0 && folder.mode() & STICKY == 0
}
