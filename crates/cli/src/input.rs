//! Which files are meant: those named, and those in a list. Those in folders are found in `walk`.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::kind::{FileKind, NotEncrypted, is_called_encrypted};
use strongroom_client::status::read_header;

use crate::context::Context;
use crate::walk::{Exclude, Kind, Walk};
use crate::{causes, text};

/// The length in bytes of the longest list that is read.
const LIST_BYTES_MAX: u64 = 1 << 30;

#[derive(Args, Clone)]
pub(crate) struct Paths {
    /// Files, and folders, which are walked.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Read more paths from FILE, one a line; from a pipe if it is `-`.
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,
    /// The paths in FILE end with a NUL each, as `find -print0` writes them.
    #[arg(short = '0', long, requires = "files_from")]
    pub(crate) null: bool,
    /// Pass over what matches GLOB: by its name anywhere (`*.tmp`), or by its path (`photos/raw`).
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Exclude>,
}

/// A file that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Whether it was named, and not found in a folder.
    pub(crate) named: bool,
    /// Where it belongs below another folder.
    pub(crate) relative: PathBuf,
    /// In which of the folders that were walked it was found.
    pub(crate) folder: Option<usize>,
}

impl Input {
    /// Returns as what it is passed over, if it is no encrypted file and nothing says that it should be one: nobody named it,
    /// nor is it called so, or it is a text that somebody calls so.
    pub(crate) fn foreign(&self) -> Option<Kind> {
        if self.named {
            return None;
        }
        let called = is_called_encrypted(&self.path);
        match FileKind::of(&self.path) {
            Ok(FileKind::Other(_)) if !called => Some(Kind::NotEncrypted),
            Ok(FileKind::Other(NotEncrypted::Text)) => Some(Kind::CalledEncrypted),
            Ok(FileKind::Age | FileKind::Capi | FileKind::Other(_)) | Err(_) => None,
        }
    }
}

/// Says of a file that is no encrypted one, and should be, what it is instead.
pub(crate) fn explained(path: &Path, error: anyhow::Error) -> anyhow::Error {
    match FileKind::of(path) {
        Ok(FileKind::Other(what)) => explained_by(path, error, what),
        Ok(FileKind::Age | FileKind::Capi) | Err(_) => error,
    }
}

/// The same, where it is known what it is.
pub(crate) fn explained_by(path: &Path, error: anyhow::Error, what: NotEncrypted) -> anyhow::Error {
    let is_other = matches!(causes::find(error.as_ref()), Some(ReadHeaderError::NotAge));
    let says_more = what != NotEncrypted::Other || is_called_encrypted(path);
    match is_other && says_more {
        true => NotAsCalled {
            what,
            source: error,
        }
        .into(),
        false => error,
    }
}

/// A file that should be an encrypted one is something else.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct NotAsCalled {
    pub(crate) what: NotEncrypted,
    source: anyhow::Error,
}

impl Paths {
    /// Tells whether nothing was named at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.files_from.is_none()
    }

    /// Finds the files, and what is no file beside them.
    pub(crate) fn walk(&self, context: &Context) -> anyhow::Result<Walk> {
        let listed = match &self.files_from {
            Some(list) => read_list(list, if self.null { 0 } else { b'\n' })?,
            None => Vec::new(),
        };
        Ok(Walk::of(context, &self.paths, &listed, &self.exclude))
    }
}

/// Reads paths that end with the byte `end` each.
fn read_list(list: &Path, end: u8) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("cannot read the list `{}`", list.display());
    let bytes = text::read_bytes(list, LIST_BYTES_MAX).with_context(failed)?;
    let paths = match end {
        b'\n' => strongroom_text::names(&bytes).with_context(failed)?,
        _ => bytes.split(|byte| *byte == end).collect(),
    };
    let paths = paths.into_iter().filter(|path| !path.is_empty());
    let paths: Vec<PathBuf> = paths
        .map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
        .collect();
    anyhow::ensure!(!paths.is_empty(), EmptyList::of(list));
    Ok(paths)
}

/// A list that names nothing: what was to fill it may have failed, and to do nothing would look like success.
#[derive(Debug, thiserror::Error)]
#[error("the list `{}` is empty", list.display())]
pub(crate) struct EmptyList {
    list: PathBuf,
}

impl EmptyList {
    pub(crate) fn of(list: &Path) -> Self {
        Self {
            list: list.to_path_buf(),
        }
    }
}

/// Adds an ending to a file's name: `.age`, or `.capi`.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Tells whether a file opens with a passphrase alone.
pub(crate) fn is_for_passphrase(path: &Path) -> bool {
    read_header(path).is_ok_and(|header| header.is_for_passphrase())
}

/// Takes away what a killed command left in the folders of these files. What can't be taken away stays.
pub(crate) fn remove_leftovers<'p>(paths: impl IntoIterator<Item = &'p Path>) {
    let mut last = None;
    for path in paths {
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => continue,
        };
        if last != Some(folder) {
            let _: io::Result<usize> = strongroom_files::output::remove_leftovers(folder);
            last = Some(folder);
        }
    }
}
