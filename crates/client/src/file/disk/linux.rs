//! The disks below a file system, as `/sys` tells. Whatever it does not tell is no disk.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, major, minor};

/// Volumes on volumes are looked through to this depth.
const DEPTH_MAX: u32 = 8;

/// Returns the disks that the file at `path` lies on, as folders of `/sys`.
pub(super) fn disks(path: &Path, metadata: &Metadata) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    // btrfs numbers its subvolumes itself, with a major number of 0; what it is mounted from has a device's number.
    let device = match metadata.dev() {
        device if major(device) == 0 => mounted_from(path),
        device => Some(device),
    };
    if let Some(device) = device {
        let name = format!("/sys/dev/block/{}:{}", major(device), minor(device));
        collect(Path::new(&name), DEPTH_MAX, &mut found);
    }
    found
}

/// Adds the disks below the block device: a partition's is the folder above it, a volume's are its slaves'.
fn collect(device: &Path, depth: u32, found: &mut BTreeSet<PathBuf>) {
    let Ok(device) = device.canonicalize() else {
        return;
    };
    if device.join("partition").exists() {
        found.extend(device.parent().map(Path::to_path_buf));
        return;
    }
    let slaves: Vec<_> = fs::read_dir(device.join("slaves"))
        .map(|slaves| slaves.flatten().collect())
        .unwrap_or_default();
    if slaves.is_empty() || depth == 0 {
        found.insert(device);
        return;
    }
    for slave in slaves {
        collect(&slave.path(), depth - 1, found);
    }
}

/// Returns the device that the file system of `path` was mounted from, if it is one.
fn mounted_from(path: &Path) -> Option<u64> {
    let status = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let source = source(&mounts, status.stx_mnt_id)?;
    let metadata = Path::new(source).metadata().ok()?;
    source.starts_with("/dev/").then(|| metadata.rdev())
}

/// Finds in a `mountinfo` (proc(5)) what the mount of this number was mounted from.
fn source(mounts: &str, mount: u64) -> Option<&str> {
    let line = mounts
        .lines()
        .find(|line| line.split(' ').next() == Some(mount.to_string().as_str()))?;
    // The optional fields in between are of any number, and end with a dash.
    let (_, behind) = line.split_once(" - ")?;
    behind.split(' ').nth(1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn partitions_and_volumes_are_seen_through_to_their_disks() {
        let sys = tempfile::tempdir().unwrap();
        let sys = sys.path().canonicalize().unwrap();
        for folder in ["sda/sda1", "sda/sda2", "sdb", "dm-0/slaves", "dm-1/slaves"] {
            fs::create_dir_all(sys.join(folder)).unwrap();
        }
        fs::write(sys.join("sda/sda1/partition"), "1").unwrap();
        fs::write(sys.join("sda/sda2/partition"), "2").unwrap();
        // dm-1 is a volume on an encrypted partition and on a second disk.
        symlink("../../sda/sda2", sys.join("dm-0/slaves/sda2")).unwrap();
        symlink("../../dm-0", sys.join("dm-1/slaves/dm-0")).unwrap();
        symlink("../../sdb", sys.join("dm-1/slaves/sdb")).unwrap();
        let below = |device: &str| {
            let mut found = BTreeSet::new();
            collect(&sys.join(device), DEPTH_MAX, &mut found);
            found.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(below("sda/sda1"), [sys.join("sda")]);
        assert_eq!(below("sdb"), [sys.join("sdb")]);
        assert_eq!(below("dm-0"), [sys.join("sda")]);
        assert_eq!(below("dm-1"), [sys.join("sda"), sys.join("sdb")]);
        assert_eq!(below("gone"), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn volumes_that_name_each_other_end() {
        let sys = tempfile::tempdir().unwrap();
        fs::create_dir_all(sys.path().join("dm-0/slaves")).unwrap();
        symlink("../../dm-0", sys.path().join("dm-0/slaves/dm-0")).unwrap();
        let mut found = BTreeSet::new();
        collect(&sys.path().join("dm-0"), DEPTH_MAX, &mut found);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_mount_tells_what_it_was_mounted_from() {
        let mounts = "36 35 0:31 /home /home rw,noatime shared:1 - btrfs /dev/nvme0n1p2 rw,ssd\n\
                      3 35 0:5 / /dev rw - devtmpfs udev rw\n\
                      37 35 0:40 / /x rw - zfs pool/x rw\n";
        assert_eq!(source(mounts, 36), Some("/dev/nvme0n1p2"));
        assert_eq!(source(mounts, 3), Some("udev"));
        assert_eq!(source(mounts, 37), Some("pool/x"));
        assert_eq!(source(mounts, 6), None);
        assert_eq!(source("36\n", 36), None);
    }
}
