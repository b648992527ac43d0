//! Replacing a header by one of another length: a new file with the new header and the old payload. It costs the
//! payload's length in time and on the disk, and is what remains where [`rewrite`](super::rewrite) refuses.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use strongroom_files::output::{CommitError, Output};
use strongroom_protocol::id::{Digest, Time};

use super::FileId;

/// How much is copied between two calls of `progress`.
const STEP_BYTES: u64 = 16 * 1024 * 1024;

/// Writes into `output` the header `new` and what follows the header `old` in the file at `path`, and commits it.
///
/// To replace the file, `output` is made with [`Overwrite::Force`](strongroom_files::output::Overwrite::Force) for the same path,
/// which keeps its permissions. `progress` is told how many bytes of the payload are copied, and of how many. The
/// kernel copies where it can (`copy_file_range`).
///
/// # Errors
///
/// Says why there is no copy; the file at `path` is then as it was. A file that changed meanwhile is an error too, as
/// far as its id, length and times tell; a change in the instant before the new one appears is not seen.
#[expect(
    clippy::missing_panics_doc,
    reason = "there is an answer for each copy"
)]
pub fn with_header(
    path: &Path,
    old: &[u8],
    new: &[u8],
    output: Output,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), CopyError> {
    let copy = Copy::write(path, old, new, output, progress)?;
    let mut committed = Copy::commit_all(vec![copy]);
    committed.pop().expect("there is an answer for each copy")
}

/// A copy of a file with another header, which nobody sees yet.
pub(crate) struct Copy {
    source: PathBuf,
    /// The file as it was before it was read.
    before: Stamp,
    output: Output,
}

impl Copy {
    /// Takes a copy of a file that had this stamp before it was read.
    pub(crate) fn new(source: &Path, before: Stamp, output: Output) -> Self {
        Self {
            source: source.to_path_buf(),
            before,
            output,
        }
    }

    /// Writes the header `new` and what follows the header `old` in the file at `path`.
    pub(crate) fn write(
        path: &Path,
        old: &[u8],
        new: &[u8],
        mut output: Output,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, CopyError> {
        let read = |source| CopyError::Read {
            path: path.to_path_buf(),
            source,
        };
        let source = strongroom_files::open(path).map_err(read)?;
        let before = source.metadata().map_err(read)?;
        let payload_bytes = check_header(path, &source, &before, old)?;
        output.write_all(new).map_err(CopyError::Write)?;
        let mut copied = 0;
        progress(copied, payload_bytes);
        while copied < payload_bytes {
            let step = STEP_BYTES.min(payload_bytes - copied);
            let done =
                io::copy(&mut (&source).take(step), output.file_mut()).map_err(|source| {
                    CopyError::Copy {
                        path: path.to_path_buf(),
                        source,
                    }
                })?;
            if done == 0 {
                return Err(CopyError::Changed {
                    path: path.to_path_buf(),
                });
            }
            copied += done;
            progress(copied, payload_bytes);
        }
        Ok(Self::new(path, Stamp::of(&before), output))
    }

    /// Returns where the file is that it is a copy of.
    pub(crate) fn source(&self) -> &Path {
        &self.source
    }

    /// Returns which file it is a copy of.
    pub(crate) fn source_id(&self) -> FileId {
        self.before.id()
    }

    /// Returns how long that is.
    pub(crate) fn bytes(&self) -> u64 {
        self.before.length()
    }

    /// Lets copies appear, with one wait for the disk for all of them: each if its source is unchanged. Says of each, in their
    /// order, what became of it.
    pub(crate) fn commit_all(copies: Vec<Self>) -> Vec<Result<(), CopyError>> {
        let (sources, outputs): (Vec<_>, Vec<_>) = copies
            .into_iter()
            .map(|copy| ((copy.source, copy.before), copy.output))
            .unzip();
        let committed = Output::commit_all(outputs, |number| match sources.get(number) {
            Some((source, before)) => check_unchanged(source, before),
            None => Ok(()),
        });
        let committed = committed.into_iter();
        committed.map(|done| done.map(drop)).collect()
    }
}

/// Sees that what is at the path is still the file that was read.
fn check_unchanged(path: &Path, before: &Stamp) -> Result<(), CopyError> {
    let metadata = path.metadata();
    let now = metadata.map_err(|source| CopyError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    match Stamp::of(&now) == *before {
        true => Ok(()),
        false => Err(CopyError::Changed {
            path: path.to_path_buf(),
        }),
    }
}

/// Checks that the file begins with `old`, leaves it to be read from behind that, and returns how much is there.
fn check_header(
    path: &Path,
    source: &File,
    metadata: &Metadata,
    old: &[u8],
) -> Result<u64, CopyError> {
    let read = |source| CopyError::Read {
        path: path.to_path_buf(),
        source,
    };
    let other = || CopyError::Header {
        path: path.to_path_buf(),
    };
    let header_bytes = old.len() as u64;
    let payload_bytes = metadata.len().checked_sub(header_bytes).ok_or_else(other)?;
    let mut header = vec![0; old.len()];
    source.read_exact_at(&mut header, 0).map_err(read)?;
    if header != old {
        return Err(other());
    }
    io::Seek::seek(&mut &*source, io::SeekFrom::Start(header_bytes)).map_err(read)?;
    Ok(payload_bytes)
}

/// What changes when a file does: id, length, and the times of its bytes and of its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(FileId, u64, [i64; 4]);

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let times = [
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        ];
        Self(FileId::of(metadata), metadata.len(), times)
    }

    /// Returns which file it is.
    pub(crate) fn id(&self) -> FileId {
        self.0
    }

    /// Returns its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.1
    }

    /// Returns the file system's device.
    pub(crate) fn device(&self) -> u64 {
        self.0.device
    }

    /// Returns a digest of all of it.
    pub(crate) fn to_digest(&self) -> Digest {
        let Self(id, length, times) = self;
        let mut bytes = Vec::with_capacity(7 * size_of::<u64>());
        for number in [id.device, id.inode, *length] {
            bytes.extend(number.to_be_bytes());
        }
        for time in times {
            bytes.extend(time.to_be_bytes());
        }
        Digest::of(&[&bytes])
    }

    /// Tells whether a change from `now` on would show: the file system's clock ticks in less than a second, and it has ticked
    /// since the last change.
    pub(crate) fn would_show(&self, now: Time) -> bool {
        const TICK_MILLIS: u64 = 100;

        let [_, _, seconds, nanos] = self.2;
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u64::try_from(nanos)) else {
            return false;
        };
        let changed = seconds
            .saturating_mul(1000)
            .saturating_add(nanos / 1_000_000);
        nanos != 0 && changed.saturating_add(TICK_MILLIS) <= now.as_millis()
    }
}

/// Why there is no copy with another header.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The file changed, or was replaced, while it was copied.
    #[error("`{path}` changed while it was copied")]
    Changed {
        /// The file that was copied.
        path: PathBuf,
    },
    /// The copy did not appear.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Reading or writing failed; the kernel does not say which.
    #[error("cannot copy `{path}`")]
    Copy {
        /// The file that was copied.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The file does not begin with the old header.
    #[error("the header of `{path}` is another one")]
    Header {
        /// The file that was to be copied.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file that was to be copied.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The new header cannot be written.
    #[error(transparent)]
    Write(io::Error),
}
