//! A file's header is replaced: where it lies, under the journal, or by a copy (spec/rewrite.md). What the new header
//! says, and that its MAC is right, is the caller's to see to.

use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_agefile::Header;
use strongroom_agefile::armor::{ArmoredWriter, Dearmored};
use strongroom_agefile::header::ReadHeaderError;
use strongroom_files::open;
use strongroom_files::output::{CommitError, CreateError, Output, Overwrite, ReadableBy};

use crate::file::copy::{CopyError, Stamp, with_header};
use crate::file::rewrite::{ApplyError, PlanError, Rewrite};
use crate::home::{Home, HomeError, Matched};
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
    /// What is known of the file once it begins with the new header.
    pub(crate) matched: Option<Matched>,
    /// The file's mark then.
    pub(crate) mark: Option<FileMark>,
    /// Whether it may be done where the header lies. What interrupts that is repaired with the home's identities alone.
    pub(crate) in_place: bool,
    /// Where the file with the new header goes; in place of the file if this says nothing.
    pub(crate) output: Option<(&'r Path, Overwrite)>,
}

/// How a header was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replaced {
    Copied,
    InPlace,
}

impl Replacement<'_> {
    /// Puts the new header where it belongs: each step durable before the next. What is known of the file is not
    /// recorded where it was copied.
    pub(crate) fn put(
        &self,
        home: &mut Home,
        rng: &mut impl CryptoRng,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Replaced, ReplaceError> {
        let (old, new) = (self.old.header.as_bytes(), self.new.as_bytes());
        let fits = old.len() == new.len() && !self.old.armored;
        if self.in_place && self.output.is_none() && fits {
            match Rewrite::plan(self.path, old.to_vec(), new.to_vec()) {
                Ok(rewrite) => {
                    let serial = self.matched.map(|matched| matched.serial);
                    home.begin_rewrite(&rewrite, serial, self.mark.as_ref())?;
                    rewrite.apply()?;
                    home.end_rewrite(&rewrite, self.matched.as_ref())?;
                    return Ok(Replaced::InPlace);
                }
                // Others would change along with it; a copy leaves them as they are.
                Err(PlanError::HardLinks { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let (target, overwrite) = self.output.unwrap_or((self.path, Overwrite::Force));
        let failed = |source| CopyError::Read {
            path: self.path.to_path_buf(),
            source,
        };
        let source = open(self.path).map_err(failed)?;
        let output = Output::create(target, overwrite, ReadableBy::ReadersOf(&source), rng)?;
        if self.old.armored {
            self.copy_armored(output)?;
        } else {
            with_header(self.path, old, new, output, progress)?;
        }
        Ok(Replaced::Copied)
    }

    /// Writes the new header and the old payload as text, unless the file has changed since its header was read.
    fn copy_armored(&self, mut output: Output) -> Result<(), ReplaceError> {
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
        if Stamp::of(&self.path.metadata().map_err(failed)?) != before {
            let path = self.path.to_path_buf();
            return Err(CopyError::Changed { path }.into());
        }
        Ok(output.commit()?)
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
    /// The copy could not appear.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The file could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The copy can't be started.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The header can't be replaced in place.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The copy can't be written.
    #[error("cannot write the copy")]
    Write(#[source] io::Error),
}
