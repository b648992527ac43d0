//! A file's header for the key in use today; its payload stays as it is (spec/recovery.md#header).
//! The session key comes from an identity that still opens the file, or from what was released.

mod find;
mod repair;
mod reseal;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use strongroom_agefile::armor::{ArmoredWriter, Dearmored};
use strongroom_agefile::header::{InvalidHeader, ReadHeaderError};
use strongroom_agefile::payload::{NONCE_BYTES, SEALED_CHUNK_BYTES};
use strongroom_agefile::{Header, Recipient};
use strongroom_protocol::id::Serial;

use self::find::{Evidence, Finder, Found};
pub use self::repair::{Repair, RepairError, Repaired};
use self::reseal::Resealed;
use crate::file::copy::{CopyError, Stamp, with_header};
use crate::file::output::{CommitError, CreateError, Output, Overwrite};
use crate::file::rewrite::{ApplyError, PlanError, Rewrite};
use crate::file::same_file;
use crate::home::{Home, HomeError, Identities, KeysError, Matched};
use crate::released::ReleasedError;

/// How a file is rewrapped.
pub struct RewrapOptions<'o> {
    /// The home's identities: the first is what the file is rewrapped for.
    pub identities: &'o Identities,
    /// Other identities that may open it.
    pub others: &'o [Identities],
    /// Where the result goes; in place of the file if this says nothing.
    pub output: Option<(PathBuf, Overwrite)>,
}

impl<'o> RewrapOptions<'o> {
    /// In place, with the home's identities alone.
    #[must_use]
    pub fn new(identities: &'o Identities) -> Self {
        Self {
            identities,
            others: &[],
            output: None,
        }
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrapped {
    /// It opened with the key in use; nothing was to be done.
    Current,
    /// Its header was replaced where it lies.
    InPlace,
    /// It was replaced by a copy with the new header.
    Copied,
    /// A copy with the new header was written elsewhere, and it was left as it is.
    Written(PathBuf),
}

/// Rewraps one file.
///
/// `progress` is told how many bytes were copied, and of how many, where it takes a copy.
///
/// # Errors
///
/// Says why the file was left as it is.
pub fn rewrap(
    home: &mut Home,
    path: &Path,
    options: &RewrapOptions<'_>,
    rng: &mut impl CryptoRng,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Rewrapped, RewrapError> {
    if let Some((target, _)) = &options.output
        && same_file(path, target)
    {
        return Err(RewrapError::OntoItself {
            path: target.clone(),
        });
    }
    let beginning = read(path)?;
    let header = &beginning.header;
    let found = Finder::new(home, options)?.find(header, &beginning.first_chunk)?;
    if matches!(found.evidence, Evidence::FirstChunk) && options.output.is_none() {
        return Err(RewrapError::Altered);
    }
    let owner = options.identities.recipient()?;
    if found.is_current && matches!(found.evidence, Evidence::Mac) && options.output.is_none() {
        return Ok(Rewrapped::Current);
    }
    let resealed = reseal(home, header, &found, &owner, rng)?;
    put(
        home, path, &beginning, &found, resealed, options, rng, progress,
    )
}

/// A file's beginning, and whether it is text.
struct Beginning {
    header: Header,
    first_chunk: Vec<u8>,
    armored: bool,
}

fn read(path: &Path) -> Result<Beginning, RewrapError> {
    let failed = |source| RewrapError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(io::Error::from(io::ErrorKind::InvalidInput)));
    }
    let mut reader = Dearmored::new(BufReader::new(file)).map_err(failed)?;
    let header = Header::read(&mut reader)?;
    let mut first_chunk = Vec::new();
    let armored = reader.is_armored();
    let length = (NONCE_BYTES + SEALED_CHUNK_BYTES) as u64;
    reader
        .take(length)
        .read_to_end(&mut first_chunk)
        .map_err(failed)?;
    Ok(Beginning {
        header,
        first_chunk,
        armored,
    })
}

fn reseal(
    home: &Home,
    header: &Header,
    found: &Found,
    owner: &Recipient,
    rng: &mut impl CryptoRng,
) -> Result<Resealed, RewrapError> {
    let own = match found.own {
        Some(own) => Some(own),
        None => {
            let known = home.own_stanza(header)?;
            // The only recipient of somebody else's file is that somebody, who keeps their access.
            let only = || reseal::only_recipient(header).filter(|_| !found.is_anothers);
            known.or_else(only)
        }
    };
    Ok(reseal::reseal(header, found, own, owner, rng)?)
}

/// Puts the new header where it belongs: each step durable before the next.
#[expect(
    clippy::too_many_arguments,
    reason = "one call, in the paragraph above"
)]
fn put(
    home: &mut Home,
    path: &Path,
    read: &Beginning,
    found: &Found,
    resealed: Resealed,
    options: &RewrapOptions<'_>,
    rng: &mut impl CryptoRng,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Rewrapped, RewrapError> {
    let matched = found
        .serial
        .filter(|_| found.matches)
        .map(|serial| Matched::new(&resealed.header, serial, Some(resealed.own)));
    let (old, new) = (read.header.as_bytes(), resealed.header.as_bytes());
    if options.output.is_none() && !read.armored && old.len() == new.len() {
        match Rewrite::plan(path, old.to_vec(), new.to_vec()) {
            Ok(rewrite) => {
                home.begin_rewrite(&rewrite, matched.map(|matched| matched.serial))?;
                rewrite.apply()?;
                home.end_rewrite(&rewrite, matched.as_ref())?;
                return Ok(Rewrapped::InPlace);
            }
            // Others would change along with it; a copy leaves them as they are.
            Err(PlanError::HardLinks { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (target, overwrite) = match &options.output {
        Some((target, overwrite)) => (target.as_path(), *overwrite),
        None => (path, Overwrite::Force),
    };
    let output = Output::create(target, overwrite, 0o666, rng)?;
    if read.armored {
        copy_armored(path, old, new, output)?;
    } else {
        with_header(path, old, new, output, progress)?;
    }
    if let Some(matched) = matched {
        home.record_matched(&matched)?;
    }
    Ok(match &options.output {
        Some((target, _)) => Rewrapped::Written(target.clone()),
        None => Rewrapped::Copied,
    })
}

/// Writes the new header and the old payload as text, unless the file has changed since its header was read.
fn copy_armored(
    path: &Path,
    old: &[u8],
    new: &[u8],
    mut output: Output,
) -> Result<(), RewrapError> {
    let failed = |source| RewrapError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let before = Stamp::of(&file.metadata().map_err(failed)?);
    let mut payload = Dearmored::new(BufReader::new(file)).map_err(failed)?;
    if Header::read(&mut payload)?.as_bytes() != old {
        return Err(CopyError::Header {
            path: path.to_path_buf(),
        }
        .into());
    }
    let mut armored = ArmoredWriter::new(&mut output);
    armored.write_all(new).map_err(RewrapError::Write)?;
    io::copy(&mut payload, &mut armored).map_err(RewrapError::Write)?;
    armored.finish().map_err(RewrapError::Write)?;
    if Stamp::of(&path.metadata().map_err(failed)?) != before {
        return Err(CopyError::Changed {
            path: path.to_path_buf(),
        }
        .into());
    }
    Ok(output.commit()?)
}

/// Why a file was left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// The header's MAC is wrong, and the payload opens.
    #[error("the file's header was altered; its payload opens")]
    Altered,
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
    /// The header can't be read.
    #[error(transparent)]
    Header(#[from] ReadHeaderError),
    /// The home can't be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The new stanzas make no header.
    #[error(transparent)]
    Invalid(#[from] InvalidHeader),
    /// An identity can't be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Neither an identity nor a released key opens the file.
    #[error("no key at hand opens this file")]
    NoKey {
        /// Its deposit, where its pointer names one.
        serial: Option<Serial>,
    },
    /// The copy would take the place of the file, which is to be left as it is.
    #[error("`{path}` would be copied onto itself")]
    OntoItself {
        /// The file.
        path: PathBuf,
    },
    /// A passphrase opens it, and rewrapping is for keys.
    #[error("this file is encrypted with a passphrase")]
    Passphrase,
    /// The header can't be replaced in place.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The file can't be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A released key can't be had.
    #[error(transparent)]
    Released(#[from] ReleasedError),
    /// The copy can't be written.
    #[error("cannot write the copy")]
    Write(#[source] io::Error),
}
