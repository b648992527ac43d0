//! What is no file and takes what is written to it: named by its user, who knows what is behind.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a pipe or a character device to be written to, by its own name or through a link (`/dev/stderr`, and `/dev/fd/63`,
/// which a shell writes for `>(..)`): a pipe waits for whoever reads it. None where anything else is, or nothing: a file is
/// to appear there whole, or not at all ([`output`](crate::output)).
///
/// # Errors
///
/// Says why it can't be opened.
pub fn open_sink(path: &Path) -> io::Result<Option<File>> {
    let Ok(metadata) = path.metadata() else {
        return Ok(None);
    };
    let kind = metadata.file_type();
    if !kind.is_fifo() && !kind.is_char_device() {
        return Ok(None);
    }
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let kind = file.metadata()?.file_type();
    // Nothing is written over that took the place of a pipe.
    Ok((kind.is_fifo() || kind.is_char_device()).then_some(file))
}
