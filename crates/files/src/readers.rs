//! Who may read a file, and how that passes to another one: never to more people than before (spec/files.md#readers).

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

/// Gives a new file, which nobody else could open so far, the permissions of the one at `replaced`: mode, access list, group,
/// and owner as far as this user may give them. What can't be given to the same people is given to nobody but the owner.
///
/// # Errors
///
/// Says why the permissions can't be read or set.
pub fn keep(file: &File, replaced: &Path) -> io::Result<()> {
    Readers::at(replaced, &replaced.symlink_metadata()?)?.pass_to(file)
}

/// Who may do what with a file.
pub(crate) struct Readers {
    user: u32,
    group: u32,
    /// Of owner, group and others. With an access list, the group's bits are what the list gives at most.
    mode: u32,
    acl: Option<Vec<u8>>,
}

impl Readers {
    /// Returns those of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(&file.metadata()?, acl::of(file)?))
    }

    /// Returns those of the file at a path, which is no symbolic link.
    pub(crate) fn at(path: &Path, metadata: &Metadata) -> io::Result<Self> {
        Ok(Self::new(metadata, acl::at(path)?))
    }

    fn new(metadata: &Metadata, acl: Option<Vec<u8>>) -> Self {
        Self {
            user: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode() & 0o777,
            acl,
        }
    }

    /// Passes them to the file that takes the place of theirs.
    pub(crate) fn pass_to(&self, file: &File) -> io::Result<()> {
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (self.user, self.group)
            && fchown(file, Some(self.user), Some(self.group)).is_err()
        {
            let _ = fchown(file, None, Some(self.group));
        }
        let new = file.metadata()?;
        let [owner, group, others] = self.bits();
        // Whoever owned it is one of the group or of the others now, and whoever was in its group, of the others.
        let stays_owner = new.uid() == self.user || owner & (group | others) == group | others;
        if new.gid() == self.group && stays_owner {
            return self.set(file, self.mode);
        }
        acl::remove(file)?;
        let mode = match (&self.acl, new.gid() == self.group) {
            (Some(_), _) => owner << 6,
            (None, true) => owner << 6 | (group & owner) << 3 | others & owner,
            (None, false) => owner << 6 | others & group & owner,
        };
        set_mode(file, mode)
    }

    /// Passes them to a file that is made from theirs, as far as `most` goes: to all of the same people, or to the owner
    /// alone, who keeps reading and writing it.
    pub(crate) fn pass_to_another(&self, file: &File, most: u32) -> io::Result<()> {
        if file.metadata()?.gid() != self.group {
            let _ = fchown(file, None, Some(self.group));
        }
        let new = file.metadata()?;
        if (new.uid(), new.gid()) == (self.user, self.group) {
            return self.set(file, self.mode & most | 0o600);
        }
        acl::remove(file)?;
        set_mode(file, self.mode & most & 0o100 | 0o600)
    }

    /// Gives them to a file of the same owner and group.
    fn set(&self, file: &File, mode: u32) -> io::Result<()> {
        // A list that the folder gave would be opened to by the group's bits.
        let has_acl = match &self.acl {
            Some(acl) => acl::set(file, acl).is_ok(),
            None => acl::remove(file).is_ok(),
        };
        // Where the list can't be set or taken away, nobody knows what the group's bits would let whom do.
        let mode = if has_acl { mode } else { mode & 0o700 };
        set_mode(file, mode)
    }

    fn bits(&self) -> [u32; 3] {
        [6, 3, 0].map(|shift| self.mode >> shift & 7)
    }
}

/// Sets the permissions of a file that was made a moment ago, and is its owner's alone where its disk keeps permissions. Where
/// the disk keeps none it says so or not, and the file has those that the disk gives to all.
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    match file.set_permissions(Permissions::from_mode(mode)) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        set => set,
    }
}

/// The access lists of POSIX, as Linux keeps them. Elsewhere there are none.
#[cfg(any(target_os = "android", target_os = "linux"))]
mod acl {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr, lgetxattr};
    use rustix::io::Errno;

    const NAME: &str = "system.posix_acl_access";
    /// The length in bytes of the longest value of an attribute (`XATTR_SIZE_MAX`).
    const BYTES_MAX: usize = 64 << 10;

    pub(super) fn of(file: &File) -> io::Result<Option<Vec<u8>>> {
        value(|buffer| fgetxattr(file, NAME, buffer))
    }

    pub(super) fn at(path: &Path) -> io::Result<Option<Vec<u8>>> {
        value(|buffer| lgetxattr(path, NAME, buffer))
    }

    pub(super) fn set(file: &File, acl: &[u8]) -> io::Result<()> {
        Ok(fsetxattr(file, NAME, acl, XattrFlags::empty())?)
    }

    pub(super) fn remove(file: &File) -> io::Result<()> {
        match fremovexattr(file, NAME) {
            Err(error) if !is_none(error) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn value(read: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> io::Result<Option<Vec<u8>>> {
        let mut value = vec![0; BYTES_MAX];
        match read(&mut value) {
            Ok(length) => {
                value.truncate(length);
                Ok(Some(value))
            }
            Err(error) if is_none(error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The file has none, or its file system has no such thing.
    fn is_none(error: Errno) -> bool {
        matches!(error, Errno::NODATA | Errno::NOTSUP | Errno::NOSYS)
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
mod acl {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn of(_: &File) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    pub(super) fn at(_: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    pub(super) fn set(_: &File, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn remove(_: &File) -> io::Result<()> {
        Ok(())
    }
}
