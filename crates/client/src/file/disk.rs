//! Whether a spare lies on another disk than its file, so that no one failure takes both (spec/deposit.md#another-disk).
//! Another disk is believed only where the kernel shows it.

#[cfg(any(target_os = "android", target_os = "linux"))]
mod linux;

use std::io;
use std::path::Path;

#[cfg(any(target_os = "android", target_os = "linux"))]
use self::linux::Kernel;

/// Where a spare lies, seen from the file that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// On other disks, all of which the kernel names.
    AnotherDisk,
    /// The kernel does not tell what lies beneath the one or the other: a network's file system, for instance.
    CannotTell,
    /// In memory, at least in part: it is gone at the next start.
    InMemory,
    /// On a disk that the file lies on, too.
    SameDisk,
}

impl Distance {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnotherDisk => "another disk",
            Self::CannotTell => "unknown",
            Self::InMemory => "memory",
            Self::SameDisk => "same disk",
        }
    }
}

/// The disks of this machine and what is mounted from them, as of when it was looked. What was seen of a file system is
/// remembered: of the files of a folder, each costs one call.
pub struct Disks {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    kernel: Kernel,
}

impl Disks {
    /// Looks at what is mounted. What the kernel does not tell is not known, and no error.
    #[must_use]
    pub fn look() -> Self {
        Self {
            #[cfg(any(target_os = "android", target_os = "linux"))]
            kernel: Kernel::look(),
        }
    }

    /// Tells where a spare lies, seen from a file; of what does not exist yet, where it would be made.
    ///
    /// # Errors
    ///
    /// A path cannot be looked at.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    pub fn distance(&self, spare: &Path, file: &Path) -> io::Result<Distance> {
        let (spare, file) = (
            existing(spare, linux::locate)?,
            existing(file, linux::locate)?,
        );
        Ok(self.kernel.distance(spare, file))
    }

    /// Tells where a spare lies, seen from a file; of what does not exist yet, where it would be made.
    ///
    /// # Errors
    ///
    /// A path cannot be looked at.
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    pub fn distance(&self, spare: &Path, file: &Path) -> io::Result<Distance> {
        use std::os::unix::fs::MetadataExt;

        let device = |path: &Path| path.metadata().map(|metadata| metadata.dev());
        Ok(match existing(spare, device)? == existing(file, device)? {
            true => Distance::SameDisk,
            false => Distance::CannotTell,
        })
    }
}

/// Looks at the path, or else at the nearest folder above it that exists.
fn existing<T>(path: &Path, look: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    for ancestor in path.ancestors() {
        // The last ancestor of a relative path is empty.
        let ancestor = if ancestor == Path::new("") {
            Path::new(".")
        } else {
            ancestor
        };
        match look(ancestor) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            looked => return looked,
        }
    }
    Err(io::ErrorKind::NotFound.into())
}
