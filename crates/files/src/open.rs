//! Files that somebody named or that lay in a folder, opened to be read. Nothing that has a file's name is waited for: a
//! pipe may never have another end, and a device does what it likes when it is opened.

use std::fs::{File, FileType};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Opens a file, and nothing else, to read it.
///
/// # Errors
///
/// Says why it can't be opened, or what it is instead of a file.
pub fn open(path: &Path) -> io::Result<File> {
    let file = open_anything(path)?;
    let kind = file.metadata()?.file_type();
    match kind.is_file() {
        true => Ok(file),
        false => Err(not_a_file(kind)),
    }
}

/// Opens a file, or what this process was given under a number, to read it once from its beginning: `/dev/stdin`, and
/// `/dev/fd/63`, which a shell writes for `<(..)`. Whoever gave it is who is waited for.
///
/// # Errors
///
/// Says why it can't be opened, or what it is instead of a file.
pub fn open_input(path: &Path) -> io::Result<File> {
    if !is_descriptor(path) {
        return open(path);
    }
    let file = open_anything(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(not_a_file(kind));
    }
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Opens the same, or a pipe that has a name, for what is read once: whoever named it is asked to write to it.
///
/// It is opened once, so that whoever writes is not let go before what they write is read.
///
/// # Errors
///
/// Says why it can't be opened, or what it is instead of a file or a pipe.
pub fn open_given(path: &Path) -> io::Result<File> {
    if is_descriptor(path) {
        return open_input(path);
    }
    let file = open_anything(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    if !kind.is_fifo() {
        return Err(not_a_file(kind));
    }
    // Without anybody at its other end, reading it would find an end.
    wait_for(&file)?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Waits until there is something to be read, or whoever would have written it went.
fn wait_for(pipe: &File) -> io::Result<()> {
    loop {
        let mut polled = [PollFd::new(pipe, PollFlags::IN)];
        match poll(&mut polled, None) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}

/// Refuses a database of SQLite's where the file itself, or one that SQLite opens beside it, has become something else: it
/// would wait for a pipe.
///
/// # Errors
///
/// Says what one of them is.
pub fn check_database(path: &Path) -> io::Result<()> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        match Path::new(&name).metadata() {
            Ok(found) if !found.is_file() => return Err(not_a_file(found.file_type())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn open_anything(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok(file.into()),
        // Of sockets and of devices that are not there.
        Err(Errno::NXIO) => Err(path
            .metadata()
            .map_or_else(|error| error, |metadata| not_a_file(metadata.file_type()))),
        Err(error) => Err(error.into()),
    }
}

/// Tells whether a path names a descriptor of this process, and not what lies in some folder.
fn is_descriptor(path: &Path) -> bool {
    let folder = path.parent();
    path == Path::new("/dev/stdin")
        || folder == Some(Path::new("/dev/fd"))
        || folder == Some(Path::new("/proc/self/fd"))
}

fn not_a_file(kind: FileType) -> io::Error {
    let instead = if kind.is_dir() {
        return io::ErrorKind::IsADirectory.into();
    } else if kind.is_fifo() {
        NotAFile::Pipe
    } else if kind.is_socket() {
        NotAFile::Socket
    } else {
        NotAFile::Device
    };
    io::Error::new(io::ErrorKind::InvalidInput, instead)
}

/// What has the name that a file was expected under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAFile {
    /// A character or block device.
    #[error("it is a device, not a file")]
    Device,
    /// A named pipe.
    #[error("it is a pipe, not a file, and is not waited for")]
    Pipe,
    /// A socket.
    #[error("it is a socket, not a file")]
    Socket,
}
