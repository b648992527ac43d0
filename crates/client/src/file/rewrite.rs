//! Replacing a header by another of exactly the same length, where it lies (spec/rewrite.md). The journal is a
//! [`Rewrite`], which the caller keeps; whether the new header is any good is the caller's to check, under the
//! session key.

mod errors;

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

pub use self::errors::{ApplyError, Foreign, PlanError, RecordError, StateError};
use super::FileId;

/// One header to be replaced: what the journal records before the first byte changes.
///
/// In this order, each durable before the next: [`Rewrite::plan`] → the caller records it → [`Rewrite::apply`], or the same
/// for a group → the caller deletes the record. A crash before `apply` leaves the old header; within it, the old, the new or a torn mix,
/// which the record repairs; after it, the new header and a record to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    path: PathBuf,
    id: FileId,
    length: u64,
    // Invariant: as long as one another, and no longer than the file.
    old: Vec<u8>,
    new: Vec<u8>,
}

/// What a [`Rewrite`] finds in the place of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDisk {
    /// Something that this rewrite has no business with.
    Foreign(Foreign),
    /// The new header.
    New,
    /// The old header.
    Old,
    /// Neither, but each byte is the old header's or the new one's in its place.
    ///
    /// Disks write sectors, in any order, and a crash keeps any of them; to ask for no more than bytes makes no
    /// assumption on their size. A header that only happens to be such a mix does no harm: what replaces it is
    /// the new header, which the caller has seen to verify under the session key.
    Torn,
}

/// What a [`Rewrite`] did with its file.
pub(crate) enum Overwritten {
    /// Nothing: somebody has its lock.
    Locked,
    /// The new header is written, and not on the disk until the file is synced. Its lock is held until it is closed.
    NotSynced(File),
}

impl Rewrite {
    /// Plans to replace `old`, with which the file at `path` begins, by `new`. Changes nothing.
    ///
    /// A file with several hard links is refused: the others are somebody's copies, often a backup's, and would
    /// change along. [`copy::with_header`](super::copy::with_header) leaves them as they are.
    ///
    /// # Errors
    ///
    /// Says why the header cannot be replaced in place.
    pub fn plan(path: &Path, old: Vec<u8>, new: Vec<u8>) -> Result<Self, PlanError> {
        if old.len() != new.len() {
            return Err(PlanError::LengthsDiffer {
                old: old.len(),
                new: new.len(),
            });
        }
        let io = |source| PlanError::Io {
            path: path.to_path_buf(),
            source,
        };
        let foreign = |reason| PlanError::Foreign {
            path: path.to_path_buf(),
            reason,
        };
        // The record is read by another process, in another folder, perhaps after a link above the file has moved.
        let path = canonical(path).map_err(io)?;
        let (file, metadata) = match open(&path, OFlags::RDWR).map_err(io)? {
            Ok(opened) => opened,
            Err(reason) => return Err(foreign(reason)),
        };
        if metadata.nlink() > 1 {
            return Err(PlanError::HardLinks {
                path,
                links: metadata.nlink(),
            });
        }
        let planned = Self {
            path,
            id: FileId::of(&metadata),
            length: metadata.len(),
            old,
            new,
        };
        match planned.compare(&file, &metadata).map_err(io)? {
            OnDisk::Old => Ok(planned),
            // Equal headers are new and old at once.
            OnDisk::New if planned.old == planned.new => Ok(planned),
            OnDisk::Foreign(reason) => Err(foreign(reason)),
            OnDisk::New | OnDisk::Torn => Err(foreign(Foreign::Header)),
        }
    }

    /// Takes up what a journal recorded.
    ///
    /// # Errors
    ///
    /// Says so when no [`Rewrite::plan`] made such a record.
    pub fn from_record(
        path: PathBuf,
        id: FileId,
        length: u64,
        old: Vec<u8>,
        new: Vec<u8>,
    ) -> Result<Self, RecordError> {
        let fits = u64::try_from(old.len()).is_ok_and(|header| header <= length);
        if !fits || old.len() != new.len() || !path.is_absolute() {
            return Err(RecordError);
        }
        Ok(Self {
            path,
            id,
            length,
            old,
            new,
        })
    }

    /// Returns the absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns which file was at the path.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Returns the length of the whole file, in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the header that is replaced.
    #[must_use]
    pub fn old_header(&self) -> &[u8] {
        &self.old
    }

    /// Returns the header that replaces it.
    #[must_use]
    pub fn new_header(&self) -> &[u8] {
        &self.new
    }

    /// Returns what is in the place of the file now.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read.
    pub fn state(&self) -> Result<OnDisk, StateError> {
        let io = |source| StateError {
            path: self.path.clone(),
            source,
        };
        match open(&self.path, OFlags::RDONLY).map_err(io)? {
            Ok((file, metadata)) => self.compare(&file, &metadata).map_err(io),
            Err(reason) => Ok(OnDisk::Foreign(reason)),
        }
    }

    /// Opens what follows the header, whichever it is.
    ///
    /// # Errors
    ///
    /// Says why it cannot be read.
    pub fn open_payload(&self) -> Result<File, StateError> {
        let open = || {
            let opened = open(&self.path, OFlags::RDONLY)?;
            let (mut file, _) = opened.map_err(|foreign| io::Error::other(foreign.to_string()))?;
            file.seek(io::SeekFrom::Start(self.new.len() as u64))?;
            Ok(file)
        };
        open().map_err(|source| StateError {
            path: self.path.clone(),
            source,
        })
    }

    /// Writes the new header, over the old one, a torn one or itself. When this returns it is on the disk.
    ///
    /// The caller has made the record durable, and has seen that the MAC of the new header verifies under the
    /// file's session key. Only the header's bytes change; the time of modification does too, which is how a backup
    /// program notices.
    ///
    /// # Errors
    ///
    /// Says why nothing was written, or that something may have been: the record then stays.
    pub fn apply(&self) -> Result<(), ApplyError> {
        let file = self.open_to_apply()?;
        file.lock().map_err(|source| self.failed(source))?;
        self.write_to(&file)?;
        // A crash after this leaves the new header.
        file.sync_all().map_err(|source| self.failed(source))
    }

    /// Does the same, and waits neither for the disk nor for a lock.
    pub(crate) fn overwrite(&self) -> Result<Overwritten, ApplyError> {
        let file = self.open_to_apply()?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Overwritten::Locked),
            Err(TryLockError::Error(source)) => return Err(self.failed(source)),
        }
        self.write_to(&file)?;
        Ok(Overwritten::NotSynced(file))
    }

    fn open_to_apply(&self) -> Result<File, ApplyError> {
        let opened = open(&self.path, OFlags::RDWR).map_err(|source| self.failed(source))?;
        let (file, _) = opened.map_err(|reason| self.is_foreign(reason))?;
        Ok(file)
    }

    /// Writes the new header to a file whose lock is held until it closes: of two processes with one record, or two, the second
    /// sees what the first made.
    fn write_to(&self, file: &File) -> Result<(), ApplyError> {
        let metadata = file.metadata().map_err(|source| self.failed(source))?;
        let found = self.compare(file, &metadata);
        if let OnDisk::Foreign(reason) = found.map_err(|source| self.failed(source))? {
            return Err(self.is_foreign(reason));
        }
        // A crash from here on may leave any mix. All that differs between the two is written even where the new
        // bytes seem to be there: after an fsync that failed, they may be in memory only, and taken for written.
        let (offset, bytes) = self.difference();
        file.write_all_at(bytes, offset)
            .map_err(|source| self.failed(source))
    }

    /// Returns why the header is not on the disk, or may not be.
    pub(crate) fn failed(&self, source: io::Error) -> ApplyError {
        ApplyError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn is_foreign(&self, reason: Foreign) -> ApplyError {
        ApplyError::Foreign {
            path: self.path.clone(),
            reason,
        }
    }

    /// Holds the file against the record.
    fn compare(&self, file: &File, metadata: &Metadata) -> io::Result<OnDisk> {
        if metadata.len() != self.length || self.length < self.old.len() as u64 {
            return Ok(OnDisk::Foreign(Foreign::Length));
        }
        let mut disk = vec![0; self.old.len()];
        file.read_exact_at(&mut disk, 0)?;
        let mixed = disk
            .iter()
            .zip(self.old.iter().zip(&self.new))
            .all(|(disk, (old, new))| disk == old || disk == new);
        Ok(if !mixed {
            OnDisk::Foreign(Foreign::Header)
        } else if disk != self.old && disk != self.new {
            // Ours under whatever id: both its numbers may change when a disk is mounted anew, as after a power cut.
            OnDisk::Torn
        } else if FileId::of(metadata) != self.id {
            // Another file, or ours; either way its header is whole, and nothing is to be repaired.
            OnDisk::Foreign(Foreign::File)
        } else if disk == self.new {
            OnDisk::New
        } else {
            OnDisk::Old
        })
    }

    /// Returns where the headers differ, from the first byte to the last, as an offset and the new bytes: one write.
    fn difference(&self) -> (u64, &[u8]) {
        let mut differing = self
            .old
            .iter()
            .zip(&self.new)
            .enumerate()
            .filter(|(_, (old, new))| old != new)
            .map(|(at, _)| at);
        let Some(first) = differing.next() else {
            return (0, &[]);
        };
        let last = differing.next_back().unwrap_or(first);
        let bytes = self.new.get(first..=last).unwrap_or_default();
        (first as u64, bytes)
    }
}

/// Resolves the links above the file, and not the file's own name.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
        _ => Ok(absolute),
    }
}

/// Opens what the path names itself, without following it, waiting for it or becoming its terminal.
fn open(path: &Path, access: OFlags) -> io::Result<Result<(File, Metadata), Foreign>> {
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Err(Foreign::Missing)),
        // FreeBSD's answer to NOFOLLOW is MLINK.
        Err(Errno::LOOP | Errno::MLINK) => return Ok(Err(Foreign::SymbolicLink)),
        Err(Errno::ISDIR | Errno::NXIO) => return Ok(Err(Foreign::NotAFile)),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok(Ok((file, metadata)))
    } else {
        Ok(Err(Foreign::NotAFile))
    }
}
