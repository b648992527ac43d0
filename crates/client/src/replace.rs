//! A file's header is replaced: where it lies, under the journal and with those of a [`Group`], or by a copy (spec/rewrite.md).
//! What the new header says, and that its MAC is right, is the caller's to see to.

mod group;

use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand_core::CryptoRng;
use strongroom_agefile::Header;
use strongroom_agefile::armor::{ArmoredWriter, Dearmored};
use strongroom_agefile::header::ReadHeaderError;
use strongroom_files::open;
use strongroom_files::output::{CreateError, Output, Overwrite, ReadableBy};
use strongroom_protocol::id::Serial;

pub(crate) use self::group::{Group, Pending};
use crate::file::FileId;
use crate::file::copy::{Copy, CopyError, Stamp};
use crate::file::rewrite::{ApplyError, PlanError, Rewrite};
use crate::home::{Home, HomeError, Matched, Planned};
use crate::mark::FileMark;

/// A file's header, and whether the file is text.
pub(crate) struct Beginning {
    pub(crate) header: Header,
    pub(crate) armored: bool,
}

impl Beginning {
    /// Reads a file's header.
    pub(crate) fn read(path: &Path) -> Result<Self, BeginningError> {
        let failed = |source| BeginningError::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = open(path).map_err(failed)?;
        let mut reader = Dearmored::new(BufReader::new(file)).map_err(failed)?;
        Ok(Self {
            header: Header::read(&mut reader)?,
            armored: reader.is_armored(),
        })
    }
}

/// A header that takes the place of the one that a file begins with.
pub(crate) struct Replacement<'r> {
    pub(crate) path: &'r Path,
    pub(crate) old: &'r Beginning,
    pub(crate) new: &'r Header,
    /// The deposit of the session key, if the file is known to be its.
    pub(crate) serial: Option<Serial>,
    /// What becomes known of the file once it begins with the new header.
    pub(crate) learned: Learned,
    /// Whether it may be done where the header lies. What interrupts that is repaired with the home's identities alone.
    pub(crate) in_place: bool,
    /// Where the file with the new header goes; in place of the file if this says nothing.
    pub(crate) output: Option<(&'r Path, Overwrite)>,
}

/// What becomes known of a file that begins with a new header.
#[derive(Clone, Copy, Default)]
pub(crate) struct Learned {
    pub(crate) matched: Option<Matched>,
    /// Its mark.
    pub(crate) mark: Option<FileMark>,
}

impl Replacement<'_> {
    /// Plans to put the new header where the old one lies, or makes a copy with it, which does not appear yet. What is returned
    /// is for `group` to wait for.
    pub(crate) fn prepare<T, V, E: From<ReplaceError>>(
        &self,
        home: &mut Home,
        group: &mut Group<T, V, E>,
        rng: &mut impl CryptoRng,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Pending, ReplaceError> {
        let (old, new) = (self.old.header.as_bytes(), self.new.as_bytes());
        if self.in_place
            && self.output.is_none()
            && !self.old.armored
            && let Some(rewrite) = plan_in_place(self.path, old, new, home, group)?
        {
            let planned = Planned {
                rewrite,
                serial: self.serial,
                mark: self.learned.mark,
            };
            return Ok(Pending::InPlace(planned, self.learned.matched));
        }
        let copy = prepare_copy(
            self.path,
            self.output,
            home,
            group,
            rng,
            |output| match self.old.armored {
                true => self.copy_armored(output),
                false => Ok(Copy::write(self.path, old, new, output, progress)?),
            },
        )?;
        Ok(Pending::Copy(copy, self.learned))
    }

    /// Writes the new header and the old payload as text, unless it is not the header that was read.
    fn copy_armored(&self, mut output: Output) -> Result<Copy, ReplaceError> {
        let failed = |source| CopyError::Read {
            path: self.path.to_path_buf(),
            source,
        };
        let file = open(self.path).map_err(failed)?;
        let before = Stamp::of(&file.metadata().map_err(failed)?);
        let mut payload = Dearmored::new(BufReader::new(file)).map_err(failed)?;
        if !Header::read(&mut payload).is_ok_and(|header| header == self.old.header) {
            let path = self.path.to_path_buf();
            return Err(CopyError::Header { path }.into());
        }
        let mut armored = ArmoredWriter::new(&mut output);
        let write = ReplaceError::Write;
        armored.write_all(self.new.as_bytes()).map_err(write)?;
        io::copy(&mut payload, &mut armored).map_err(write)?;
        armored.finish().map_err(write)?;
        Ok(Copy::new(self.path, before, output))
    }
}

/// Makes a copy of the file at a path, to be put in its place or elsewhere, once the group has room for it. A file of the
/// group is replaced first: it was named twice, and is another one now.
pub(crate) fn prepare_copy<T, V, E: From<ReplaceError>>(
    path: &Path,
    output: Option<(&Path, Overwrite)>,
    home: &mut Home,
    group: &mut Group<T, V, E>,
    rng: &mut impl CryptoRng,
    write: impl FnOnce(Output) -> Result<Copy, ReplaceError>,
) -> Result<Copy, ReplaceError> {
    let (target, overwrite) = output.unwrap_or((path, Overwrite::Force));
    let failed = |source| CopyError::Read {
        path: path.to_path_buf(),
        source,
    };
    let source = open(path).map_err(failed)?;
    let metadata = source.metadata().map_err(failed)?;
    if group.has(FileId::of(&metadata)) {
        group.replace(home);
    }
    group.make_room(home, metadata.len());
    write(Output::create(
        target,
        overwrite,
        ReadableBy::ReadersOf(&source),
        rng,
    )?)
}

/// Plans to replace a header where it lies; nothing where it takes a copy.
///
/// A file whose header the group is about to replace is replaced first: it was named twice, and is another one now.
pub(crate) fn plan_in_place<T, V, E: From<ReplaceError>>(
    path: &Path,
    old: &[u8],
    new: &[u8],
    home: &mut Home,
    group: &mut Group<T, V, E>,
) -> Result<Option<Rewrite>, ReplaceError> {
    if old.len() != new.len() {
        return Ok(None);
    }
    let plan = || match Rewrite::plan(path, old.to_vec(), new.to_vec()) {
        Ok(rewrite) => Ok(Some(rewrite)),
        // Others would change along with it; a copy leaves them as they are.
        Err(PlanError::HardLinks { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    };
    let planned = plan()?;
    match planned {
        Some(rewrite) if group.has(rewrite.id()) => {
            group.replace(home);
            plan()
        }
        planned => Ok(planned),
    }
}

/// Why a file's header can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginningError {
    /// It is no age file, or its header is damaged.
    #[error(transparent)]
    Header(#[from] ReadHeaderError),
    /// The file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// Why a file has its old header still.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The header could not be replaced in place.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The file could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The copy can't be started.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The file was named before, and its header could not be replaced.
    #[error("`{path}` was named twice, and could not be done the first time")]
    FailedBefore {
        /// The file.
        path: PathBuf,
    },
    /// The home can't be used: one error of all files of a group.
    #[error(transparent)]
    Home(#[from] Arc<HomeError>),
    /// The header can't be replaced in place.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The copy can't be written.
    #[error("cannot write the copy")]
    Write(#[source] io::Error),
}
