//! A file that appears whole under its name, or not at all. What is written to it is not known here.

mod errors;
mod hidden;
mod sparse;
#[cfg(test)]
mod tests;
mod together;

use std::ffi::{OsStr, OsString};
use std::fs::{File, FileTimes, Metadata};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rand_core::CryptoRng;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, RawMode};
use rustix::io::Errno;

pub use self::errors::{CommitError, CreateError, WriteFailed};
pub use self::hidden::remove_leftovers;
use crate::readers::Readers;
use hidden::Hidden;

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It is replaced in one step, whether it was there at [`Output::create`] or came later.
    Force,
    /// It stays, whenever it came, and the new file does not appear.
    Refuse,
}

/// Who may read a file that replaces none (spec/files.md#readers).
#[derive(Clone, Copy, Debug)]
pub enum ReadableBy<'f> {
    /// Its owner alone.
    Owner,
    /// Those who may read this file, which it is made from, less the process's umask: all of them, or the new file's owner
    /// alone. Where this is a pipe, whoever the umask lets.
    ReadersOf(&'f File),
    /// Whoever the process's umask lets.
    Umask,
}

/// A file being written, which nobody sees under its name before [`Output::commit`].
///
/// It has no name where the file system can do that (`O_TMPFILE`), otherwise a hidden one beside its place,
/// `.strongroom-` and 16 hex digits and `.tmp`, which goes when this is dropped, or when a signal ends the process
/// ([`remove_unfinished`](crate::remove_unfinished)). A process that is killed leaves the hidden one behind: see
/// [`remove_leftovers`].
///
/// Where zeros are written through [`Write`] or [`Output::write_all_at`], a disk that knows holes has holes.
#[derive(Debug)]
pub struct Output {
    file: File,
    place: Place,
    overwrite: Overwrite,
    /// Names what hides the file, and what is tried first when it needs such a name later.
    seed: u64,
    // Invariant: some exactly while `file` has this name in `place.folder`, and a lock says it is in use.
    hidden: Option<Hidden>,
    /// Where the last of the zeros that were passed over end: the file is no shorter.
    holes_end: AtomicU64,
    /// When what it was made from was modified.
    modified: Option<SystemTime>,
}

/// Where the file is to appear. The folder is held open, so that it may be moved meanwhile.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    folder: File,
    name: OsString,
}

impl Output {
    /// Starts the file that is to appear at `path`.
    ///
    /// One that is replaced passes on its permissions instead, with its access list, and its owner and group as far as
    /// this user may give them; not its other extended attributes. A symbolic link at `path` is always refused: through
    /// it, a file would change that nobody named, and in its place, the one it points to would not.
    ///
    /// # Errors
    ///
    /// Says what is in the way at `path`, or why its folder does not take a file.
    pub fn create(
        path: &Path,
        overwrite: Overwrite,
        readable: ReadableBy<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, CreateError> {
        let seed = rng.next_u64();
        Self::create_in(Place::open(path)?, overwrite, readable, seed, nameless)
    }

    /// Tells whether [`Self::create`] would refuse what is at `path` now, and makes nothing.
    ///
    /// # Errors
    ///
    /// Says what is in the way, or that its folder does not take a file.
    pub fn check(path: &Path, overwrite: Overwrite) -> Result<(), CreateError> {
        let place = Place::open(path)?;
        place.look(overwrite)?;
        let access = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&place.folder, ".", access, AtFlags::empty())
            .map_err(|error| place.not_created(error))
    }

    fn create_in(
        place: Place,
        overwrite: Overwrite,
        readable: ReadableBy<'_>,
        seed: u64,
        unnamed: Unnamed,
    ) -> Result<Self, CreateError> {
        let failed = |source| CreateError::Io {
            path: place.path.clone(),
            source,
        };
        let replaced = place.look(overwrite)?;
        let made_from = match readable {
            ReadableBy::ReadersOf(file) if file.metadata().map_err(failed)?.is_file() => Some(file),
            ReadableBy::ReadersOf(_) | ReadableBy::Owner | ReadableBy::Umask => None,
        };
        // What is to be read by the readers of another file is opened by nobody before it has their permissions: who has
        // it open reads what comes.
        let is_open =
            replaced.is_none() && made_from.is_none() && !matches!(readable, ReadableBy::Owner);
        let mode = if is_open { 0o666 } else { 0o600 };
        let (file, hidden) = place.start(seed, mode, unnamed)?;
        let passed = match (replaced, made_from) {
            (Some(replaced), _) => Readers::at(&place.path, &replaced)
                .and_then(|readers| readers.pass_to(&file))
                .map_err(failed),
            (None, Some(made_from)) => place.umask(seed, unnamed).and_then(|most| {
                Readers::of(made_from)
                    .and_then(|readers| readers.pass_to_another(&file, most))
                    .map_err(failed)
            }),
            (None, None) => Ok(()),
        };
        let output = Self {
            file,
            place,
            overwrite,
            seed,
            hidden,
            holes_end: AtomicU64::new(0),
            modified: None,
        };
        passed.map(|()| output)
    }

    /// Returns the file, to be written otherwise than through [`Write`].
    pub fn file_mut(&mut self) -> &mut File {
        &mut self.file
    }

    /// Writes all of `bytes` at a place of its own; several threads may at once.
    ///
    /// # Errors
    ///
    /// The disk does not take them.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut rest, mut offset) = (bytes, offset);
        while !rest.is_empty() {
            let mut passed = sparse::leading_zeros(rest);
            if passed > 0 {
                let end = offset + passed as u64;
                self.holes_end.fetch_max(end, Ordering::Relaxed);
            } else {
                let bytes = sparse::until_zeros(rest);
                self.file
                    .write_all_at(bytes, offset)
                    .map_err(|error| self.failed(error))?;
                passed = bytes.len();
            }
            (_, rest) = rest.split_at(passed);
            offset += passed as u64;
        }
        Ok(())
    }

    /// Takes back all that was written.
    ///
    /// # Errors
    ///
    /// The disk does not let go of it.
    pub fn start_over(&mut self) -> io::Result<()> {
        self.holes_end = AtomicU64::new(0);
        self.file.rewind()?;
        self.file.set_len(0)
    }

    /// Gives the file the time of modification of the one that it is made from, as far as its disk keeps it.
    ///
    /// # Errors
    ///
    /// That one can't be looked at.
    pub fn keep_time_of(&mut self, made_from: &File) -> io::Result<()> {
        let metadata = made_from.metadata()?;
        // A pipe has none to speak of.
        self.modified = metadata
            .is_file()
            .then(|| metadata.modified())
            .transpose()?;
        Ok(())
    }

    /// Lets the file appear under its name; when this returns, a power cut does not take it back.
    ///
    /// The folder must itself be on the disk: whoever made it a moment ago has synced the one above.
    ///
    /// # Errors
    ///
    /// Says why the file did not appear, and then nothing of it is left. [`CommitError::FolderNotSynced`] alone
    /// tells of a file that did appear, whole, and might be gone after a power cut.
    pub fn commit(self) -> Result<(), CommitError> {
        let committed = Self::commit_all(vec![self], |_| Ok(()));
        committed.into_iter().try_for_each(|done| done.map(drop))
    }

    /// Writes what the file lacks still, its last zero and its time.
    fn end_bytes(&mut self) -> io::Result<()> {
        let end = *self.holes_end.get_mut();
        if end > 0 && end > self.file.metadata()?.len() {
            self.file.write_all_at(&[0], end - 1)?;
        }
        if let Some(modified) = self.modified {
            let _ = self.file.set_times(FileTimes::new().set_modified(modified));
        }
        Ok(())
    }

    /// Gives the file its name.
    fn appear(&mut self) -> Result<(), CommitError> {
        match self.overwrite {
            Overwrite::Force => self.appear_over(),
            Overwrite::Refuse => self.appear_beside(),
        }
        .map_err(|error| self.place.not_named(error))
    }

    /// Gives the file its name, unless something has it: the file system decides, in one step.
    fn appear_beside(&mut self) -> Result<(), Errno> {
        let Place { folder, name, .. } = &self.place;
        if self.hidden.is_none() {
            match link(&self.file, folder, name) {
                Err(error) if error != Errno::EXIST => {}
                done => return done,
            }
        }
        let hidden = self.take_hidden()?;
        let Place { folder, name, .. } = &self.place;
        let appeared = hidden::appear_beside(folder, &hidden.name, name);
        if appeared.is_err() {
            self.hidden = Some(hidden);
        }
        appeared
    }

    /// Gives the file its name, taking it from whatever has it.
    ///
    /// A link never replaces, so a file without a name first takes a hidden one. A crash between the two leaves
    /// the old file under the name and the new one, whole, under the hidden name, as a leftover.
    fn appear_over(&mut self) -> Result<(), Errno> {
        let hidden = self.take_hidden()?;
        let Place { folder, name, .. } = &self.place;
        // A symbolic link that came after `create` is replaced, not followed; a folder is not replaced.
        let renamed = rustix::fs::renameat(folder, &hidden.name, folder, name);
        if renamed.is_err() {
            self.hidden = Some(hidden);
        }
        renamed
    }

    /// Gives the file a hidden name, if it has none yet. Where it can't be linked, a copy of it takes its place.
    fn take_hidden(&mut self) -> Result<Hidden, Errno> {
        if let Some(hidden) = self.hidden.take() {
            return Ok(hidden);
        }
        let folder = &self.place.folder;
        match hidden::name_with(folder, self.seed, |hidden| link(&self.file, folder, hidden)) {
            Ok(((), hidden)) => Ok(hidden),
            Err(_) => {
                let (copy, hidden) = self.copy()?;
                self.file = copy;
                Ok(hidden)
            }
        }
    }

    /// Copies the file to one with a hidden name, and sees it onto the disk.
    fn copy(&self) -> Result<(File, Hidden), Errno> {
        let owner = Mode::RUSR | Mode::WUSR;
        let (copy, hidden) = hidden::create(&self.place.folder, self.seed, owner)?;
        let copied = || {
            Readers::of(&self.file)?.pass_to(&copy)?;
            (&self.file).rewind()?;
            io::copy(&mut &self.file, &mut &copy)?;
            if let Some(modified) = self.modified {
                let _ = copy.set_times(FileTimes::new().set_modified(modified));
            }
            copy.sync_all()
        };
        match copied() {
            Ok(()) => Ok((copy, hidden)),
            Err(error) => {
                let _ = rustix::fs::unlinkat(&self.place.folder, &hidden.name, AtFlags::empty());
                Err(Errno::from_io_error(&error).unwrap_or(Errno::IO))
            }
        }
    }

    /// Puts the path into what a write answers, and keeps its kind.
    fn failed(&self, source: io::Error) -> io::Error {
        if source.kind() == io::ErrorKind::Interrupted {
            return source;
        }
        let path = self.place.path.clone();
        io::Error::new(source.kind(), WriteFailed { path, source })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let zeros = sparse::leading_zeros(bytes);
        if zeros > 0 {
            let length = i64::try_from(zeros).unwrap_or(i64::MAX);
            let sought = self.file.seek(SeekFrom::Current(length));
            let end = sought.map_err(|error| self.failed(error))?;
            *self.holes_end.get_mut() = end;
            return Ok(zeros);
        }
        let bytes = sparse::until_zeros(bytes);
        self.file.write(bytes).map_err(|error| self.failed(error))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.file
            .write_vectored(slices)
            .map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            // The lock is held until `file` closes, so that nobody else takes the name away and gives it anew.
            let _ = rustix::fs::unlinkat(&self.place.folder, &hidden.name, AtFlags::empty());
        }
    }
}

impl Place {
    fn open(path: &Path) -> Result<Self, CreateError> {
        let path = path.to_path_buf();
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(CreateError::NoName { path });
        };
        let here = Path::new(".");
        let folder = if folder == Path::new("") {
            here
        } else {
            folder
        };
        let name = name.to_os_string();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(folder, flags, Mode::empty()) {
            Ok(folder) => Ok(Self {
                folder: folder.into(),
                name,
                path,
            }),
            Err(Errno::NOENT) => Err(CreateError::FolderMissing {
                folder: folder.into(),
            }),
            Err(Errno::NOTDIR) => Err(CreateError::NotAFolder {
                folder: folder.into(),
            }),
            Err(error) => Err(CreateError::Io {
                path,
                source: error.into(),
            }),
        }
    }

    /// Returns the file that is to be replaced, if there is one; an answer for the user's sake, as it may be
    /// another one by the time of the commit.
    fn look(&self, overwrite: Overwrite) -> Result<Option<Metadata>, CreateError> {
        let path = self.path.clone();
        match (self.path.symlink_metadata(), overwrite) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            (Err(source), _) => Err(CreateError::Io { path, source }),
            (Ok(found), _) if found.is_symlink() => Err(CreateError::SymbolicLink { path }),
            (Ok(found), _) if found.is_dir() => Err(CreateError::IsFolder { path }),
            (Ok(found), _) if !found.is_file() => Err(CreateError::NotAFile { path }),
            (Ok(_), Overwrite::Refuse) => Err(CreateError::Exists { path }),
            (Ok(found), Overwrite::Force) => Ok(Some(found)),
        }
    }

    /// Makes the file, without a name or with a hidden one.
    fn start(
        &self,
        seed: u64,
        mode: RawMode,
        unnamed: Unnamed,
    ) -> Result<(File, Option<Hidden>), CreateError> {
        let mode = Mode::from_bits_truncate(mode);
        let started = match unnamed(&self.folder, mode) {
            Ok(Some(file)) => Ok((file, None)),
            Ok(None) => {
                hidden::create(&self.folder, seed, mode).map(|(file, name)| (file, Some(name)))
            }
            Err(error) => Err(error),
        };
        started.map_err(|error| self.not_created(error))
    }

    /// Returns the permissions that a program gets here at most, and a file. The umask can't be asked for without changing it, but an empty
    /// file that comes and goes shows it.
    fn umask(&self, seed: u64, unnamed: Unnamed) -> Result<u32, CreateError> {
        let (file, hidden) = self.start(seed, 0o777, unnamed)?;
        if let Some(hidden) = hidden {
            let _ = rustix::fs::unlinkat(&self.folder, &hidden.name, AtFlags::empty());
        }
        let metadata = file.metadata().map_err(|source| CreateError::Io {
            path: self.path.clone(),
            source,
        })?;
        Ok(metadata.mode() & 0o777)
    }

    fn not_created(&self, error: Errno) -> CreateError {
        let path = self.path.clone();
        let source = error.into();
        match error {
            Errno::ACCESS | Errno::PERM | Errno::ROFS => CreateError::NotWritable { path, source },
            _ => CreateError::Io { path, source },
        }
    }

    fn not_named(&self, error: Errno) -> CommitError {
        let path = self.path.clone();
        match error {
            Errno::EXIST => CommitError::Exists { path },
            _ => CommitError::NotNamed {
                path,
                source: error.into(),
            },
        }
    }
}

/// Makes a file that is gone when it is closed, to see what becomes of it.
pub(crate) fn try_in(folder: &File, seed: u64, mode: Mode) -> Result<File, Errno> {
    if let Some(file) = nameless(folder, mode)? {
        return Ok(file);
    }
    let (file, hidden) = hidden::create(folder, seed, mode)?;
    rustix::fs::unlinkat(folder, &hidden.name, AtFlags::empty())?;
    Ok(file)
}

/// Makes a file without a name, or says that this cannot be had here.
type Unnamed = fn(&File, Mode) -> Result<Option<File>, Errno>;

/// Makes a file without a name in `folder`; none where the file system has no such thing, or where `/proc`, which
/// is needed to give it a name later, is not there.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn nameless(folder: &File, mode: Mode) -> Result<Option<File>, Errno> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, ".", flags, mode) {
        Ok(file) => File::from(file),
        // Kernels and file systems that do not know the flag take it for a folder to be opened.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT | Errno::NOSYS) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let named = rustix::fs::stat(descriptor(&file));
    let ours = rustix::fs::fstat(&file)?;
    if !named.is_ok_and(|named| (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)) {
        return Ok(None);
    }
    hidden::hold(&file);
    Ok(Some(file))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn nameless(_: &File, _: Mode) -> Result<Option<File>, Errno> {
    Ok(None)
}

fn descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Gives a file that has no name one that is free.
fn link(file: &File, folder: &File, name: &OsStr) -> Result<(), Errno> {
    rustix::fs::linkat(CWD, descriptor(file), folder, name, AtFlags::SYMLINK_FOLLOW)
}
