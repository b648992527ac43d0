//! Standard input and output as files: unbuffered where bytes by the gigabyte pass, and never locked.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Tells whether a path stands for a pipe.
pub(crate) fn is_pipe(path: &Path) -> bool {
    path == Path::new("-")
}

/// Returns the paths to work on: those named, or the pipe that is there where none is, as in age.
pub(crate) fn or_pipe(named: &[PathBuf]) -> Vec<PathBuf> {
    if named.is_empty() && !io::stdin().is_terminal() {
        return vec![PathBuf::from("-")];
    }
    named.to_vec()
}

/// Returns standard input.
pub(crate) fn input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Returns standard output; who writes to it flushes it.
pub(crate) fn output() -> io::Result<BufWriter<File>> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(BufWriter::with_capacity(1 << 16, file))
}

/// Tells whether what is written to standard output is shown.
pub(crate) fn output_is_shown() -> bool {
    io::stdout().is_terminal()
}
