//! A folder that appears whole or not at all, where nothing is yet.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use strongroom_files::disk::{self, Permissions};
use strongroom_files::{Unfinished, open_folder, sync_folder, waiting};

/// Makes a folder that does not exist or is empty: `put` puts its files into it, each on the disk when it returns.
///
/// It is filled under a hidden name beside its own (`.NAME.WORD`, where `word` tells what it is for), and renamed. A
/// crash before that leaves the hidden folder, which nobody knows and which the next one of that name empties.
pub(super) fn fill<T, E: From<PlaceError>>(
    folder: &Path,
    word: &str,
    put: impl FnOnce(&Draft<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let draft = Draft::begin(folder, word)?;
    match put(&draft) {
        Ok(value) => {
            draft.finish()?;
            Ok(value)
        }
        Err(error) => {
            draft.discard();
            Err(error)
        }
    }
}

/// A folder while it is filled.
pub(super) struct Draft<'f> {
    folder: &'f Path,
    parent: PathBuf,
    path: PathBuf,
    // The lock goes with the folder through its rename: whoever waited for it then finds its own place taken.
    lock: File,
    // A signal takes the folder along, until it has its name.
    unfinished: Unfinished,
}

impl<'f> Draft<'f> {
    fn begin(folder: &'f Path, word: &str) -> Result<Self, PlaceError> {
        let (parent, path) = places(folder, word)?;
        check_vacant(folder)?;
        if is_mount_point(folder, &parent) {
            return Err(PlaceError::MountPoint {
                folder: folder.to_owned(),
            });
        }
        let io = |source| PlaceError::io(folder, source);
        let here = disk::permissions(&parent).map_err(io)?;
        let (lock, unfinished) = Unfinished::begin(|| {
            let lock = claim(&path, here)?;
            let (ours, remove) = (lock.try_clone()?, path.clone());
            // Whoever waits takes nothing along: what is in there is another's, who is at work. Nor whoever is done.
            let removed = move || {
                if ours.try_lock().is_ok() && is_at(&ours, &remove) {
                    discard(&remove);
                }
            };
            Ok::<_, io::Error>((lock, removed))
        })
        .map_err(io)?;
        waiting::lock(&lock, &path).map_err(io)?;
        let draft = Self {
            folder,
            parent,
            path,
            lock,
            unfinished,
        };
        check_vacant(folder)?;
        empty(&draft.path).map_err(io)?;
        Ok(draft)
    }

    /// Returns the place of a file in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Gives the folder its name, and sees it onto the disk.
    fn finish(self) -> Result<(), PlaceError> {
        let Self {
            folder,
            parent,
            path,
            lock,
            unfinished,
        } = self;
        let failed = |source| PlaceError::io(folder, source);
        lock.sync_all().map_err(failed)?;
        // What a signal has begun to empty gets no name. Not every disk renames over a folder, though it is empty.
        let renamed = unfinished.finish(|| {
            fs::rename(&path, folder).or_else(|error| {
                fs::remove_dir(folder).map_err(|_| error)?;
                fs::rename(&path, folder)
            })
        });
        match renamed {
            Err(_) if check_vacant(folder).is_err() => Err(PlaceError::taken(folder)),
            renamed => renamed
                .and_then(|()| sync_folder(&open_folder(&parent)?))
                .map_err(failed),
        }
    }

    /// Removes it again, with what is in it. What can't be removed is in nobody's way.
    fn discard(self) {
        discard(&self.path);
    }
}

/// How often it is tried to remove a folder that somebody fills.
const DISCARD_TRIES: usize = 100;

fn discard(path: &Path) {
    // After a signal, whoever fills it is still at it: what is put there now goes with the next try, and nothing is put into
    // what is removed.
    let removed = |_| empty(path).and_then(|()| fs::remove_dir(path)).is_ok();
    let _ = (0..DISCARD_TRIES).any(removed);
}

/// Tells whether an open folder has this name.
fn is_at(folder: &File, path: &Path) -> bool {
    match (folder.metadata(), fs::symlink_metadata(path)) {
        (Ok(folder), Ok(named)) => (folder.dev(), folder.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Returns the folder's parent and the hidden name beside the folder.
///
/// A parent that is missing is not made: it may be a disk that is not there now.
fn places(folder: &Path, word: &str) -> Result<(PathBuf, PathBuf), PlaceError> {
    let no_parent = || PlaceError::NoParent {
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
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".");
    hidden.push(word);
    Ok((parent.to_owned(), parent.join(hidden)))
}

/// Tells whether a disk begins at an empty folder: another can't be put in its place.
fn is_mount_point(folder: &Path, parent: &Path) -> bool {
    match (fs::metadata(folder), fs::metadata(parent)) {
        (Ok(folder), Ok(parent)) => folder.dev() != parent.dev(),
        _ => false,
    }
}

fn check_vacant(folder: &Path) -> Result<(), PlaceError> {
    match fs::read_dir(folder) {
        Ok(mut files) => files
            .next()
            .map_or(Ok(()), |_| Err(PlaceError::taken(folder))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(PlaceError::taken(folder))
        }
        Err(source) => Err(PlaceError::io(folder, source)),
    }
}

/// Makes the hidden folder, or takes over the one that a crash left: a folder of this user's own, closed to others as far as
/// the disk closes anything.
///
/// Its name can be foretold, and somebody else may be able to write where it lies.
fn claim(path: &Path, here: Permissions) -> io::Result<File> {
    let is_new = match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        made => made.is_ok(),
    };
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let claimed = rustix::fs::open(path, flags, Mode::empty())
        .map_err(io::Error::from)
        .and_then(|lock| {
            let lock = File::from(lock);
            match is_ours(&lock.metadata()?, here) {
                true => Ok(lock),
                false => Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("somebody else's `{}` is in the way", path.display()),
                )),
            }
        });
    if claimed.is_err() && is_new {
        let _ = fs::remove_dir(path);
    }
    claimed
}

/// Tells whether a folder is this user's own. Where the disk gives everything to somebody else, or opens it to all, as FAT and
/// what a desktop mounts do, no folder says so of itself: what becomes of a file there shows it.
fn is_ours(folder: &Metadata, here: Permissions) -> bool {
    let is_closed = folder.mode() & 0o077 == 0;
    folder.uid() == here.owner && (is_closed || !here.kept)
}

/// Removes what one that crashed left, and nothing that we do not make.
fn empty(path: &Path) -> io::Result<()> {
    let ours = |name: &OsStr| OURS.iter().any(|ours| name == OsStr::new(ours));
    let names: Vec<OsString> = fs::read_dir(path)?
        .map(|file| file.map(|file| file.file_name()))
        .collect::<io::Result<_>>()?;
    if let Some(foreign) = names.iter().find(|name| !ours(name)) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("`{}` is in the way", path.join(foreign).display()),
        ));
    }
    names
        .into_iter()
        .try_for_each(|name| fs::remove_file(path.join(name)))
}

/// The files of an authority's folder, with those that SQLite puts beside its own.
const OURS: [&str; 5] = [
    super::KEYS,
    super::STORE,
    "store.db-journal",
    "store.db-shm",
    "store.db-wal",
];

/// Why a folder can't be made where it was to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// A file operation failed.
    #[error("can't make the folder `{}`", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// A disk is mounted there, and what it has must have a name on it.
    #[error("`{}` is where a disk begins", folder.display())]
    MountPoint {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder would have no parent.
    #[error("there is no folder to put `{}` into", folder.display())]
    NoParent {
        /// The folder.
        folder: PathBuf,
    },
    /// Something is there already.
    #[error("`{}` is there already and is not empty", folder.display())]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
}

impl PlaceError {
    pub(super) fn io(folder: &Path, source: io::Error) -> Self {
        let folder = folder.to_owned();
        Self::Io { folder, source }
    }

    fn taken(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self::Taken { folder }
    }
}
