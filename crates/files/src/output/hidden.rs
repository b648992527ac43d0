//! The hidden names of files being written: made, given up for the real one, and cleared away after a kill.
//! Whoever writes under one holds a lock (`flock`) on the file, which ends with the process however it ends.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::{Unfinished, open_folder};

const PREFIX: &str = ".strongroom-";
const SUFFIX: &str = ".tmp";
const DIGITS: usize = 16;
/// How often another name is tried. The names are random, so that the second is hardly ever.
const ATTEMPTS: u64 = 16;

/// Removes from `folder` what processes that were killed left under hidden names, and returns how many it was.
///
/// Only plain files of this user under such a name that no living process holds: one that is being written now,
/// here or by another, stays. Where the file system knows no locks they all stay.
///
/// # Errors
///
/// Says why the folder cannot be read. What cannot be removed stays, and is not counted.
pub fn remove_leftovers(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    let held = open_folder(folder)?;
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        if is_hidden(&name) && remove_leftover(&held, &name).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

fn remove_leftover(folder: &File, name: &OsStr) -> io::Result<()> {
    // A pipe planted under the name would wait for its other end.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = |access| rustix::fs::openat(folder, name, flags | access, Mode::empty());
    // Network file systems lock nothing for readers; on others, what took over read-only permissions can be locked so.
    let file = File::from(open(OFlags::RDWR).or_else(|_| open(OFlags::RDONLY))?);
    let metadata = file.metadata()?;
    let ours = metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw();
    if !ours {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    file.try_lock()?;
    // Its writer may have given the name up, or have been about to lock it, before we did.
    if !still_named(&file, folder, name)? {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(rustix::fs::unlinkat(folder, name, AtFlags::empty())?)
}

/// A hidden name, which goes when a signal ends the process.
#[derive(Debug)]
pub(super) struct Hidden {
    pub(super) name: OsString,
    _unfinished: Unfinished,
}

/// Makes a file under a hidden name, held.
pub(super) fn create(folder: &File, seed: u64, mode: Mode) -> Result<(File, Hidden), Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    name_with(folder, seed, |name| {
        let file = File::from(rustix::fs::openat(folder, name, flags, mode)?);
        hold(&file);
        // Before the lock it looked like a leftover; whoever cleared it away did so before we got the lock.
        if still_named(&file, folder, name)? {
            Ok(file)
        } else {
            Err(Errno::EXIST)
        }
    })
}

/// Tries hidden names that follow from `seed` until one is free.
pub(super) fn name_with<T>(
    folder: &File,
    seed: u64,
    mut make: impl FnMut(&OsStr) -> Result<T, Errno>,
) -> Result<(T, Hidden), Errno> {
    for attempt in 0..ATTEMPTS {
        let number = seed.wrapping_add(attempt);
        let name = OsString::from(format!("{PREFIX}{number:0DIGITS$x}{SUFFIX}"));
        let made = Unfinished::begin(|| Ok((make(&name)?, unlink(folder, name.clone())?)));
        match made {
            Err(Errno::EXIST) => {}
            Ok((made, _unfinished)) => return Ok((made, Hidden { name, _unfinished })),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::AGAIN)
}

/// Takes a name away, whatever becomes of `folder` meanwhile.
fn unlink(folder: &File, name: OsString) -> Result<impl FnOnce() + Send + 'static, Errno> {
    let folder = rustix::io::fcntl_dupfd_cloexec(folder, 0)?;
    Ok(move || {
        let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
    })
}

/// Gives a hidden file its name, unless something has it already: in the first way that there is here.
pub(super) fn appear_beside(folder: &File, hidden: &OsStr, name: &OsStr) -> Result<(), Errno> {
    let ways = [rename_no_replace, link_no_replace, rename_over_own];
    let mut last = Errno::NOSYS;
    for way in ways {
        match way(folder, hidden, name) {
            // Which answer a file system gives for what it has not is its own affair: CryFS says ERANGE to a link.
            Err(error) if error != Errno::EXIST => last = error,
            done => return done,
        }
    }
    Err(last)
}

/// Renames, unless something has the name already. NFS and many programs' file systems have no such thing.
fn rename_no_replace(folder: &File, hidden: &OsStr, name: &OsStr) -> Result<(), Errno> {
    #[cfg(any(target_os = "android", target_os = "linux", target_vendor = "apple"))]
    {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(folder, hidden, folder, name, flags)
    }
    #[cfg(not(any(target_os = "android", target_os = "linux", target_vendor = "apple")))]
    Err(Errno::NOSYS)
}

/// Does so by a link, which never replaces. A crash between the two calls leaves the whole file with a second, hidden,
/// name, as a leftover.
pub(super) fn link_no_replace(folder: &File, hidden: &OsStr, name: &OsStr) -> Result<(), Errno> {
    rustix::fs::linkat(folder, hidden, folder, name, AtFlags::empty())?;
    let _ = rustix::fs::unlinkat(folder, hidden, AtFlags::empty());
    Ok(())
}

/// Does so where there are no links either: makes the name, which never replaces, and renames over that. A crash between
/// the two leaves an empty file under the name, and the whole one hidden; a signal leaves neither.
pub(super) fn rename_over_own(folder: &File, hidden: &OsStr, name: &OsStr) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let owner = Mode::RUSR | Mode::WUSR;
    let (own, unfinished) = Unfinished::begin(|| {
        let own = rustix::fs::openat(folder, name, flags, owner)?;
        Ok::<_, Errno>((own, unlink(folder, name.to_owned())?))
    })?;
    drop(own);
    // Once it is renamed the name is the finished file's, and not to be taken away.
    unfinished.finish(|| rustix::fs::renameat(folder, hidden, folder, name))
}

/// Says that the file is being written. Where there are no locks, nobody clears anything away either.
pub(super) fn hold(file: &File) {
    let _ = file.lock();
}

fn still_named(file: &File, folder: &File, name: &OsStr) -> Result<bool, Errno> {
    let named = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => named,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error),
    };
    let held = rustix::fs::fstat(file)?;
    Ok((named.st_dev, named.st_ino) == (held.st_dev, held.st_ino))
}

fn is_hidden(name: &OsStr) -> bool {
    name.to_str()
        .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX))
        .is_some_and(|digits| {
            digits.len() == DIGITS
                && digits
                    .bytes()
                    .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        })
}
