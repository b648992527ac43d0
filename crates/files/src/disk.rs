//! What the disk that a path lies on can't do, or has others do: asked of the system where it says so, and tried where it
//! does not. Not which disk it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FsWord, Mode, StatVfsMountFlags};

/// Tells whether other machines may have the same files open, or a program serves them that may: there, memory that
/// processes share is not shared with all of them, and what one caches another may not see. Where it can't be asked, it is taken for such; a number that is not in the list is not.
#[must_use]
pub fn is_shared(path: &Path) -> bool {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        let Ok(found) = rustix::fs::statfs(path) else {
            return true;
        };
        SHARED.contains(&found.f_type)
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    {
        let _ = path;
        false
    }
}

/// Networks' and clusters' file systems, those of virtual machines, and programs' (FUSE), by their numbers in Linux's `magic.h`.
#[cfg(any(target_os = "android", target_os = "linux"))]
const SHARED: [FsWord; 19] = [
    0x6969,      // NFS
    0xFF53_4D42, // CIFS
    0xFE53_4D42, // SMB2
    0x517B,      // SMB
    0x6573_5546, // FUSE: sshfs, rclone, GlusterFS, virtiofs, ..
    0x0102_1997, // 9P
    0x00C3_6400, // Ceph
    0x5346_414F, // OpenAFS
    0x6B41_4653, // kAFS
    0x7375_7245, // Coda
    0x564C,      // NCP
    0x0116_1970, // GFS2
    0x7461_636F, // OCFS2
    0x0BD0_0BD0, // Lustre
    0x4750_4653, // GPFS
    0x1983_0326, // BeeGFS
    0x2003_0528, // OrangeFS
    0x786F_4256, // VirtualBox
    0xBACB_ACBC, // VMware
];

/// Tells whether nothing can be written there, whoever asks: a disk that is mounted to be read.
#[must_use]
pub fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Tells whether this process may write to what is at a path.
#[must_use]
pub fn may_write(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// What becomes of permissions on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Whether what is made for its owner alone is so; otherwise the disk keeps nobody out.
    pub kept: bool,
    /// Whom the disk says new files belong to.
    pub owner: u32,
}

/// Tries what becomes of permissions in a folder, with a file that goes at once.
///
/// # Errors
///
/// No file can be made there.
pub fn permissions(folder: &Path) -> io::Result<Permissions> {
    let mode = Mode::RUSR | Mode::WUSR;
    let folder = crate::open_folder(folder)?;
    // Another's file of that name is passed over.
    let seed = u64::from(std::process::id()) << 32;
    let tried = crate::output::try_in(&folder, seed, mode)?;
    let found = File::metadata(&tried)?;
    Ok(Permissions {
        kept: found.mode() & 0o077 == 0,
        owner: found.uid(),
    })
}
