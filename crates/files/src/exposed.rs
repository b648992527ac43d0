//! Who else can read a file that is secret, or put another in its place: told, as nothing here can know what was meant.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::disk::permissions;

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
/// what the list gives at most. A disk that keeps no permissions at all is not told of ([`disk`](crate::disk)): nothing can be
/// done about a file there.
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
    if metadata.mode() & others != 0 && folders.first().is_none_or(|(folder, _)| keeps(folder)) {
        found.push(Exposed::File {
            path: path.to_path_buf(),
            mode: metadata.mode() & 0o7777,
        });
    }
    let open = folders
        .iter()
        .filter(|(path, folder)| lets_others_in(folder) && keeps(path));
    found.extend(open.map(|(folder, metadata)| Exposed::Folder {
        path: folder.to_path_buf(),
        mode: metadata.mode() & 0o7777,
    }));
    found
}

/// Tells whether permissions mean something in a folder; what can't be tried is believed.
fn keeps(folder: &Path) -> bool {
    permissions(folder).map_or(true, |here| here.kept)
}

/// Tells whether anybody can take files out of a folder and put others there.
fn lets_others_in(folder: &Metadata) -> bool {
    const STICKY: u32 = 0o1000;
    folder.mode() & 0o002 != 0 && folder.mode() & STICKY == 0
}
