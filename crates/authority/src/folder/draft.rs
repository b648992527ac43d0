//! A folder that appears whole or not at all, where nothing is yet.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

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
}

impl<'f> Draft<'f> {
    fn begin(folder: &'f Path, word: &str) -> Result<Self, PlaceError> {
        let (parent, path) = places(folder, word)?;
        check_vacant(folder)?;
        let lock = claim(&path).map_err(|source| PlaceError::io(folder, source))?;
        check_vacant(folder)?;
        empty(&path).map_err(|source| PlaceError::io(folder, source))?;
        Ok(Self {
            folder,
            parent,
            path,
            lock,
        })
    }

    /// Returns the place of a file in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Gives the folder its name, and sees it onto the disk.
    fn finish(self) -> Result<(), PlaceError> {
        let failed = |source| PlaceError::io(self.folder, source);
        self.lock.sync_all().map_err(failed)?;
        match fs::rename(&self.path, self.folder) {
            Err(_) if check_vacant(self.folder).is_err() => Err(PlaceError::taken(self.folder)),
            renamed => renamed
                .and_then(|()| File::open(&self.parent)?.sync_all())
                .map_err(failed),
        }
    }

    /// Removes it again, with what is in it. What can't be removed is in nobody's way.
    fn discard(self) {
        let _ = empty(&self.path).and_then(|()| fs::remove_dir(&self.path));
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
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".");
    hidden.push(word);
    Ok((parent.to_owned(), parent.join(hidden)))
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

fn claim(path: &Path) -> io::Result<File> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let lock = File::open(path)?;
    lock.lock()?;
    Ok(lock)
}

/// Removes what one that crashed left.
fn empty(path: &Path) -> io::Result<()> {
    for file in fs::read_dir(path)? {
        fs::remove_file(file?.path())?;
    }
    Ok(())
}

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
