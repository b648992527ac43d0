//! Small private files, written whole: identities, the device's key, the recovery sheet.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rand_core::CryptoRng;

use super::output::{CommitError, CreateError, Output, Overwrite};

/// Writes a file that is not there yet, with exactly the permissions `mode`. When this returns it is on the disk.
///
/// # Errors
///
/// Says why it was not written. One that exists, even since a moment ago, is never replaced.
pub fn write_new(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    rng: &mut impl CryptoRng,
) -> Result<(), WriteError> {
    write(path, bytes, Overwrite::Refuse, mode, rng)
}

/// Writes a file in place of the one that may be there, with exactly the permissions `mode`, whatever that one had.
/// A crash leaves the one or the other, whole.
///
/// # Errors
///
/// Says why it was not written; the old one is then as it was.
pub fn replace(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    rng: &mut impl CryptoRng,
) -> Result<(), WriteError> {
    write(path, bytes, Overwrite::Force, mode, rng)
}

fn write(
    path: &Path,
    bytes: &[u8],
    overwrite: Overwrite,
    mode: u32,
    rng: &mut impl CryptoRng,
) -> Result<(), WriteError> {
    let mut output = Output::create(path, overwrite, mode, rng)?;
    // Before the first byte is in it.
    output
        .file_mut()
        .set_permissions(Permissions::from_mode(mode))?;
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
