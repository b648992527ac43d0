//! Standard input and output as files, unbuffered where bytes by the gigabyte pass, and never locked; and what is read in
//! their place.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::exit::Usage;

/// Tells whether a path stands for a pipe.
pub(crate) fn is_pipe(path: &Path) -> bool {
    path == Path::new("-")
}

/// Returns the paths to work on: those named, or what is piped in where none is, as in age.
pub(crate) fn or_pipe(named: &[PathBuf]) -> Vec<PathBuf> {
    if named.is_empty() && is_piped_in() {
        return vec![PathBuf::from("-")];
    }
    named.to_vec()
}

/// Tells whether standard input is a pipe or a file: not a terminal, nor the nothing that a service begins with.
fn is_piped_in() -> bool {
    let kind = input().and_then(|input| input.metadata());
    kind.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}

/// Refuses to read standard input for two purposes: the second would find nothing, and take that for all there is.
pub(crate) fn ensure_one_reader<'p>(
    paths: impl IntoIterator<Item = &'p PathBuf>,
) -> anyhow::Result<()> {
    let readers = paths.into_iter().filter(|path| is_pipe(path)).count();
    anyhow::ensure!(
        readers <= 1,
        Usage("`-`, the pipe, can be read for one purpose alone")
    );
    Ok(())
}

/// Returns standard input.
pub(crate) fn input() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Opens a file to be read once from its beginning, or standard input where the path is `-`.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match is_pipe(path) {
        true => input(),
        false => strongroom_files::open_input(path),
    }
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
