//! Which files are meant: those named, those in the folders named, and those in a list.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::kind::{FileKind, NotEncrypted, is_called_encrypted};
use walkdir::{DirEntry, WalkDir};

use crate::context::Context;
use crate::terminal::shown;
use crate::{causes, stream, text};

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
}

/// A file that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Whether it was named, and not found in a folder.
    pub(crate) named: bool,
}

impl Input {
    /// Tells whether it is passed over, as it is no encrypted file and nothing says that it should be one: nobody named it,
    /// nor is it called so, or it is a text that somebody calls so, which is said.
    pub(crate) fn is_passed_over(&self, context: &Context) -> bool {
        if self.named {
            return false;
        }
        if !is_called_encrypted(&self.path) {
            return true;
        }
        let is_text = matches!(
            FileKind::of(&self.path),
            Ok(FileKind::Other(NotEncrypted::Text))
        );
        if is_text {
            context.say(format_args!(
                "{}  passed over: it is called an encrypted file, but it is a text",
                shown(&self.path)
            ));
        }
        is_text
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

    /// Returns the files, in the order they were named; those of a folder by name. Links in a folder are not followed.
    pub(crate) fn files(&self) -> anyhow::Result<Vec<Input>> {
        let mut named = self.paths.clone();
        if let Some(list) = &self.files_from {
            named.extend(read_list(list, if self.null { 0 } else { b'\n' })?);
        }
        let mut files = Vec::new();
        for path in named {
            if !stream::is_pipe(&path) && path.is_dir() {
                walk(&path, &mut files)?;
            } else {
                files.push(Input { path, named: true });
            }
        }
        Ok(files)
    }
}

fn walk(folder: &Path, files: &mut Vec<Input>) -> anyhow::Result<()> {
    let entries = WalkDir::new(folder).sort_by_file_name();
    for entry in entries
        .into_iter()
        .filter_entry(|entry| !is_leftover(entry))
    {
        let entry =
            entry.with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
        if entry.file_type().is_file() {
            files.push(Input {
                path: entry.into_path(),
                named: false,
            });
        }
    }
    Ok(())
}

/// Tells whether this is a file that is being written, or was when a command was killed.
fn is_leftover(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    name.starts_with(".strongroom-") && name.ends_with(".tmp")
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
    Ok(paths
        .map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
        .collect())
}

/// Adds an ending to a file's name: `.age`, or `.capi`.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
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
