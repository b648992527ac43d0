//! Which files are meant: those named, and those in a list. Those in folders are found in `walk`.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use strongroom_agefile::header::ReadHeaderError;
use strongroom_client::capi::is_capi_file;
use strongroom_client::status::{StatusError, read_header};

use crate::context::Context;
use crate::stream;
use crate::walk::{Exclude, Walk};

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
    let mut bytes = Vec::new();
    stream::open(list)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(failed)?;
    let paths = bytes.split(|byte| *byte == end);
    let paths: Vec<PathBuf> = paths
        .filter(|path| !path.is_empty())
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

/// Tells whether a file is encrypted, by its content and whatever it is called. Of one that can't be read it is not known.
pub(crate) fn is_encrypted(path: &Path) -> bool {
    is_capi_file(path)
        || !matches!(
            read_header(path),
            Err(StatusError::Header(ReadHeaderError::NotAge) | StatusError::Read { .. })
        )
}

/// Tells whether a file opens with a passphrase alone.
pub(crate) fn is_for_passphrase(path: &Path) -> bool {
    read_header(path).is_ok_and(|header| header.is_for_passphrase())
}

/// Tells whether a file's name ends as that of a file we encrypted: in `.age`, or `.capi`.
pub(crate) fn is_encrypted_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["age", "capi"]
            .iter()
            .any(|ending| extension.eq_ignore_ascii_case(ending))
    })
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
