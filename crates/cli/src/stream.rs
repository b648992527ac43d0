//! Standard input and output as files, unbuffered where bytes by the gigabyte pass, and never locked; and what is read or
//! written in their place: pipes with a name, and devices.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::exit::Usage;
use crate::terminal::shown;

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
    let file = match is_pipe(path) {
        true => input()?,
        false => strongroom_files::open_given(path)?,
    };
    strongroom_files::widen_pipe(&file);
    Ok(file)
}

/// Tells whether what is at a path is there once: a pipe, by its name or by its number. To open it twice would lose what
/// its writer wrote meanwhile.
pub(crate) fn is_read_once(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Tells whether what is written to a path goes through at once, as to `-`: there appears no file.
pub(crate) fn is_sink(path: &Path) -> bool {
    is_output(path)
        || path.metadata().is_ok_and(|metadata| {
            let kind = metadata.file_type();
            kind.is_fifo() || kind.is_char_device()
        })
}

/// Opens what takes contents as they come: standard output where nothing or `-` is named, or a pipe or a device
/// ([`is_sink`]).
pub(crate) fn output_to(path: Option<&Path>) -> anyhow::Result<Contents> {
    let Some(path) = path.filter(|path| !is_output(path)) else {
        return Ok(output()?);
    };
    let failed = || format!("cannot open `{}` to write to it", shown(path));
    match strongroom_files::open_sink(path).with_context(failed)? {
        Some(sink) => Ok(Contents::of(sink)),
        None => Err(anyhow::anyhow!(
            "it is neither a pipe nor a device any more"
        ))
        .with_context(failed),
    }
}

fn output() -> io::Result<Contents> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(Contents::of(file))
}

/// Writes a text to standard output that is of no use in part.
pub(crate) fn put(text: &str) -> anyhow::Result<()> {
    let mut output = output()?;
    writeln!(output, "{text}")?;
    Ok(output.flush()?)
}

/// Contents on their way: of no use in part. Who writes them flushes them.
pub(crate) struct Contents(BufWriter<File>);

impl Contents {
    fn of(file: File) -> Self {
        strongroom_files::widen_pipe(&file);
        Self(BufWriter::with_capacity(1 << 16, file))
    }

    /// Writes past the buffer, which is not wiped.
    pub(crate) fn write_secret(&mut self, secret: &[u8]) -> io::Result<()> {
        self.0.flush().map_err(cut_short)?;
        self.0.get_mut().write_all(secret).map_err(cut_short)
    }
}

impl Write for Contents {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(cut_short)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(cut_short)
    }
}

/// Whoever read what was written went away, and has a part of it.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads it any more, and not all of it was written")]
pub(crate) struct CutShort;

fn cut_short(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        io::Error::new(io::ErrorKind::BrokenPipe, CutShort)
    } else {
        error
    }
}

/// Tells whether what is written to standard output, or to the device or pipe named, is shown.
pub(crate) fn output_is_shown(path: Option<&Path>) -> bool {
    match path.filter(|path| !is_output(path)) {
        None => io::stdout().is_terminal(),
        Some(path) => {
            let is_device = |metadata: std::fs::Metadata| metadata.file_type().is_char_device();
            path.metadata().is_ok_and(is_device)
                && File::open(path).is_ok_and(|device| device.is_terminal())
        }
    }
}

/// Tells whether a path stands for standard output, which may be a file that is written to behind what is in it.
fn is_output(path: &Path) -> bool {
    const NAMES: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    NAMES.iter().any(|name| path == Path::new(name))
}
