//! Small private files, written whole: identities, the device's key, the recovery sheet.

use std::io::{self, Write};
use std::path::Path;

use rand_core::CryptoRng;

use crate::output::{CommitError, CreateError, Output, Overwrite, ReadableBy};

/// Writes a file that is not there yet, for its owner alone. When this returns it is on the disk.
///
/// # Errors
///
/// Says why it was not written. One that exists, even since a moment ago, is never replaced.
pub fn write_new(path: &Path, bytes: &[u8], rng: &mut impl CryptoRng) -> Result<(), WriteError> {
    write(path, bytes, Overwrite::Refuse, rng)
}

/// Writes a file in place of the one that may be there, which passes on its permissions; a new one is for its owner alone.
/// A crash leaves the one or the other, whole.
///
/// # Errors
///
/// Says why it was not written; the old one is then as it was.
pub fn replace(path: &Path, bytes: &[u8], rng: &mut impl CryptoRng) -> Result<(), WriteError> {
    write(path, bytes, Overwrite::Force, rng)
}

fn write(
    path: &Path,
    bytes: &[u8],
    overwrite: Overwrite,
    rng: &mut impl CryptoRng,
) -> Result<(), WriteError> {
    let mut output = Output::create(path, overwrite, ReadableBy::Owner, rng)?;
    output.write_all(bytes)?;
    Ok(output.commit()?)
}

/// Why a small file was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// It did not appear.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It was not started.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Its bytes could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}
